//! Simulated phones and contacts: device 0 of an account, with real Signal state.

pub mod adv;
pub mod cipher;
pub mod keys;
pub mod media;
pub mod message;
pub mod pair_code;
pub mod qr;
pub mod store;

pub use keys::{KeysError, PhoneKeys, PhoneKeysState};
