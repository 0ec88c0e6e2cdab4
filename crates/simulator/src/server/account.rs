//! Accounts and their devices, and what waits for each device.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::app_state::Collection;
use super::base64_bytes;
use super::contract::{AccountInfo, Link};
use super::groups::Picture;
use super::passkeys::Passkey;
use crate::jid::{Jid, LID_SERVER, PHONE_SERVER};
use crate::node::Node;
use crate::phone::keys::PhoneKeys;

/// Message ids per sending device that are remembered, to recognise repeated sends.
const REMEMBERED_SENDS: usize = 4096;

/// One device of one account, by phone number.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Address {
    pub number: String,
    pub device: u16,
}

impl Address {
    pub fn new(number: &str, device: u16) -> Self {
        Self { number: number.to_owned(), device }
    }

    /// The device under the account's phone number.
    pub fn jid(&self) -> Jid {
        Jid { user: self.number.clone(), device: self.device, server: PHONE_SERVER.to_owned() }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("device", &self.device).finish_non_exhaustive()
    }
}

/// One account.
pub(super) struct Account {
    pub number: String,
    pub lid: String,
    pub name: String,
    pub keys: Arc<PhoneKeys>,
    /// `rawId` of the account's device list.
    pub raw_id: u32,
    /// The last key index that was given away.
    pub last_key_index: u32,
    /// The last companion id that was given away.
    pub last_device: u16,
    /// When the device list changed last, in seconds.
    pub devices_changed: u64,
    pub devices: BTreeMap<u16, Device>,
    pub privacy: BTreeMap<String, String>,
    /// Numbers that this account blocked.
    pub blocked: HashSet<String>,
    pub collections: BTreeMap<String, Collection>,
    /// Ids of the groups that the account is in.
    pub groups: BTreeSet<String>,
    /// Numbers that asked for this account's devices or exchanged messages with it: they hear of
    /// device changes.
    pub acquainted: HashSet<String>,
    /// Numbers that subscribed to this account's presence, and whether they asked by LID.
    pub watchers: HashMap<String, bool>,
    /// The signed device list, until it changes.
    pub key_index_list: Option<Vec<u8>>,
    /// Devices that are `available` now.
    pub available: HashSet<u16>,
    /// When the account was available last, in seconds.
    pub last_seen: Option<u64>,
    /// What the account shows as its picture.
    pub picture: Option<Picture>,
    /// What it wrote about itself, once it did.
    pub about: Option<String>,
    /// Without it its phone links no device.
    pub passkey: Option<Passkey>,
}

impl Account {
    pub fn info(&self) -> AccountInfo {
        AccountInfo { number: self.number.clone(), lid: self.lid.clone(), name: self.name.clone() }
    }

    pub fn phone_jid(&self) -> Jid {
        Jid::new(&self.number, PHONE_SERVER)
    }

    pub fn lid_jid(&self) -> Jid {
        Jid::new(&self.lid, LID_SERVER)
    }

    /// The account's address in one of the two namespaces.
    pub fn jid(&self, lid: bool) -> Jid {
        if lid { self.lid_jid() } else { self.phone_jid() }
    }
}

/// One device: the phone (device 0) or a companion.
#[derive(Default)]
pub(super) struct Device {
    /// What a companion registered; a phone has none.
    pub companion: Option<Companion>,
    /// The live connection.
    pub session: Option<Session>,
    /// Stanzas that the device has not confirmed, in order.
    pub queue: VecDeque<Pending>,
    /// What this device sent lately.
    pub sends: RecentSends,
}

/// What a companion registered.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Companion {
    pub key_index: u32,
    pub dictionary: u8,
    #[serde(with = "base64_bytes")]
    pub noise_public: [u8; 32],
    pub registration_id: u32,
    #[serde(with = "base64_bytes")]
    pub identity: [u8; 32],
    pub signed_prekey: SignedPreKey,
    pub prekeys: VecDeque<PreKey>,
    /// `ADVSignedDeviceIdentity` with account signature key and device signature.
    #[serde(with = "base64_bytes")]
    pub device_identity: Vec<u8>,
    /// The phone was told that the companion is ready for its bootstrap messages.
    pub ready: bool,
    /// The device was told that it has few pre-keys and has not uploaded any since.
    #[serde(default)]
    pub asked_for_prekeys: bool,
}

/// A companion's signed pre-key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SignedPreKey {
    pub id: u32,
    #[serde(with = "base64_bytes")]
    pub key: [u8; 32],
    #[serde(with = "base64_bytes")]
    pub signature: Vec<u8>,
}

/// A one-time pre-key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PreKey {
    pub id: u32,
    #[serde(with = "base64_bytes")]
    pub key: [u8; 32],
}

/// A device's live connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub link: Link,
    pub phase: Phase,
}

/// How far a connected device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Logged in, but not active yet: everything for it waits.
    Passive,
    /// Takes the stanzas that waited, up to the one with sequence number `until`.
    Draining { until: u64, announced: usize, sent: usize, batch: usize },
    /// Stanzas are sent as they come.
    Live,
}

/// What kind of stanza waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StanzaClass {
    /// `<message>`
    Message,
    /// `<receipt>`
    Receipt,
    /// `<notification>`
    Notification,
}

impl StanzaClass {
    /// The class as `<ack class>` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Receipt => "receipt",
            Self::Notification => "notification",
        }
    }
}

/// A stanza that a device has not confirmed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    pub sequence: u64,
    pub class: StanzaClass,
    pub id: String,
    pub stanza: Node,
    /// Sent over the live connection. Cleared when that ends.
    #[serde(skip)]
    pub sent: bool,
}

/// The message ids a device sent lately, with the devices that got each.
#[derive(Default)]
pub(super) struct RecentSends {
    delivered: HashMap<String, HashSet<Address>>,
    order: VecDeque<String>,
}

impl RecentSends {
    /// Is this id known?
    pub fn contains(&self, id: &str) -> bool {
        self.delivered.contains_key(id)
    }

    /// Notes that `receiver` gets the message; false when it got it before.
    pub fn first_for(&mut self, id: &str, receiver: &Address) -> bool {
        if let Some(receivers) = self.delivered.get_mut(id) {
            return receivers.insert(receiver.clone());
        }
        self.remember(id);
        self.delivered.entry(id.to_owned()).or_default().insert(receiver.clone())
    }

    /// Notes that the id was used, even if no device gets the message.
    pub fn remember(&mut self, id: &str) {
        if self.delivered.contains_key(id) {
            return;
        }
        if self.order.len() >= REMEMBERED_SENDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.delivered.remove(&oldest);
        }
        self.order.push_back(id.to_owned());
        self.delivered.insert(id.to_owned(), HashSet::new());
    }

    /// Everything remembered, oldest first, for a saved state.
    pub fn entries(&self) -> Vec<(String, Vec<Address>)> {
        let receivers = |id: &String| {
            let mut receivers: Vec<_> = self.delivered.get(id).into_iter().flatten().cloned().collect();
            receivers.sort_unstable();
            receivers
        };
        self.order.iter().map(|id| (id.clone(), receivers(id))).collect()
    }

    /// The counterpart of [`Self::entries`].
    pub fn from_entries(entries: Vec<(String, Vec<Address>)>) -> Self {
        let order = entries.iter().map(|(id, _)| id.clone()).collect();
        let delivered =
            entries.into_iter().map(|(id, receivers)| (id, receivers.into_iter().collect())).collect();
        Self { delivered, order }
    }
}

impl Device {
    /// The live connection's link.
    pub fn link(&self) -> Option<Link> {
        self.session.map(|session| session.link)
    }

    /// Is it connected and through with its offline stanzas?
    pub fn is_live(&self) -> bool {
        self.session.is_some_and(|session| session.phase == Phase::Live)
    }

    /// Takes the first unconfirmed stanza of this class and id off the queue; `all` takes every one.
    /// Returns whether there was one.
    pub fn confirm(&mut self, class: StanzaClass, id: &str, all: bool) -> bool {
        if all {
            let before = self.queue.len();
            self.queue.retain(|pending| !(pending.sent && pending.class == class && pending.id == id));
            return self.queue.len() < before;
        }
        let found =
            self.queue.iter().position(|pending| pending.sent && pending.class == class && pending.id == id);
        found.is_some_and(|index| self.queue.remove(index).is_some())
    }

    /// The connection ended: what was not confirmed waits again.
    pub fn requeue(&mut self) {
        self.session = None;
        for pending in &mut self.queue {
            pending.sent = false;
        }
    }
}
