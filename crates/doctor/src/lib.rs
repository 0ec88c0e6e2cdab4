//! The session doctor: examines, mends, backs up and restores stored WhatsApp sessions.
//!
//! Synchronous, without network and without async. Everything else of wakeeper that touches a session
//! folder comes through here, because only this crate knows the order of harm: a login is precious, a
//! ratchet is replaceable, and the two must never be cured alike.

pub mod address;
pub mod backup;
pub mod clean;
pub mod curve;
pub mod examine;
mod facts;
pub mod finding;
pub mod findings;
pub mod formats;
pub mod in_use;
pub mod inventory;
pub mod json;
pub mod layout;
mod login;
pub mod model;
pub mod mount;
pub mod repair;
pub mod restore;
pub mod secret;
pub mod source;
pub mod state;
pub mod symptoms;
pub mod transfer;
pub mod whatsmeow;

pub use examine::{Examination, Options, Report, examine};
pub use facts::KnownFacts;
pub use finding::{Code, Finding, Repair, Severity, Subject};
pub use state::SessionState;
