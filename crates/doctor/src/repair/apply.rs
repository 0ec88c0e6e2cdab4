//! Applies a plan, whole or not at all.
//!
//! New contents are staged in `.wakeeper-repair` beside the files and made durable. Then one rename puts the
//! journal in its place: before it nothing has changed and the next run throws the staging away; after it the
//! next run carries on. Every step names the content that it expects to replace, so a run that finishes an old
//! journal never touches a file that somebody wrote since.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};

use rustix::fs::{AtFlags, Mode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wakeeper_private_fs::{FsError, Locking};

use super::overlay::{Change, Overlay};
use super::plan::aside_name;
use crate::formats::baileys::name::REPAIR_FOLDER;
use crate::source::{Entry, EntryKind, Folder, Limits, ReadError, SourceError, is_plain};

const JOURNAL: &str = "journal.json";
const JOURNAL_DRAFT: &str = "journal.json.tmp";

/// Why a plan was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Another wakeeper works on the folder.
    #[error("another wakeeper is working on this folder")]
    Locked,
    /// A file is not what the backup holds.
    #[error("{0} changed since the backup was made: stop what is running on the session")]
    Changed(String),
    /// What gives the new contents does not, or no longer, hold them.
    #[error("the new content of {0} could not be read again: {1}")]
    NotSupplied(String, String),
    /// The file system refused.
    #[error("cannot {action} {name}: {reason}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which entry.
        name: String,
        /// The system's words.
        reason: std::io::Error,
    },
    /// The journal of an interrupted repair cannot be read.
    #[error("the journal of an interrupted repair cannot be read; remove {REPAIR_FOLDER} by hand")]
    Journal,
    /// The folder itself is at fault.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// What an application, or the completion of an interrupted one, did.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// Entries that were changed.
    pub changed: usize,
    /// Entries that were left alone because somebody wrote them since.
    pub skipped: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    steps: Vec<Step>,
}

/// One step. All of them can be repeated without harm.
#[derive(Debug, Serialize, Deserialize)]
struct Step {
    name: String,
    /// SHA-256 of the content that is there before; `None` when there is no file.
    before: Option<String>,
    what: What,
}

impl Step {
    fn stays_inside(&self) -> bool {
        let other = match &self.what {
            What::Put { staged, .. } => staged,
            What::Aside { to } => to,
            What::Remove | What::Mode { .. } => &self.name,
        };
        is_plain(&self.name) && is_plain(other)
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Put { staged: String, sha256: String },
    Remove,
    Aside { to: String },
    Mode { mode: u32 },
}

/// Called before every change on disk; an error stands for the machine stopping there.
pub(super) type Hook<'a> = &'a mut dyn FnMut() -> std::io::Result<()>;

/// Takes a name and its content.
pub type Take<'a> = &'a mut dyn FnMut(&str, &[u8]) -> Result<(), ApplyError>;

/// Hands over names and contents one by one, and stops at the first error. Its own error is what it could not read.
pub type Supply<'a> = &'a mut dyn FnMut(Take<'_>) -> Result<(), String>;

/// Applies changes whose contents are all known.
pub fn apply(
    folder: &Folder,
    overlay: &Overlay,
    backed_up: &BTreeMap<String, String>,
) -> Result<Applied, ApplyError> {
    apply_supplied(folder, overlay, backed_up, &mut |_| Ok(()))
}

/// Applies the changes. `backed_up` holds the hash of every file in the backup that was made before: what is not
/// in it, or differs from it, is not touched.
pub fn apply_supplied(
    folder: &Folder,
    overlay: &Overlay,
    backed_up: &BTreeMap<String, String>,
    supply: Supply<'_>,
) -> Result<Applied, ApplyError> {
    if overlay.is_empty() {
        return Ok(Applied::default());
    }
    let _lock = lock(folder)?;
    let _entered = folder.enter().map_err(refused("work as the owner of", "."))?;
    finish_or_undo(folder, &mut || Ok(()))?;
    let result = run(folder, overlay, backed_up, supply, &mut || Ok(()));
    if result.is_err() {
        // The failure is what counts; the next run tries this again.
        let _ = finish_or_undo(folder, &mut || Ok(()));
    }
    result
}

/// Finishes or takes back a repair that was interrupted.
pub fn recover(folder: &Folder) -> Result<Applied, ApplyError> {
    let _lock = lock(folder)?;
    let _entered = folder.enter().map_err(refused("work as the owner of", "."))?;
    finish_or_undo(folder, &mut || Ok(()))
}

/// Whether another wakeeper works on the folder.
pub fn is_locked(folder: &Folder) -> bool {
    matches!(lock(folder), Err(ApplyError::Locked))
}

/// Keeps every other wakeeper from working on a folder as long as the value lives.
pub fn hold(folder: &Folder) -> Result<File, ApplyError> {
    lock(folder)
}

/// A lock on the folder itself, so that no lock file is left behind.
fn lock(folder: &Folder) -> Result<File, ApplyError> {
    match folder.confined().lock().map_err(fs("open", "."))? {
        Locking::Taken(file) => Ok(file),
        Locking::Held { .. } => Err(ApplyError::Locked),
        Locking::Unlockable(_, reason) => Err(io("lock", ".")(reason)),
    }
}

pub(super) fn run(
    folder: &Folder,
    overlay: &Overlay,
    backed_up: &BTreeMap<String, String>,
    supply: Supply<'_>,
    hook: Hook<'_>,
) -> Result<Applied, ApplyError> {
    let staging = Staging::make(folder, hook)?;
    let mut steps = Vec::new();
    let mut awaited = BTreeMap::new();
    for (index, (name, change)) in overlay.changes().iter().enumerate() {
        // What is only moved aside is not lost, and may be of any size.
        let aside = matches!(change, Change::Aside(_));
        let before = if aside { None } else { content_hash(folder, name)? };
        if before.as_ref().is_some_and(|before| backed_up.get(name) != Some(before)) {
            return Err(ApplyError::Changed(name.clone()));
        }
        let what = match change {
            Change::Put(content) => {
                let staged = format!("new-{index}");
                staging.write(folder, &staged, name, content, hook)?;
                What::Put { staged, sha256: hash(content) }
            }
            Change::Supplied(sha256) => {
                let staged = format!("new-{index}");
                awaited.insert(name.as_str(), (staged.clone(), sha256.as_str()));
                What::Put { staged, sha256: sha256.clone() }
            }
            Change::Remove => What::Remove,
            Change::Aside(to) => What::Aside { to: to.clone() },
            Change::Mode(mode) => What::Mode { mode: *mode },
        };
        steps.push(Step { name: name.clone(), before, what });
    }
    stage_supplied(&staging, folder, awaited, supply, hook)?;
    // Files are written before others are removed: a rename never leaves less than there was.
    steps.sort_by_key(|step| matches!(step.what, What::Remove));
    staging.commit(&Journal { steps }, hook)?;
    finish_or_undo(folder, hook)
}

/// Stages what is handed over; all that is awaited must come, and be what it was.
fn stage_supplied(
    staging: &Staging,
    folder: &Folder,
    mut awaited: BTreeMap<&str, (String, &str)>,
    supply: Supply<'_>,
    hook: Hook<'_>,
) -> Result<(), ApplyError> {
    let Some(first) = awaited.keys().next().map(|name| (*name).to_owned()) else { return Ok(()) };
    let mut failed = None;
    let supplied = supply(&mut |name, content| {
        let Some((staged, sha256)) = awaited.remove(name) else { return Ok(()) };
        if hash(content) != sha256 {
            return Err(ApplyError::NotSupplied(name.to_owned(), "it changed meanwhile".to_owned()));
        }
        staging.write(folder, &staged, name, content, hook).map_err(|error| {
            let told = ApplyError::NotSupplied(name.to_owned(), error.to_string());
            failed = Some(error);
            told
        })
    });
    match (failed, supplied, awaited.keys().next()) {
        (Some(error), ..) => Err(error),
        (None, Err(reason), _) => Err(ApplyError::NotSupplied(first, reason)),
        (None, Ok(()), Some(missing)) => {
            Err(ApplyError::NotSupplied((*missing).to_owned(), "it is not there any more".to_owned()))
        }
        (None, Ok(()), None) => Ok(()),
    }
}

/// Carries on with a committed journal, or removes a staging area that was never committed.
pub(super) fn finish_or_undo(folder: &Folder, hook: Hook<'_>) -> Result<Applied, ApplyError> {
    let Some(staging) = Staging::find(folder)? else { return Ok(Applied::default()) };
    let mut applied = Applied::default();
    if let Some(journal) = staging.journal()? {
        for step in &journal.steps {
            match staging.perform(folder, step, hook)? {
                Outcome::Done => applied.changed += 1,
                Outcome::Foreign => applied.skipped.push(step.name.clone()),
            }
        }
        sync(folder, ".", hook)?;
    }
    staging.remove(folder, hook)?;
    Ok(applied)
}

enum Outcome {
    Done,
    /// Somebody wrote the file since; it is not ours to change.
    Foreign,
}

/// The folder `.wakeeper-repair`.
struct Staging {
    inside: Folder,
}

impl Staging {
    fn make(folder: &Folder, hook: Hook<'_>) -> Result<Self, ApplyError> {
        tick(hook, "make", REPAIR_FOLDER)?;
        rustix::fs::mkdirat(folder.fd(), REPAIR_FOLDER, Mode::from_raw_mode(0o700))
            .map_err(|errno| io("make", REPAIR_FOLDER)(errno.into()))?;
        Self::find(folder)?.ok_or(ApplyError::Journal)
    }

    fn find(folder: &Folder) -> Result<Option<Self>, ApplyError> {
        match folder.entry(REPAIR_FOLDER) {
            Err(ReadError::Missing) => Ok(None),
            Ok(entry) if entry.kind == EntryKind::Directory => {
                let inside = folder.below(REPAIR_FOLDER).map_err(refused("open", REPAIR_FOLDER))?;
                Ok(Some(Self { inside }))
            }
            _ => Err(ApplyError::Journal),
        }
    }

    /// Writes new content, owned and permitted as the file that it will replace.
    fn write(
        &self,
        folder: &Folder,
        staged: &str,
        name: &str,
        content: &[u8],
        hook: Hook<'_>,
    ) -> Result<(), ApplyError> {
        tick(hook, "stage", name)?;
        let mut file = self.inside.confined().create(staged).map_err(fs("stage", name))?;
        let model = owner_and_mode(folder, name)?;
        // A file that its gateway cannot read is as good as lost, so failing to give it away is a failure.
        let like = folder.confined().make_like(&file, model.uid, model.gid, model.mode);
        like.map_err(fs("stage", name))?;
        let half = content.len() / 2;
        file.write_all(&content[..half]).map_err(io("stage", name))?;
        tick(hook, "stage", name)?;
        file.write_all(&content[half..]).map_err(io("stage", name))?;
        file.sync_all().map_err(io("stage", name))
    }

    fn commit(&self, journal: &Journal, hook: Hook<'_>) -> Result<(), ApplyError> {
        tick(hook, "write", JOURNAL)?;
        let text = serde_json::to_vec(journal).map_err(|error| io("write", JOURNAL)(error.into()))?;
        let mut file = self.inside.confined().create(JOURNAL_DRAFT).map_err(fs("write", JOURNAL))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(io("write", JOURNAL))?;
        sync(&self.inside, REPAIR_FOLDER, hook)?;
        tick(hook, "commit", JOURNAL)?;
        self.inside.confined().rename(JOURNAL_DRAFT, JOURNAL).map_err(fs("commit", JOURNAL))?;
        sync(&self.inside, REPAIR_FOLDER, hook)
    }

    /// The committed journal; `None` before the commit.
    fn journal(&self) -> Result<Option<Journal>, ApplyError> {
        match self.inside.open_file(JOURNAL, &Limits::default()) {
            Err(ReadError::Missing) => Ok(None),
            Err(_) => Err(ApplyError::Journal),
            Ok((file, entry)) => {
                let mut text = Vec::new();
                file.take(entry.len).read_to_end(&mut text).map_err(io("read", JOURNAL))?;
                let journal: Journal = serde_json::from_slice(&text).map_err(|_| ApplyError::Journal)?;
                // Whoever can write into the folder can write a journal; it must not reach out of it.
                journal
                    .steps
                    .iter()
                    .all(Step::stays_inside)
                    .then_some(Some(journal))
                    .ok_or(ApplyError::Journal)
            }
        }
    }

    fn perform(&self, folder: &Folder, step: &Step, hook: Hook<'_>) -> Result<Outcome, ApplyError> {
        let name = step.name.as_str();
        let aside = matches!(step.what, What::Aside { .. });
        let now = if aside { None } else { content_hash(folder, name)? };
        let untouched = now == step.before;
        match &step.what {
            What::Put { sha256, .. } if now.as_ref() == Some(sha256) => return Ok(Outcome::Done),
            What::Remove | What::Aside { .. } if folder.entry(name).is_err() => return Ok(Outcome::Done),
            _ if !untouched => return Ok(Outcome::Foreign),
            _ => {}
        }
        tick(hook, "change", name)?;
        match &step.what {
            What::Put { staged, .. } => {
                if folder.entry(name).is_ok_and(|entry| entry.kind != EntryKind::File) {
                    rename(folder, name, &aside_name(name))?;
                }
                // From one folder into another.
                rustix::fs::renameat(self.inside.fd(), staged.as_str(), folder.fd(), name)
                    .map_err(|errno| io("change", name)(errno.into()))?;
            }
            What::Remove => folder.confined().remove(name).map_err(fs("change", name))?,
            What::Aside { to } => rename(folder, name, to)?,
            What::Mode { mode } => set_mode(folder, name, *mode)?,
        }
        Ok(Outcome::Done)
    }

    /// The journal goes first: without it the rest is only litter.
    fn remove(&self, folder: &Folder, hook: Hook<'_>) -> Result<(), ApplyError> {
        let mut entries = self.inside.list(&Limits::default())?;
        entries.sort_by_key(|entry| entry.name != JOURNAL);
        for entry in entries {
            tick(hook, "remove", &entry.name)?;
            self.inside.confined().remove(&entry.name).map_err(fs("remove", &entry.name))?;
        }
        tick(hook, "remove", REPAIR_FOLDER)?;
        rustix::fs::unlinkat(folder.fd(), REPAIR_FOLDER, AtFlags::REMOVEDIR)
            .map_err(|errno| io("remove", REPAIR_FOLDER)(errno.into()))?;
        sync(folder, ".", hook)
    }
}

fn tick(hook: Hook<'_>, action: &'static str, name: &str) -> Result<(), ApplyError> {
    hook().map_err(io(action, name))
}

fn io<'n>(action: &'static str, name: &'n str) -> impl FnOnce(std::io::Error) -> ApplyError + 'n {
    move |reason| ApplyError::Io { action, name: name.to_owned(), reason }
}

fn refused<'n>(action: &'static str, name: &'n str) -> impl FnOnce(ReadError) -> ApplyError + 'n {
    move |error| match error {
        ReadError::Io(reason) => io(action, name)(reason),
        other => io(action, name)(std::io::Error::other(other.to_string())),
    }
}

fn fs<'n>(action: &'static str, name: &'n str) -> impl FnOnce(FsError) -> ApplyError + 'n {
    move |error| io(action, name)(error.into_io())
}

fn sync(folder: &Folder, name: &str, hook: Hook<'_>) -> Result<(), ApplyError> {
    tick(hook, "sync", name)?;
    folder.confined().sync().map_err(fs("sync", name))
}

/// Renames, unless something of the new name is there already.
fn rename(folder: &Folder, from: &str, to: &str) -> Result<(), ApplyError> {
    let free = (0..10_000)
        .map(|n| if n == 0 { to.to_owned() } else { format!("{to}.{n}") })
        .find(|name| folder.entry(name).is_err())
        .unwrap_or_default();
    folder.confined().rename(from, &free).map_err(fs("move aside", from))
}

fn set_mode(folder: &Folder, name: &str, mode: u32) -> Result<(), ApplyError> {
    folder.confined().set_mode(name, mode).map_err(fs("set the permissions of", name))
}

/// What a new file should look like: the one that it replaces, or, for a new one, the folder's owner and 0600.
fn owner_and_mode(folder: &Folder, name: &str) -> Result<Entry, ApplyError> {
    if let Ok(entry) = folder.entry(name)
        && entry.kind == EntryKind::File
    {
        // A file that everyone may change is a finding of its own.
        return Ok(Entry { mode: entry.mode & 0o775 | 0o600, ..entry });
    }
    let itself =
        folder.itself().map_err(|error| io("examine", ".")(std::io::Error::other(error.to_string())))?;
    Ok(Entry { mode: 0o600, ..itself })
}

fn hash(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

/// The hash of a file; `None` when there is none, or something else stands in its place.
fn content_hash(folder: &Folder, name: &str) -> Result<Option<String>, ApplyError> {
    let unreadable =
        |reason: std::io::Error| ApplyError::Io { action: "read", name: name.to_owned(), reason };
    match folder.open_file(name, &Limits { file: u64::MAX - 1, ..Limits::default() }) {
        Err(ReadError::Missing | ReadError::NotRegular) => Ok(None),
        Err(error) => Err(unreadable(std::io::Error::other(error.to_string()))),
        Ok((mut file, _)) => {
            let mut hasher = Sha256::new();
            let mut room = [0; 16 * 1024];
            loop {
                match file.read(&mut room).map_err(unreadable)? {
                    0 => return Ok(Some(hex::encode(hasher.finalize()))),
                    read => hasher.update(&room[..read]),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
