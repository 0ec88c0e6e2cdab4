//! A late message has spoilt another Signal session of the same contact.
//!
//! One ratchet key stands in two sessions of one record, which never happens by itself. libsignal tries all
//! sessions for a message and keeps the changes of failed attempts, so a message that arrives late for an
//! archived session destroys the open one: from then on `Bad MAC` both ways, and deleting files at random does
//! not cure it for long. The session that was used last is the legitimate owner of the key, the others are
//! spoilt. When the spoilt one is open, ours and still unanswered, it is dropped and the newest sound one is
//! opened again, without any loss; otherwise the file is removed and the next message negotiates a new session.
//! Spoilt sessions that are archived do no harm and are dropped.

use std::collections::{BTreeMap, BTreeSet};

use super::SessionRecord;
use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::session::{Entry, PublicKey};

pub(crate) const CODE: Code = Code("signal_session_contaminated");

pub(crate) fn detect(session: &SessionRecord<'_>) -> Option<Finding> {
    let entries = &session.record.entries;
    let spoilt = spoilt(entries);
    if spoilt.is_empty() {
        return None;
    }
    let drop: Vec<_> = spoilt.iter().map(|index| entries[*index].index.clone()).collect();
    let open = entries.iter().position(Entry::is_open);
    let finding = match open.filter(|index| spoilt.contains(index)) {
        None => Finding::warning(CODE, session.subject(), "archived sessions share a ratchet key")
            .repair(Repair::DropSignalSessions { drop, reopen: None }),
        Some(open) => {
            let newest = (0..entries.len())
                .filter(|index| !spoilt.contains(index))
                .max_by_key(|index| entries[*index].used);
            let ours_unanswered = entries[open].base_key_type == Some(1) && entries[open].pending.is_some();
            let repair = match newest.filter(|_| ours_unanswered) {
                Some(newest) => {
                    Repair::DropSignalSessions { drop, reopen: Some(entries[newest].index.clone()) }
                }
                None => Repair::RemoveFile,
            };
            let evidence = "the open session holds a ratchet key of an older one: a late message spoilt it";
            Finding::error(CODE, session.subject(), evidence).repair(repair)
        }
    };
    Some(finding.peer(Some(session.address)))
}

/// Positions of the entries that hold a ratchet key whose legitimate owner is another one.
fn spoilt(entries: &[Entry]) -> BTreeSet<usize> {
    let mut owners: BTreeMap<PublicKey, BTreeSet<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        // Chains of the contact's ratchet keys: ours are made at random in each session.
        for key in entry.receiving().filter_map(|chain| chain.key) {
            owners.entry(key).or_default().insert(index);
        }
    }
    let mut spoilt = BTreeSet::new();
    for holders in owners.into_values().filter(|holders| holders.len() > 1) {
        let legitimate = holders.iter().copied().max_by_key(|index| entries[*index].used);
        spoilt.extend(holders.into_iter().filter(|index| Some(*index) != legitimate));
    }
    spoilt
}
