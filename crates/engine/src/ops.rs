//! What callers can do with sessions, by resource.

pub(crate) mod asking;
pub(crate) mod channels;
mod contacts;
pub(crate) mod groups;
mod lids;
mod limits;
mod naming;
pub(crate) mod pairing;
pub(crate) mod presence;
pub(crate) mod query;
pub(crate) mod reading;
mod sending;
mod sessions;
mod star;
pub(crate) mod stored;
mod watching;
