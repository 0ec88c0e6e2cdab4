//! Which devices people have, and Signal sessions with them.

use std::collections::HashMap;

use super::cipher::Bundle;
use super::core::Core;
use super::error::PhoneError;
use crate::jid::{Jid, SERVER_JID};
use crate::node::Node;

impl Core {
    /// Every device of these accounts (addresses without device), this phone left out.
    ///
    /// Answers are kept until the server tells of a change.
    pub async fn devices_of(&self, users: &[Jid]) -> Result<Vec<Jid>, PhoneError> {
        let missing: Vec<&Jid> = {
            let state = self.state();
            users.iter().filter(|user| !state.devices.contains_key(&user.to_string())).collect()
        };
        if !missing.is_empty() {
            let found = self.ask_devices(&missing).await?;
            let mut state = self.state();
            for user in missing {
                let key = user.to_string();
                let ids = found.get(&key).cloned().unwrap_or_default();
                // An account without devices does not exist; it may tomorrow.
                if !ids.is_empty() {
                    state.devices.insert(key, ids);
                }
            }
        }
        let state = self.state();
        let mut devices = Vec::new();
        for user in users {
            let ids = state.devices.get(&user.to_string()).map_or(&[][..], Vec::as_slice);
            devices.extend(ids.iter().map(|id| user.with_device(*id)));
        }
        devices.retain(|device| device.device != 0 || !self.is_me(device));
        Ok(devices)
    }

    async fn ask_devices(&self, users: &[&Jid]) -> Result<HashMap<String, Vec<u16>>, PhoneError> {
        let list = users.iter().map(|user| Node::new("user").attr("jid", user.to_string()));
        let usync = Node::new("usync")
            .attr("context", "message")
            .attr("mode", "query")
            .attr("sid", "phone")
            .attr("last", "true")
            .attr("index", "0")
            .child(Node::new("query").child(Node::new("devices").attr("version", "2")))
            .child(Node::new("list").children(list));
        let request =
            Node::new("iq").attr("to", SERVER_JID).attr("type", "get").attr("xmlns", "usync").child(usync);
        let answer = self.request("the device list", request).await?;
        let users = answer.find("usync").and_then(|usync| usync.find("list"));
        let mut found = HashMap::new();
        for user in users.into_iter().flat_map(|list| list.find_all("user")) {
            let Some(jid) = user.get("jid") else { continue };
            let devices = user.find("devices").and_then(|devices| devices.find("device-list"));
            let ids = devices
                .into_iter()
                .flat_map(|list| list.find_all("device"))
                .filter_map(|device| device.get("id")?.parse().ok())
                .collect();
            found.insert(jid.to_owned(), ids);
        }
        Ok(found)
    }

    /// Forgets which devices an account has, under both of its addresses.
    pub fn forget_devices(&self, user: &Jid) {
        let user = user.with_device(0);
        let other = self.alias(&user);
        let mut state = self.state();
        state.devices.remove(&user.to_string());
        if let Some(other) = other {
            state.devices.remove(&other.to_string());
        }
    }

    /// Starts Signal sessions with those devices that there is none with yet. Devices whose keys
    /// the server does not have are left without one.
    pub async fn ensure_sessions(&self, devices: &[Jid]) -> Result<(), PhoneError> {
        let missing: Vec<Jid> = {
            let state = self.state();
            devices.iter().filter(|device| !state.cipher.has_session(device)).cloned().collect()
        };
        if missing.is_empty() { Ok(()) } else { self.start_sessions(&missing).await }
    }

    /// Starts fresh Signal sessions with these devices.
    pub async fn start_sessions(&self, devices: &[Jid]) -> Result<(), PhoneError> {
        let users = devices.iter().map(|device| Node::new("user").attr("jid", device.to_string()));
        let request = Node::new("iq")
            .attr("to", SERVER_JID)
            .attr("type", "get")
            .attr("xmlns", "encrypt")
            .child(Node::new("key").children(users));
        let answer = self.request("key bundles", request).await?;
        let list = answer.find("list");
        let mut state = self.state();
        for user in list.into_iter().flat_map(|list| list.find_all("user")) {
            let Some(device) = user.get("jid").and_then(Jid::parse) else { continue };
            let Some(bundle) = read_bundle(user, user) else { continue };
            if let Err(error) = state.cipher.start_session(&device, &bundle) {
                tracing::warn!(%error, "a device's key bundle is unusable");
            }
        }
        Ok(())
    }
}

/// Reads `<user>` of a bundle answer, or `<keys>` of a retry receipt, whose `<registration>` stands beside it.
pub(super) fn read_bundle(user: &Node, registered: &Node) -> Option<Bundle> {
    let array = |node: &Node, tag: &str| -> Option<[u8; 32]> { node.child_data(tag)?.try_into().ok() };
    let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |id, byte| id << 8 | u32::from(*byte));
    let signed = user.find("skey")?;
    let one_time =
        user.find("key").and_then(|key| Some((number(key.child_data("id")?), array(key, "value")?)));
    Some(Bundle {
        registration_id: number(registered.child_data("registration")?),
        identity: array(user, "identity")?,
        signed_prekey: (
            number(signed.child_data("id")?),
            array(signed, "value")?,
            signed.child_data("signature")?.to_vec(),
        ),
        one_time,
    })
}
