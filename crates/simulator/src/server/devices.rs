//! Accounts and their device lists: making accounts, telling others of new and removed companions.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use buffa::Message;
use rand::RngExt;
use waproto::whatsapp::{ADVKeyIndexList, ADVSignedKeyIndexList};

use super::account::{Account, Address, Device, StanzaClass};
use super::contract::{AccountInfo, DeviceInfo, Downstream, NewAccount, PhoneEvent, ServerError};
use super::world::World;
use crate::node::Node;

/// What the account signs in front of its device list.
const DEVICE_LIST_PREFIX: [u8; 2] = [6, 2];

impl Account {
    /// Notes that the device list changed. The list's time stamp always rises, because clients
    /// take an equal one for the list that they know.
    pub fn note_device_change(&mut self, now: u64) {
        self.devices_changed = now.max(self.devices_changed + 1);
        self.key_index_list = None;
    }

    /// `<devices>` as usync answers it. whatsapp-rust drops a user with companions but without a
    /// signed list, Baileys a companion without key index.
    pub fn device_list(&mut self) -> Node {
        let mut list = Node::new("device-list");
        for (id, device) in &self.devices {
            let index = device.companion.as_ref().map(|companion| companion.key_index.to_string());
            list = list.child(Node::new("device").attr("id", id.to_string()).attr_opt("key-index", index));
        }
        let devices = Node::new("devices").child(list);
        if self.devices.len() > 1 { devices.child(self.key_index_node()) } else { devices }
    }

    /// `<key-index-list>`: which key indexes are valid, signed by the account.
    pub fn key_index_node(&mut self) -> Node {
        let stamp = self.devices_changed;
        let bytes = match &self.key_index_list {
            Some(bytes) => bytes.clone(),
            None => self.sign_key_indexes(),
        };
        self.key_index_list = Some(bytes.clone());
        Node::new("key-index-list").attr("ts", stamp.to_string()).bytes(bytes)
    }

    fn sign_key_indexes(&self) -> Vec<u8> {
        let companions = self.devices.values().filter_map(|device| device.companion.as_ref());
        let mut valid = vec![0];
        valid.extend(companions.map(|companion| companion.key_index));
        let details = ADVKeyIndexList {
            raw_id: Some(self.raw_id),
            timestamp: Some(self.devices_changed),
            current_index: Some(self.last_key_index),
            valid_indexes: valid,
            ..Default::default()
        }
        .encode_to_vec();
        let signed = [&DEVICE_LIST_PREFIX, details.as_slice()].concat();
        let signature = self.keys.sign(&signed);
        ADVSignedKeyIndexList {
            details: Some(details),
            account_signature: Some(signature.to_vec()),
            account_signature_key: Some(self.keys.identity_public().to_vec()),
        }
        .encode_to_vec()
    }
}

impl World {
    /// Makes an account with its phone.
    pub fn create_account(&mut self, new: NewAccount) -> Result<AccountInfo, ServerError> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !(5..=15).contains(&new.number.len()) || !digits(&new.number) {
            return Err(ServerError::MalformedNumber);
        }
        let lid = match new.lid {
            Some(lid) if lid.is_empty() || !digits(&lid) => return Err(ServerError::MalformedNumber),
            Some(lid) => lid,
            None => self.draw_lid(),
        };
        if self.accounts.contains_key(&new.number) || self.lids.contains_key(&lid) {
            return Err(ServerError::AccountExists);
        }
        let account = Account {
            number: new.number.clone(),
            lid: lid.clone(),
            name: new.name,
            keys: new.keys,
            raw_id: self.rng.random(),
            last_key_index: 0,
            last_device: 0,
            devices_changed: self.seconds(),
            devices: BTreeMap::from([(0, Device::default())]),
            privacy: BTreeMap::new(),
            blocked: HashSet::new(),
            collections: BTreeMap::new(),
            groups: BTreeSet::new(),
            acquainted: HashSet::new(),
            watchers: HashMap::new(),
            key_index_list: None,
            available: HashSet::new(),
            last_seen: None,
            picture: None,
            about: None,
            passkey: None,
        };
        let info = account.info();
        self.lids.insert(lid, new.number.clone());
        self.accounts.insert(new.number, account);
        Ok(info)
    }

    fn draw_lid(&mut self) -> String {
        loop {
            let lid = self.rng.random_range(100_000_000_000_000u64..300_000_000_000_000).to_string();
            if !self.lids.contains_key(&lid) {
                return lid;
            }
        }
    }

    /// Every device of an account.
    pub fn devices(&self, number: &str) -> Result<Vec<DeviceInfo>, ServerError> {
        let account = self.accounts.get(number).ok_or(ServerError::UnknownAccount)?;
        Ok(account.devices.iter().map(|(id, device)| device.info(*id)).collect())
    }

    /// Unlinks a companion: it is logged out at once or at its next login.
    pub fn remove_device(&mut self, address: &Address) -> bool {
        let now = self.seconds();
        let Some(account) = self.accounts.get_mut(&address.number) else { return false };
        if account.devices.get(&address.device).is_none_or(|device| device.companion.is_none()) {
            return false;
        }
        let Some(removed) = account.devices.remove(&address.device) else { return false };
        account.available.remove(&address.device);
        account.note_device_change(now);
        self.counters.add("devices_removed");
        if let Some(link) = removed.link() {
            let conflict = Node::new("conflict").attr("type", "device_removed");
            self.send_stanza(link, Node::new("stream:error").attr("code", "401").child(conflict));
            self.send(link, Downstream::Close);
            self.detach(link);
        }
        self.announce_device(address, "remove", None);
        self.tell_phone(&address.number, PhoneEvent::CompanionRemoved { device: address.device });
        true
    }

    /// Tells the account's other devices and everyone who knows its devices that one was added or
    /// removed.
    pub fn announce_device(&mut self, address: &Address, what: &str, key_index: Option<u32>) {
        let now = self.seconds();
        let Some(account) = self.accounts.get_mut(&address.number) else { return };
        let device = Node::new("device")
            .attr("jid", account.phone_jid().with_device(address.device).to_string())
            .attr("lid", account.lid_jid().with_device(address.device).to_string())
            .attr_opt("key-index", key_index.map(|index| index.to_string()));
        let change = Node::new(what).child(device).child(account.key_index_node());
        let from = account.phone_jid().to_string();
        let lid = account.lid_jid().to_string();
        let mut numbers: Vec<String> = account.acquainted.iter().cloned().collect();
        numbers.sort_unstable();
        numbers.push(address.number.clone());
        for receiver in self.devices_of(&numbers) {
            if receiver == *address {
                continue;
            }
            let id = self.next_id();
            let notification = Node::new("notification")
                .attr("from", from.clone())
                .attr("lid", lid.clone())
                .attr("type", "devices")
                .attr("id", id.clone())
                .attr("t", now.to_string())
                .child(change.clone());
            self.deliver(&receiver, StanzaClass::Notification, &id, notification);
        }
    }
}

impl Device {
    fn info(&self, id: u16) -> DeviceInfo {
        let companion = self.companion.as_ref();
        DeviceInfo {
            id,
            key_index: companion.map_or(0, |companion| companion.key_index),
            dictionary: companion.map_or(3, |companion| companion.dictionary),
            online: self.session.is_some(),
            live: self.is_live(),
            prekeys: companion.map_or(0, |companion| companion.prekeys.len()),
            queued: self.queue.len(),
            ready: companion.is_none_or(|companion| companion.ready),
        }
    }
}
