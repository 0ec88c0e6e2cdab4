//! Backups of a folder whose gateway goes on running.

use std::path::{Path, PathBuf};

use super::{BackupError, CreateOptions, Created, Reached, Reason, Shelf, create_because};
use crate::examine::{ExamineError, Options, examine};
use crate::findings::{self, codes::RATCHET_ROLLED_BACK};
use crate::formats::baileys::name::Name;
use crate::layout::Layout;
use crate::source::{Folder, NoSessionFolder, SourceError, require_session_folder};

/// A gateway that writes at the wrong moment is given so many more chances.
const ATTEMPTS: usize = 4;

/// Why a session's folder was not backed up.
#[derive(Debug, thiserror::Error)]
pub enum RunningBackupError {
    /// There is none.
    #[error(transparent)]
    NoFolder(#[from] NoSessionFolder),
    /// It cannot be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It cannot be compared with its newest backup.
    #[error(transparent)]
    Examine(#[from] ExamineError),
    /// There is nothing to copy.
    #[error("nothing was backed up, because {path} holds no file of a session: {why}")]
    Nothing {
        /// The folder.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// It cannot be copied, or the copy is not sound.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// An older copy was put back.
    #[error(
        "an older copy of the session was put back: its newest backup is ahead of it in {files}, so no new backup is made. \
         `wakeeper clean` repairs that, and backups go on then"
    )]
    Behind {
        /// How many files, as a person says it.
        files: String,
    },
}

/// Backs a session folder of Baileys up, though what runs on it may write meanwhile: what changed while it was copied is
/// copied again.
///
/// # Errors
/// When there is no such folder, it changes all the time, or the backup cannot be made.
pub fn create_running(
    auth_info: &Path,
    options: &Options<'_>,
    how: &CreateOptions<'_>,
    reason: Reason,
) -> Result<Created, RunningBackupError> {
    require_session_folder(auth_info)?;
    let folder = Folder::open(auth_info)?;
    let (files, _) = folder.list_some(&options.limits, |name| Name::parse(name).is_baileys())?;
    if files.is_empty() {
        let why = findings::for_layout(&Layout::of(&folder));
        let why = why.map_or_else(|| "there is no login yet".to_owned(), |found| found.evidence);
        return Err(RunningBackupError::Nothing { path: folder.path().to_owned(), why });
    }
    for _ in 1..ATTEMPTS {
        match create_because(&folder, options, how, reason) {
            Err(BackupError::Changing { .. }) => {}
            result => return Ok(result?),
        }
    }
    Ok(create_because(&folder, options, how, reason)?)
}

/// The same on a schedule. A session that lies behind its newest backup is not backed up: that backup shows what happened,
/// and would no longer be the newest.
///
/// # Errors
/// As [`create_running`], and [`RunningBackupError::Behind`].
pub fn create_scheduled(
    auth_info: &Path,
    options: &Options<'_>,
    how: &CreateOptions<'_>,
) -> Result<Created, RunningBackupError> {
    require_session_folder(auth_info)?;
    if let Some(reached) = Reached::of_newest(&Shelf::at(how.shelf), how.label, how.passphrase) {
        let report = examine(auth_info, &Options { reached: Some(&reached), ..*options })?;
        let behind = report.findings.iter().filter(|finding| finding.code == RATCHET_ROLLED_BACK).count();
        if behind > 0 {
            return Err(RunningBackupError::Behind { files: wakeeper_model::plural(behind, "file") });
        }
    }
    create_running(auth_info, options, how, Reason::Schedule)
}
