//! App state: encrypted patches that an account's devices share (section 8).

use buffa::{Message, MessageField};
use serde::{Deserialize, Serialize};
use waproto::whatsapp::{SyncdPatch, SyncdVersion};

use super::account::{Address, StanzaClass};
use super::base64_bytes;
use super::dispatch::Caller;
use super::world::World;
use crate::node::Node;

/// Patches per answer; the rest is announced with `has_more_patches`.
const PATCHES_AT_ONCE: usize = 50;
/// Collections that an account may have; real clients use five.
const MOST_COLLECTIONS: usize = 32;

/// One collection of an account. Patch number `n` (from 0) makes version `n + 1`.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Collection {
    patches: Vec<Patch>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Patch(#[serde(with = "base64_bytes")] Vec<u8>);

impl Collection {
    fn version(&self) -> u64 {
        self.patches.len() as u64
    }

    /// The collection as it looks to a client that has it up to `known`.
    fn node(&self, name: &str, known: u64) -> Node {
        let known = usize::try_from(known).unwrap_or(usize::MAX).min(self.patches.len());
        let missing = &self.patches[known..];
        let shown = &missing[..missing.len().min(PATCHES_AT_ONCE)];
        let version = (known + shown.len()).to_string();
        let more = missing.len() > shown.len();
        let node = Node::new("collection")
            .attr("name", name)
            .attr("version", version)
            .attr("has_more_patches", more.to_string());
        if shown.is_empty() {
            return node;
        }
        let patches = shown.iter().map(|patch| Node::new("patch").bytes(patch.0.clone()));
        node.child(Node::new("patches").children(patches))
    }
}

impl World {
    /// Answers a sync request: missing patches down, new patches up.
    pub fn app_state(&mut self, caller: &Caller, iq: &Node) {
        let asked: Vec<&Node> =
            iq.find("sync").map(|sync| sync.find_all("collection").collect()).unwrap_or_default();
        let mut changed = Vec::new();
        let mut answers = Vec::new();
        for collection in asked {
            let Some(name) = collection.get("name") else { continue };
            let known = collection.get("version").and_then(|version| version.parse().ok()).unwrap_or(0);
            let patch = collection.find("patch").and_then(Node::data);
            answers.push(self.sync_collection(&caller.address, name, known, patch, &mut changed));
        }
        self.reply(caller.link, iq, vec![Node::new("sync").children(answers)]);
        for (name, version) in changed {
            self.announce_collection(&caller.address, &name, version);
        }
    }

    fn sync_collection(
        &mut self,
        address: &Address,
        name: &str,
        known: u64,
        patch: Option<&[u8]>,
        changed: &mut Vec<(String, u64)>,
    ) -> Node {
        let empty = Node::new("collection").attr("name", name).attr("version", "0");
        let Some(account) = self.accounts.get_mut(&address.number) else { return empty };
        let Some(bytes) = patch else {
            return account.collections.get(name).map_or(empty, |collection| collection.node(name, known));
        };
        let error = |code: &str, text: &str| Node::new("error").attr("code", code).attr("text", text);
        if account.collections.len() >= MOST_COLLECTIONS && !account.collections.contains_key(name) {
            return empty.attr("type", "error").child(error("400", "bad-request"));
        }
        let Ok(mut patch) = SyncdPatch::decode_from_slice(bytes) else {
            return empty.attr("type", "error").child(error("400", "bad-request"));
        };
        let collection = account.collections.entry(name.to_owned()).or_default();
        if known != collection.version() {
            self.counters.add("app_state_conflicts");
            return collection.node(name, known).attr("type", "error").child(error("409", "conflict"));
        }
        let version = collection.version() + 1;
        patch.version = MessageField::some(SyncdVersion { version: Some(version) });
        collection.patches.push(Patch(patch.encode_to_vec()));
        changed.push((name.to_owned(), version));
        empty.attr("version", version.to_string())
    }

    /// Tells the account's other devices that a collection has a new version.
    fn announce_collection(&mut self, from: &Address, name: &str, version: u64) {
        self.counters.add("app_state_patches");
        let own = Address::new(&from.number, 0).jid().to_string();
        for receiver in self.addresses(&from.number) {
            if receiver == *from {
                continue;
            }
            let id = self.next_id();
            let collection = Node::new("collection").attr("name", name).attr("version", version.to_string());
            let notification = Node::new("notification")
                .attr("from", own.clone())
                .attr("type", "server_sync")
                .attr("id", id.clone())
                .attr("t", self.seconds_for(&receiver).to_string())
                .child(collection);
            self.deliver(&receiver, StanzaClass::Notification, &id, notification);
        }
    }
}
