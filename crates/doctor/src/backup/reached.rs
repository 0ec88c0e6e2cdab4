//! How far the ratchets of a session are known to have come: what its newest backup holds. A folder that lies behind was
//! put back from an older copy.

use std::collections::BTreeMap;
use std::path::Path;

use super::archive::{self, Effort};
use super::series::login_of;
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

/// How far the ratchets of each login have come whose backups have a session's name: of sessions that share a name in one
/// backup folder each is compared with its own.
#[derive(Debug, Clone)]
pub struct Reached {
    logins: Vec<ReachedLogin>,
}

/// The ratchets of a backup.
#[derive(Debug, Clone)]
pub struct ReachedLogin {
    /// Which login, see [`super::manifest::account_mark`].
    pub account: String,
    /// When the backup was made, milliseconds since 1970.
    pub created_ms: i64,
    pub(crate) signal_sessions: BTreeMap<Address, SignalFacts>,
    pub(crate) sender_keys: BTreeMap<SenderKeyName, SenderKeyFacts>,
}

impl Reached {
    /// What the newest backup of a name that holds a login holds, for each login; `None` when there is none that can be read.
    pub fn of_newest(shelf: &Shelf, label: &str, passphrase: Option<&Passphrase>) -> Option<Self> {
        let (mut logins, mut read, mut effort) = (Vec::<ReachedLogin>::new(), 0, Effort::of_a_glance());
        for (path, ..) in shelf.archives(Some(label)).ok()? {
            if read == LOOKED_THROUGH {
                break;
            }
            let is_older = match login_of(&path, &mut effort) {
                Some(login) => logins.iter().any(|newer| newer.account == login),
                // One that does not tell is opened only as long as none was found.
                None => !logins.is_empty(),
            };
            if is_older {
                continue;
            }
            read += 1;
            let found = ReachedLogin::of(&path, passphrase);
            logins.extend(found.filter(|found| logins.iter().all(|newer| newer.account != found.account)));
        }
        (!logins.is_empty()).then_some(Self { logins })
    }

    /// That of a login, by its mark.
    pub fn of_login(&self, mark: &str) -> Option<&ReachedLogin> {
        self.logins.iter().find(|login| login.account == mark)
    }
}

impl ReachedLogin {
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
