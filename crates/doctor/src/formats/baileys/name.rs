//! What a file name of the folder says. Baileys names a file `<category>-<id>.json` and writes `/` in the id
//! as `__` and `:` as `-`.

use crate::address::Address;
use crate::formats::baileys::key_pair::HIGHEST_PRE_KEY_ID;

/// The file of the login.
pub const CREDENTIALS: &str = "creds.json";
/// The marker that `import` leaves in a folder whose session moved away.
pub const MOVED_MARKER: &str = ".wakeeper-moved.json";

/// Where a gateway keeps its sessions, in its folder.
pub const SESSIONS: &str = "sessions";
/// What `creds.json` is called there, so that Baileys does not find it.
pub const MOVED_CREDENTIALS: &str = "creds.json.moved";
/// Where a repair keeps its journal and what it replaces, until it is done.
pub const REPAIR_FOLDER: &str = ".wakeeper-repair";
/// How the names begin that a wakeeper gateway gives its own files in the folder: its rows, its lock.
const OWN: &str = "wakeeper.";

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// `creds.json`: the credentials.
    Credentials,
    /// `pre-key-<id>.json`
    PreKey(u32),
    /// `session-<address>.json`: the Signal sessions with one device.
    Session(Address),
    /// `sender-key-<group>--<user>--<device>.json`
    SenderKey {
        /// The group, escaped as in the name.
        group: String,
        /// Whose ratchet.
        sender: Address,
    },
    /// `sender-key-memory-<group>.json`: who was told our sender key.
    SenderKeyMemory {
        /// The group, escaped as in the name.
        group: String,
    },
    /// `app-state-sync-key-<id>.json`
    AppStateKey {
        /// The key's id, escaped as in the name.
        id: String,
    },
    /// `app-state-sync-version-<collection>.json`
    AppStateVersion,
    /// `lid-mapping-<phone>.json`
    LidMapping {
        /// The phone number.
        phone: String,
    },
    /// `lid-mapping-<lid>_reverse.json`
    LidMappingReverse {
        /// The LID.
        lid: String,
    },
    /// `device-list-<user>.json`
    DeviceList {
        /// The account.
        user: String,
    },
    /// `identity-key-<address>.json`
    IdentityKey(Address),
    /// `tctoken-<jid>.json`
    TcToken,
    /// `tctoken-__index.json`
    TcTokenIndex,
    /// A file of wakeeper itself.
    Own,
    /// Something an editor, a copy or a crashed writer left behind.
    Temporary,
    /// Nothing that Baileys writes.
    Unknown,
}

/// Categories in the order in which prefixes must be tried: the longer of two that begin alike comes first.
const CATEGORIES: [&str; 10] = [
    "app-state-sync-key-",
    "app-state-sync-version-",
    "sender-key-memory-",
    "sender-key-",
    "pre-key-",
    "session-",
    "lid-mapping-",
    "device-list-",
    "tctoken-",
    "identity-key-",
];

impl Name {
    /// Reads a name. Never fails: what is not Baileys' is [`Name::Unknown`] or [`Name::Temporary`].
    pub fn parse(name: &str) -> Self {
        if name == CREDENTIALS {
            return Self::Credentials;
        }
        if is_own(name) {
            return Self::Own;
        }
        name.strip_suffix(".json")
            // Every id that Baileys writes is of such characters: numbers, JIDs and base64.
            .filter(|stem| stem.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\'))
            .and_then(|stem| CATEGORIES.iter().find_map(|c| Some((*c, stem.strip_prefix(c)?))))
            .and_then(|(category, id)| Self::of(category, id))
            .unwrap_or_else(|| if is_temporary(name) { Self::Temporary } else { Self::Unknown })
    }

    fn of(category: &str, id: &str) -> Option<Self> {
        Some(match category {
            _ if id.is_empty() => return None,
            "app-state-sync-key-" => Self::AppStateKey { id: id.to_owned() },
            "app-state-sync-version-" => Self::AppStateVersion,
            "sender-key-memory-" => Self::SenderKeyMemory { group: id.to_owned() },
            "sender-key-" => {
                // Old group ids contain `-` themselves, so the id is split from the right.
                let (rest, device) = id.rsplit_once("--")?;
                let (group, user) = rest.rsplit_once("--")?;
                let sender = canonical_address(&format!("{user}.{device}"))?;
                Self::SenderKey { group: group.to_owned(), sender }
            }
            "pre-key-" => Self::PreKey(canonical_number(id).filter(|id| *id <= HIGHEST_PRE_KEY_ID)?),
            "session-" => Self::Session(canonical_address(id)?),
            "lid-mapping-" => match id.strip_suffix("_reverse") {
                Some(lid) => Self::LidMappingReverse { lid: lid.to_owned() },
                None => Self::LidMapping { phone: id.to_owned() },
            },
            "device-list-" => Self::DeviceList { user: id.to_owned() },
            "tctoken-" if id == "__index" => Self::TcTokenIndex,
            "tctoken-" => Self::TcToken,
            _ => Self::IdentityKey(canonical_address(id)?),
        })
    }

    /// Whether such a file comes into being after a phone was linked, as all do but the credentials. Pre-keys too: they
    /// are made for the server at the first login.
    pub fn is_session_state(&self) -> bool {
        !matches!(self, Self::Credentials | Self::Own | Self::Temporary | Self::Unknown)
    }

    /// Whether only Baileys 7 writes such a file.
    pub fn only_in_7(&self) -> bool {
        matches!(
            self,
            Self::LidMapping { .. }
                | Self::LidMappingReverse { .. }
                | Self::DeviceList { .. }
                | Self::IdentityKey(_)
                | Self::TcToken
                | Self::TcTokenIndex
        )
    }

    /// Whether Baileys reads files of this name.
    pub fn is_baileys(&self) -> bool {
        !matches!(self, Self::Own | Self::Temporary | Self::Unknown)
    }

    /// Whether the file holds a ratchet: state that must never go backwards.
    pub fn is_ratchet(&self) -> bool {
        matches!(self, Self::Session(_) | Self::SenderKey { .. })
    }

    /// Whose state the file holds, where the name tells.
    pub fn peer(&self) -> Option<&Address> {
        match self {
            Self::Session(address) | Self::IdentityKey(address) => Some(address),
            Self::SenderKey { sender, .. } => Some(sender),
            _ => None,
        }
    }
}

/// A gateway whose folder this is keeps its own things beside what Baileys left: its rows, its sessions, its API key.
fn is_own(name: &str) -> bool {
    [MOVED_MARKER, MOVED_CREDENTIALS, REPAIR_FOLDER, SESSIONS, "api_key"].contains(&name)
        || name.starts_with(OWN)
}

/// `007` is not how JavaScript prints a number, so such a name is never looked up.
fn canonical_number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| number.to_string() == text)
}

/// The same of an address: one device has one name.
fn canonical_address(text: &str) -> Option<Address> {
    Address::from_signal(text).filter(|address| address.signal() == text)
}

fn is_temporary(name: &str) -> bool {
    const ENDINGS: [&str; 8] = [".tmp", ".temp", ".bak", "~", ".swp", ".part", ".orig", ".old"];
    ENDINGS.iter().any(|ending| name.ends_with(ending))
        || name.starts_with(".nfs")
        || name.rsplit_once(".json.").is_some_and(|(_, rest)| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Domain;

    #[test]
    fn reads_every_kind() {
        let lid = Address { user: "100000000000002".into(), domain: Domain::Lid, device: 3 };
        let phone = Address { user: "628111".into(), domain: Domain::Phone, device: 0 };
        let cases = [
            ("creds.json", Name::Credentials),
            ("pre-key-12.json", Name::PreKey(12)),
            ("pre-key-16777215.json", Name::PreKey(HIGHEST_PRE_KEY_ID)),
            ("session-100000000000002_1.3.json", Name::Session(lid.clone())),
            (
                "sender-key-628111-1399@g.us--100000000000002_1--3.json",
                Name::SenderKey { group: "628111-1399@g.us".into(), sender: lid.clone() },
            ),
            (
                "sender-key-120363@g.us--628111--0.json",
                Name::SenderKey { group: "120363@g.us".into(), sender: phone.clone() },
            ),
            ("sender-key-memory-120363@g.us.json", Name::SenderKeyMemory { group: "120363@g.us".into() }),
            ("app-state-sync-key-AAAA__w=.json", Name::AppStateKey { id: "AAAA__w=".into() }),
            ("app-state-sync-version-regular_low.json", Name::AppStateVersion),
            ("lid-mapping-628111.json", Name::LidMapping { phone: "628111".into() }),
            ("lid-mapping-1000_reverse.json", Name::LidMappingReverse { lid: "1000".into() }),
            ("device-list-628111.json", Name::DeviceList { user: "628111".into() }),
            ("identity-key-628111.0.json", Name::IdentityKey(phone)),
            ("tctoken-__index.json", Name::TcTokenIndex),
            ("tctoken-1000@lid.json", Name::TcToken),
            (".wakeeper-moved.json", Name::Own),
            ("creds.json.moved", Name::Own),
            ("wakeeper.db-wal", Name::Own),
            ("sessions", Name::Own),
            ("creds.json.bak", Name::Temporary),
            ("session-1.0.json.1234", Name::Temporary),
        ];
        for (name, expected) in cases {
            assert_eq!(Name::parse(name), expected, "{name}");
        }
    }

    #[test]
    fn names_that_lie_are_unknown() {
        for name in [
            "session-.json",
            "lid-mapping-1\u{1b}[2J.json",
            "app-state-sync-key-a\nb.json",
            "device-list-1\u{202e}.json",
            "tctoken-a b.json",
            "session-x.0.json",
            "pre-key-007.json",
            "pre-key--1.json",
            "pre-key-16777216.json",
            "pre-key-4294967295.json",
            "pre-key-4294967296.json",
            "sender-key-g--1.json",
            "session-1.0",
            "notes.txt",
            ".json",
            "-",
        ] {
            assert_eq!(Name::parse(name), Name::Unknown, "{name}");
        }
    }
}
