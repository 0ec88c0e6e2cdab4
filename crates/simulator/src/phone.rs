//! Simulated phones and contacts: device 0 of an account, with real Signal state.

pub mod keys;

pub use keys::{KeysError, PhoneKeys, PhoneKeysState};
