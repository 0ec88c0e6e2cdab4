//! The wire layer: from a WebSocket of bytes to stanzas of a proven client, and back.
//!
//! Facts about the protocol come from running Baileys 6.7.18, Baileys 7.0.0-rc14 and
//! whatsapp-rust 0.7 against a server, and from their sources.

mod hello;

pub use hello::{ClientHello, ClientPayloadInfo, SignedPreKeyPublic};
