//! What callers can do with sessions, by resource.

pub(crate) mod asking;
mod bulk;
pub(crate) mod calls;
mod care;
pub(crate) mod channels;
pub(crate) mod chats;
mod contacts;
mod converting;
pub(crate) mod groups;
pub(crate) mod labels;
mod lids;
mod limits;
mod naming;
pub(crate) mod pairing;
pub(crate) mod passkey;
mod people;
pub(crate) mod presence;
mod profile;
pub(crate) mod query;
pub(crate) mod reading;
pub(crate) mod search;
mod sending;
mod sessions;
mod star;
pub(crate) mod stored;
mod watching;
