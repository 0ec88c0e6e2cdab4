//! What callers ask of stored messages.

pub(crate) mod query;
pub(crate) mod reading;
pub(crate) mod stored;
