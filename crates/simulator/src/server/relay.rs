//! Messages: acknowledgement, fan-out to devices, groups (section 9).

use std::collections::HashMap;
use std::sync::Arc;

use super::account::{Account, Address, StanzaClass};
use super::contract::RelayedCiphertext;
use super::dispatch::Caller;
use super::world::World;
use crate::jid::Jid;
use crate::node::Node;

/// Attributes of a message that its receivers see unchanged.
const KEPT_ATTRIBUTES: [&str; 4] = ["type", "category", "edit", "push_priority"];
/// Children of a message, besides ciphertexts, that its receivers see.
const KEPT_CHILDREN: [&str; 4] = ["meta", "biz", "bot", "reporting"];

/// A message on its way to its devices.
struct Relay<'a> {
    sender: &'a Address,
    stanza: &'a Node,
    id: &'a str,
    group: Option<Jid>,
    /// Asked for by one device that could not decrypt: it is delivered even if the device got the
    /// same id before.
    resend: bool,
}

/// Is the message for one device, usually one that asked for it again?
///
/// whatsapp-rust and Baileys 7 send a bare ciphertext, Baileys 6 a list of one with
/// `device_fanout="false"`; in groups all name the device in `participant`. The ciphertext of a
/// resend has a `count`.
fn is_resend(stanza: &Node) -> bool {
    stanza.get("participant").is_some()
        || stanza.get("device_fanout") == Some("false")
        || stanza.find_all("enc").any(|enc| enc.get("type") != Some("skmsg") || enc.get("count").is_some())
}

impl World {
    /// Takes a message from a device: acknowledges it and passes it on.
    pub fn receive_message(&mut self, caller: &Caller, stanza: &Node) {
        self.counters.add("messages_received");
        let to = stanza.get("to").and_then(Jid::parse);
        let (Some(id), Some(to)) = (stanza.get("id"), to) else {
            self.counters.add("messages_malformed");
            return;
        };
        let now = self.now();
        if let Some(code) = self.faults.rate_limit(&caller.address, true, now) {
            self.counters.add("rate_limited");
            self.ack_message(caller, stanza, Some(code));
            return;
        }
        let refused = match to.server.as_str() {
            crate::jid::GROUP_SERVER => self.refusal_in_group(caller, &to),
            crate::jid::PHONE_SERVER | crate::jid::LID_SERVER => self.resolve(&to).is_none().then_some(404),
            crate::jid::CHANNEL_SERVER => return self.receive_channel_message(caller, stanza, &to),
            _ => None,
        };
        // The acknowledgement goes first: on loopback the receiver's receipt would overtake it.
        self.ack_message(caller, stanza, refused);
        if refused.is_some() {
            self.counters.add("messages_refused");
            return;
        }
        let resend = is_resend(stanza);
        let mut relay = Relay { sender: &caller.address, stanza, id, group: None, resend };
        if let Some(device) = self.device_mut(&caller.address) {
            if !resend && device.sends.contains(id) {
                self.counters.add("messages_repeated");
            } else {
                device.sends.remember(id);
            }
        }
        match to.server.as_str() {
            crate::jid::PHONE_SERVER | crate::jid::LID_SERVER => self.relay_direct(&relay, &to),
            crate::jid::GROUP_SERVER => {
                relay.group = Some(to.clone());
                self.relay_group(&relay, &to);
            }
            "broadcast" => {
                relay.group = Some(to);
                self.relay_status(&relay);
            }
            _ => self.counters.add("messages_to_nobody"),
        }
    }

    /// Posts are numbered by the server, which tells the number with the acknowledgement.
    fn receive_channel_message(&mut self, caller: &Caller, stanza: &Node, to: &Jid) {
        match self.receive_post(caller, to, stanza) {
            Ok(number) => {
                let ack = self.ack_of(caller, stanza, None).attr("server_id", number.to_string());
                self.send_ack(caller, ack);
            }
            Err(code) => {
                self.counters.add("messages_refused");
                self.ack_message(caller, stanza, Some(code));
            }
        }
    }

    fn ack_message(&mut self, caller: &Caller, stanza: &Node, error: Option<u16>) {
        let ack = self.ack_of(caller, stanza, error);
        self.send_ack(caller, ack);
    }

    fn ack_of(&self, caller: &Caller, stanza: &Node, error: Option<u16>) -> Node {
        Node::new("ack")
            .attr("class", "message")
            .attr_opt("id", stanza.get("id"))
            .attr_opt("from", stanza.get("to"))
            .attr("t", self.seconds_for(&caller.address).to_string())
            .attr_opt("participant", stanza.get("participant"))
            .attr_opt("error", error.map(|code| code.to_string()))
    }

    fn refusal_in_group(&self, caller: &Caller, to: &Jid) -> Option<u16> {
        let Some(group) = self.groups.get(&to.user) else { return Some(404) };
        if group.may_send(&caller.address.number) { None } else { Some(403) }
    }

    fn relay_direct(&mut self, relay: &Relay<'_>, to: &Jid) {
        let Some(chat) = self.resolve_device(to) else { return };
        let bare: Vec<&Node> = relay.stanza.find_all("enc").collect();
        let targets: Vec<(Address, Vec<&Node>)> = if bare.is_empty() {
            self.participants_of(relay.stanza).into_iter().collect()
        } else {
            // For the one device in `to`; Baileys 7 repeats the ciphertext in `<participants>`.
            vec![(chat.clone(), bare)]
        };
        let blocked = self
            .accounts
            .get(&chat.number)
            .is_some_and(|account| account.blocked.contains(&relay.sender.number));
        self.acquaint(&relay.sender.number, &chat.number);
        for (target, encs) in targets {
            let own = target.number == relay.sender.number;
            if target == *relay.sender || !(own || target.number == chat.number) {
                self.counters.add("ciphertexts_misdirected");
                continue;
            }
            if blocked && !own {
                self.counters.add("messages_blocked");
                continue;
            }
            let Some(head) = self.direct_head(relay, to, &chat, &target) else { continue };
            self.hand_over(relay, &target, head, &encs);
        }
    }

    /// The delivered stanza without its content. The namespace of `to` is kept; the sender's other
    /// address is added, except towards the sender's own devices: Baileys 7 would take it for the
    /// contact's.
    fn direct_head(&self, relay: &Relay<'_>, to: &Jid, chat: &Address, target: &Address) -> Option<Node> {
        let lid = to.is_lid();
        let sender = self.account_of(relay.sender)?;
        let head = self
            .head(relay, target, sender)
            .attr("from", sender.jid(lid).with_device(relay.sender.device).to_string());
        if target.number != relay.sender.number {
            let other = if lid { "sender_pn" } else { "sender_lid" };
            return Some(head.attr(other, sender.jid(!lid).to_string()));
        }
        if relay.stanza.get("category") == Some("peer") {
            return Some(head);
        }
        // A resend to an own device names the chat in `recipient`.
        let recipient = relay.stanza.get("recipient").and_then(Jid::parse);
        let recipient = recipient.unwrap_or_else(|| to.clone()).with_device(0);
        let contact = self.resolve(&recipient).or_else(|| self.accounts.get(&chat.number))?;
        let other = if recipient.is_lid() { "peer_recipient_pn" } else { "peer_recipient_lid" };
        let alternative = contact.jid(!recipient.is_lid()).to_string();
        Some(head.attr("recipient", recipient.to_string()).attr(other, alternative))
    }

    fn head(&self, relay: &Relay<'_>, target: &Address, sender: &Account) -> Node {
        let mut head = Node::new("message")
            .attr("id", relay.id)
            .attr("t", self.seconds_for(target).to_string())
            .attr("notify", sender.name.clone());
        for key in KEPT_ATTRIBUTES {
            head = head.attr_opt(key, relay.stanza.get(key));
        }
        head
    }

    fn relay_group(&mut self, relay: &Relay<'_>, to: &Jid) {
        let Some(group) = self.groups.get(&to.user) else { return };
        let mut personal = self.participants_of(relay.stanza);
        let encs: Vec<&Node> = relay.stanza.find_all("enc").collect();
        let bare = encs.iter().any(|enc| enc.get("type") != Some("skmsg"));
        if let Some(only) = relay.stanza.get("participant") {
            let Some(target) = Jid::parse(only).and_then(|jid| self.resolve_device(&jid)) else { return };
            let mut all = if bare { Vec::new() } else { personal.remove(&target).unwrap_or_default() };
            all.extend(encs);
            self.hand_over_in_group(relay, &target, &all);
            return;
        }
        for target in self.devices_of(group.members.keys()) {
            if target == *relay.sender {
                continue;
            }
            // The device's own sender-key distribution comes before the group's ciphertext.
            let mut all = personal.remove(&target).unwrap_or_default();
            all.extend(&encs);
            if !all.is_empty() {
                self.hand_over_in_group(relay, &target, &all);
            }
        }
    }

    /// Status updates go to the accounts that the sender lists.
    fn relay_status(&mut self, relay: &Relay<'_>) {
        let mut personal = self.participants_of(relay.stanza);
        let encs: Vec<&Node> = relay.stanza.find_all("enc").collect();
        let mut numbers: Vec<String> = personal.keys().map(|target| target.number.clone()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for target in self.devices_of(&numbers) {
            if target == *relay.sender {
                continue;
            }
            let mut all = personal.remove(&target).unwrap_or_default();
            all.extend(&encs);
            self.hand_over_in_group(relay, &target, &all);
        }
    }

    fn hand_over_in_group(&mut self, relay: &Relay<'_>, target: &Address, encs: &[&Node]) {
        let Some(to) = &relay.group else { return };
        let group = self.groups.get(&to.user);
        let lid = group.map_or_else(|| relay.stanza.get("addressing_mode") == Some("lid"), |group| group.lid);
        let Some(sender) = self.account_of(relay.sender) else { return };
        let other = if lid { "participant_pn" } else { "participant_lid" };
        let head = self
            .head(relay, target, sender)
            .attr("from", to.to_string())
            .attr("participant", sender.jid(lid).with_device(relay.sender.device).to_string())
            .attr(other, sender.jid(!lid).to_string())
            .attr("addressing_mode", if lid { "lid" } else { "pn" });
        self.hand_over(relay, target, head, encs);
    }

    /// Gives a message to one device, unless the device got the same id before.
    fn hand_over(&mut self, relay: &Relay<'_>, target: &Address, head: Node, encs: &[&Node]) {
        if self.device(target).is_none() {
            self.counters.add("ciphertexts_for_unknown_devices");
            return;
        }
        self.show_observer(relay, target, encs);
        if let Some(device) = self.device_mut(relay.sender) {
            let first = device.sends.first_for(relay.id, target);
            if !first && !relay.resend {
                return;
            }
        }
        let mut message = head.children(encs.iter().map(|enc| (*enc).clone()));
        if encs.iter().any(|enc| enc.get("type") == Some("pkmsg"))
            && let Some(identity) = relay.stanza.find("device-identity")
        {
            message = message.child(identity.clone());
        }
        let kept = relay.stanza.nodes().iter().filter(|child| KEPT_CHILDREN.contains(&child.tag.as_str()));
        let message = message.children(kept.cloned());
        self.counters.add("messages_relayed");
        self.deliver(target, StanzaClass::Message, relay.id, message);
    }

    fn show_observer(&mut self, relay: &Relay<'_>, target: &Address, encs: &[&Node]) {
        if self.observer.is_none() {
            return;
        }
        for enc in encs {
            let Some(bytes) = enc.data() else { continue };
            self.relayed.push(RelayedCiphertext {
                sender: relay.sender.jid(),
                receiver: target.jid(),
                group: relay.group.clone(),
                message_id: relay.id.to_owned(),
                kind: enc.get("type").unwrap_or_default().to_owned(),
                ciphertext: Arc::from(bytes),
            });
        }
    }

    /// The ciphertexts in `<participants>`, by device.
    fn participants_of<'a>(&self, stanza: &'a Node) -> HashMap<Address, Vec<&'a Node>> {
        let mut found: HashMap<Address, Vec<&Node>> = HashMap::new();
        for to in stanza.find("participants").into_iter().flat_map(|list| list.find_all("to")) {
            let Some(jid) = to.get("jid").and_then(Jid::parse) else { continue };
            if let Some(address) = self.resolve_device(&jid) {
                found.entry(address).or_default().extend(to.find_all("enc"));
            }
        }
        found
    }

    /// Two accounts that exchange messages hear of each other's device changes.
    fn acquaint(&mut self, one: &str, other: &str) {
        if one == other {
            return;
        }
        for (of, number) in [(one, other), (other, one)] {
            if let Some(account) = self.accounts.get_mut(of)
                && !account.acquainted.contains(number)
            {
                account.acquainted.insert(number.to_owned());
            }
        }
    }
}
