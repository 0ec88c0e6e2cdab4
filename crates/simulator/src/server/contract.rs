//! The types that the server shares with the wire layer and with simulated phones.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::jid::Jid;
use crate::media::MediaStore;
use crate::node::Node;
use crate::phone::keys::PhoneKeys;

/// One live connection of one device, which may not be registered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link(pub(crate) u64);

/// What the server sends down one connection, in this order.
#[derive(Clone, Debug)]
pub enum Downstream {
    /// A stanza to send now.
    Stanza(Node),
    /// A stanza to send no earlier than after this delay; later ones may overtake it.
    Delayed(Duration, Node),
    /// Close the connection properly once everything before has been sent.
    Close,
    /// Fault: stop reading and writing, but keep the socket open.
    Stall,
    /// Fault: keep reading, discard everything that would be written, as if the way back were cut.
    HalfOpen,
    /// Fault: whatever follows arrives so much later, in its order.
    LongWay(Duration),
    /// Fault: cut the connection at once, without a closing handshake.
    Drop,
    /// Only on a phone's link, never on the wire: something its owner has to act on.
    Phone(PhoneEvent),
}

/// What the server tells a phone outside of stanzas, because a real phone learns it elsewhere.
#[derive(Clone)]
pub enum PhoneEvent {
    /// A companion has logged in for the first time, took its offline stanzas and has one-time
    /// pre-keys: the phone can now send the bootstrap messages (protocol notes, section 8).
    CompanionReady {
        /// The companion's device id.
        device: u16,
        /// Its token dictionary; 2 means Baileys 6, which has no inline history.
        dictionary: u8,
    },
    /// A companion was unlinked, by itself or by this phone.
    CompanionRemoved {
        /// The companion's device id.
        device: u16,
    },
    /// A companion answered [`super::Server::send_primary_hello`] in pairing by code.
    CompanionFinish(CompanionFinish),
    /// A companion that is linked by passkey took a step.
    Passkey {
        /// Who it is.
        offer: PairingOffer,
        /// What it sent.
        step: PasskeyStep,
    },
}

/// What a companion that is linked by passkey sends its phone.
#[derive(Clone)]
pub enum PasskeyStep {
    /// The assertion was right; a `ProloguePayload`, and the pairing reference that it must name.
    Prologue {
        /// The payload.
        payload: Vec<u8>,
        /// The reference.
        reference: String,
    },
    /// The nonce that the prologue committed it to.
    Nonce(Vec<u8>),
    /// An `EncryptedPairingRequest`.
    Request(Vec<u8>),
}

/// The companion's last message in pairing by code.
#[derive(Clone)]
pub struct CompanionFinish {
    /// The connection that wants to be linked.
    pub link: Link,
    /// `salt[32] || iv[12] || AES-256-GCM(companion identity || primary identity || random)`.
    pub wrapped_key_bundle: Vec<u8>,
    /// The companion's identity key.
    pub companion_identity: [u8; 32],
    /// The pairing reference that the exchange is about.
    pub reference: Vec<u8>,
}

/// How the server addresses accounts when it has the choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Addressing {
    /// Phone numbers.
    #[default]
    PhoneNumber,
    /// Hidden ids: newly linked clients are told that their chats are migrated to LIDs, and new
    /// groups use LID addressing.
    Lid,
}

/// Where the server takes the time from.
pub trait Clock: Send + Sync {
    /// Time since the Unix epoch.
    fn now(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

/// Sees every `<enc>` that the server relays. It is called outside of the server's lock, so that
/// it may call the server.
pub trait CiphertextObserver: Send + Sync {
    /// One ciphertext on its way to one device. A group's `skmsg` is reported once per receiving
    /// device, with [`RelayedCiphertext::group`] set.
    fn relayed(&self, ciphertext: &RelayedCiphertext);
}

/// One ciphertext that passes through the server.
#[derive(Clone)]
pub struct RelayedCiphertext {
    /// Sending device, by phone number.
    pub sender: Jid,
    /// Receiving device, by phone number.
    pub receiver: Jid,
    /// The group, when the message was sent to one.
    pub group: Option<Jid>,
    /// The message's stanza id.
    pub message_id: String,
    /// `pkmsg`, `msg` or `skmsg`.
    pub kind: String,
    /// The ciphertext itself.
    pub ciphertext: Arc<[u8]>,
}

/// How a server is set up.
#[derive(Clone)]
pub struct ServerConfig {
    /// Seed of the server's only random generator.
    pub seed: u64,
    /// `host:port` that `media_conn` names as the media host.
    pub media_host: String,
    /// Where pictures are kept, which the media host gives out.
    pub media: MediaStore,
    /// How newly linked clients and new groups are addressed.
    pub addressing: Addressing,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How long the first pairing reference is accepted.
    pub first_reference: Duration,
    /// How much longer each following reference is accepted.
    pub next_reference: Duration,
    /// How long a retry receipt is held back. On loopback it would otherwise arrive before the
    /// sender's own bookkeeping (protocol notes, section 9).
    pub retry_delay: Duration,
    /// Clients that claim an older version are refused with 405.
    pub oldest_version: (u32, u32, u32),
    /// When a companion has fewer one-time pre-keys than this, it is asked for more.
    pub low_prekeys: usize,
}

impl ServerConfig {
    /// Usual settings: phone-number addressing, the machine's clock, references as real clients
    /// rotate them (60 s, then 20 s each, and 20 s of grace).
    pub fn new(seed: u64, media_host: impl Into<String>) -> Self {
        let media_host = media_host.into();
        Self {
            seed,
            media: MediaStore::new(media_host.clone()),
            media_host,
            addressing: Addressing::default(),
            clock: Arc::new(SystemClock),
            first_reference: Duration::from_secs(80),
            next_reference: Duration::from_secs(20),
            retry_delay: Duration::from_millis(150),
            oldest_version: (0, 0, 0),
            low_prekeys: 5,
        }
    }
}

/// An account to be made.
#[derive(Clone)]
pub struct NewAccount {
    /// Phone number in international form without `+`.
    pub number: String,
    /// Push name.
    pub name: String,
    /// Hidden id; drawn when there is none.
    pub lid: Option<String>,
    /// Keys of device 0.
    pub keys: Arc<PhoneKeys>,
}

/// An account as the server knows it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// Phone number in international form without `+`.
    pub number: String,
    /// Hidden id, without `@lid`.
    pub lid: String,
    /// Push name.
    pub name: String,
}

/// One device of an account.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct DeviceInfo {
    /// Device id, 0 for the phone.
    pub id: u16,
    /// Key index in the account's device list, 0 for the phone.
    pub key_index: u32,
    /// Token dictionary of its last connection (3 for phones).
    pub dictionary: u8,
    /// Is it connected?
    pub online: bool,
    /// Connected and through with its offline stanzas?
    pub live: bool,
    /// One-time pre-keys that the server still has.
    pub prekeys: usize,
    /// Stanzas that the device has not confirmed.
    pub queued: usize,
    /// Logged in at least once, and [`PhoneEvent::CompanionReady`] was sent.
    pub ready: bool,
}

/// What a phone that scanned a QR code needs to know about the device that showed it.
#[derive(Clone)]
pub struct PairingOffer {
    /// The connection that showed it.
    pub link: Link,
    /// The device's static Noise key; must equal the one in the QR code.
    pub noise_public: [u8; 32],
    /// The device's identity key; must equal the one in the QR code.
    pub identity_public: [u8; 32],
    /// Its token dictionary.
    pub dictionary: u8,
}

/// A device that asked to be linked to a number by pairing code.
#[derive(Clone)]
pub struct CodeOffer {
    /// The connection, its Noise key and identity.
    pub offer: PairingOffer,
    /// `salt[32] || iv[16] || AES-256-CTR(companion ephemeral public key)`, keyed by the code.
    pub wrapped_companion_ephemeral: Vec<u8>,
    /// The pairing reference that the exchange is about.
    pub reference: Vec<u8>,
}

/// The phone's answer to a [`CodeOffer`].
#[derive(Clone)]
pub struct PrimaryHello {
    /// `salt[32] || iv[16] || AES-256-CTR(primary ephemeral public key)`, keyed by the code.
    pub wrapped_primary_ephemeral: Vec<u8>,
    /// The phone's identity key.
    pub primary_identity: [u8; 32],
}

/// A place in the account's device list, reserved for one new companion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyIndexGrant {
    /// The account's device-list id, for `ADVDeviceIdentity.rawId`.
    pub raw_id: u32,
    /// For `ADVDeviceIdentity.keyIndex`; never 0.
    pub key_index: u32,
    /// Server time in seconds, for `ADVDeviceIdentity.timestamp`.
    pub timestamp: u64,
}

/// What the phone gives to a device that it links.
#[derive(Clone)]
pub struct PairingGrant {
    /// Encoded `ADVSignedDeviceIdentityHMAC`.
    pub container: Vec<u8>,
    /// The key index inside it, from [`super::Server::reserve_key_index`].
    pub key_index: u32,
    /// What `<platform name>` says, for example `android`.
    pub platform: String,
}

/// A call from a phone or from the control API that the server refused.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// There is no account with this number.
    #[error("no such account")]
    UnknownAccount,
    /// The number or the LID already belongs to an account.
    #[error("the number or the LID is taken")]
    AccountExists,
    /// A number must be 5 to 15 digits, a LID digits.
    #[error("not a phone number or LID: digits are expected")]
    MalformedNumber,
    /// The account has no such companion.
    #[error("the account has no such device")]
    UnknownDevice,
    /// The connection is gone or is no longer waiting to be linked.
    #[error("the device is not waiting to be linked")]
    NotPairing,
    /// The account has no room for another companion.
    #[error("the account has too many devices")]
    TooManyDevices,
    /// A state file could not be read or written.
    #[error("cannot {0} the state file")]
    StateFile(&'static str, #[source] SnapshotError),
    /// A saved state names an account whose keys were not given.
    #[error("the saved state has an account without keys")]
    MissingKeys,
}

/// Why a state file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Input or output failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The content is not a saved state.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

// Keys and numbers stay out of logs.

impl fmt::Debug for PhoneEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CompanionReady { device, dictionary } => f
                .debug_struct("CompanionReady")
                .field("device", device)
                .field("dictionary", dictionary)
                .finish(),
            Self::CompanionRemoved { device } => {
                f.debug_struct("CompanionRemoved").field("device", device).finish()
            }
            Self::CompanionFinish(_) => f.write_str("CompanionFinish(..)"),
            Self::Passkey { .. } => f.write_str("Passkey(..)"),
        }
    }
}

impl fmt::Debug for AccountInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountInfo(..)")
    }
}

impl fmt::Debug for PairingOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairingOffer")
            .field("link", &self.link)
            .field("dictionary", &self.dictionary)
            .finish_non_exhaustive()
    }
}
