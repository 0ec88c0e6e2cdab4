//! Calls, as far as their signalling goes: who rings, who takes it, who ends it. No sound passes.
//!
//! What the stanzas look like is read in whatsapp-rust 0.7.0 (`wacore::stanza::call`) and Baileys (`messages-recv`). Who is not
//! connected hears nothing of a call.

use super::account::Address;
use super::dispatch::Caller;
use super::world::World;
use crate::jid::Jid;
use crate::node::Node;

/// That a device cannot take a call says nothing of the others.
const BUSY: &str = "busy";

impl World {
    /// Takes `<call>`: acknowledges it and hands it on to whom it concerns.
    pub fn receive_call(&mut self, caller: &Caller, call: &Node) {
        let action = call.nodes().first();
        let ack = Node::new("ack")
            .attr_opt("id", call.get("id"))
            .attr("class", "call")
            .attr_opt("from", call.get("to"))
            .attr_opt("type", action.map(|action| action.tag.clone()));
        self.send_stanza(caller.link, ack);
        let (Some(action), Some(to)) = (action, call.get("to").and_then(Jid::parse)) else { return };
        self.counters.add("calls");
        match action.tag.as_str() {
            "offer" if to.is_group() => self.ring_group(caller, &to, action),
            "offer" => self.ring(caller, &to, action.clone()),
            _ => self.pass_on(caller, &to, action),
        }
        let outcome = match (action.tag.as_str(), action.get("reason")) {
            ("accept", _) => "accepted_elsewhere",
            ("reject", reason) if reason != Some(BUSY) => "rejected_elsewhere",
            _ => return,
        };
        self.silence_others(caller, &to, action, outcome);
    }

    /// Lets every device of somebody ring.
    fn ring(&mut self, caller: &Caller, to: &Jid, offer: Node) {
        let Some(target) = self.resolve(to) else { return };
        if target.blocked.contains(&caller.address.number) {
            return;
        }
        let (number, lid) = (target.number.clone(), to.is_lid());
        let offer = match self.account_of(&caller.address) {
            Some(account) if lid => offer.attr("caller_pn", account.phone_jid().to_string()),
            _ => offer,
        };
        self.call_devices(caller, &number, lid, &offer);
    }

    /// Lets every device of the other members ring.
    fn ring_group(&mut self, caller: &Caller, to: &Jid, offer: &Node) {
        let Some(group) = self.groups.get(&to.user) else { return };
        if !group.members.contains_key(&caller.address.number) {
            return;
        }
        let lid = group.lid;
        let others: Vec<String> =
            group.members.keys().filter(|number| **number != caller.address.number).cloned().collect();
        let offer = offer.clone().attr("group-jid", to.to_string());
        for number in others {
            self.call_devices(caller, &number, lid, &offer);
        }
    }

    /// Hands an answer or an end on to the devices of the other side.
    fn pass_on(&mut self, caller: &Caller, to: &Jid, action: &Node) {
        let Some(number) = self.resolve(to).map(|account| account.number.clone()) else { return };
        self.call_devices(caller, &number, to.is_lid(), action);
    }

    /// Ends the ringing of the account's other devices, in the name of who calls.
    fn silence_others(&mut self, caller: &Caller, to: &Jid, action: &Node, outcome: &str) {
        let end = Node::new("terminate")
            .attr_opt("call-id", action.get("call-id"))
            .attr_opt("call-creator", action.get("call-creator"))
            .attr("reason", outcome);
        for device in self.addresses(&caller.address.number) {
            if device != caller.address {
                self.call_device(&device, &to.with_device(0), None, &end);
            }
        }
    }

    fn call_devices(&mut self, caller: &Caller, number: &str, lid: bool, action: &Node) {
        let Some(account) = self.account_of(&caller.address) else { return };
        let (from, name) = (account.jid(lid).with_device(caller.address.device), account.name.clone());
        for device in self.addresses(number) {
            self.call_device(&device, &from, Some(&name), action);
        }
    }

    fn call_device(&mut self, device: &Address, from: &Jid, name: Option<&str>, action: &Node) {
        let id = self.next_id();
        let stanza = Node::new("call")
            .attr("from", from.to_string())
            .attr("id", id)
            .attr("t", self.seconds_for(device).to_string())
            .attr_opt("notify", name)
            .child(action.clone());
        self.send_if_live(device, stanza);
    }
}
