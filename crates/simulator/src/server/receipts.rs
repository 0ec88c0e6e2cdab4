//! Receipts and acknowledgements from devices (section 9).

use super::account::{Address, StanzaClass};
use super::dispatch::Caller;
use super::world::World;
use crate::jid::Jid;
use crate::node::Node;

/// Receipts that tell the server something and nobody else.
const KEPT_BACK: [&str; 7] =
    ["peer_msg", "hist_sync", "read-self", "played-self", "sender", "server-error", "inactive-self"];

impl World {
    /// Takes a receipt: acknowledges it, takes the message off the queue and passes the receipt on.
    pub fn receive_receipt(&mut self, caller: &Caller, receipt: &Node) {
        self.counters.add("receipts_received");
        let Some(id) = receipt.get("id") else { return };
        let kind = receipt.get("type");
        let ack = Node::new("ack")
            .attr("class", "receipt")
            .attr("id", id)
            .attr_opt("from", receipt.get("to"))
            .attr_opt("type", kind)
            .attr_opt("participant", receipt.get("participant"))
            .attr("t", self.seconds_for(&caller.address).to_string());
        self.send_stanza(caller.link, ack);
        let retry = matches!(kind, Some("retry" | "enc_rekey_retry"));
        if !retry {
            self.confirm(caller.link, &caller.address, StanzaClass::Message, id, true);
            let more = receipt.find("list").into_iter().flat_map(|list| list.find_all("item"));
            for item in more.filter_map(|item| item.get("id")) {
                self.confirm(caller.link, &caller.address, StanzaClass::Message, item, true);
            }
        }
        if kind.is_some_and(|kind| KEPT_BACK.contains(&kind)) {
            return;
        }
        if let Some(to) = receipt.get("to").and_then(Jid::parse) {
            self.forward_receipt(caller, receipt, &to, retry);
        }
    }

    fn forward_receipt(&mut self, caller: &Caller, receipt: &Node, to: &Jid, retry: bool) {
        let in_group = !(to.is_lid() || to.is_phone_number());
        // In a group the author of the message is named by `participant`.
        let author =
            if in_group { receipt.get("participant").and_then(Jid::parse) } else { Some(to.clone()) };
        let Some(author) = author else { return };
        let Some(target) = self.resolve_device(&author) else { return };
        let Some(reader) = self.account_of(&caller.address) else { return };
        let reader_jid = reader.jid(author.is_lid()).with_device(caller.address.device).to_string();
        let blocked = self
            .accounts
            .get(&target.number)
            .is_none_or(|account| account.blocked.contains(&caller.address.number));
        let own = target.number == caller.address.number;
        if (own && !retry) || (blocked && !in_group) {
            return;
        }
        let mut forwarded = receipt.clone();
        forwarded.attrs.retain(|(key, _)| matches!(key.as_str(), "id" | "type" | "recipient"));
        if !own {
            forwarded.attrs.retain(|(key, _)| key != "recipient");
        }
        let forwarded = if in_group {
            forwarded.attr("from", to.to_string()).attr("participant", reader_jid)
        } else {
            forwarded.attr("from", reader_jid)
        };
        let (targets, delay) = if retry {
            (vec![target], self.config.retry_delay)
        } else {
            (self.addresses(&target.number), std::time::Duration::ZERO)
        };
        self.counters.add(if retry { "retry_receipts" } else { "receipts_forwarded" });
        for target in targets {
            self.forward_to(&target, &forwarded, delay);
        }
    }

    fn forward_to(&mut self, target: &Address, receipt: &Node, delay: std::time::Duration) {
        let id = receipt.get("id").unwrap_or_default().to_owned();
        let receipt = receipt.clone().attr("t", self.seconds_for(target).to_string());
        self.deliver_after(target, StanzaClass::Receipt, &id, receipt, delay);
    }

    /// Takes an acknowledgement, also a negative one: the device is done with the stanza.
    pub fn receive_ack(&mut self, caller: &Caller, ack: &Node) {
        if ack.get("error").is_some() {
            self.counters.add("negative_acks");
        }
        let class = match ack.get("class") {
            Some("message") => StanzaClass::Message,
            Some("receipt") => StanzaClass::Receipt,
            Some("notification") => StanzaClass::Notification,
            _ => return,
        };
        if let Some(id) = ack.get("id") {
            let all = class == StanzaClass::Message;
            self.confirm(caller.link, &caller.address, class, id, all);
        }
    }
}
