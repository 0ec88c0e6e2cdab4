//! Who is available, who watches, and who is typing.

use super::account::Address;
use super::dispatch::Caller;
use super::world::World;
use crate::jid::Jid;
use crate::node::Node;

/// Longest push name that is taken over, in characters.
const LONGEST_NAME: usize = 100;

impl World {
    /// Takes `<presence>`: own availability and push name, or a subscription.
    pub fn receive_presence(&mut self, caller: &Caller, presence: &Node) {
        match presence.get("type") {
            Some("subscribe") => self.subscribe(caller, presence),
            Some("unsubscribe") => {
                let target = presence.get("to").and_then(Jid::parse);
                let target = target.and_then(|jid| Some(self.resolve(&jid)?.number.clone()));
                if let Some(account) = target.and_then(|number| self.accounts.get_mut(&number)) {
                    account.watchers.remove(&caller.address.number);
                }
            }
            kind => {
                let available = kind != Some("unavailable");
                if let (Some(name), Some(account)) =
                    (presence.get("name"), self.accounts.get_mut(&caller.address.number))
                    && !name.is_empty()
                    && name.chars().count() <= LONGEST_NAME
                {
                    name.clone_into(&mut account.name);
                }
                self.set_available(&caller.address, available);
            }
        }
    }

    fn subscribe(&mut self, caller: &Caller, presence: &Node) {
        let Some(to) = presence.get("to").and_then(Jid::parse) else { return };
        let Some(number) = self.resolve(&to).map(|account| account.number.clone()) else { return };
        if let Some(account) = self.accounts.get_mut(&number) {
            account.watchers.insert(caller.address.number.clone(), to.is_lid());
        }
        if let Some(presence) = self.presence_of(&number, to.is_lid()) {
            self.send_stanza(caller.link, presence);
        }
    }

    fn presence_of(&self, number: &str, lid: bool) -> Option<Node> {
        let account = self.accounts.get(number)?;
        let presence = Node::new("presence").attr("from", account.jid(lid).to_string());
        if !account.available.is_empty() {
            return Some(presence.attr("type", "available"));
        }
        let last = account.last_seen.map_or_else(|| "deny".to_owned(), |seen| seen.to_string());
        Some(presence.attr("type", "unavailable").attr("last", last))
    }

    /// Notes whether a device is available and tells those who watch its account.
    pub fn set_available(&mut self, address: &Address, available: bool) {
        let now = self.seconds();
        let Some(account) = self.accounts.get_mut(&address.number) else { return };
        let before = account.available.is_empty();
        if available {
            account.available.insert(address.device);
        } else {
            account.available.remove(&address.device);
        }
        if account.available.is_empty() == before {
            return;
        }
        account.last_seen = Some(now);
        let watchers: Vec<(String, bool)> =
            account.watchers.iter().map(|(number, lid)| (number.clone(), *lid)).collect();
        for (watcher, lid) in watchers {
            let Some(presence) = self.presence_of(&address.number, lid) else { return };
            for device in self.addresses(&watcher) {
                self.send_if_live(&device, presence.clone());
            }
        }
    }

    /// Takes `<chatstate>` (composing, paused) and shows it to those in the chat who are live.
    pub fn receive_chat_state(&mut self, caller: &Caller, state: &Node) {
        let Some(to) = state.get("to").and_then(Jid::parse) else { return };
        let Some(sender) = self.account_of(&caller.address) else { return };
        let mut shown = state.clone();
        shown.attrs.clear();
        let (shown, numbers) = if to.is_group() {
            let Some(group) = self.groups.get(&to.user) else { return };
            if !group.members.contains_key(&sender.number) {
                return;
            }
            let shown =
                shown.attr("from", to.to_string()).attr("participant", sender.jid(group.lid).to_string());
            (shown, group.members.keys().cloned().collect())
        } else {
            let Some(account) = self.resolve(&to) else { return };
            if account.blocked.contains(&sender.number) {
                return;
            }
            let shown = shown.attr("from", sender.jid(to.is_lid()).to_string());
            (shown, vec![account.number.clone()])
        };
        self.counters.add("chat_states");
        let own = caller.address.number.clone();
        for number in numbers.iter().filter(|number| **number != own) {
            for device in self.addresses(number) {
                self.send_if_live(&device, shown.clone());
            }
        }
    }
}
