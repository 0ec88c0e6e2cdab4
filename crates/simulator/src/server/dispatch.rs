//! Where a stanza goes: by the role of its connection, its tag, and the namespace of an `iq`.

use super::account::Address;
use super::contract::Link;
use super::world::{Role, World};
use crate::node::Node;

/// Who sent a stanza.
#[derive(Clone)]
pub(super) struct Caller {
    pub link: Link,
    pub address: Address,
}

impl World {
    /// Takes one stanza of a connection.
    pub fn receive(&mut self, link: Link, stanza: &Node) {
        self.counters.add("stanzas_received");
        let Some(connection) = self.connections.get(&link).filter(|connection| !connection.unheard) else {
            return;
        };
        match &connection.role {
            Role::Closed => {}
            Role::Registering(_) => self.receive_registering(link, stanza),
            Role::Device(address) => {
                let caller = Caller { link, address: address.clone() };
                self.receive_from_device(&caller, stanza);
            }
        }
    }

    fn receive_from_device(&mut self, caller: &Caller, stanza: &Node) {
        match stanza.tag.as_str() {
            "iq" => self.receive_iq(caller, stanza),
            "message" => self.receive_message(caller, stanza),
            "receipt" => self.receive_receipt(caller, stanza),
            "ack" => self.receive_ack(caller, stanza),
            "presence" => self.receive_presence(caller, stanza),
            "chatstate" => self.receive_chat_state(caller, stanza),
            "ib" => self.receive_ib(caller, stanza),
            "call" => self.receive_call(caller, stanza),
            "notification" => {
                self.counters.unknown(&stanza.tag);
                let ack = Node::new("ack")
                    .attr_opt("id", stanza.get("id"))
                    .attr("class", stanza.tag.clone())
                    .attr_opt("from", stanza.get("to"))
                    .attr_opt("type", stanza.get("type"));
                self.send_stanza(caller.link, ack);
            }
            "xmlstreamend" | "stream:error" => {}
            other => {
                let other = other.to_owned();
                self.counters.unknown(&other);
            }
        }
    }

    fn receive_ib(&mut self, caller: &Caller, ib: &Node) {
        for child in ib.nodes() {
            match child.tag.as_str() {
                "offline_batch" => {
                    let count = child.get("count").and_then(|count| count.parse().ok());
                    self.offline_batch(&caller.address, count);
                }
                "unified_session" | "unified_offline" | "dirty" | "offline" => {}
                other => {
                    let kind = format!("ib {other}");
                    self.counters.unknown(&kind);
                }
            }
        }
    }

    fn receive_iq(&mut self, caller: &Caller, iq: &Node) {
        // Answers are not heard: after pairing the server asks nothing.
        let Some(kind @ ("get" | "set")) = iq.get("type") else { return };
        let namespace = iq.get("xmlns").unwrap_or_default();
        let now = self.now();
        if !matches!(namespace, "w:p" | "passive" | "urn:xmpp:ping")
            && let Some(code) = self.faults.rate_limit(&caller.address, false, now)
        {
            self.counters.add("rate_limited");
            self.refuse(caller.link, iq, code, "rate-overlimit");
            return;
        }
        match (namespace, kind) {
            ("encrypt", "get") => self.encrypt_get(caller, iq),
            ("encrypt", _) => self.encrypt_set(caller, iq),
            ("usync", _) => self.usync(caller, iq),
            ("w:sync:app:state", _) => self.app_state(caller, iq),
            ("w:g2", _) => self.group_iq(caller, iq, kind),
            ("newsletter", _) => self.newsletter_iq(caller, iq),
            ("w:profile:picture", _) => self.picture_iq(caller, iq, kind),
            ("passive", _) => self.passive(caller, iq),
            ("md", _) => self.md(caller, iq),
            _ => self.settings_iq(caller, iq, namespace, kind),
        }
    }

    fn passive(&mut self, caller: &Caller, iq: &Node) {
        self.reply(caller.link, iq, Vec::new());
        if iq.find("passive").is_some() {
            self.become_passive(&caller.address);
        } else {
            self.become_active(caller);
        }
    }

    fn md(&mut self, caller: &Caller, iq: &Node) {
        let Some(remove) = iq.find("remove-companion-device") else {
            let what = iq.nodes().first().map_or("", |child| child.tag.as_str());
            let what = format!("iq md {what}");
            self.counters.unknown(&what);
            self.reply(caller.link, iq, Vec::new());
            return;
        };
        let target = remove.get("jid").and_then(crate::jid::Jid::parse);
        let target = target.and_then(|jid| self.resolve_device(&jid));
        self.reply(caller.link, iq, Vec::new());
        // A device may unlink itself; only the phone may unlink others.
        let Some(target) = target else { return };
        let allowed = target == caller.address
            || (caller.address.device == 0 && target.number == caller.address.number);
        if allowed && target.device != 0 {
            self.remove_device(&target);
        }
    }
}
