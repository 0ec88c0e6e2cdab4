//! The formats a session is stored in, each read into one model.

pub mod baileys;
pub mod baileys_store;
pub mod whatsmeow;
