//! What a phone remembers, and how it is saved.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use buffa::Message;
use rand::{CryptoRng, RngExt};
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;

use super::app_state::AppState;
use super::calls::CallSignal;
use super::cipher::Cipher;
use super::error::PhoneError;
use super::keys::{PhoneKeys, PhoneKeysState};
use super::log::{Entry, Log, NewEntry};
use super::message::{read, unwrap};
use super::passkey::Exchange;
use super::past::Past;
use super::store::StoresState;
use crate::jid::Jid;

/// What a phone remembers.
#[expect(clippy::struct_field_names, reason = "app state is WhatsApp's word")]
pub(super) struct State {
    pub cipher: Cipher,
    pub log: Log,
    /// Groups by JID.
    pub groups: HashMap<String, Group>,
    /// Device ids by account address (without device), as far as they are known to be current.
    pub devices: HashMap<String, Vec<u16>>,
    pub app_state: AppState,
    /// Send read receipts for everything that arrives?
    pub auto_read: bool,
    /// Last chat state by chat and sender: `composing`, `recording` or `paused`.
    pub chat_states: BTreeMap<String, String>,
    /// What was heard of calls.
    pub calls: VecDeque<CallSignal>,
    /// A link by passkey that is under way.
    pub passkey: Option<Exchange>,
    /// What new devices are given as history besides what really happened.
    pub past: Option<Past>,
}

/// What a phone knows about a group.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Group {
    /// Members, as the group addresses them. None when it must be asked again.
    #[serde(skip)]
    pub members: Option<Vec<Jid>>,
    /// Is the group addressed by LID?
    pub lid: bool,
    /// Devices that have this phone's current sender key.
    pub informed: HashSet<String>,
}

/// A phone as it is written to a state file. It holds private keys.
#[derive(Clone, Serialize, Deserialize)]
pub struct PhoneState {
    /// The account's number.
    pub number: String,
    keys: PhoneKeysState,
    stores: StoresState,
    app_state: AppState,
    auto_read: bool,
    groups: HashMap<String, Group>,
    log: Vec<SavedEntry>,
}

#[derive(Clone, Serialize, Deserialize)]
struct SavedEntry {
    id: String,
    chat: String,
    sender: String,
    device: u16,
    from_me: bool,
    by_phone: bool,
    timestamp: u64,
    push_name: Option<String>,
    wire_chat: String,
    wire_sender: String,
    proto: String,
}

impl fmt::Debug for PhoneState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneState(..)")
    }
}

impl State {
    /// The state of a new phone. `now` is in seconds since the Unix epoch.
    pub fn new<R: CryptoRng>(keys: &Arc<PhoneKeys>, log_limit: usize, now: u64, rng: &mut R) -> Self {
        Self {
            cipher: Cipher::new(keys, rng),
            log: Log::new(log_limit),
            groups: HashMap::new(),
            devices: HashMap::new(),
            app_state: AppState::generate(rng, now),
            auto_read: false,
            chat_states: BTreeMap::new(),
            calls: VecDeque::new(),
            passkey: None,
            past: None,
        }
    }

    /// The state as it is written to a state file.
    pub fn save(&self, number: &str, keys: &PhoneKeys) -> Result<PhoneState, PhoneError> {
        Ok(PhoneState {
            number: number.to_owned(),
            keys: keys.state(),
            stores: self.cipher.state()?,
            app_state: self.app_state.clone(),
            auto_read: self.auto_read,
            groups: self.groups.clone(),
            log: self.log.after(0).map(SavedEntry::of).collect(),
        })
    }

    /// A new message id, in the form that phones use.
    pub fn message_id(&mut self) -> String {
        let random: u128 = self.cipher.rng().random();
        format!("AC{:030X}", random >> 8)
    }

    /// A companion is gone: nothing is encrypted for it any more.
    pub fn companion_left(&mut self, addresses: &[Jid]) {
        for address in addresses {
            self.cipher.forget_session(address);
            for group in self.groups.values_mut() {
                group.informed.remove(&address.to_string());
            }
        }
    }
}

impl PhoneState {
    /// The phone's keys.
    pub fn keys<R: CryptoRng>(&self, rng: &mut R) -> Result<PhoneKeys, PhoneError> {
        Ok(PhoneKeys::restore(&self.keys, rng)?)
    }

    pub(super) fn restore<R: CryptoRng>(
        &self,
        keys: &Arc<PhoneKeys>,
        log_limit: usize,
        rng: &mut R,
    ) -> Result<State, PhoneError> {
        let mut log = Log::new(log_limit);
        for entry in &self.log {
            if let Some(entry) = entry.restore() {
                log.add(entry);
            }
        }
        Ok(State {
            cipher: Cipher::restore(keys, &self.stores, rng)?,
            log,
            groups: self.groups.clone(),
            devices: HashMap::new(),
            app_state: self.app_state.clone(),
            auto_read: self.auto_read,
            chat_states: BTreeMap::new(),
            calls: VecDeque::new(),
            passkey: None,
            past: None,
        })
    }
}

impl SavedEntry {
    fn of(entry: &Entry) -> Self {
        Self {
            id: entry.id.clone(),
            chat: entry.chat.clone(),
            sender: entry.sender.clone(),
            device: entry.device,
            from_me: entry.from_me,
            by_phone: entry.by_phone,
            timestamp: entry.timestamp,
            push_name: entry.push_name.clone(),
            wire_chat: entry.wire_chat.clone(),
            wire_sender: entry.wire_sender.clone(),
            proto: STANDARD.encode(&entry.proto),
        }
    }

    /// What a message says is read again from its bytes; damaged ones are left out.
    fn restore(&self) -> Option<NewEntry> {
        let proto = STANDARD.decode(&self.proto).ok()?;
        let message = wa::Message::decode_from_slice(&proto).ok()?;
        Some(NewEntry {
            id: self.id.clone(),
            chat: self.chat.clone(),
            sender: self.sender.clone(),
            device: self.device,
            from_me: self.from_me,
            by_phone: self.by_phone,
            timestamp: self.timestamp,
            push_name: self.push_name.clone(),
            content: read(&unwrap(message)),
            wire_chat: self.wire_chat.clone(),
            wire_sender: self.wire_sender.clone(),
            proto: proto.into(),
        })
    }
}
