//! One file, judged alone.

use crate::address::Address;
use crate::finding::Finding;
use crate::findings::{self, CredentialsFile, SessionRecord, Torn};
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::key_pair::PreKey;
use crate::formats::baileys::name::Name;
use crate::formats::baileys::sender_key::SenderKeyFile;
use crate::formats::baileys::session::{Entry as SignalSession, Record, SessionFile};
use crate::formats::baileys::{app_state, small};
use crate::inventory::{Facts, FileReport, SenderKeyFacts, SessionFacts};
use crate::json::{self, Value};
use crate::source::{Entry, ReadError};

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
    FileReport { entry, name, facts, findings }
}

fn examine_text(entry: &Entry, name: &Name, text: &[u8]) -> (Facts, Vec<Finding>) {
    match json::parse(text) {
        Err(defect) => (Facts::None, findings::for_torn(&Torn { entry, name, text, defect })),
        Ok(value) => examine_value(entry, name, &value),
    }
}

fn examine_value(entry: &Entry, name: &Name, value: &Value<'_>) -> (Facts, Vec<Finding>) {
    match name {
        Name::Credentials => {
            let credentials = Credentials::read(value);
            let found = findings::for_credentials(&CredentialsFile { entry, credentials: &credentials });
            (Facts::Credentials(Box::new(credentials)), found)
        }
        Name::PreKey(_) => (Facts::Sound, findings::for_pre_key(entry, &PreKey::read(value))),
        Name::Session(address) => examine_session(entry, address, value),
        Name::SenderKey { sender, .. } => {
            let file = SenderKeyFile::read(value);
            let found = findings::for_sender_key(entry, sender, &file);
            (Facts::SenderKey(sender_key_facts(&file)), found)
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
            let named = value.members().iter().filter_map(|member| Address::from_jid(&member.key));
            let lids = named.filter(|address| address.domain.is_lid()).map(|address| address.user).collect();
            Some(Facts::Memory { used, lids })
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
            let found = findings::for_record(&SessionRecord { entry, address, record: &record });
            (Facts::Session(session_facts(&record)), found)
        }
        file => (Facts::None, findings::for_session_file(entry, address, &file)),
    }
}

fn sender_key_facts(file: &SenderKeyFile) -> SenderKeyFacts {
    match file {
        SenderKeyFile::Record { version, states } => SenderKeyFacts {
            version: (!states.is_empty()).then_some(*version),
            own: states.iter().any(|state| state.own),
            chain: states.last().and_then(|state| state.chain),
        },
        SenderKeyFile::Malformed { .. } => SenderKeyFacts { version: None, own: false, chain: None },
    }
}

fn session_facts(record: &Record) -> SessionFacts {
    let open = record.entries.iter().find(|entry| entry.is_open());
    let latest = |times: &mut dyn Iterator<Item = i64>| times.max().unwrap_or(0);
    SessionFacts {
        sessions: record.entries.len(),
        open_created: open.map(|entry| entry.created.unwrap_or(0)),
        used: latest(&mut record.entries.iter().filter_map(|entry| entry.used)),
        created: latest(&mut record.entries.iter().filter_map(|entry| entry.created)),
        sending: open.and_then(sending),
    }
}

/// The ratchet key, shortened to what tells it apart, and how far its chain is.
fn sending(entry: &SignalSession) -> Option<(u64, i64)> {
    let chain = entry.sending().next()?;
    let start = chain.key?[1..9].try_into().ok()?;
    Some((u64::from_le_bytes(start), chain.counter?))
}
