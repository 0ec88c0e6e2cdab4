//! Pre-keys: upload, count, digest, and the key bundles that senders ask for (sections 6 and 7).

use sha1::{Digest, Sha1};

use super::account::{Address, Companion, PreKey, SignedPreKey, StanzaClass};
use super::dispatch::Caller;
use super::world::World;
use crate::faults::FaultKind;
use crate::jid::{Jid, SERVER_JID};
use crate::node::Node;

/// The `<type>` of every key bundle: Curve25519.
const KEY_TYPE: u8 = 5;
/// Pre-keys that one device may have stored; real clients upload 812 at most.
const MOST_PREKEYS: usize = 4096;

impl World {
    /// `encrypt` questions: how many pre-keys, which keys, or someone's bundle.
    pub fn encrypt_get(&mut self, caller: &Caller, iq: &Node) {
        if let Some(wanted) = iq.find("key") {
            self.send_bundles(caller, iq, wanted);
            return;
        }
        let companion = self.device(&caller.address).and_then(|device| device.companion.as_ref());
        let answer = match (iq.nodes().first().map(|child| child.tag.as_str()), companion) {
            (Some("count"), companion) => {
                let count = companion.map_or(0, |companion| companion.prekeys.len());
                Some(Node::new("count").attr("value", count.to_string()))
            }
            (Some("digest"), Some(companion)) => Some(digest(companion)),
            _ => None,
        };
        self.reply(caller.link, iq, answer.into_iter().collect());
    }

    /// `encrypt` uploads: pre-keys, or a rotated signed pre-key.
    pub fn encrypt_set(&mut self, caller: &Caller, iq: &Node) {
        let signed = iq.find("rotate").unwrap_or(iq).find("skey").and_then(signed_prekey);
        let identity: Option<[u8; 32]> = iq.child_data("identity").and_then(|key| key.try_into().ok());
        let keys: Vec<PreKey> = iq
            .find("list")
            .map(|list| list.find_all("key").filter_map(prekey).take(MOST_PREKEYS).collect())
            .unwrap_or_default();
        let Some(companion) = self.device_mut(&caller.address).and_then(|device| device.companion.as_mut())
        else {
            self.reply(caller.link, iq, Vec::new());
            return;
        };
        if identity.is_some_and(|identity| identity != companion.identity) {
            // A device cannot change its identity after it was linked.
            self.refuse(caller.link, iq, 406, "not-acceptable");
            return;
        }
        if let Some(signed) = signed {
            companion.signed_prekey = signed;
        }
        let uploaded = keys.len();
        for key in keys {
            if let Some(known) = companion.prekeys.iter_mut().find(|known| known.id == key.id) {
                known.key = key.key;
            } else if companion.prekeys.len() < MOST_PREKEYS {
                companion.prekeys.push_back(key);
            }
        }
        if uploaded > 0 {
            companion.asked_for_prekeys = false;
        }
        self.counters.add_many("prekeys_uploaded", uploaded as u64);
        self.reply(caller.link, iq, Vec::new());
        self.check_ready(&caller.address);
    }

    fn send_bundles(&mut self, caller: &Caller, iq: &Node, wanted: &Node) {
        let users: Vec<Node> =
            wanted.find_all("user").map(|user| self.bundle(user.get("jid").unwrap_or_default())).collect();
        self.reply(caller.link, iq, vec![Node::new("list").children(users)]);
    }

    /// One device's bundle. Its one-time pre-key is given away for good.
    fn bundle(&mut self, jid: &str) -> Node {
        let user = Node::new("user").attr("jid", jid);
        let address = Jid::parse(jid).and_then(|jid| self.resolve_device(&jid));
        let keys = address.and_then(|address| {
            if address.device == 0 { self.phone_keys(&address) } else { self.companion_keys(&address) }
        });
        let Some(keys) = keys else {
            self.counters.add("bundles_unknown");
            return user.child(Node::new("error").attr("code", "404").attr("text", "item-not-found"));
        };
        self.counters.add("bundles_given");
        user.attr("t", self.seconds().to_string()).children(keys)
    }

    fn phone_keys(&mut self, address: &Address) -> Option<Vec<Node>> {
        let exhausted = self.prekeys_exhausted(address);
        let keys = &self.accounts.get(&address.number)?.keys;
        let (id, key, signature) = keys.signed_prekey();
        let mut nodes = vec![
            Node::new("registration").bytes(keys.registration_id().to_be_bytes()),
            Node::new("type").bytes([KEY_TYPE]),
            Node::new("identity").bytes(keys.identity_public()),
            key_node("skey", id, &key).child(Node::new("signature").bytes(signature)),
        ];
        if !exhausted {
            let (id, key) = keys.mint_one_time();
            nodes.push(key_node("key", id, &key));
        }
        Some(nodes)
    }

    fn companion_keys(&mut self, address: &Address) -> Option<Vec<Node>> {
        let exhausted = self.prekeys_exhausted(address);
        let low = self.config.low_prekeys;
        let companion = self.device_mut(address)?.companion.as_mut()?;
        let one_time = if exhausted { None } else { companion.prekeys.pop_front() };
        let left = companion.prekeys.len();
        let ask = left < low && !companion.asked_for_prekeys;
        companion.asked_for_prekeys |= ask;
        let mut nodes = vec![
            Node::new("registration").bytes(companion.registration_id.to_be_bytes()),
            Node::new("type").bytes([KEY_TYPE]),
            Node::new("identity").bytes(companion.identity),
            signed_node(&companion.signed_prekey),
        ];
        nodes.extend(one_time.map(|key| key_node("key", key.id, &key.key)));
        nodes.push(Node::new("device-identity").bytes(companion.device_identity.clone()));
        if ask {
            self.ask_for_prekeys(address, left);
        }
        Some(nodes)
    }

    fn prekeys_exhausted(&mut self, address: &Address) -> bool {
        let now = self.now();
        self.faults.happens(FaultKind::PrekeysExhausted, Some(address), now)
    }

    /// Few one-time pre-keys are left: the device is asked for more, once until it uploads some.
    fn ask_for_prekeys(&mut self, address: &Address, left: usize) {
        let id = self.next_id();
        let notification = Node::new("notification")
            .attr("from", SERVER_JID)
            .attr("type", "encrypt")
            .attr("id", id.clone())
            .attr("t", self.seconds_for(address).to_string())
            .child(Node::new("count").attr("value", left.to_string()));
        self.deliver(address, StanzaClass::Notification, &id, notification);
    }
}

/// What the server has of a device's keys, with a hash that the client can compare.
fn digest(companion: &Companion) -> Node {
    let mut hash = Sha1::new();
    hash.update(companion.identity);
    hash.update(companion.signed_prekey.key);
    hash.update(&companion.signed_prekey.signature);
    for key in &companion.prekeys {
        hash.update(key.key);
    }
    let ids = companion.prekeys.iter().map(|key| Node::new("id").bytes(three_bytes(key.id)));
    Node::new("digest").children([
        Node::new("registration").bytes(companion.registration_id.to_be_bytes()),
        Node::new("type").bytes([KEY_TYPE]),
        Node::new("identity").bytes(companion.identity),
        signed_node(&companion.signed_prekey),
        Node::new("list").children(ids),
        Node::new("hash").bytes(hash.finalize().to_vec()),
    ])
}

fn key_node(tag: &str, id: u32, key: &[u8; 32]) -> Node {
    Node::new(tag).child(Node::new("id").bytes(three_bytes(id))).child(Node::new("value").bytes(*key))
}

fn signed_node(key: &SignedPreKey) -> Node {
    key_node("skey", key.id, &key.key).child(Node::new("signature").bytes(key.signature.clone()))
}

fn three_bytes(id: u32) -> [u8; 3] {
    let [_, a, b, c] = id.to_be_bytes();
    [a, b, c]
}

/// A key id as clients write it: big-endian, usually three bytes.
fn key_id(bytes: &[u8]) -> Option<u32> {
    (bytes.len() <= 4).then(|| bytes.iter().fold(0, |id, byte| id << 8 | u32::from(*byte)))
}

fn prekey(node: &Node) -> Option<PreKey> {
    let id = key_id(node.child_data("id")?)?;
    Some(PreKey { id, key: node.child_data("value")?.try_into().ok()? })
}

fn signed_prekey(node: &Node) -> Option<SignedPreKey> {
    let PreKey { id, key } = prekey(node)?;
    Some(SignedPreKey { id, key, signature: node.child_data("signature")?.to_vec() })
}
