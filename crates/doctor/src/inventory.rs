//! What the doctor keeps of each file once it was read: enough to compare files with each other, small
//! enough for a folder of a hundred thousand.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Address, Domain};
use crate::finding::{Finding, Subject};
use crate::formats::baileys::Version;
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::{CREDENTIALS, MOVED_MARKER, Name, REPAIR_FOLDER};
use crate::formats::baileys::sender_key::Shape;
use crate::model::SenderKeyName;
use crate::source::Entry;
use crate::state::{MemoryFacts, SenderKeyFacts, SessionState, SignalFacts, StoredLogin};

mod near;
mod writer;

pub(crate) use near::{LeftOut, Near, left_out};

/// Phone numbers of so many digits are all but unknown, LIDs have no fewer.
pub(crate) const LID_DIGITS: usize = 14;

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
    /// `creds.json` without a byte, or with blanks alone: nothing was ever written.
    Blank,
    /// `creds.json`
    Credentials(Box<Credentials>),
    /// A record of Signal sessions.
    Session(SignalFacts),
    /// A sender key.
    SenderKey {
        /// The shape it is stored in; `None` when malformed or empty.
        shape: Option<Shape>,
        /// What is compared of it.
        facts: SenderKeyFacts,
    },
    /// Who was told our sender key.
    Memory {
        /// Whom it names.
        facts: MemoryFacts,
        /// The LIDs among them.
        lids: Vec<String>,
    },
    /// A LID mapping to this user.
    Mapped(String),
    /// A device list.
    Devices(Vec<u32>),
    /// A sound file of another kind.
    Sound,
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
    /// What lies near it, when it holds no login.
    pub(crate) near: Near,
}

impl Inventory {
    /// Whether the session was moved out of the folder.
    pub fn is_moved(&self) -> bool {
        self.files.contains_key(MOVED_MARKER) && !self.moved_within
    }

    /// Whether any file is one of a session.
    pub(crate) fn is_recognised(&self) -> bool {
        let ours = [MOVED_MARKER, REPAIR_FOLDER];
        self.files.values().any(|file| file.name.is_baileys())
            || ours.iter().any(|name| self.files.contains_key(*name))
    }

    /// The credentials, when `creds.json` could be parsed.
    pub fn credentials(&self) -> Option<&Credentials> {
        match &self.files.get("creds.json")?.facts {
            Facts::Credentials(credentials) => Some(credentials),
            _ => None,
        }
    }

    /// The parts of the session, as far as they can be read.
    pub fn state(&self) -> SessionState {
        let is_used = self.holds_session_state() || self.is_only_copy();
        let mut state = SessionState { is_used, ..SessionState::default() };
        for file in self.files.values() {
            add(&mut state, file);
        }
        if matches!(state.login, StoredLogin::Blank) && !self.had_no_login() {
            state.login = StoredLogin::Unreadable;
        }
        state
    }

    /// Whether the folder holds anything that only a linked session has.
    pub(crate) fn holds_session_state(&self) -> bool {
        self.files.values().any(|file| file.name.is_session_state())
    }

    /// Whether a copy of the login is here, and no `creds.json`.
    pub(crate) fn is_only_copy(&self) -> bool {
        self.near.is_in_folder && !self.files.contains_key(CREDENTIALS)
    }

    /// Whether nothing tells that there was a login once: no file that only a linked session has, no copy of
    /// `creds.json`, which who wrote it has left, and no login in a copy of the folder or a backup.
    pub(crate) fn had_no_login(&self) -> bool {
        let is_copy = |name: &String| name.starts_with("creds") && name != "creds.json";
        !self.holds_session_state() && !self.files.keys().any(is_copy) && !self.near.is_of_login()
    }

    /// The records of Signal sessions that could be read.
    pub fn sessions(&self) -> impl Iterator<Item = (&FileReport, &Address, &SignalFacts)> {
        self.files.values().filter_map(|file| match (&file.name, &file.facts) {
            (Name::Session(address), Facts::Session(facts)) => Some((file, address, facts)),
            _ => None,
        })
    }

    /// The facts of the Signal sessions with one device.
    pub fn session(&self, address: &Address) -> Option<&SignalFacts> {
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

    /// Whether a number that a file name gives as a phone number is a LID: 6.x does not tell them apart.
    pub(crate) fn is_bare_lid(address: &Address, lids: &BTreeSet<&str>) -> bool {
        let user = address.user.as_str();
        address.domain == Domain::Phone && (lids.contains(user) || user.len() > LID_DIGITS)
    }

    /// Which releases of Baileys wrote the folder last, as far as its files tell.
    pub fn written_by(&self) -> Option<Version> {
        writer::of(self)
    }

    /// Whether sender keys of both shapes are there and nothing tells which are in use.
    pub(crate) fn is_of_two_releases(&self) -> bool {
        writer::is_unsure(self)
    }
}

/// Adds what one file holds to the session's state.
fn add(state: &mut SessionState, file: &FileReport) {
    let written_ms = i64::try_from(file.entry.modified_ns / 1_000_000).ok();
    match (&file.name, &file.facts) {
        (Name::Credentials, Facts::Credentials(credentials)) => {
            state.login = StoredLogin::Read(credentials.clone());
        }
        (Name::Credentials, Facts::Blank) => state.login = StoredLogin::Blank,
        (Name::Credentials, _) => state.login = StoredLogin::Unreadable,
        (Name::Session(address), Facts::Session(facts)) => {
            let facts = SignalFacts { written_ms, ..facts.clone() };
            state.signal_sessions.insert(address.clone(), facts);
        }
        (Name::Session(address), _) => drop(state.unread_signal_sessions.insert(address.clone())),
        (Name::SenderKey { group, sender }, Facts::SenderKey { facts, .. }) => {
            let name = SenderKeyName { group: group.clone(), sender: sender.clone() };
            state.sender_keys.insert(name, facts.clone());
        }
        (Name::SenderKeyMemory { group }, facts) => {
            let told = match facts {
                Facts::Memory { facts, .. } => facts.clone().written(written_ms),
                _ => MemoryFacts::default(),
            };
            state.sender_key_memory.insert(group.clone(), told);
        }
        // A name alone is no pre-key: anybody can make a file.
        (Name::PreKey(id), Facts::Sound) => drop(state.pre_keys.insert(*id, written_ms)),
        // The file's name is the id with one character that no file name may have replaced.
        (Name::AppStateKey { id }, _) => drop(state.app_state_keys.insert(id.replace("__", "/"))),
        (Name::LidMapping { phone }, Facts::Mapped(lid)) => {
            state.lid_mappings.insert(phone.clone(), lid.clone());
        }
        (Name::DeviceList { user }, Facts::Devices(devices)) => {
            state.device_lists.insert(user.clone(), devices.clone());
        }
        _ => {}
    }
}

/// The name of the file with the Signal sessions of one device, as 7.x writes it.
pub fn session_file(address: &Address) -> String {
    Subject::SignalSession(address.clone()).file()
}
