//! What is to be imported: recognised, held, backed up, read.

use std::fs::File;
use std::path::{Path, PathBuf};

use wakeeper_doctor::backup::{self, CreateOptions, Created};
use wakeeper_doctor::examine::{ExamineError, Options};
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::formats::whatsmeow::is_store;
use wakeeper_doctor::model::Session;
use wakeeper_doctor::repair;
use wakeeper_doctor::source::Folder;
use wakeeper_doctor::transfer::{self, LeftOut, Reading, TransferError};
use wakeeper_doctor::whatsmeow::{self, Handover};
use wakeeper_engine::folder::Hold;
use wakeeper_engine_store::move_notes;
use wakeeper_engine_store::recover::Backups;

use super::MoveError;

/// What a session is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceFormat {
    /// Baileys' folder of JSON files.
    Baileys,
    /// wakeeper's own store.
    Native,
    /// A device of a whatsmeow store.
    Whatsmeow,
}

/// A source that was read and is held until the value is dropped.
pub(super) struct Source {
    pub format: SourceFormat,
    pub version: Option<Version>,
    pub folder: Folder,
    pub session: Session,
    pub left_out: Vec<LeftOut>,
    pub notes: Vec<String>,
    pub backup: Option<PathBuf>,
    reading: Option<Reading>,
    /// The device of a whatsmeow store.
    handover: Option<Handover>,
    _held: Held,
}

/// Kept for its drop.
struct Held {
    _folder: Option<File>,
    _session: Option<Hold>,
}

/// Which way a folder is stored.
pub(super) fn format_of(path: &Path) -> SourceFormat {
    if is_store(path) {
        return SourceFormat::Whatsmeow;
    }
    // Whatever has the database's name: what is not a file is refused with words when it is read.
    let database = path.join(wakeeper_engine_store::DATABASE).symlink_metadata();
    if database.is_ok() { SourceFormat::Native } else { SourceFormat::Baileys }
}

impl Source {
    /// Reads a source, after a verified backup.
    pub(super) async fn open(
        path: PathBuf,
        store: Option<PathBuf>,
        place: Option<Backups>,
        device: Option<String>,
        now_ms: i64,
    ) -> Result<Self, MoveError> {
        match format_of(&path) {
            SourceFormat::Whatsmeow => {
                let place = place.ok_or(MoveError::NoBackup)?;
                tokio::task::spawn_blocking(move || whatsmeow(&path, device.as_deref(), &place, now_ms))
                    .await?
            }
            SourceFormat::Baileys => {
                tokio::task::spawn_blocking(move || baileys(&path, store.as_deref(), place.as_ref(), now_ms))
                    .await?
            }
            SourceFormat::Native => native(&path, now_ms).await,
        }
    }

    /// Marks the source as moved, provided that nobody wrote into it since it was read.
    pub(super) fn give_up(&self, to: String, within: bool, now_ms: i64) -> Result<(), MoveError> {
        if self
            .reading
            .as_ref()
            .is_some_and(|reading| !reading.is_current(&self.folder, &Options::at(now_ms)))
        {
            return Err(TransferError::Changing { path: self.folder.path().to_owned() }.into());
        }
        if let (Some(handover), Some(backup)) = (&self.handover, &self.backup) {
            return Ok(handover.give_up(&to, backup, now_ms)?);
        }
        let marker = transfer::MovedMarker {
            to,
            at_ms: now_ms,
            account: self.account(),
            backup: self.backup.as_ref().map(|path| path.display().to_string()),
            within,
        };
        transfer::mark_moved(&self.folder, &marker)?;
        if self.format == SourceFormat::Baileys {
            transfer::withdraw_credentials(&self.folder)?;
        }
        Ok(())
    }

    /// Which login it is.
    pub(super) fn account(&self) -> String {
        backup::manifest::account_mark(&self.session.credentials.identity.public)
    }
}

fn baileys(
    path: &Path,
    store: Option<&Path>,
    place: Option<&Backups>,
    now_ms: i64,
) -> Result<Source, MoveError> {
    let folder = Folder::open(path).map_err(|error| TransferError::from(ExamineError::from(error)))?;
    let held = Held { _folder: Some(repair::hold(&folder)?), _session: None };
    let options = Options { store, database: Some(wakeeper_engine_store::DATABASE), ..Options::at(now_ms) };
    let reading = transfer::read_folder(&folder, &options)?;
    let backup = match place {
        Some(place) => {
            let created =
                backup::create_because(&folder, &options, &how(place), backup::Reason::BeforeImport)?;
            Some(verified(created, place, now_ms)?)
        }
        None => None,
    };
    Ok(Source {
        format: SourceFormat::Baileys,
        version: reading.version,
        folder,
        session: reading.session.clone(),
        left_out: reading.left_out.clone(),
        notes: reading.notes.clone(),
        backup,
        reading: Some(reading),
        handover: None,
        _held: held,
    })
}

fn how(place: &Backups) -> CreateOptions<'_> {
    CreateOptions {
        shelf: &place.shelf,
        label: &place.label,
        passphrase: place.passphrase.as_ref(),
        always: false,
    }
}

fn verified(created: Created, place: &Backups, now_ms: i64) -> Result<PathBuf, MoveError> {
    let options = Options { passphrase: place.passphrase.as_ref(), ..Options::at(now_ms) };
    backup::verify(&created.path, &options)?;
    Ok(created.path)
}

fn whatsmeow(path: &Path, device: Option<&str>, place: &Backups, now_ms: i64) -> Result<Source, MoveError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = Folder::open(parent.unwrap_or_else(|| Path::new(".")));
    let folder = folder.map_err(|error| TransferError::from(ExamineError::from(error)))?;
    let mut handover = whatsmeow::hand_over(path, device, now_ms)?;
    let options = Options { passphrase: place.passphrase.as_ref(), ..Options::at(now_ms) };
    let backup = verified(handover.back_up(&options, &how(place))?, place, now_ms)?;
    Ok(Source {
        format: SourceFormat::Whatsmeow,
        version: None,
        folder,
        session: handover.session.clone(),
        left_out: std::mem::take(&mut handover.left_out),
        notes: std::mem::take(&mut handover.notes),
        backup: Some(backup),
        reading: None,
        handover: Some(handover),
        // The store's own lock is taken when the device leaves it.
        _held: Held { _folder: None, _session: None },
    })
}

async fn native(path: &Path, now_ms: i64) -> Result<Source, MoveError> {
    let folder = Folder::open(path).map_err(|error| TransferError::from(ExamineError::from(error)))?;
    // Somebody else's folder: nothing is written into it that is not part of the move.
    let lock = Hold::on(path, &format!("the session in {}", path.display()))?;
    if let Some(to) = move_notes::moved_to(path) {
        return Err(TransferError::Moved { path: path.to_owned(), to }.into());
    }
    let held = Held { _folder: None, _session: Some(lock) };
    let database = path.join(wakeeper_engine_store::DATABASE);
    let copies = wakeeper_engine_store::Copies::default();
    let reading = wakeeper_engine_store::read_foreign(&database, now_ms, &copies).await?;
    Ok(Source {
        format: SourceFormat::Native,
        version: None,
        folder,
        session: reading.session,
        left_out: reading.left_out,
        notes: Vec::new(),
        backup: None,
        reading: None,
        handover: None,
        _held: held,
    })
}
