//! Files on their way: fetched, spooled, sent, received and cached.

pub(crate) mod cache;
pub(crate) mod convert;
pub(crate) mod download;
pub(crate) mod fetch;
pub(crate) mod file;
pub mod pace;
pub(crate) mod picture;
pub(crate) mod requests;
pub(crate) mod small;
pub mod spool;
