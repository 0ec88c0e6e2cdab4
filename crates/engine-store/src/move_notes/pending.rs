//! The note of an import that is under way.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wakeeper_doctor::source::Folder;
use wakeeper_doctor::transfer as moves;
use wakeeper_doctor::whatsmeow::was_given_up;
use wakeeper_model::SessionName;
use wakeeper_private_fs::{FsError, Writing, open_own, read_own};

use super::{MoveUnsettled, failed};
use crate::{DATABASE, SIDE_FILES};

/// The note, in the session's folder.
const NOTE: &str = "import.json";
/// Bytes of the note: two names.
const LONGEST_NOTE: u64 = 64 << 10;

/// What an import under way is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The folder that the session comes from.
    pub source: PathBuf,
    /// Which login it is.
    pub account: String,
}

impl Pending {
    /// Leaves the note. On disk when it returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn leave(&self, folder: &Path) -> Result<(), MoveUnsettled> {
        let path = folder.join(NOTE);
        let text = serde_json::to_vec(self).map_err(std::io::Error::from);
        text.and_then(|text| write(&path, &text)).map_err(failed("write", &path))
    }

    fn of(folder: &Path) -> Result<Option<Self>, MoveUnsettled> {
        let path = folder.join(NOTE);
        match read_own(&path, LONGEST_NOTE) {
            Err(FsError::Missing) => Ok(None),
            Err(error) => Err(failed("read", &path)(error.into_io())),
            Ok(text) => {
                serde_json::from_slice(&text).map(Some).map_err(|error| failed("read", &path)(error.into()))
            }
        }
    }
}

/// Whether an import into a session's folder was begun and has not come to its end.
#[must_use]
pub fn is_under_way(folder: &Path) -> bool {
    folder.join(NOTE).exists()
}

/// Removes the note: from here on the session may start.
///
/// # Errors
/// When it cannot be removed.
pub fn done(folder: &Path) -> Result<(), MoveUnsettled> {
    let path = folder.join(NOTE);
    std::fs::remove_file(&path)
        .and_then(|()| std::fs::File::open(folder)?.sync_all())
        .map_err(failed("remove", &path))
}

/// Finishes or takes back an import that was cut short, if there is one.
///
/// # Errors
/// When the source cannot be looked at: then it cannot be told whether it was given up already.
pub(super) fn settle(folder: &Path, session: &SessionName) -> Result<(), MoveUnsettled> {
    let Some(pending) = Pending::of(folder)? else { return Ok(()) };
    if is_given_up(&pending, session)? {
        tracing::info!(%session, "an interrupted import was finished");
    } else {
        // Never started here and never given up there: what was written is of no use.
        discard(folder)?;
        tracing::info!(%session, "an interrupted import was taken back");
    }
    done(folder)
}

/// Whether the source says that it gave the login up: then it is ours, and what is left to be done there is done.
fn is_given_up(pending: &Pending, session: &SessionName) -> Result<bool, MoveUnsettled> {
    let unknown =
        || MoveUnsettled::SourceUnreachable { session: session.clone(), from: pending.source.clone() };
    if pending.source.is_file() {
        // A whatsmeow store, which the device leaves in one transaction.
        return was_given_up(&pending.source, &pending.account).map_err(|_| unknown());
    }
    let source = Folder::open(&pending.source).map_err(|_| unknown())?;
    if moves::moved(&source).is_none_or(|marker| marker.account != pending.account) {
        return Ok(false);
    }
    // The credentials may not have been set aside yet.
    let withdrawn = moves::withdraw_credentials(&source);
    withdrawn
        .map_err(|error| failed("finish the move out of", &pending.source)(std::io::Error::other(error)))?;
    Ok(true)
}

/// Removes a database that never came to life.
///
/// # Errors
/// When a file of it cannot be removed.
pub fn discard(folder: &Path) -> Result<(), MoveUnsettled> {
    for name in [DATABASE].into_iter().chain(SIDE_FILES) {
        let path = folder.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed("remove", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn write(path: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = open_own(path, Writing::Over).map_err(FsError::into_io)?;
    file.set_len(0)?;
    file.write_all(text)?;
    file.sync_all()?;
    match path.parent() {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wakeeper_doctor::transfer::MovedMarker;

    fn scene() -> (tempfile::TempDir, PathBuf, Folder, SessionName) {
        let root = tempfile::tempdir().unwrap();
        let (target, source) = (root.path().join("target"), root.path().join("source"));
        std::fs::create_dir(&target).unwrap();
        std::fs::create_dir(&source).unwrap();
        std::fs::write(source.join("creds.json"), "{}").unwrap();
        std::fs::write(target.join(DATABASE), "half").unwrap();
        Pending { source: source.clone(), account: "abc".into() }.leave(&target).unwrap();
        let folder = Folder::open(&source).unwrap();
        (root, target, folder, "default".parse().unwrap())
    }

    #[test]
    fn what_the_source_did_not_give_up_is_taken_back() {
        let (_root, target, source, name) = scene();
        settle(&target, &name).unwrap();
        assert!(!target.join(DATABASE).exists() && !target.join(NOTE).exists());
        assert!(source.path().join("creds.json").exists());
        settle(&target, &name).unwrap();
    }

    #[test]
    fn what_the_source_gave_up_is_finished() {
        let (_root, target, source, name) = scene();
        let marker =
            MovedMarker { to: "here".into(), at_ms: 0, account: "abc".into(), backup: None, within: false };
        moves::mark_moved(&source, &marker).unwrap();
        settle(&target, &name).unwrap();
        assert!(target.join(DATABASE).exists() && !target.join(NOTE).exists());
        assert!(!source.path().join("creds.json").exists(), "set aside now");
    }

    #[test]
    fn another_logins_marker_does_not_count_and_a_lost_source_decides_nothing() {
        let (_root, target, source, name) = scene();
        let marker = MovedMarker {
            to: "there".into(),
            at_ms: 0,
            account: "other".into(),
            backup: None,
            within: false,
        };
        moves::mark_moved(&source, &marker).unwrap();
        std::fs::rename(source.path(), target.join("away")).unwrap();
        let error = settle(&target, &name).unwrap_err();
        assert!(matches!(error, MoveUnsettled::SourceUnreachable { .. }), "{error}");
        assert!(target.join(DATABASE).exists(), "kept until it is known whose it is");
        std::fs::rename(target.join("away"), source.path()).unwrap();
        settle(&target, &name).unwrap();
        assert!(!target.join(DATABASE).exists());
    }
}
