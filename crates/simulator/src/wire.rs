//! The wire layer: from a WebSocket of bytes to stanzas of a proven client, and back.
//!
//! Facts about the protocol come from running Baileys 6.7.18, Baileys 7.0.0-rc14 and
//! whatsapp-rust 0.7 against a server, and from their sources.

mod connection;
mod dictionary;
mod frame;
mod handshake;
mod hello;
mod identity;
mod payload;
pub mod stanza;

pub use connection::{WireConfig, serve_socket, upgrade};
pub use dictionary::Dictionary;
pub use frame::{FrameError, MAX_FRAME};
pub use handshake::HandshakeError;
pub use hello::{ClientHello, ClientPayloadInfo, SignedPreKeyPublic};
pub use identity::{IdentityError, SavedIdentity, ServerIdentity, Validity};
pub use payload::ClientPayloadError;
