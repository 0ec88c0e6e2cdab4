//! Recovery: symptoms become incidents, incidents get a plan, a cure and a check that it helped.
//!
//! This crate holds the only policy there is. [`policy::Policy`] is a pure state machine: symptoms and the time go in,
//! decisions come out. [`caretaker::Caretaker`] carries them out on a [`ManagedSession`], which may be a container, a
//! folder or a session inside the gateway, and stores every step. Nothing here knows Docker or HTTP.

pub mod backups;
pub mod caretaker;
pub mod clock;
pub mod folder;
pub mod kind;
pub mod ladder;
pub mod policy;
mod record;
pub mod rules;
pub mod session;
mod tally;

pub use caretaker::{Caretaker, Observation};
pub use clock::{Clock, SystemClock};
pub use folder::SessionFolder;
pub use kind::{Kind, Outcome};
pub use ladder::Rung;
pub use record::state_word;
pub use rules::Rules;
pub use session::{
    Access, Applied, ApplyError, Capabilities, Look, ManagedSession, Order, Progress, RepairReport,
    SessionError,
};
