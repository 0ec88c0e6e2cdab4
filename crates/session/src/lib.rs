//! The session doctor: examines, mends, backs up and restores stored WhatsApp sessions.
//!
//! Synchronous, without network and without async. Everything else of wakeeper that touches a session
//! folder comes through here, because only this crate knows the order of harm: a login is precious, a
//! ratchet is replaceable, and the two must never be cured alike.

pub mod address;
pub mod curve;
pub mod formats;
pub mod json;
pub mod secret;
pub mod source;
