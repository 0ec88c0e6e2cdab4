//! The server's state as JSON, for `GET /sim/state`.

use serde_json::{Value, json};

use super::newsletters::Newsletter;
use super::world::World;

impl World {
    /// Accounts, devices, queues, groups, channels and counters.
    pub fn report(&self) -> Value {
        let mut numbers: Vec<&String> = self.accounts.keys().collect();
        numbers.sort_unstable();
        let accounts: Vec<Value> = numbers
            .into_iter()
            .filter_map(|number| {
                let account = self.accounts.get(number)?;
                Some(json!({
                    "number": account.number,
                    "lid": account.lid,
                    "name": account.name,
                    "available": !account.available.is_empty(),
                    "devices": self.devices(number).unwrap_or_default(),
                    "groups": account.groups,
                }))
            })
            .collect();
        let mut groups: Vec<Value> = self
            .groups
            .values()
            .map(|group| json!({ "id": group.jid().to_string(), "subject": group.subject, "members": group.members.len() }))
            .collect();
        groups.sort_by_key(|group| group["id"].to_string());
        let mut channels: Vec<Value> = self.newsletters.values().map(Newsletter::report).collect();
        channels.sort_by_key(|channel| channel["id"].to_string());
        json!({
            "channels": channels,
            "accounts": accounts,
            "groups": groups,
            "connections": self.connections.len(),
            "waiting_to_be_linked": self.references.len() / super::pairing::REFERENCES,
            "armed_faults": self.faults.len(),
            "counters": self.counters.named,
            "unknown_stanzas": self.counters.unknown,
        })
    }
}
