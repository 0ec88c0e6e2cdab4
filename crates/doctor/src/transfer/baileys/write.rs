//! The whole folder, as files.

use std::collections::BTreeMap;

use super::write_files as files;
use crate::address::{Address, Domain};
use crate::formats::baileys::Version;
use crate::model::Session;

/// The files of a session as that version of Baileys stores it, by name.
pub fn write(session: &Session, version: Version) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    let mut put = |name: String, text: String| out.insert(name, text.into_bytes());
    put("creds.json".to_owned(), files::credentials(&session.credentials));
    for (id, pair) in &session.pre_keys {
        put(format!("pre-key-{id}.json"), files::key_pair(pair));
    }
    let mut records = BTreeMap::new();
    for (address, record) in &session.signal_sessions {
        let name = spelt(session, address, version);
        // Two numbers of one device have one name in 6.x.
        records.entry(name).or_insert_with(crate::model::SignalRecord::default).merge(record.clone());
    }
    for (name, record) in &records {
        put(file("session", name), files::signal_record(record));
    }
    for (key, value) in &session.sender_keys {
        let sender = bare(&key.sender, version);
        let (user, device) = sender.rsplit_once('.').unwrap_or((&sender, "0"));
        put(
            file("sender-key", &format!("{}--{user}--{device}", key.group)),
            files::sender_key(value, version.sender_keys()),
        );
    }
    for (group, devices) in &session.sender_key_memory {
        let members = devices
            .iter()
            .fold(files::Object::new(), |object, device| object.put(&device.to_string(), "true"));
        put(file("sender-key-memory", group), members.end());
    }
    for (id, key) in &session.app_state_keys {
        put(file("app-state-sync-key", &files::base64(id)), files::app_state_key(key));
    }
    for (collection, known) in &session.app_state_versions {
        put(file("app-state-sync-version", collection), files::app_state_version(known));
    }
    if version.knows_lids() {
        only_in_7(session, &mut put);
    }
    out
}

/// Names of the files that [`write`] would make.
pub fn file_names(session: &Session, version: Version) -> Vec<String> {
    write(session, version).into_keys().collect()
}

/// Kinds of file that 6.x does not know.
fn only_in_7(session: &Session, put: &mut impl FnMut(String, String) -> Option<Vec<u8>>) {
    for (phone, lid) in &session.lid_mappings {
        put(file("lid-mapping", phone), files::string(lid));
        put(file("lid-mapping", &format!("{lid}_reverse")), files::string(phone));
    }
    for (user, devices) in &session.device_lists {
        let devices: Vec<String> = devices.iter().map(|device| format!("\"{device}\"")).collect();
        put(file("device-list", user), format!("[{}]", devices.join(",")));
    }
    for (address, key) in &session.identities {
        put(file("identity-key", &address.signal()), files::buffer(key));
    }
    for (jid, token) in &session.tokens {
        put(file("tctoken", jid), files::token(token));
    }
    if !session.tokens.is_empty() {
        let jids: Vec<String> = session.tokens.keys().map(|jid| files::string(jid)).collect();
        let index = format!("[{}]", jids.join(","));
        let index = files::Object::new().put("token", &files::buffer(index.as_bytes())).end();
        put(file("tctoken", "__index"), index);
    }
}

/// A file name as Baileys escapes it.
fn file(category: &str, id: &str) -> String {
    format!("{category}-{}.json", id.replace('/', "__").replace(':', "-"))
}

/// How a version spells a device, where it looks for it by name alone.
fn bare(address: &Address, version: Version) -> String {
    if version.knows_lids() { address.signal() } else { format!("{}.{}", address.user, address.device) }
}

/// How a version spells the device that Signal sessions are shared with. 6.x knows contacts by their phone numbers.
fn spelt(session: &Session, address: &Address, version: Version) -> String {
    if !version.knows_lids() && address.domain.is_lid() {
        let own = &session.credentials.me;
        let phone = match &own.lid {
            Some(lid) if lid.user == address.user => Some(own.phone.user.as_str()),
            _ => session.phone_of(&address.user),
        };
        if let Some(phone) = phone {
            return bare(&address.moved_to(phone, Domain::Phone), version);
        }
    }
    bare(address, version)
}
