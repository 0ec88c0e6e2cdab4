//! `wakeeper clean` on a folder: examine, plan, back up, apply, and look again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wakeeper_private_fs::shown;

use crate::backup::{self, BackupError, CreateOptions, Manifest, Reason, Shelf, Stock};
use crate::examine::{Examination, ExamineError, Options};
use crate::finding::{Finding, Severity};
use crate::findings;
use crate::formats::baileys::name::REPAIR_FOLDER;
use crate::repair::{self, Action, Applied, ApplyError, Extent, Plan, PlanError};
use crate::secret::Passphrase;
use crate::source::Folder;

pub(crate) mod copies;
mod sources;
mod store;

pub use sources::BackupSources;

/// How to clean.
#[derive(Clone, Copy)]
pub struct CleanOptions<'a> {
    /// How far to go.
    pub extent: Extent,
    /// Stop after the plan.
    pub dry_run: bool,
    /// The backup folder.
    pub shelf: &'a Path,
    /// The session's name in the backup folder.
    pub label: &'a str,
    /// Encrypts the backup that is made, and opens those that are read.
    pub passphrase: Option<&'a Passphrase>,
    /// Shown the plan before anything is changed; false leaves everything as it is.
    pub approve: Option<&'a dyn Fn(&Outcome) -> bool>,
}

/// What was done, as `wakeeper clean --json` prints it.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// The backup that was made first; none when nothing was to be done.
    pub backup: Option<PathBuf>,
    /// What was, or would be, done.
    pub plan: Vec<Action>,
    /// The plan was carried out.
    pub applied: bool,
    /// A person was asked and did not agree.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub declined: bool,
    /// The login is sound.
    pub login_kept: bool,
    /// A QR code must be scanned.
    pub needs_qr: bool,
    /// Nothing of severity `error` is left, by an examination after the fact.
    pub healthy: bool,
    /// Bytes that were, or would be, freed by taking out what is stale.
    pub freed: u64,
    /// What a person should know.
    pub notes: Vec<String>,
    /// What is still wrong.
    pub remaining: Vec<Finding>,
    /// The backup or copy that the login comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_from: Option<PathBuf>,
    /// The backup or copy that a person may restore, where a program may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore_from: Option<PathBuf>,
    /// Copies of a login of which only a person can tell whether it is this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unproven: Vec<PathBuf>,
    /// Commands that unpack archives near the folder, which may hold the login.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unpack: Vec<String>,
}

impl Outcome {
    /// There is no login yet, and nothing of one: all that is missing is a QR code.
    pub fn awaits_login(&self) -> bool {
        self.remaining.iter().any(|finding| findings::is_of_no_login(finding.code))
    }

    /// The login is where it should be: here, elsewhere as this gateway keeps it, or there is none yet.
    pub fn misses_no_login(&self) -> bool {
        !self.needs_qr || self.awaits_login() || self.keeps_login_elsewhere()
    }

    fn keeps_login_elsewhere(&self) -> bool {
        self.remaining.iter().any(findings::is_of_login_elsewhere)
    }

    fn is_of_two_accounts(&self) -> bool {
        self.remaining.iter().any(|finding| findings::is_of_two_accounts(finding.code))
    }

    /// What is said of the login where there is nothing to repair.
    pub fn login_unchanged(&self) -> &'static str {
        match (self.login_kept, self.awaits_login()) {
            (true, _) => "; the login is OK",
            (_, true) => "; there is no login yet",
            _ if self.is_of_two_accounts() => "; it holds files of two accounts, and one login",
            _ if self.keeps_login_elsewhere() => "; it holds no login, as the gateway keeps it elsewhere",
            _ if !self.needs_qr => "; its session is no longer here",
            _ => ", but its login is missing or damaged",
        }
    }

    /// The state of the login after a repair, for people.
    pub fn login(&self) -> &'static str {
        match (self.login_kept, self.awaits_login(), self.misses_no_login()) {
            (true, ..) => "kept: no new QR code is needed",
            (_, true, _) => "none yet: scan the QR code that the gateway shows",
            (.., true) => "not in this folder: the gateway keeps it elsewhere",
            _ => "damaged: a new QR code is needed",
        }
    }
}

/// Why cleaning failed. The folder is as it was, or as the plan wanted it.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// The folder could not be read.
    #[error(transparent)]
    Examine(#[from] ExamineError),
    /// It is no session's own folder.
    #[error("{evidence}; {advice}")]
    NoSession {
        /// What it is.
        evidence: String,
        /// What to do now.
        advice: String,
    },
    /// No plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// No backup, so nothing was touched.
    #[error("nothing was changed, because the backup failed: {0}")]
    Backup(#[from] BackupError),
    /// The backups cannot be listed, so nothing was touched.
    #[error(
        "nothing was changed, because a backup may hold what is missing here, and they cannot be looked at: {0}"
    )]
    Backups(BackupError),
    /// The plan was not carried out.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The store could not be replaced.
    #[error("cannot replace {path}: {reason}")]
    Store {
        /// The store.
        path: PathBuf,
        /// The system's words.
        reason: std::io::Error,
    },
}

/// Mends a folder. Whatever runs on the session must be stopped before.
pub fn clean(path: &Path, options: &Options<'_>, how: &CleanOptions<'_>) -> Result<Outcome, CleanError> {
    let folder = Folder::open(path).map_err(ExamineError::from)?;
    let mut notes = Vec::new();
    if folder.entry(REPAIR_FOLDER).is_ok() {
        if how.dry_run {
            notes.push("An interrupted repair would be finished first.".to_owned());
        } else {
            notes.push(finished(&repair::recover(&folder)?));
        }
    }
    let examination = Examination::of_folder(&folder, options)?;
    if let Some(Finding { evidence, repair, .. }) = examination.no_session() {
        return Err(CleanError::NoSession { evidence, advice: repair.describe() });
    }
    if !options.groups.is_empty() {
        notes.extend(about_groups(&examination.findings(options)));
    }
    let stock = Stock::of(&examination, options, how.label).because(Reason::BeforeClean);
    let sources =
        BackupSources::new(how.shelf, how.label, how.passphrase).with_copies(&folder).at_home(options.home);
    let plan = repair::plan(&folder, examination, options, &sources, how.extent)?;
    // What the backups hold may be what is missing: they are not taken for none.
    if !plan.overlay.is_empty() || plan.needs_qr {
        Shelf::at(how.shelf).archives(Some(how.label)).map_err(CleanError::Backups)?;
    }
    let mut outcome = describe(&plan, notes);
    if how.dry_run || (plan.overlay.is_empty() && !plan.reset_store) {
        outcome.healthy = is_healthy(&outcome.remaining);
        return Ok(outcome);
    }
    if !how.approve.is_none_or(|approve| approve(&outcome)) {
        outcome.declined = true;
        return Ok(outcome);
    }
    let create =
        CreateOptions { shelf: how.shelf, label: how.label, passphrase: how.passphrase, always: false };
    let backup = backup::create_from(&folder, stock, options, &create)?;
    let applied = repair::apply(&folder, &plan.overlay, &hashes(&backup.manifest))?;
    outcome.backup = Some(shown(&backup.path));
    // There may be none, or the folder that Docker makes of one that is missing.
    if plan.reset_store
        && let Some(store) = options.store.filter(|store| store.is_file())
    {
        store::reset(store, &backup.manifest)
            .map_err(|reason| CleanError::Store { path: shown(store), reason })?;
    }
    outcome.applied = true;
    outcome
        .notes
        .extend(applied.skipped.iter().map(|name| format!("{name} was written meanwhile; left alone")));
    look_again(&folder, options, &mut outcome)?;
    Ok(outcome)
}

/// What is said of groups that a person named and that there is nothing to do for.
pub fn about_groups(findings: &[Finding]) -> Vec<String> {
    let is_it = |finding: &&Finding| {
        finding.code == findings::codes::SENDER_KEY_CHOSEN && finding.severity == Severity::Info
    };
    findings
        .iter()
        .filter(is_it)
        .map(|finding| format!("Nothing to do for a group: {}.", finding.evidence))
        .collect()
}

/// A cure is done when a check after it passes, not when it ran.
fn look_again(folder: &Folder, options: &Options<'_>, outcome: &mut Outcome) -> Result<(), CleanError> {
    let examination = Examination::of_folder(folder, options)?;
    outcome.remaining = examination.findings(options);
    outcome.healthy = is_healthy(&outcome.remaining);
    outcome.login_kept =
        examination.credentials_state(&outcome.remaining) == crate::examine::CredentialsState::Sound;
    outcome.needs_qr = !outcome.login_kept;
    Ok(())
}

fn is_healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.severity != Severity::Error)
}

fn describe(plan: &Plan, mut notes: Vec<String>) -> Outcome {
    notes.extend(plan.notes.iter().cloned());
    Outcome {
        plan: plan.actions.clone(),
        login_kept: plan.login_kept,
        needs_qr: plan.needs_qr,
        freed: plan.actions.iter().map(|action| action.freed).sum(),
        notes,
        remaining: plan.remaining.clone(),
        login_from: plan.login_from.clone(),
        restore_from: plan.restore_from.clone(),
        unproven: plan.unproven.iter().map(|path| shown(path)).collect(),
        unpack: plan.unpack.clone(),
        ..Outcome::default()
    }
}

fn finished(applied: &Applied) -> String {
    match applied.changed {
        0 => "An interrupted repair that had changed nothing yet was taken back.".to_owned(),
        count => format!("An interrupted repair was finished; it concerned {count} files."),
    }
}

/// The hash of every session file in a backup, by name.
pub(crate) fn hashes(manifest: &Manifest) -> BTreeMap<String, String> {
    let named = |row: &backup::manifest::FileRow| {
        Some((row.path.strip_prefix(backup::archive::SESSION)?.to_owned(), row.sha256.clone()))
    };
    manifest.files.iter().filter_map(named).collect()
}
