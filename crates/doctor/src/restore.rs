//! `wakeeper restore`: gives a backup's content back, and never lets a ratchet go backwards unasked.
//!
//! By default only what never changes, or only ever grows, comes back: credentials, pre-keys, app-state keys,
//! LID mappings. Signal sessions and our own sender keys stay as they are or stay away: a missing one costs one
//! retry, an old one reuses message keys. All of it comes back only into an empty folder, or onto ratchets that
//! are the backup's own, or when a person gives a reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wakeeper_model::plural;
use wakeeper_private_fs::{create_private_folders, shown};

use crate::backup::archive::{self, ArchiveError};
use crate::backup::kin::Tally;
use crate::backup::{self, CreateOptions, Manifest, Reason, Shelf, is_plain_copy};
use crate::clean::hashes;
use crate::examine::{CredentialsState, Examination, ExamineError, Options};
use crate::finding::Severity;
use crate::formats::baileys::name::{CREDENTIALS, Name};
use crate::repair::{self, Applied, ApplyError, Change, Overlay};
use crate::source::{EntryKind, Folder};
use crate::transfer::moved_within;

mod copy;
mod error;
mod left_out;
mod store;
mod whose;

pub use error::RestoreError;
use left_out::LeftOut;
pub use whose::newest_for;
use whose::{Whose, login};

/// What to give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What<'a> {
    /// The login and what never changes.
    Credentials,
    /// Everything, so that the folder is what was backed up.
    All {
        /// Why ratchets may go backwards; without a reason they may not.
        force: Option<&'a str>,
    },
}

/// How to restore.
#[derive(Clone, Copy)]
pub struct RestoreOptions<'a> {
    /// What to give back.
    pub what: What<'a>,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// Where the backup of the present state goes.
    pub shelf: &'a Path,
    /// The session's name there.
    pub label: &'a str,
    /// A marker that leads to a place within the folder does not count: what is there makes room.
    pub makes_room: bool,
}

/// What was restored.
#[derive(Debug, Serialize)]
pub struct Restored {
    /// The backup that was read.
    pub from: PathBuf,
    /// The backup that was made of the state before.
    pub backup: Option<PathBuf>,
    /// Files that were, or would be, written.
    pub written: Vec<String>,
    /// Files that were, or would be, removed.
    pub removed: Vec<String>,
    /// It was done.
    pub applied: bool,
    /// The login is sound.
    pub login_kept: bool,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Restores a backup into a folder, which is made when it does not exist.
pub fn restore(
    archive: &Path,
    target: &Path,
    options: &Options<'_>,
    how: &RestoreOptions<'_>,
) -> Result<Restored, RestoreError> {
    if !how.dry_run {
        make_ready(target)?;
    }
    let folder = Folder::open(target).ok();
    let mut present = match &folder {
        Some(folder) => Some(Examination::of_folder(folder, options)?),
        None => None,
    };
    if let (Some(folder), Some(present)) = (&folder, &mut present) {
        present.inventory.moved_within |= how.makes_room && moved_within(folder);
    }
    let forced = matches!(how.what, What::All { force: Some(_) });
    if present.as_ref().is_some_and(|present| present.inventory.is_moved()) && !forced {
        return Err(RestoreError::Moved(shown(target)));
    }
    let mut restored = Restored {
        from: shown(archive),
        backup: None,
        written: Vec::new(),
        removed: Vec::new(),
        applied: false,
        login_kept: false,
        notes: Vec::new(),
    };
    let notes = &mut restored.notes;
    let overlay = overlay_of(archive, folder.as_ref(), present.as_ref(), options, how, notes)?;
    if let (What::Credentials, Some(present)) = (how.what, &mut present)
        && let Some(Change::Put(text)) = overlay.changes().get(CREDENTIALS)
        && present.would_be_of_two_accounts(text, options)
    {
        return Err(RestoreError::OtherAccount);
    }
    for (name, change) in overlay.changes() {
        match change {
            Change::Put(_) | Change::Supplied(_) => restored.written.push(name.clone()),
            _ => restored.removed.push(name.clone()),
        }
    }
    if overlay.is_empty() {
        restored.notes.push("Nothing that the backup could give back is missing or damaged.".to_owned());
        restored.login_kept = is_sound(present.as_ref(), options);
        return Ok(restored);
    }
    let Some(folder) = folder.filter(|_| !how.dry_run) else {
        restored.login_kept = true;
        return Ok(restored);
    };
    let backed_up = back_up(&folder, present.as_ref(), options, how, &mut restored)?;
    let applied = apply(archive, &folder, &overlay, &backed_up, options)?;
    restored.applied = true;
    restored
        .notes
        .extend(applied.skipped.iter().map(|name| format!("{name} was written meanwhile; left alone")));
    let after = Examination::of_folder(&folder, options)?;
    restored.login_kept = after.credentials_state(&after.findings(options)) == CredentialsState::Sound;
    Ok(restored)
}

/// What the archive gives back.
fn overlay_of(
    archive: &Path,
    folder: Option<&Folder>,
    present: Option<&Examination>,
    options: &Options<'_>,
    how: &RestoreOptions<'_>,
    notes: &mut Vec<String>,
) -> Result<Overlay, RestoreError> {
    let mut source = Source { archive, folder, present, options, how, notes };
    match how.what {
        What::Credentials if is_plain_copy(archive) => {
            copy::overlay(archive, folder, present, options, source.notes)
        }
        What::All { .. } if is_plain_copy(archive) => Err(RestoreError::OnlyALogin(shown(archive))),
        What::Credentials => {
            let mut overlay = lasting(&mut source)?;
            give_up_old_ratchets(present, &mut overlay);
            Ok(overlay)
        }
        What::All { force } => everything(&mut source, force),
    }
}

/// Makes the folder when there is none, and finishes a repair that was killed in it.
fn make_ready(target: &Path) -> Result<(), RestoreError> {
    // A container's folder is held open, and there.
    if !target.is_dir() {
        let made = create_private_folders(target);
        made.map_err(|reason| RestoreError::Folder { path: shown(target), reason })?;
    }
    let folder = Folder::open(target).map_err(ExamineError::from)?;
    repair::recover(&folder)?;
    Ok(())
}

/// Writes what changes, with the files' contents out of the archive.
fn apply(
    archive: &Path,
    folder: &Folder,
    overlay: &Overlay,
    backed_up: &BTreeMap<String, String>,
    options: &Options<'_>,
) -> Result<Applied, ApplyError> {
    repair::apply_supplied(folder, overlay, backed_up, &mut |take| {
        let supplied = archive::read(archive, options.passphrase, &options.limits, |member| {
            let told = |error: ApplyError| ArchiveError::Io(std::io::Error::other(error.to_string()));
            member.session_file().map_or(Ok(()), |name| take(name, member.content).map_err(told))
        });
        supplied.map(drop).map_err(|error| error.to_string())
    })
}

/// Backs up what is there; an empty folder needs no backup.
fn back_up(
    folder: &Folder,
    present: Option<&Examination>,
    options: &Options<'_>,
    how: &RestoreOptions<'_>,
    restored: &mut Restored,
) -> Result<BTreeMap<String, String>, RestoreError> {
    if present.is_none_or(|present| present.inventory.files.is_empty()) {
        return Ok(BTreeMap::new());
    }
    let create =
        CreateOptions { shelf: how.shelf, label: how.label, passphrase: options.passphrase, always: false };
    let created = backup::create_because(folder, options, &create, Reason::BeforeRestore)?;
    restored.backup = Some(shown(&created.path));
    Ok(hashes(&created.manifest))
}

fn refused(path: &Path) -> impl Fn(ArchiveError) -> RestoreError + '_ {
    move |reason| RestoreError::Archive { path: shown(path), reason }
}

/// An archive, and the folder that it is restored into.
struct Source<'a> {
    archive: &'a Path,
    folder: Option<&'a Folder>,
    present: Option<&'a Examination>,
    options: &'a Options<'a>,
    how: &'a RestoreOptions<'a>,
    notes: &'a mut Vec<String>,
}

impl Source<'_> {
    /// Refuses an archive of another login or, as far as nothing else tells, of another place.
    fn refuse_foreign(
        &mut self,
        whose: &Whose,
        manifest: &Manifest,
        credentials: Option<&[u8]>,
        tally: Tally,
    ) -> Result<(), RestoreError> {
        whose.allows(manifest, credentials, tally)?;
        let (shelf, passphrase) = (Shelf::at(self.how.shelf), self.options.passphrase);
        let here = |place: &str| shelf.accounts_at(self.how.label, place, passphrase);
        whose.judge_place(manifest, tally, here, self.notes)
    }
}

/// The login and what never changes, where it is missing or damaged.
fn lasting(source: &mut Source<'_>) -> Result<Overlay, RestoreError> {
    let Source { archive, folder, present, options, .. } = *source;
    let mut left_out = LeftOut::default();
    let wanted = |name: &str| {
        let found = present.and_then(|present| present.inventory.files.get(name));
        found.is_none_or(|file| file.findings.iter().any(|finding| finding.severity == Severity::Error))
    };
    let mut overlay = Overlay::default();
    let mut creds = None;
    let whose = Whose::of(folder, present, options);
    let mut tally = Tally::default();
    let manifest = archive::read(archive, options.passphrase, &options.limits, |member| {
        if let Some(name) = member.session_file() {
            whose.kin.compare(&mut tally, name, member.content);
            match Name::parse(name) {
                Name::Credentials => creds = Some(member.content.to_vec()),
                kind if is_lasting(&kind) && wanted(name) => {
                    overlay.put_supplied(name, member.row.sha256.to_ascii_lowercase());
                }
                kind => left_out.see(name, &kind),
            }
        }
        Ok(())
    })
    .map_err(refused(archive))?;
    store::not_a_store(archive, &manifest)?;
    left_out.tell(&manifest, options, source.notes);
    source.refuse_foreign(&whose, &manifest, creds.as_deref(), tally)?;
    if is_sound(present, options) {
        // Older ones of the same login would know less, and skip pre-key ids for nothing.
        return Ok(overlay);
    }
    let creds = creds.ok_or(RestoreError::NoCredentials)?;
    overlay.put(CREDENTIALS, login(&creds, archive, &whose.told)?.content);
    Ok(overlay)
}

/// Ratchets that were left behind when the session moved into a store within the folder are older than what was used
/// since: they do not go along when the login comes back.
fn give_up_old_ratchets(present: Option<&Examination>, overlay: &mut Overlay) {
    let old = present.filter(|present| {
        present.inventory.moved_within && !present.inventory.files.contains_key("creds.json")
    });
    for file in old.into_iter().flat_map(|present| present.inventory.files.values()) {
        if file.name.is_ratchet() || matches!(file.name, Name::SenderKeyMemory { .. }) {
            overlay.take_away(&file.entry.name, file.entry.kind == EntryKind::File);
        }
    }
}

/// Whether the login that is there needs nothing.
fn is_sound(present: Option<&Examination>, options: &Options<'_>) -> bool {
    present.is_some_and(|present| {
        present.credentials_state(&present.findings(options)) == CredentialsState::Sound
    })
}

/// Files whose content never changes, or only grows.
fn is_lasting(name: &Name) -> bool {
    matches!(
        name,
        Name::PreKey(_)
            | Name::AppStateKey { .. }
            | Name::LidMapping { .. }
            | Name::LidMappingReverse { .. }
            | Name::DeviceList { .. }
            | Name::IdentityKey(_)
    )
}

/// Whether a file with this content is in the folder already.
fn is_there(folder: Option<&Folder>, name: &str, content: &[u8], options: &Options<'_>) -> bool {
    folder.and_then(|folder| folder.read(name, &options.limits).ok()).as_deref() == Some(content)
}

/// Everything as it was backed up, and nothing else of Baileys' own.
fn everything(source: &mut Source<'_>, force: Option<&str>) -> Result<Overlay, RestoreError> {
    let Source { archive, folder, present, options, .. } = *source;
    let mut overlay = Overlay::default();
    let mut left_out = LeftOut::default();
    let mut creds = None;
    let whose = Whose::of(folder, present, options);
    let mut tally = Tally::default();
    let manifest = archive::read(archive, options.passphrase, &options.limits, |member| {
        let Some(name) = member.session_file() else { return Ok(()) };
        let kind = Name::parse(name);
        whose.kin.compare(&mut tally, name, member.content);
        if kind == Name::Credentials {
            creds = Some(member.content.to_vec());
        }
        if !kind.is_baileys() {
            left_out.see(name, &kind);
        } else if !is_there(folder, name, member.content, options) {
            overlay.put_supplied(name, member.row.sha256.to_ascii_lowercase());
        }
        Ok(())
    })
    .map_err(refused(archive))?;
    store::not_a_store(archive, &manifest)?;
    left_out.tell(&manifest, options, source.notes);
    if force.is_none() {
        source.refuse_foreign(&whose, &manifest, creds.as_deref(), tally)?;
    }
    let notes = &mut *source.notes;
    let kept = hashes(&manifest);
    let files = present.map(|present| &present.inventory.files);
    for file in files.into_iter().flat_map(BTreeMap::values) {
        if file.name.is_baileys() && !kept.contains_key(&file.entry.name) {
            let is_file = file.entry.kind == EntryKind::File;
            overlay.take_away(&file.entry.name, is_file);
        }
    }
    let backwards: Vec<&str> = overlay
        .changes()
        .keys()
        .filter(|name| Name::parse(name).is_ratchet())
        .filter(|name| files.is_some_and(|files| files.contains_key(*name)))
        .map(String::as_str)
        .collect();
    match (backwards.first(), force) {
        (Some(first), None) => Err(RestoreError::Backwards(backwards.len(), (*first).to_owned())),
        (Some(_), Some(reason)) => {
            notes.push(format!(
                "Encryption state of {} goes back, because: {reason}",
                plural(backwards.len(), "file")
            ));
            Ok(overlay)
        }
        (None, _) => {
            if overlay.changes().keys().any(|name| Name::parse(name).is_ratchet()) {
                notes.push(
                    "The encryption state is as old as the backup. If the session ran after it was made, use \
                     `--what credentials` instead."
                        .to_owned(),
                );
            }
            Ok(overlay)
        }
    }
}
