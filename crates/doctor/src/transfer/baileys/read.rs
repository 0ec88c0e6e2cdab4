//! The whole folder, read as a repair would leave it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::address::{self, Numbers};
use super::read_files;
use crate::examine::{CredentialsState, Examination, ExamineError, Options};
use crate::finding::{Code, Subject};
use crate::formats::baileys::Version;
use crate::formats::baileys::field::decode;
use crate::formats::baileys::name::{Name, REPAIR_FOLDER};
use crate::formats::baileys::small;
use crate::json::{self, Value};
use crate::model::{SenderKeyName, Session};
use crate::repair::{self, Change, Extent, Plan};
use crate::source::{Entry, Folder};
use crate::transfer::{TransferError, moved_out};

/// A folder that was read whole.
#[derive(Debug)]
pub struct Reading {
    /// What it holds.
    pub session: Session,
    /// The version that wrote it, where that shows.
    pub version: Option<Version>,
    /// What was left behind because it is damaged.
    pub left_out: Vec<LeftOut>,
    /// What a person should know.
    pub notes: Vec<String>,
    path: PathBuf,
    listing: Vec<Entry>,
}

/// Something that was left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The file.
    pub path: String,
    /// Whose state it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Why, and what it costs.
    pub reason: String,
}

impl Reading {
    /// Whether nothing was written into the folder since it was read.
    pub fn is_current(&self, folder: &Folder, options: &Options<'_>) -> bool {
        folder.list(&options.limits).is_ok_and(|now| without_own(now) == self.listing)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a folder.
pub fn read(path: &Path, options: &Options<'_>) -> Result<Reading, TransferError> {
    let folder = Folder::open(path).map_err(ExamineError::from)?;
    read_folder(&folder, options)
}

/// Reads an open folder.
pub fn read_folder(folder: &Folder, options: &Options<'_>) -> Result<Reading, TransferError> {
    let path = folder.path().to_owned();
    let listing = without_own(folder.list(&options.limits).map_err(ExamineError::from)?);
    if let Some(to) = moved_out(folder, options.database) {
        return Err(TransferError::Moved { path, to });
    }
    if folder.entry(REPAIR_FOLDER).is_ok() {
        return Err(TransferError::Unfinished { path });
    }
    let examination = Examination::of_folder(folder, options)?;
    check_login(&examination, options, &path)?;
    let version = examination.inventory.written_by();
    let numbers = Numbers::of(&examination.inventory);
    let mut names: BTreeSet<String> = examination.inventory.files.keys().cloned().collect();
    let changed = examination.changed;
    let plan = repair::plan(folder, examination, options, &(), Extent::Damaged)?;
    names.extend(plan.overlay.changes().keys().cloned());
    let damaged = |reason: &str| TransferError::Damaged { path: path.clone(), reason: reason.to_owned() };
    let text =
        plan.overlay.read(folder, &options.limits, "creds.json").ok_or_else(|| damaged("unreadable"))?;
    let mut reader = Reader {
        session: Session::new(read_files::credentials(&text).map_err(damaged)?),
        numbers,
        left_out: Vec::new(),
    };
    for name in &names {
        if let Some(text) = plan.overlay.read(folder, &options.limits, name) {
            reader.file(name, &text);
        }
    }
    let Reader { mut session, mut left_out, .. } = reader;
    left_out.extend(left_by_plan(&plan));
    let mut notes = Vec::new();
    finish(&mut session, &mut notes);
    let reading = Reading { session, version, left_out, notes, path: path.clone(), listing };
    if changed > 0 || !reading.is_current(folder, options) {
        return Err(TransferError::Changing { path });
    }
    Ok(reading)
}

fn check_login(examination: &Examination, options: &Options<'_>, path: &Path) -> Result<(), TransferError> {
    let findings = examination.findings(options);
    let reason = || {
        let about = findings.iter().find(|finding| finding.subject == Subject::Credentials);
        about.map_or_else(|| "there is no creds.json".to_owned(), |finding| finding.evidence.clone())
    };
    match examination.credentials_state(&findings) {
        CredentialsState::Sound => Ok(()),
        CredentialsState::Damaged => Err(TransferError::Damaged { path: path.to_owned(), reason: reason() }),
        CredentialsState::Missing => Err(TransferError::NoLogin { path: path.to_owned(), reason: reason() }),
    }
}

/// wakeeper's own files come and go without meaning that somebody else is at work.
fn without_own(entries: Vec<Entry>) -> Vec<Entry> {
    entries.into_iter().filter(|entry| Name::parse(&entry.name).is_baileys()).collect()
}

struct Reader {
    session: Session,
    numbers: Numbers,
    left_out: Vec<LeftOut>,
}

impl Reader {
    fn file(&mut self, file: &str, text: &[u8]) {
        let name = Name::parse(file);
        if !name.is_baileys() || name == Name::Credentials {
            return;
        }
        let peer = name.peer().map(ToString::to_string);
        let Ok(value) = json::parse(text) else { return };
        if value.is_falsy() {
            return;
        }
        if self.take(name, file, &value).is_none() {
            let reason = "it is not what Baileys writes there".to_owned();
            self.left_out.push(LeftOut { path: file.to_owned(), peer, reason });
        }
    }

    fn take(&mut self, name: Name, file: &str, value: &Value<'_>) -> Option<()> {
        let session = &mut self.session;
        match name {
            Name::PreKey(id) => {
                session.pre_keys.insert(id, read_files::key_pair(value)?);
            }
            Name::Session(address) => {
                let record = read_files::signal_record(value)?;
                let address = self.numbers.resolve(&address);
                session.signal_sessions.entry(address).or_default().merge(record);
            }
            Name::SenderKey { group, sender } => {
                let key = SenderKeyName { group, sender: self.numbers.resolve(&sender) };
                session.sender_keys.insert(key, read_files::sender_key(value)?);
            }
            Name::SenderKeyMemory { group } => {
                session.sender_key_memory.insert(group, read_files::memory(value));
            }
            Name::AppStateKey { id } => {
                // Base64 has `/`, which names write as `__`, and no `_`.
                let id = decode(&id.replace("__", "/"))?;
                session.app_state_keys.insert(id, read_files::app_state_key(value)?);
            }
            Name::AppStateVersion => {
                let collection = stem(file, "app-state-sync-version-")?;
                session.app_state_versions.insert(collection, read_files::app_state_version(value)?);
            }
            Name::LidMapping { phone } => {
                session.lid_mappings.insert(phone, small::mapped_user(value)?);
            }
            Name::LidMappingReverse { lid } => {
                session.lid_mappings.entry(small::mapped_user(value)?).or_insert(lid);
            }
            Name::DeviceList { user } => {
                session.device_lists.insert(user, small::devices(value)?);
            }
            Name::IdentityKey(address) => {
                session.identities.insert(self.numbers.resolve(&address), small::identity(value)?);
            }
            Name::TcToken => {
                session.tokens.insert(stem(file, "tctoken-")?, read_files::token(value)?);
            }
            // The index is made anew from the tokens.
            Name::TcTokenIndex | Name::Credentials | Name::Own | Name::Temporary | Name::Unknown => {}
        }
        Some(())
    }
}

fn stem(file: &str, prefix: &str) -> Option<String> {
    Some(file.strip_prefix(prefix)?.strip_suffix(".json")?.to_owned())
}

/// What the repair would have given up.
fn left_by_plan(plan: &Plan) -> Vec<LeftOut> {
    let gone =
        |path: &str| matches!(plan.overlay.changes().get(path), Some(Change::Remove | Change::Aside(_)));
    let lasting = plan.actions.iter().filter(|action| gone(&action.path) && action.code.is_some());
    lasting
        .map(|action| LeftOut {
            path: action.path.clone(),
            peer: action.peer.clone(),
            reason: format!("{}: {}", action.code.map_or("", Code::as_str), action.description),
        })
        .collect()
}

fn finish(session: &mut Session, notes: &mut Vec<String>) {
    match address::learn_mappings(session) {
        0 => {}
        count => notes.push(format!(
            "{} had Signal sessions under both numbers; their identity keys told which belong together",
            wakeeper_model::plural(count, "contact")
        )),
    }
}
