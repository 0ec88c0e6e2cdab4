//! Docker Engine client: finds containers that hold WhatsApp sessions, follows their logs and events, stops and
//! starts them gracefully, and brings the sessions inside them into a local folder and back.

pub mod compose;
pub mod container;
pub mod endpoint;
pub mod engine;
pub(crate) mod entry;
pub mod error;
pub mod events;
pub mod exec;
pub mod follow;
pub mod guard;
pub mod layout;
pub mod lifecycle;
pub mod logs;
mod named;
pub mod stats;
mod summary;
mod unit;
mod user;
pub mod volumes;

#[cfg(test)]
pub(crate) use container::testing;
pub use container::{Container, Health, Mount, MountKind, Project, Status};
pub use endpoint::{DockerEnvironment, Endpoint};
pub use engine::Engine;
pub use error::{ConnectError, EngineError};
pub use events::{ContainerEvent, EventKind};
pub use exec::{ExecOutput, ExecRequest, TalkError};
pub use follow::{LogFollower, LogPosition};
pub use guard::{Stopped, StoppedError};
pub use layout::{LABEL_AUTH_INFO, SessionLayout};
pub use lifecycle::{NotReady, Timeouts};
pub use logs::{LogLine, LogRequest, Output};
pub use named::{NamedContainer, StopOutcome};
pub use unit::UnitError;
pub use volumes::{Checkout, Purpose, VolumeError};
