//! What a client proves and tells about itself while a connection is set up.

use std::fmt;

/// What the Noise handshake and the `ClientPayload` inside it proved about a client.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientHello {
    /// The client's static Noise key. The handshake proved that it holds the private half.
    pub noise_public: [u8; 32],
    /// Token dictionary of the connection: 2 (Baileys 6) or 3 (Baileys 7, whatsapp-rust).
    pub dictionary: u8,
    /// Who the client says it is.
    pub payload: ClientPayloadInfo,
    /// The WhatsApp Web version that the client claims (primary, secondary, tertiary).
    pub version: (u32, u32, u32),
}

/// A new device that wants to be linked, or a linked one that logs in.
#[derive(Clone, PartialEq, Eq)]
pub enum ClientPayloadInfo {
    /// The client has no account yet and wants to be shown pairing references.
    Registration {
        /// Signal registration id of the new device.
        registration_id: u32,
        /// Signal identity key of the new device, without the type byte.
        identity: [u8; 32],
        /// The new device's first signed pre-key.
        signed_prekey: SignedPreKeyPublic,
        /// Encoded `DeviceProps`: operating system, platform, history settings.
        device_props: Vec<u8>,
    },
    /// The client claims to be a device that was linked before.
    Login {
        /// Phone number in international form without `+`.
        number: String,
        /// Companion device id, 0 for the phone itself.
        device: u16,
        /// Does the client want to stay passive until it says otherwise?
        passive: bool,
    },
}

/// The public half of a signed pre-key, as a client registers it.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedPreKeyPublic {
    /// Key id, 24 bits on the wire.
    pub id: u32,
    /// Curve25519 public key, without the type byte.
    pub key: [u8; 32],
    /// XEdDSA signature of the key (with its type byte) under the identity key; 64 bytes when
    /// the client is sane, which is not checked here.
    pub signature: Vec<u8>,
}

// Keys and phone numbers stay out of logs, so `Debug` shows neither.

impl fmt::Debug for ClientHello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHello")
            .field("dictionary", &self.dictionary)
            .field("payload", &self.payload)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientPayloadInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registration { .. } => f.debug_struct("Registration").finish_non_exhaustive(),
            Self::Login { device, passive, .. } => f
                .debug_struct("Login")
                .field("device", device)
                .field("passive", passive)
                .finish_non_exhaustive(),
        }
    }
}

impl fmt::Debug for SignedPreKeyPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedPreKeyPublic").field("id", &self.id).finish_non_exhaustive()
    }
}
