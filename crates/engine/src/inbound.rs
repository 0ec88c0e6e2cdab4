//! What comes from WhatsApp: messages, their changes, receipts, and changes of groups.

pub(crate) mod acks;
pub(crate) mod again;
pub(crate) mod changes;
pub(crate) mod groups;
pub(crate) mod inbox;
pub(crate) mod jobs;
mod posts;
mod votes;
