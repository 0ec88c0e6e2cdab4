//! How far the ratchets of a session are known to have come: what its newest backup holds. A folder that lies behind was
//! put back from an older copy.

use std::collections::BTreeMap;
use std::path::Path;

use super::archive;
use super::shelf::Shelf;
use crate::address::Address;
use crate::examine::examine_file;
use crate::finding::Severity;
use crate::formats::baileys::name::Name;
use crate::inventory::Facts;
use crate::model::SenderKeyName;
use crate::secret::Passphrase;
use crate::source::{Entry, Limits};
use crate::state::{SenderKeyFacts, SignalFacts};

/// So many backups are looked through for one with a login: an encrypted one takes about a second to open.
const LOOKED_THROUGH: usize = 8;

/// The ratchets of a backup.
#[derive(Debug, Clone)]
pub struct Reached {
    /// Which login, see [`super::manifest::account_mark`].
    pub account: String,
    /// When the backup was made, milliseconds since 1970.
    pub created_ms: i64,
    pub(crate) signal_sessions: BTreeMap<Address, SignalFacts>,
    pub(crate) sender_keys: BTreeMap<SenderKeyName, SenderKeyFacts>,
}

impl Reached {
    /// What the newest backup of a session that holds a login holds; `None` when there is none that can be read.
    pub fn of_newest(shelf: &Shelf, label: &str, passphrase: Option<&Passphrase>) -> Option<Self> {
        let mut archives = shelf.archives(Some(label)).ok()?.into_iter().take(LOOKED_THROUGH);
        archives.find_map(|(path, ..)| Self::of(&path, passphrase))
    }

    fn of(path: &Path, passphrase: Option<&Passphrase>) -> Option<Self> {
        let mut signal_sessions = BTreeMap::new();
        let mut sender_keys = BTreeMap::new();
        let manifest = archive::read(path, passphrase, &Limits::default(), |member| {
            let Some(name) = member.session_file() else { return Ok(()) };
            let report =
                examine_file(Entry::in_memory(name, member.content.len() as u64), Ok(member.content));
            // What was damaged already when it was backed up proves nothing.
            if report.findings.iter().any(|finding| finding.severity == Severity::Error) {
                return Ok(());
            }
            match (report.name, report.facts) {
                (Name::Session(address), Facts::Session(facts)) => {
                    signal_sessions.insert(address, facts);
                }
                (Name::SenderKey { group, sender }, Facts::SenderKey { facts, .. }) if facts.own => {
                    sender_keys.insert(SenderKeyName { group, sender }, facts);
                }
                _ => {}
            }
            Ok(())
        })
        .ok()?;
        Some(Self {
            account: manifest.account?,
            created_ms: manifest.created_ms,
            signal_sessions,
            sender_keys,
        })
    }
}
