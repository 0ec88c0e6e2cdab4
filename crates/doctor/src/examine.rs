//! The examination: reads a session without changing anything and reports what is wrong.
//!
//! It goes in two steps. Each file is judged alone, on as many threads as there are processors, and only the
//! facts that later comparison needs are kept; then the files are compared with each other. A repair plan
//! repeats the second step on the state that it would produce, so both are pure functions of what was read.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wakeeper_private_fs::{Trust, shown};

use crate::address::Address;
use crate::backup::archive::ArchiveError;
use crate::backup::plain::Packed;
use crate::backup::{Reached, plain};
use crate::finding::{Finding, Repair, Severity, Subject};
use crate::findings::{self, FolderView, StateView};
use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::{CREDENTIALS, MOVED_MARKER, Name};
use crate::formats::baileys::{Version, installed};
use crate::formats::baileys_store::StoreSummary;
use crate::formats::whatsmeow::is_store;
use crate::inventory::{Facts, Inventory};
use crate::layout::{Foreign, Layout};
use crate::secret::Passphrase;
use crate::source::{Entry, Folder, Limits, SourceError};
use crate::state::{SessionState, StoredLogin};
use crate::symptoms::{LogFacts, PeerFailures};
use crate::transfer::moved_out;
use crate::whatsmeow;

mod file;
mod folder;
mod native;
mod store;

pub(crate) use file::examine_file;
pub(crate) use native::of_parts as parts_of;
pub use native::{NativeView, UnreadRow, native_report};

/// What the examiner is told besides the path.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// What may be read at most.
    pub limits: Limits,
    /// The Baileys that will run on the folder, when it is not the one that wrote it.
    pub version: Option<Version>,
    /// `baileys_store.json`, which lives beside the folder.
    pub store: Option<&'a Path>,
    /// Where the session lies, when the folder is a copy of it or a person knows it by another path.
    pub home: Option<&'a Path>,
    /// What the database of a gateway's own session is called, where it can lie in a folder below; `None` for any that is
    /// called like one.
    pub database: Option<&'a str>,
    /// What logs say, peer by peer.
    pub peer_failures: &'a [PeerFailures],
    /// What its log says as a whole, when one was read.
    pub log: Option<&'a LogFacts>,
    /// How far its ratchets are known to have come.
    pub reached: Option<&'a Reached>,
    /// Contacts whose Signal sessions a person wants negotiated anew.
    pub peers: &'a [Address],
    /// Groups whose sender key of ours a person wants made anew.
    pub groups: &'a [String],
    /// Names of the processes or containers that run on the session.
    pub owners: &'a [String],
    /// Whether the folder is on a mount; `None` outside a container.
    pub on_mount: Option<bool>,
    /// The present time, milliseconds since 1970.
    pub now_ms: i64,
    /// Opens encrypted backups.
    pub passphrase: Option<&'a Passphrase>,
    /// Told how many files of how many are done.
    pub progress: Option<&'a (dyn Fn(usize, usize) + Sync)>,
}

impl Options<'_> {
    /// Options that say nothing but the time, milliseconds since 1970.
    pub fn at(now_ms: i64) -> Self {
        Self {
            limits: Limits::default(),
            version: None,
            store: None,
            home: None,
            database: None,
            peer_failures: &[],
            log: None,
            reached: None,
            peers: &[],
            groups: &[],
            owners: &[],
            on_mount: None,
            now_ms,
            passphrase: None,
            progress: None,
        }
    }
}

/// Why an examination could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ExamineError {
    /// The folder could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The archive could not be read.
    #[error("cannot examine the archive {path}: {reason}")]
    Archive {
        /// The archive.
        path: PathBuf,
        /// Why.
        reason: ArchiveError,
    },
    /// The store of whatsmeow could not be read.
    #[error(transparent)]
    Whatsmeow(#[from] whatsmeow::StoreError),
    /// A release was told that does not tell how it stores.
    #[error(
        "{path} does not show which Baileys 6 wrote it, and 6.7.18 and 6.7.24 store keys of groups differently: say --baileys 6.7.18 or --baileys 6.7.24"
    )]
    WhichSix {
        /// What was named.
        path: PathBuf,
    },
    /// Neither a folder nor a backup.
    #[error("{path} is neither a session folder nor a backup")]
    NotASession {
        /// What was named.
        path: PathBuf,
    },
}

/// The state of the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialsState {
    /// Every check passed.
    Sound,
    /// They exist and something is wrong with them.
    Damaged,
    /// There are none, or they were never linked.
    Missing,
}

/// What a session is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Baileys' folder of JSON files.
    Baileys,
    /// wakeeper's own store.
    Native,
    /// A store of whatsmeow.
    Whatsmeow,
    /// A folder without any session.
    Empty,
}

/// The report, as `wakeeper examine --json` prints it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was examined.
    pub path: PathBuf,
    /// How it is stored.
    pub format: Format,
    /// The major version of Baileys that wrote it, where that shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The releases of Baileys that store as it is stored, where that shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub releases: Option<String>,
    /// No finding of severity `error`.
    pub healthy: bool,
    /// The state of the login.
    pub credentials: CredentialsState,
    /// Number of Baileys' files.
    pub files: usize,
    /// Number of records of Signal sessions.
    pub signal_sessions: usize,
    /// What `baileys_store.json` holds, when it was named and can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreSummary>,
    /// What was found, errors first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// What was examined, in words.
    pub fn kind(&self) -> String {
        match (self.format, self.version) {
            (Format::Empty, _) => "no session".to_owned(),
            (Format::Native, _) => "a session of wakeeper".to_owned(),
            (Format::Whatsmeow, _) => "a session of whatsmeow".to_owned(),
            (Format::Baileys, Some(version)) => format!("a session of Baileys {version}"),
            (Format::Baileys, None) => "a session of Baileys".to_owned(),
        }
    }
}

/// A session that was read.
#[derive(Debug)]
pub struct Examination {
    /// Where.
    pub path: PathBuf,
    /// All its files.
    pub inventory: Inventory,
    /// What the folder is.
    pub(crate) layout: Layout,
    /// The release of Baileys that is installed near it.
    pub(crate) installed: Option<Version>,
    pub(crate) mode: Option<u32>,
    pub(crate) changed: usize,
    pub(crate) store: Option<StoreSummary>,
    pub(crate) store_findings: Vec<Finding>,
    /// The archive holds a store of whatsmeow.
    is_store_in_archive: bool,
    /// The folders of the sessions in the archive, when there are several.
    packed: Vec<String>,
}

/// Reads a session folder or a backup and reports on it. Never writes.
pub fn examine(path: &Path, options: &Options<'_>) -> Result<Report, ExamineError> {
    if is_store(path) {
        return Ok(whatsmeow::examine(path, None, options)?.into_one());
    }
    let examination = Examination::of(path, options)?;
    if examination.is_store_in_archive {
        return whatsmeow::report_of_archive(path, options);
    }
    Ok(examination.report(options))
}

/// What is wrong with one file alone, given its name and content.
pub fn judge(name: &str, content: &[u8]) -> Vec<Finding> {
    examine_file(Entry::in_memory(name, content.len() as u64), Ok(content)).findings
}

impl Examination {
    /// Reads a session folder or a backup.
    pub fn of(path: &Path, options: &Options<'_>) -> Result<Self, ExamineError> {
        if path.is_dir() {
            return Self::of_folder(&Folder::open(path)?, options);
        }
        if !path.is_file() {
            // Opening it tells why it cannot be examined.
            Folder::open(path)?;
            return Err(ExamineError::NotASession { path: shown(path) });
        }
        Self::of_archive(path, options)
    }

    /// Reads an open folder.
    pub fn of_folder(folder: &Folder, options: &Options<'_>) -> Result<Self, ExamineError> {
        let (mut inventory, changed) = folder::read(folder, options)?;
        if let Some(marker) = inventory.files.get_mut(MOVED_MARKER) {
            let to = moved_out(folder, options.database);
            marker.findings = to.iter().map(|to| findings::moved_marker(Some(to))).collect();
            inventory.moved_within = to.is_none();
        }
        let mode = folder.itself().ok().map(|entry| entry.mode);
        // Nobody moved its login away without leaving word: what is near may be what was lost.
        if !inventory.is_moved() && !inventory.credentials().is_some_and(Credentials::is_linked) {
            inventory.near = folder::near(folder, &inventory, options);
        }
        let is_session = inventory.is_recognised() || inventory.near.is_in_folder;
        let layout = if is_session { Layout::Session } else { Layout::of(folder) };
        let (store, store_findings) = options.store.map(store::examine).unwrap_or_default();
        // A container's packages lie elsewhere than beside the place where its folder is held open.
        let is_here = folder.confined().trust() == Trust::Operator;
        let installed = if is_here { installed::near(folder.path()) } else { None };
        Self {
            path: folder.path().to_owned(),
            inventory,
            layout,
            installed,
            mode,
            changed,
            store,
            store_findings,
            is_store_in_archive: false,
            packed: Vec::new(),
        }
        .with_known_release(options)
    }

    fn of_archive(path: &Path, options: &Options<'_>) -> Result<Self, ExamineError> {
        let mut inventory = Inventory::default();
        let (mut is_store_in_archive, mut packed) = (false, Vec::new());
        let read = crate::backup::archive::read(path, options.passphrase, &options.limits, |member| {
            if let Some(name) = member.session_file() {
                let entry = Entry::in_memory(name, member.content.len() as u64);
                let report = examine_file(entry, Ok(member.content));
                inventory.files.insert(name.to_owned(), report);
            }
            Ok(())
        });
        let read = match read {
            Err(ArchiveError::NotABackup) if plain::is_archive(path) => plain::examine(path, &options.limits)
                .map(|found| match found {
                    Packed::One(found) => inventory = found,
                    Packed::Several(folders) => packed = folders,
                }),
            read => read.map(|manifest| is_store_in_archive = manifest.format == whatsmeow::FORMAT),
        };
        read.map_err(|reason| match reason {
            ArchiveError::NotABackup => ExamineError::NotASession { path: shown(path) },
            reason => ExamineError::Archive { path: shown(path), reason },
        })?;
        let is_session = inventory.is_recognised();
        Self {
            path: shown(path),
            inventory,
            layout: if is_session { Layout::Session } else { Layout::Foreign(Foreign::Nothing) },
            installed: None,
            mode: None,
            changed: 0,
            store: None,
            store_findings: Vec::new(),
            is_store_in_archive,
            packed,
        }
        .with_known_release(options)
    }

    /// Refuses a release that says too little for this folder.
    fn with_known_release(self, options: &Options<'_>) -> Result<Self, ExamineError> {
        let asks = options.version == Some(Version::Six) && self.six().is_none();
        if asks { Err(ExamineError::WhichSix { path: self.path }) } else { Ok(self) }
    }

    /// Which of the releases that are called 6 is meant: the one that is installed, or that wrote the folder.
    fn six(&self) -> Option<Version> {
        let is_six = |version: &Version| matches!(version, Version::V6 | Version::V6Late);
        if let Some(installed) = self.installed.filter(is_six) {
            return Some(installed);
        }
        // They differ in nothing but these.
        if !self.inventory.files.values().any(|file| matches!(file.name, Name::SenderKey { .. })) {
            return Some(Version::V6);
        }
        let of_two = self.inventory.is_of_two_releases();
        match self.inventory.written_by() {
            Some(version) if is_six(&version) => Some(version).filter(|_| !of_two),
            // Written by a later line: what is called 6 without more was 6.7.18 for years, and loses nothing but sender keys.
            Some(_) => Some(Version::V6),
            None => Some(Version::V6).filter(|_| !of_two),
        }
    }

    /// What stands in the way of work on it: that it is no session's own folder.
    pub fn no_session(&self) -> Option<Finding> {
        let mut found = findings::for_packed(&self.packed).or_else(|| findings::for_layout(&self.layout))?;
        if matches!(self.layout, Layout::Foreign(_)) {
            found.evidence.extend(self.inventory.near.told().map(|told| format!("; {told}")));
        }
        Some(found)
    }

    /// The parts of the session, as far as they can be read.
    pub fn state(&self) -> SessionState {
        self.inventory.state()
    }

    /// The version that the findings are judged by.
    pub fn version(&self, options: &Options<'_>) -> Option<Version> {
        self.told(options).or_else(|| self.inventory.written_by())
    }

    /// The release that will run on it, where somebody or something says so.
    fn told(&self, options: &Options<'_>) -> Option<Version> {
        match options.version {
            Some(Version::Six) => self.six(),
            told => told.or(self.installed),
        }
    }

    /// Everything that is wrong, errors first.
    pub fn findings(&self, options: &Options<'_>) -> Vec<Finding> {
        let view = FolderView {
            inventory: &self.inventory,
            path: &self.path,
            told: self.told(options),
            options,
            version: self.version(options),
            mode: self.mode,
            changed: self.changed,
        };
        if let Some(finding) = self.no_session() {
            // There is nothing else that could be said of a session.
            return vec![finding];
        }
        if self.inventory.is_moved() {
            // What is left there is nobody's session any more.
            let marker = self.inventory.files.values().filter(|file| file.name == Name::Own);
            return marker.flat_map(|file| file.findings.iter().cloned()).collect();
        }
        let state = self.state();
        let near = &self.inventory.near;
        let of_state = StateView { state: &state, options, version: view.version, near: Some(near) };
        let of_state = findings::for_state(&of_state).into_iter().map(Finding::in_folder);
        let mut findings: Vec<Finding> =
            findings::for_folder(&view).into_iter().map(Finding::in_folder).collect();
        findings.extend(of_state);
        if view.version == Some(Version::Newer) {
            findings = findings.into_iter().map(findings::only_told).collect();
        }
        // A file that was never written, and nothing else of a login: that is no login yet, and not a torn one.
        let is_blank = matches!(state.login, StoredLogin::Blank);
        let files = self.inventory.files.values().filter(|file| !is_blank || file.name != Name::Credentials);
        findings.extend(files.flat_map(|file| file.findings.iter().cloned()));
        for finding in findings.iter_mut().filter(|finding| finding.repair == Repair::RestoreCredentials) {
            // Where the login may come from.
            finding.evidence.extend(near.told().map(|told| format!("; {told}")));
        }
        findings.extend(self.store_findings.iter().cloned());
        findings.sort_by(|a, b| (b.severity, &a.path, a.code).cmp(&(a.severity, &b.path, b.code)));
        findings
    }

    /// Whether files of two accounts are mixed here.
    pub(crate) fn is_of_two_accounts(&self, options: &Options<'_>) -> bool {
        self.findings(options).iter().any(|finding| findings::is_of_two_accounts(finding.code))
    }

    /// Whether they would be, with these credentials.
    pub(crate) fn would_be_of_two_accounts(&mut self, credentials: &[u8], options: &Options<'_>) -> bool {
        let entry = Entry::in_memory(CREDENTIALS, credentials.len() as u64);
        let report = examine_file(entry, Ok(credentials));
        let before = self.inventory.files.insert(CREDENTIALS.to_owned(), report);
        let mixed = self.is_of_two_accounts(options);
        match before {
            Some(before) => self.inventory.files.insert(CREDENTIALS.to_owned(), before),
            None => self.inventory.files.remove(CREDENTIALS),
        };
        mixed
    }

    /// The report.
    pub fn report(&self, options: &Options<'_>) -> Report {
        let findings = self.findings(options);
        let files = self.inventory.files.values().filter(|file| file.name.is_baileys()).count();
        let version = self.inventory.written_by();
        let is_session = |file: &&crate::inventory::FileReport| matches!(file.name, Name::Session(_));
        Report {
            path: self.path.clone(),
            format: if files == 0 { Format::Empty } else { Format::Baileys },
            version,
            releases: version.map(|version| version.to_string()),
            healthy: findings.iter().all(|finding| finding.severity != Severity::Error),
            credentials: self.credentials_state(&findings),
            files,
            signal_sessions: self.inventory.files.values().filter(is_session).count(),
            store: self.store,
            findings,
        }
    }

    /// The state of the login, given what was found.
    pub fn credentials_state(&self, findings: &[Finding]) -> CredentialsState {
        let damaged = findings.iter().any(|finding| {
            finding.severity == Severity::Error
                && finding.subject == Subject::Credentials
                && !matches!(finding.repair, Repair::AdvancePreKeyCounters { .. })
        });
        match self.inventory.files.get("creds.json").map(|file| &file.facts) {
            Some(_) if damaged => CredentialsState::Damaged,
            Some(Facts::Credentials(credentials)) if credentials.is_linked() => CredentialsState::Sound,
            Some(Facts::Blank) if self.inventory.had_no_login() => CredentialsState::Missing,
            None | Some(Facts::Credentials(_)) => CredentialsState::Missing,
            Some(_) => CredentialsState::Damaged,
        }
    }
}
