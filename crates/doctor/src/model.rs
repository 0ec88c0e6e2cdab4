//! One model of a session, whatever it is stored as: what `import` and `export` carry from one format to another.
//!
//! The examination keeps only what it compares, because a folder may hold a hundred thousand files; this model is whole.
//! Addresses in it are what they are, a phone number or a LID, also where a format does not tell them apart.

use std::collections::BTreeMap;

use crate::address::{Address, Domain};
use crate::formats::baileys::credentials::Account;
use crate::formats::baileys::key_pair::KeyPair;
use crate::secret::Secret;

mod sender_key;
mod signal_session;

pub use sender_key::{SenderKey, SenderKeyName, SenderKeyState};
pub use signal_session::{
    BaseKeyOwner, Chain, ChainKind, DerivedKeys, PendingPreKey, RatchetPair, SignalRecord, SignalSession,
};

/// A public key in Signal's spelling, type byte first.
pub type PublicKey = [u8; 33];

/// Everything that one linked device owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The login itself.
    pub credentials: Credentials,
    /// One-time pre-keys by id.
    pub pre_keys: BTreeMap<u32, KeyPair>,
    /// Signal sessions, by the device they are shared with.
    pub signal_sessions: BTreeMap<Address, SignalRecord>,
    /// Identity keys of contacts' devices, where they are stored by themselves.
    pub identities: BTreeMap<Address, PublicKey>,
    /// Group ratchets, our own and others'.
    pub sender_keys: BTreeMap<SenderKeyName, SenderKey>,
    /// Devices that were told our sender key, by group.
    pub sender_key_memory: BTreeMap<String, Vec<Address>>,
    /// Keys of the settings that all devices of the account share, by id.
    pub app_state_keys: BTreeMap<Vec<u8>, AppStateKey>,
    /// How far each collection of those settings is known.
    pub app_state_versions: BTreeMap<String, AppStateVersion>,
    /// Phone number to LID.
    pub lid_mappings: BTreeMap<String, String>,
    /// Devices of accounts, by user.
    pub device_lists: BTreeMap<String, Vec<u32>>,
    /// Tokens that let us write to contacts, by JID.
    pub tokens: BTreeMap<String, Token>,
}

/// The login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The pair that authenticates the connection.
    pub noise: KeyPair,
    /// The identity that contacts know.
    pub identity: KeyPair,
    /// The pair used while pairing with a code; of no use afterwards.
    pub pairing: Option<KeyPair>,
    /// The signed pre-key in use.
    pub signed_pre_key: SignedPreKey,
    /// The registration id.
    pub registration_id: u32,
    /// The secret that the QR code carried.
    pub adv_secret: Secret<32>,
    /// The signed link between the account and this device.
    pub account: Account,
    /// Who this device is.
    pub me: Me,
    /// The next pre-key id to be used.
    pub next_pre_key_id: u32,
    /// The first pre-key id that the server does not have.
    pub first_unuploaded_pre_key_id: u32,
    /// What kind of phone the account lives on.
    pub platform: Option<String>,
    /// Which of WhatsApp's servers to ask for.
    pub routing_info: Option<Vec<u8>>,
    /// Which server settings are known.
    pub props_hash: Option<String>,
    /// The app-state key in use.
    pub app_state_key_id: Option<Vec<u8>>,
    /// Members of `creds.json` that mean nothing elsewhere, as JSON text, and the order of all of them, so that a
    /// folder written back is the folder that was read.
    pub leftovers: Leftovers,
}

/// What only Baileys knows what to do with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Names of all members, in their order.
    pub order: Vec<String>,
    /// The members that the model has no field for.
    pub members: BTreeMap<String, String>,
    /// The same of `me`.
    pub me: Vec<(String, String)>,
}

/// The signed pre-key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPreKey {
    /// Its id.
    pub id: u32,
    /// The pair.
    pub pair: KeyPair,
    /// Its signature under the identity.
    pub signature: [u8; 64],
}

/// Who the device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// Under its phone number.
    pub phone: Address,
    /// Under its LID, when known.
    pub lid: Option<Address>,
    /// The name that contacts see.
    pub name: Option<String>,
}

/// A key of the shared settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppStateKey {
    /// The key.
    pub data: Secret<32>,
    /// Which devices made it.
    pub fingerprint: Option<Fingerprint>,
    /// When, as stored.
    pub timestamp: i64,
}

/// Which devices made a key of the shared settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Of the account's device list.
    pub raw_id: Option<u32>,
    /// Index of the maker.
    pub current_index: Option<u32>,
    /// Indexes of the devices then.
    pub device_indexes: Vec<u32>,
}

/// How far a collection of shared settings is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppStateVersion {
    /// Its version.
    pub version: u64,
    /// The homomorphic hash of all its values.
    pub hash: [u8; 128],
    /// The MAC of each value, by the MAC of its index, in the order stored.
    pub value_macs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A token that lets us write to a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The bytes; none when only the time of ours is known.
    pub token: Option<Vec<u8>>,
    /// When it was received, seconds since 1970.
    pub timestamp: Option<i64>,
    /// When ours was given, seconds since 1970.
    pub sender_timestamp: Option<i64>,
}

impl Session {
    /// A session that owns nothing but its login.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            pre_keys: BTreeMap::new(),
            signal_sessions: BTreeMap::new(),
            identities: BTreeMap::new(),
            sender_keys: BTreeMap::new(),
            sender_key_memory: BTreeMap::new(),
            app_state_keys: BTreeMap::new(),
            app_state_versions: BTreeMap::new(),
            lid_mappings: BTreeMap::new(),
            device_lists: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }

    /// The LID of an account, as far as the session knows.
    pub fn lid_of(&self, phone: &str) -> Option<&str> {
        let me = &self.credentials.me;
        if me.phone.user == phone
            && let Some(lid) = &me.lid
        {
            return Some(&lid.user);
        }
        self.lid_mappings.get(phone).map(String::as_str)
    }

    /// The phone number of a LID, as far as the session knows.
    pub fn phone_of(&self, lid: &str) -> Option<&str> {
        let known = self.lid_mappings.iter().find(|(_, known)| *known == lid);
        known.map(|(phone, _)| phone.as_str())
    }

    /// Keeps the Signal sessions of each device under its LID where that is known, which is where clients of today
    /// look for them. Those that a device has under both numbers come together in one record.
    pub fn unite_addresses(&mut self) {
        let phones: Vec<Address> =
            self.signal_sessions.keys().filter(|address| !address.domain.is_lid()).cloned().collect();
        for phone in phones {
            let Some(lid) = self.lid_of(&phone.user).map(str::to_owned) else { continue };
            let domain = if phone.domain == Domain::Hosted { Domain::HostedLid } else { Domain::Lid };
            let lid = phone.moved_to(&lid, domain);
            if let Some(record) = self.signal_sessions.remove(&phone) {
                self.signal_sessions.entry(lid.clone()).or_default().merge(record);
            }
            if let Some(key) = self.identities.remove(&phone) {
                self.identities.entry(lid).or_insert(key);
            }
        }
    }

    /// Whether an address is this account.
    pub fn is_own(&self, address: &Address) -> bool {
        let me = &self.credentials.me;
        let own = if address.domain.is_lid() { me.lid.as_ref() } else { Some(&me.phone) };
        own.is_some_and(|own| own.user == address.user)
    }

    /// What the session holds, counted.
    pub fn counts(&self) -> Counts {
        Counts {
            pre_keys: self.pre_keys.len(),
            signal_sessions: self.signal_sessions.len(),
            skipped_message_keys: self.signal_sessions.values().map(SignalRecord::skipped).sum(),
            sender_keys: self.sender_keys.len(),
            app_state_keys: self.app_state_keys.len(),
            app_state_collections: self.app_state_versions.len(),
            lid_mappings: self.lid_mappings.len(),
            tokens: self.tokens.len(),
        }
    }
}

/// What a session holds, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// One-time pre-keys.
    pub pre_keys: usize,
    /// Devices that Signal sessions are shared with.
    pub signal_sessions: usize,
    /// Keys of messages that have not arrived yet.
    pub skipped_message_keys: usize,
    /// Group ratchets.
    pub sender_keys: usize,
    /// Keys of the shared settings.
    pub app_state_keys: usize,
    /// Collections of shared settings that are known.
    pub app_state_collections: usize,
    /// Contacts whose LID is known.
    pub lid_mappings: usize,
    /// Tokens of contacts.
    pub tokens: usize,
}
