//! Repair: a plan that is computed without touching anything, and its application, whole or not at all.
//!
//! The order of harm decides what a plan may hold. One Signal session is given up before many, Signal state
//! before credentials; credentials are only ever replaced by sound ones of the same login. When the
//! credentials are damaged and no backup holds sound ones, the plan is empty: nothing may be removed then,
//! because whatever is left may be what saves the login.

mod apply;
mod credentials;
mod overlay;
mod plan;
mod repairer;
mod sources;
mod stale;
mod undecided;

pub use apply::{Applied, ApplyError, Supply, Take, apply, apply_supplied, hold, is_locked, recover};
pub use credentials::{Constraint, RestoredCredentials, with_counters};
pub(crate) use credentials::{constraint, told};
pub use overlay::{Change, Overlay};
pub use plan::{Action, Extent, Plan, PlanError, plan};
pub(crate) use repairer::is_sound;
pub use sources::{Found, Sources};
pub use stale::{Removal, ratchets, stale};
