//! What a finding is about, and a repair touches.

use crate::address::Address;
use crate::formats::baileys::name::{CREDENTIALS, Name};
use crate::model::SenderKeyName;

/// What a finding is about, and what its repair touches: a part of the session, however it is stored. Rungs, policies and
/// stores ask for this, never for a file's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The credentials.
    Credentials,
    /// The Signal sessions with one device.
    SignalSession(Address),
    /// A sender key.
    SenderKey(SenderKeyName),
    /// Who was told our sender key of a group.
    SenderKeyMemory(String),
    /// One pre-key.
    PreKey(u32),
    /// The pre-keys as a whole.
    PreKeys,
    /// A key of shared settings, by its id in base64.
    AppStateKey(String),
    /// Chats and messages that a gateway keeps for itself; no keys.
    ChatStore,
    /// What the session is stored in: its folder, a database, or a file as such.
    Storage,
}

impl Subject {
    /// What a file or folder of a Baileys session is, by its name.
    pub(super) fn of_file(path: &str) -> Self {
        match Name::parse(path) {
            Name::Credentials => Self::Credentials,
            Name::Session(address) => Self::SignalSession(address),
            Name::SenderKey { group, sender } => Self::SenderKey(SenderKeyName { group, sender }),
            Name::SenderKeyMemory { group } => Self::SenderKeyMemory(group),
            Name::PreKey(id) => Self::PreKey(id),
            Name::AppStateKey { id } => Self::AppStateKey(id.replace("__", "/")),
            _ => Self::Storage,
        }
    }

    /// The file that Baileys keeps it in; `.` for what is no single file.
    pub(crate) fn file(&self) -> String {
        match self {
            Self::Credentials => CREDENTIALS.to_owned(),
            Self::SignalSession(address) => format!("session-{}.json", address.signal()),
            Self::SenderKey(name) => {
                let sender = name.sender.signal();
                let (user, device) = sender.rsplit_once('.').unwrap_or((&sender, "0"));
                format!("sender-key-{}--{user}--{device}.json", name.group)
            }
            Self::SenderKeyMemory(group) => format!("sender-key-memory-{group}.json"),
            Self::PreKey(id) => format!("pre-key-{id}.json"),
            Self::AppStateKey(id) => {
                format!("app-state-sync-key-{}.json", id.replace('/', "__").replace(':', "-"))
            }
            Self::PreKeys | Self::ChatStore | Self::Storage => ".".to_owned(),
        }
    }

    /// Whose state it is, where it is one contact's.
    pub fn peer(&self) -> Option<&Address> {
        match self {
            Self::SignalSession(address) => Some(address),
            Self::SenderKey(name) => Some(&name.sender),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_and_its_file_name_each_other() {
        for file in [
            "creds.json",
            "session-628111.0.json",
            "session-100000000000002_1.12.json",
            "session-628111_128.99.json",
            "sender-key-628-139@g.us--628111--5.json",
            "sender-key-120363000000000001@g.us--100000000000002_1--0.json",
            "sender-key-memory-120363000000000001@g.us.json",
            "pre-key-17.json",
            "app-state-sync-key-AAAA__E=.json",
        ] {
            let subject = Subject::of_file(file);
            assert_ne!(subject, Subject::Storage, "{file}");
            assert_eq!(subject.file(), file);
        }
        // Names that Baileys never looks up are nobody's.
        for file in ["session-628111_0.0.json", "session-628111.007.json", ".", "notes.txt"] {
            assert_eq!(Subject::of_file(file), Subject::Storage, "{file}");
        }
    }
}
