//! Signal sessions and sender keys as Go's libsignal writes them for whatsmeow. They are JSON, not Signal's protobuf: its
//! serializer for stored records is the JSON one. Bytes are base64; what is not there is `null`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};

/// Bytes of a record: 40 archived sessions with thousands of skipped keys each have some megabytes.
const LARGEST: usize = 16 << 20;

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// More than any record has.
    #[error("it has {0} bytes, more than any record of whatsmeow")]
    TooLarge(usize),
    /// Something else, or cut off.
    #[error("it is not a record that whatsmeow writes ({0})")]
    Shape(String),
}

/// All Signal sessions with one device.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionRecord {
    /// The one in use.
    pub session_state: Option<SessionState>,
    /// Those that still read late messages, the newest first.
    #[serde(deserialize_with = "list")]
    pub previous_states: Vec<SessionState>,
}

/// One Signal session.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionState {
    /// Our identity key, with its type byte.
    #[serde(deserialize_with = "bytes")]
    pub local_identity_public: Vec<u8>,
    /// The key exchange, as long as it was not answered.
    pub pending_pre_key: Option<PendingPreKey>,
    /// Index of the last message of the sending chain before this one.
    pub previous_counter: u32,
    /// The newest last.
    #[serde(deserialize_with = "list")]
    pub receiver_chains: Vec<Chain>,
    /// The contact's identity key.
    #[serde(deserialize_with = "bytes")]
    pub remote_identity_public: Vec<u8>,
    /// The contact's registration id.
    #[serde(rename = "RemoteRegistrationID")]
    pub remote_registration_id: u32,
    /// The root key.
    #[serde(deserialize_with = "bytes")]
    pub root_key: Vec<u8>,
    /// The base key of the key exchange.
    #[serde(deserialize_with = "bytes")]
    pub sender_base_key: Vec<u8>,
    /// Our chain.
    pub sender_chain: Option<Chain>,
    /// Version of the protocol.
    pub session_version: u32,
}

/// A key exchange that was not answered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PendingPreKey {
    /// The contact's one-time pre-key.
    #[serde(rename = "PreKeyID")]
    pub pre_key_id: Option<OptionalId>,
    /// The contact's signed pre-key.
    #[serde(rename = "SignedPreKeyID")]
    pub signed_pre_key_id: u32,
    /// Our base key.
    #[serde(deserialize_with = "bytes")]
    pub base_key: Vec<u8>,
}

/// A number that may be none.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OptionalId {
    /// The number.
    pub value: u32,
    /// It is none.
    pub is_empty: bool,
}

/// A chain of messages.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Chain {
    /// The ratchet key.
    #[serde(deserialize_with = "bytes")]
    pub sender_ratchet_key_public: Vec<u8>,
    /// Its private half, in our own chain.
    #[serde(deserialize_with = "bytes")]
    pub sender_ratchet_key_private: Vec<u8>,
    /// Key and index of the next message.
    pub chain_key: Option<ChainKey>,
    /// Keys of messages that have not arrived.
    #[serde(deserialize_with = "list")]
    pub message_keys: Vec<MessageKeys>,
}

/// A chain's key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChainKey {
    /// The key.
    #[serde(deserialize_with = "bytes")]
    pub key: Vec<u8>,
    /// Of the next message.
    pub index: u32,
}

/// The keys of one message, derived already.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageKeys {
    /// For AES.
    #[serde(deserialize_with = "bytes")]
    pub cipher_key: Vec<u8>,
    /// For the MAC.
    #[serde(deserialize_with = "bytes")]
    pub mac_key: Vec<u8>,
    /// The initialisation vector.
    #[serde(rename = "IV", deserialize_with = "bytes")]
    pub iv: Vec<u8>,
    /// The message's index.
    pub index: u32,
}

/// A sender's ratchet in a group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SenderKeyRecord {
    /// The newest first.
    #[serde(deserialize_with = "list")]
    pub sender_key_states: Vec<SenderKeyState>,
}

/// One state of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SenderKeyState {
    /// Keys of messages that have not arrived.
    #[serde(deserialize_with = "list")]
    pub keys: Vec<SenderMessageKey>,
    /// Its id.
    #[serde(rename = "KeyID")]
    pub key_id: u32,
    /// Key and number of the next message.
    pub sender_chain_key: Option<SenderChainKey>,
    /// The private half of the signing key. In keys of others, Go's libsignal writes 32 zeros once it has read them.
    #[serde(deserialize_with = "bytes")]
    pub signing_key_private: Vec<u8>,
    /// The public half.
    #[serde(deserialize_with = "bytes")]
    pub signing_key_public: Vec<u8>,
}

/// A sender's chain key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SenderChainKey {
    /// The next message's number.
    pub iteration: u32,
    /// The key.
    #[serde(deserialize_with = "bytes")]
    pub chain_key: Vec<u8>,
}

/// The key of one message of a group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SenderMessageKey {
    /// The message's number.
    pub iteration: u32,
    /// What its keys are derived from.
    #[serde(deserialize_with = "bytes")]
    pub seed: Vec<u8>,
}

/// Reads the Signal sessions with one device.
///
/// # Errors
/// When it is no such record.
pub fn session(bytes: &[u8]) -> Result<SessionRecord, RecordError> {
    read(bytes)
}

/// Reads a sender key.
///
/// # Errors
/// When it is no such record.
pub fn sender_key(bytes: &[u8]) -> Result<SenderKeyRecord, RecordError> {
    read(bytes)
}

fn read<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, RecordError> {
    match bytes.len() {
        0 => Err(RecordError::Empty),
        len if len > LARGEST => Err(RecordError::TooLarge(len)),
        // The error names a place and a kind, never a value: there is no number or text in the place of a key.
        _ => serde_json::from_slice(bytes).map_err(|error| RecordError::Shape(place(&error))),
    }
}

/// Where, and of which kind: serde's own words may hold a piece of a key.
fn place(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Io => "reading failed",
        serde_json::error::Category::Syntax => "no JSON",
        serde_json::error::Category::Data => "JSON of another shape",
        serde_json::error::Category::Eof => "cut off",
    };
    format!("{kind} at byte {}", error.column())
}

fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(Vec::new()) };
    STANDARD.decode(text).map_err(|_| serde::de::Error::custom("no base64"))
}

/// Which devices made a key of the shared settings, as whatsmeow stores it: the protobuf message of the protocol itself.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Fingerprint {
    /// Of the account's device list.
    #[prost(uint32, optional, tag = "1")]
    pub raw_id: Option<u32>,
    /// Index of the maker.
    #[prost(uint32, optional, tag = "2")]
    pub current_index: Option<u32>,
    /// Indexes of the devices then.
    #[prost(uint32, repeated, tag = "3")]
    pub device_indexes: Vec<u32>,
}
