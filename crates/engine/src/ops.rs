//! What callers can do with sessions, by resource.

pub(crate) mod groups;
pub(crate) mod pairing;
pub(crate) mod query;
pub(crate) mod reading;
mod sending;
mod sessions;
pub(crate) mod stored;
mod watching;
