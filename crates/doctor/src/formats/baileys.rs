//! Baileys' multi-file folder (`useMultiFileAuthState`), as 6.x and 7.x write it: [`Version`] tells them apart.
//!
//! Every file is JSON in Baileys' own spelling of buffers. Baileys takes any file that it cannot read for an
//! absent one, which is how a torn `creds.json` silently becomes a new identity; so the reading here is
//! stricter than Baileys' own and reports each field that is not what a genuine file holds.

pub mod app_state;
pub mod credentials;
pub mod field;
pub mod installed;
pub mod key_pair;
pub mod name;
pub mod sender_key;
pub mod session;
pub mod small;
mod version;

pub use version::Version;
