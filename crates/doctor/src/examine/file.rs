//! One file, judged alone.

use crate::address::Address;
use crate::finding::Finding;
use crate::findings::{self, SessionRecord, Torn};
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::key_pair::PreKey;
use crate::formats::baileys::name::Name;
use crate::formats::baileys::sender_key::SenderKeyFile;
use crate::formats::baileys::session::SessionFile;
use crate::formats::baileys::{app_state, small};
use crate::inventory::{Facts, FileReport};
use crate::json::{self, Value};
use crate::model::SenderKeyName;
use crate::source::{Entry, ReadError};
use crate::state::{MemoryFacts, SenderKeyFacts, SignalFacts};

/// Judges a file by its name and content.
pub(crate) fn examine_file(entry: Entry, content: Result<&[u8], &ReadError>) -> FileReport {
    let name = Name::parse(&entry.name);
    let mut findings = findings::for_entry(&entry, &name, content.err());
    let facts = match content {
        Ok(text) if name.is_baileys() => {
            let (facts, found) = examine_text(&entry, &name, text);
            findings.extend(found);
            facts
        }
        _ => Facts::None,
    };
    let findings = findings.into_iter().map(|finding| finding.in_file(&entry.name)).collect();
    FileReport { entry, name, facts, findings }
}

fn examine_text(entry: &Entry, name: &Name, text: &[u8]) -> (Facts, Vec<Finding>) {
    match json::parse(text) {
        Err(defect) => {
            let is_blank = text.iter().all(u8::is_ascii_whitespace);
            let facts = if is_blank && *name == Name::Credentials { Facts::Blank } else { Facts::None };
            (facts, findings::for_torn(&Torn { entry, name, text, defect }))
        }
        Ok(value) => examine_value(entry, name, &value),
    }
}

fn examine_value(entry: &Entry, name: &Name, value: &Value<'_>) -> (Facts, Vec<Finding>) {
    match name {
        Name::Credentials => {
            let credentials = Credentials::read(value);
            let found = findings::for_credentials(&credentials);
            if value.is_object() && value.members().is_empty() {
                return (Facts::Blank, found);
            }
            (Facts::Credentials(Box::new(credentials)), found)
        }
        Name::PreKey(id) => {
            let pre_key = PreKey::read(value);
            let facts = if pre_key.pair.is_some() { Facts::Sound } else { Facts::None };
            (facts, findings::for_pre_key(*id, &pre_key))
        }
        Name::Session(address) => examine_session(entry, address, value),
        Name::SenderKey { group, sender } => {
            let name = SenderKeyName { group: group.clone(), sender: sender.clone() };
            examine_sender_key(&name, &SenderKeyFile::read(value))
        }
        other => match small_facts(other, value) {
            Some(facts) => (facts, Vec::new()),
            None => (Facts::None, vec![findings::wrong_shape(entry, name)]),
        },
    }
}

/// Facts of the kinds of file for which being of the right shape is all there is to check.
fn small_facts(name: &Name, value: &Value<'_>) -> Option<Facts> {
    match name {
        Name::SenderKeyMemory { .. } => {
            let used = small::memory_is_used(value)?;
            let told: Vec<Address> = small::told(value).collect();
            let lids = told.iter().filter(|address| address.domain.is_lid());
            let lids = lids.map(|address| address.user.clone()).collect();
            Some(Facts::Memory { facts: MemoryFacts::of(used, &told), lids })
        }
        Name::LidMapping { .. } | Name::LidMappingReverse { .. } => {
            small::mapped_user(value).map(Facts::Mapped)
        }
        Name::DeviceList { .. } => small::devices(value).map(Facts::Devices),
        Name::AppStateKey { .. } => app_state::is_key(value).then_some(Facts::Sound),
        Name::AppStateVersion => app_state::is_version(value).then_some(Facts::Sound),
        Name::IdentityKey(_) => small::identity(value).map(|_| Facts::Sound),
        Name::TcToken | Name::TcTokenIndex => small::is_token(value).then_some(Facts::Sound),
        _ => Some(Facts::None),
    }
}

fn examine_session(entry: &Entry, address: &Address, value: &Value<'_>) -> (Facts, Vec<Finding>) {
    match SessionFile::read(value) {
        SessionFile::Record(record) => {
            let found = findings::for_record(&SessionRecord { address, record: &record });
            (Facts::Session(SignalFacts::of(&record)), found)
        }
        file => (Facts::None, findings::for_session_file(entry, address, &file)),
    }
}

fn examine_sender_key(name: &SenderKeyName, file: &SenderKeyFile) -> (Facts, Vec<Finding>) {
    match file {
        SenderKeyFile::Record { shape, states } => {
            let written = (!states.is_empty()).then_some(*shape);
            let facts = Facts::SenderKey { shape: written, facts: SenderKeyFacts::of(states) };
            (facts, findings::for_sender_key(name, states))
        }
        SenderKeyFile::Malformed { reason } => {
            let facts = Facts::SenderKey { shape: None, facts: SenderKeyFacts::default() };
            (facts, vec![findings::malformed_sender_key(name, reason)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also where the part of the session would be kept under another name.
    #[test]
    fn a_finding_names_the_file_that_it_was_found_in() {
        for name in
            ["", "creds.json", "pre-key-007.json", "session-0049.0.json", "sender-key-a@g.us--1--01.json"]
        {
            for content in [&b""[..], b"{}", b"[]", b"{\"sessions\":1}", b"\0\0"] {
                let report = examine_file(Entry::in_memory(name, content.len() as u64), Ok(content));
                let paths: Vec<&str> = report.findings.iter().map(|finding| finding.path.as_str()).collect();
                assert!(paths.iter().all(|path| *path == name), "{name}: {paths:?}");
            }
        }
    }
}
