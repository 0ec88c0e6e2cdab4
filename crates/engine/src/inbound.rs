//! What comes from WhatsApp: messages, their changes, receipts, changes of groups, chats and people, and the history.

pub(crate) mod acks;
pub(crate) mod again;
pub(crate) mod calls;
pub(crate) mod changes;
mod event_answers;
pub(crate) mod groups;
pub(crate) mod history;
pub(crate) mod inbox;
pub(crate) mod jobs;
pub(crate) mod labels;
pub(crate) mod notes;
mod posts;
mod votes;
mod waiting;
