//! What comes from WhatsApp: messages, their changes, and receipts.

pub(crate) mod acks;
pub(crate) mod again;
pub(crate) mod changes;
pub(crate) mod inbox;
mod votes;
