//! What comes from WhatsApp: messages, their changes, receipts, and changes of groups.

pub(crate) mod acks;
pub(crate) mod again;
pub(crate) mod calls;
pub(crate) mod changes;
mod event_answers;
pub(crate) mod groups;
pub(crate) mod inbox;
pub(crate) mod jobs;
pub(crate) mod labels;
mod votes;
