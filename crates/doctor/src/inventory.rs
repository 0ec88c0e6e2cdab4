//! What the doctor keeps of each file once it was read: enough to compare files with each other, small
//! enough for a folder of a hundred thousand.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::finding::Finding;
use crate::formats::baileys::Version;
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::{MOVED_MARKER, Name};
use crate::source::Entry;

/// One file after its own examination.
#[derive(Debug)]
pub struct FileReport {
    /// As it was listed.
    pub entry: Entry,
    /// What its name stands for.
    pub name: Name,
    /// What the comparison of files needs of it.
    pub facts: Facts,
    /// What is wrong with it alone.
    pub findings: Vec<Finding>,
}

/// What the comparison of files needs of one file.
#[derive(Debug)]
pub enum Facts {
    /// Nothing, or it cannot be read.
    None,
    /// `creds.json`
    Credentials(Box<Credentials>),
    /// A record of Signal sessions.
    Session(SessionFacts),
    /// A sender key.
    SenderKey(SenderKeyFacts),
    /// Who was told our sender key.
    Memory {
        /// Whether it names anyone.
        used: bool,
        /// The LIDs among those it names.
        lids: Vec<String>,
    },
    /// A LID mapping to this user.
    Mapped(String),
    /// A device list.
    Devices(Vec<u32>),
    /// A sound file of another kind.
    Sound,
}

/// Facts about a record of Signal sessions.
#[derive(Debug, Clone, Default)]
pub struct SessionFacts {
    /// How many sessions it holds.
    pub sessions: usize,
    /// When the open one was made, milliseconds since 1970; `None` when none is open.
    pub open_created: Option<i64>,
    /// Latest use of any session, milliseconds since 1970.
    pub used: i64,
    /// Latest making of any session, milliseconds since 1970.
    pub created: i64,
    /// The open one's ratchet key, shortened, and how far its sending chain is.
    pub sending: Option<(u64, i64)>,
}

/// Facts about a sender key.
#[derive(Debug, Clone)]
pub struct SenderKeyFacts {
    /// The shape it is stored in; `None` when malformed.
    pub version: Option<Version>,
    /// It is our own, not another sender's.
    pub own: bool,
    /// The newest state's id, and how far its chain is.
    pub chain: Option<(i64, i64)>,
}

/// All files of a folder.
#[derive(Debug, Default)]
pub struct Inventory {
    /// By name.
    pub files: BTreeMap<String, FileReport>,
    /// How many more files there are that Baileys never writes.
    pub passed_over: usize,
    /// The session once moved to a place within the folder that is gone: what is left here is older than it was.
    pub moved_within: bool,
}

impl Inventory {
    /// Whether the session was moved out of the folder.
    pub fn is_moved(&self) -> bool {
        self.files.contains_key(MOVED_MARKER) && !self.moved_within
    }

    /// The credentials, when `creds.json` could be parsed.
    pub fn credentials(&self) -> Option<&Credentials> {
        match &self.files.get("creds.json")?.facts {
            Facts::Credentials(credentials) => Some(credentials),
            _ => None,
        }
    }

    /// Whether the folder holds anything that only a linked session has.
    pub fn holds_session_state(&self) -> bool {
        self.files.values().any(|file| file.name.is_session_state())
    }

    /// The records of Signal sessions that could be read.
    pub fn sessions(&self) -> impl Iterator<Item = (&FileReport, &Address, &SessionFacts)> {
        self.files.values().filter_map(|file| match (&file.name, &file.facts) {
            (Name::Session(address), Facts::Session(facts)) => Some((file, address, facts)),
            _ => None,
        })
    }

    /// The facts of the Signal sessions with one device.
    pub fn session(&self, address: &Address) -> Option<&SessionFacts> {
        match &self.files.get(&session_file(address))?.facts {
            Facts::Session(facts) => Some(facts),
            _ => None,
        }
    }

    /// The phone number -> LID mapping, as the forward files say.
    pub fn lid_of(&self, phone: &str) -> Option<&str> {
        self.mapped(&format!("lid-mapping-{phone}.json"))
    }

    /// The same where the opposite direction agrees: one of the two files may be damaged and still look well.
    pub fn confirmed_lid_of(&self, phone: &str) -> Option<&str> {
        self.lid_of(phone)
            .filter(|lid| self.mapped(&format!("lid-mapping-{lid}_reverse.json")) == Some(phone))
    }

    fn mapped(&self, name: &str) -> Option<&str> {
        match &self.files.get(name)?.facts {
            Facts::Mapped(user) => Some(user),
            _ => None,
        }
    }

    /// Users that are known to be LIDs.
    pub fn known_lids(&self) -> BTreeSet<&str> {
        let own = self.credentials().and_then(|c| c.me.as_ref()).and_then(|me| me.lid.as_ref());
        let mut lids: BTreeSet<&str> = own.map(|lid| lid.user.as_str()).into_iter().collect();
        for file in self.files.values() {
            match (&file.name, &file.facts) {
                (Name::LidMappingReverse { lid }, _) | (Name::LidMapping { .. }, Facts::Mapped(lid)) => {
                    lids.insert(lid);
                }
                (_, Facts::Memory { lids: named, .. }) => lids.extend(named.iter().map(String::as_str)),
                _ => {}
            }
        }
        lids
    }

    /// The greatest pre-key id that the folder holds.
    pub fn greatest_pre_key(&self) -> Option<u32> {
        self.pre_keys().max()
    }

    /// The pre-key ids that the folder holds.
    pub fn pre_keys(&self) -> impl Iterator<Item = u32> {
        self.files.values().filter_map(|file| match file.name {
            Name::PreKey(id) => Some(id),
            _ => None,
        })
    }

    /// Which major version wrote the folder, where its files tell: some kinds of file exist only in 7.x.
    pub fn written_by(&self) -> Option<Version> {
        let mut by_6 = false;
        for file in self.files.values() {
            match (&file.name, &file.facts) {
                (name, _) if name.only_in_7() => return Some(Version::V7),
                (Name::Session(address), _) if address.signal().contains('_') => return Some(Version::V7),
                (Name::Session(_), _) => by_6 = true,
                (Name::SenderKey { .. }, Facts::SenderKey(facts)) => match facts.version {
                    Some(Version::V7) => return Some(Version::V7),
                    Some(Version::V6) => by_6 = true,
                    None => {}
                },
                _ => {}
            }
        }
        by_6.then_some(Version::V6)
    }
}

/// The name of the file with the Signal sessions of one device, as 7.x writes it.
pub fn session_file(address: &Address) -> String {
    format!("session-{}.json", address.signal())
}
