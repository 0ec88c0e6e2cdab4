//! A private copy, by handle, of what a gateway of ours keeps in a container's folder.
//!
//! SQLite opens by path, and looks up where a path really leads before it does; so a database in a container's folder
//! cannot be opened through a handle. It is copied, with its log of changes, and the copy is worked on. A gateway may
//! write meanwhile: the copy counts only when nothing changed from before the first byte was read until after the last.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FileType;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use wakeeper_private_fs::{Folder, FsError, Trust};

/// What makes a folder one of our gateway's.
const MARKS: [&str; 2] = ["engine.db", "sessions"];
/// The folder of sessions, one folder each.
const SESSIONS: &str = "sessions";
/// A running gateway is given so many moments of rest to be copied in.
const ATTEMPTS: usize = 400;
/// Between two of them.
const REST: Duration = Duration::from_millis(25);
/// More than any gateway keeps beside its media.
const BYTES: u64 = 4 << 30;

/// What tells that a file was changed: inode, length, and the time of its last change to the nanosecond.
type State = (u64, i64, i64, i64);

/// The copy.
#[derive(Debug)]
pub(super) struct Mirror {
    source: Folder,
    /// The copy's folder, shown as the one that it is a copy of.
    copy: Folder,
    was: BTreeMap<PathBuf, [u8; 32]>,
    _scratch: TempDir,
}

impl Mirror {
    /// Copies a gateway's folder; `None` when it is none.
    ///
    /// # Errors
    /// When a file cannot be copied, or the gateway never rests.
    pub(super) fn of(source: &Folder) -> Result<Option<Self>, FsError> {
        if MARKS.iter().all(|mark| source.entry(mark).is_err()) {
            return Ok(None);
        }
        let scratch = tempfile::Builder::new().prefix("wakeeper-").tempdir()?;
        let root = scratch.path().join("auth_info");
        for _ in 0..ATTEMPTS {
            let _ = std::fs::remove_dir_all(&root);
            std::fs::create_dir(&root)?;
            let before = states(source)?;
            let copied = copy_all(source, &before, &root);
            if let Ok(was) = copied
                && states(source)? == before
            {
                let named = Folder::named(&root)?;
                let fd = rustix::io::fcntl_dupfd_cloexec(named.fd(), 0)?;
                let copy = Folder::of(fd, source.shown().to_owned(), Trust::Operator);
                return Ok(Some(Self { source: source.clone(), copy, was, _scratch: scratch }));
            }
            std::thread::sleep(REST);
        }
        Err(FsError::Io(std::io::Error::other(
            "its gateway writes all the time, so no copy of its databases can be made; stop it, then run this again",
        )))
    }

    /// The path of the copy.
    pub(super) fn path(&self) -> PathBuf {
        self.copy.path()
    }

    /// The copy, for whoever needs it longer.
    pub(super) fn handle(&self) -> Folder {
        self.copy.clone()
    }

    /// Puts changes and removals back, by handle and with the rights of the folder's owner. The container is stopped.
    pub(super) fn put_back(&self) -> Result<(), FsError> {
        let now = states(&self.copy)?;
        for path in now.keys() {
            let mut content = Vec::new();
            self.copy.open_below(path)?.0.read_to_end(&mut content)?;
            let hash: [u8; 32] = Sha256::digest(&content).into();
            if self.was.get(path) != Some(&hash) {
                let (folder, name) = self.place_of(path)?;
                folder.replace(&name, &content)?;
            }
        }
        // Databases are whole before their logs go: what a log holds was written into them when they were closed.
        for path in self.was.keys().filter(|path| !now.contains_key(*path)) {
            let (folder, name) = self.place_of(path)?;
            match folder.remove(&name) {
                Ok(()) | Err(FsError::Missing) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn place_of(&self, path: &Path) -> Result<(Folder, String), FsError> {
        let mut folder = self.source.clone();
        for part in path.parent().into_iter().flat_map(Path::components) {
            let name = part.as_os_str().to_str().ok_or(FsError::LeadsOut)?;
            folder.make_folder(name)?;
            folder = folder.below(Path::new(name))?;
        }
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(FsError::LeadsOut)?;
        Ok((folder, name.to_owned()))
    }
}

/// Regular files of the folder itself and of its sessions.
fn states(folder: &Folder) -> Result<BTreeMap<PathBuf, State>, FsError> {
    let mut found = BTreeMap::new();
    let mut folders = Vec::new();
    let mut look = |folder: &Folder, below: &Path, folders: Option<&mut Vec<PathBuf>>| {
        let mut inner = Vec::new();
        folder.list(|name, stat| {
            let path = below.join(name);
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {
                    let modified = (stat.st_mtime, stat.st_mtime_nsec.cast_signed());
                    found.insert(path, (stat.st_ino, stat.st_size, modified.0, modified.1));
                }
                FileType::Directory => inner.push(path),
                _ => {}
            }
            true
        })?;
        if let Some(folders) = folders {
            folders.append(&mut inner);
        }
        Ok::<_, FsError>(())
    };
    look(folder, Path::new(""), None)?;
    match folder.below(Path::new(SESSIONS)) {
        Ok(sessions) => look(&sessions, Path::new(SESSIONS), Some(&mut folders))?,
        // There are none, or something else stands there, which is not entered.
        Err(FsError::Io(error)) => return Err(FsError::Io(error)),
        Err(_) => {}
    }
    for session in folders {
        if let Ok(folder) = folder.below(&session) {
            look(&folder, &session, None)?;
        }
    }
    Ok(found)
}

fn copy_all(
    source: &Folder,
    files: &BTreeMap<PathBuf, State>,
    root: &Path,
) -> Result<BTreeMap<PathBuf, [u8; 32]>, FsError> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let mut was = BTreeMap::new();
    let mut left = BYTES;
    for path in files.keys() {
        let (file, stat) = match source.open_below(path) {
            // Somebody else's file is none of the gateway's.
            Err(FsError::Foreign { .. } | FsError::NotRegular | FsError::Mount) => continue,
            opened => opened?,
        };
        let target = root.join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut copy = std::fs::File::options().write(true).create_new(true).mode(0o600).open(&target)?;
        let (mut hash, mut room) = (Sha256::new(), vec![0; 64 * 1024]);
        let mut file = file.take(left + 1);
        loop {
            let read = file.read(&mut room)?;
            if read == 0 {
                break;
            }
            left = left.checked_sub(read as u64).ok_or_else(|| {
                FsError::Io(std::io::Error::other("it is larger than any gateway's folder"))
            })?;
            hash.update(&room[..read]);
            copy.write_all(&room[..read])?;
        }
        // The examination judges modes, so the copy has the original's.
        copy.set_permissions(std::fs::Permissions::from_mode(stat.st_mode & 0o777 | 0o600))?;
        was.insert(path.clone(), hash.finalize().into());
    }
    Ok(was)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_copy_is_worked_on_and_put_back_and_no_link_is_followed() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        std::fs::create_dir_all(at("auth_info/sessions/default")).unwrap();
        std::fs::create_dir_all(at("secret")).unwrap();
        std::fs::write(at("secret/engine.db"), "SECRET").unwrap();
        std::fs::write(at("auth_info/wakeeper.db"), "rows").unwrap();
        for (name, content) in [("engine.db", "keys"), ("engine.db-wal", "log")] {
            std::fs::write(at("auth_info/sessions/default").join(name), content).unwrap();
        }
        symlink(at("secret"), at("auth_info/sessions/other")).unwrap();
        symlink(at("secret/engine.db"), at("auth_info/sessions/default/linked.db")).unwrap();
        let source = Folder::named(&at("auth_info")).unwrap().trusted(Trust::Nobody(None)).unwrap();
        let mirror = Mirror::of(&source).unwrap().unwrap();
        let copy = mirror.path();
        assert_eq!(wakeeper_private_fs::shown(&copy), at("auth_info"));
        assert_eq!(std::fs::read(copy.join("sessions/default/engine.db")).unwrap(), b"keys");
        assert!(!copy.join("sessions/other").exists() && !copy.join("sessions/default/linked.db").exists());
        std::fs::write(copy.join("sessions/default/engine.db"), "keys and log").unwrap();
        std::fs::remove_file(copy.join("sessions/default/engine.db-wal")).unwrap();
        std::fs::create_dir(copy.join("sessions/new")).unwrap();
        std::fs::write(copy.join("sessions/new/aside"), "aside").unwrap();
        mirror.put_back().unwrap();
        assert_eq!(std::fs::read(at("auth_info/sessions/default/engine.db")).unwrap(), b"keys and log");
        assert_eq!(std::fs::read(at("auth_info/sessions/new/aside")).unwrap(), b"aside");
        assert!(!at("auth_info/sessions/default/engine.db-wal").exists());
        assert_eq!(std::fs::read(at("secret/engine.db")).unwrap(), b"SECRET");
        let none = tempfile::tempdir().unwrap();
        assert!(Mirror::of(&Folder::named(none.path()).unwrap()).unwrap().is_none());
    }
}
