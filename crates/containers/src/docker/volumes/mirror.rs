//! A private copy, by handle, of what a gateway of ours keeps in a container's folder.
//!
//! SQLite opens by path, and looks up where a path really leads before it does; so a database in a container's folder
//! cannot be opened through a handle. It is copied, with its log of changes, and the copy is worked on. A gateway may
//! write meanwhile: the copy counts only when nothing changed from before the first byte was read until after the last.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, Stat};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use wakeeper_model::ENGINE_DATABASE;
use wakeeper_private_fs::{Folder, FsError, Trust};

/// What makes a folder one of our gateway's.
const MARKS: [(&str, FileType); 2] =
    [(ENGINE_DATABASE, FileType::RegularFile), (SESSIONS, FileType::Directory)];
/// The folder of sessions, one folder each.
const SESSIONS: &str = "sessions";
/// A running gateway is given so long for a moment of rest in which it can be copied. A copy that began goes on.
const DEADLINE: Duration = Duration::from_secs(16);
/// Between two attempts.
const REST: Duration = Duration::from_millis(25);
/// More than any gateway keeps in its databases.
const BYTES: u64 = 4 << 30;
/// And more than it makes entries beside its media.
const ENTRIES: usize = 500_000;
/// Notes beside the databases are small; what is larger is none of the gateway's, and left out.
const NOTE: u64 = 16 << 20;

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
        if MARKS.iter().all(|(mark, kind)| !is_there(source, mark, *kind)) {
            return Ok(None);
        }
        let scratch = tempfile::Builder::new().prefix("wakeeper-").tempdir()?;
        let root = scratch.path().join("auth_info");
        let begun = Instant::now();
        while begun.elapsed() < DEADLINE {
            let _ = std::fs::remove_dir_all(&root);
            std::fs::create_dir(&root)?;
            let before = states(source, NOTE)?;
            let copied = match copy_all(source, &before, &root) {
                // It vanished since it was listed.
                Err(FsError::Missing) => None,
                copied => Some(copied?),
            };
            if let Some(was) = copied
                && states(source, NOTE)? == before
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

    /// Puts changes and removals back, by handle and with the rights that the folder is used with. Each file has the
    /// owner and the mode of the one whose place it takes, a new one those of its folder. The container is stopped.
    pub(super) fn put_back(&self) -> Result<(), FsError> {
        // All of it: a large database that was moved aside has another name.
        let now = states(&self.copy, u64::MAX)?;
        for path in now.keys() {
            let (mut file, _) = self.copy.open_below(path)?;
            if self.was.get(path) == Some(&hash_of(&mut file)?) {
                continue;
            }
            file.seek(SeekFrom::Start(0))?;
            let (folder, name) = self.place_of(path)?;
            let like = like_what(&folder, &name)?;
            folder.replace_with(&name, Some(&like), |new| std::io::copy(&mut file, new).map(drop))?;
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
            folder = folder.make_folder_of_owner(part.as_os_str().to_str().ok_or(FsError::LeadsOut)?)?;
        }
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(FsError::LeadsOut)?;
        Ok((folder, name.to_owned()))
    }
}

fn is_there(folder: &Folder, name: &str, kind: FileType) -> bool {
    folder.entry(name).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == kind)
}

/// Whose a file is to be, and with which mode.
fn like_what(folder: &Folder, name: &str) -> Result<Stat, FsError> {
    match folder.entry(name) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Ok(stat),
        Ok(_) | Err(FsError::Missing) => {
            let mut like = folder.stat()?;
            like.st_mode = 0o600;
            Ok(like)
        }
        Err(error) => Err(error),
    }
}

fn hash_of(file: &mut std::fs::File) -> std::io::Result<[u8; 32]> {
    let (mut hash, mut room) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut room)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&room[..read]),
        }
    }
}

fn is_database(name: &Path) -> bool {
    name.extension().is_some_and(|extension| extension == "db" || extension == "db-wal")
}

/// Regular files of the folder itself and of its sessions: databases, and others up to a size.
fn states(folder: &Folder, note: u64) -> Result<BTreeMap<PathBuf, State>, FsError> {
    let mut found = BTreeMap::new();
    let mut folders = Vec::new();
    let mut entries = 0;
    let mut look = |folder: &Folder, below: &Path, folders: Option<&mut Vec<PathBuf>>| {
        let mut inner = Vec::new();
        folder.list(|name, stat| {
            entries += 1;
            let path = below.join(name);
            match FileType::from_raw_mode(stat.st_mode) {
                // Sums are by what a file says that it holds: one with holes would fill the disk as any other.
                FileType::RegularFile if is_database(&path) || size_of(&stat) <= note => {
                    let modified = (stat.st_mtime, stat.st_mtime_nsec.cast_signed());
                    found.insert(path, (stat.st_ino, stat.st_size, modified.0, modified.1));
                }
                FileType::Directory => inner.push(path),
                _ => {}
            }
            entries < ENTRIES
        })?;
        if entries >= ENTRIES {
            let text = format!("it holds more than {ENTRIES} entries, which is more than any gateway makes");
            return Err(FsError::Io(std::io::Error::other(text)));
        }
        if let Some(folders) = folders {
            folders.append(&mut inner);
        }
        Ok::<_, FsError>(())
    };
    look(folder, Path::new(""), None)?;
    // What else may stand there is not entered.
    if is_there(folder, SESSIONS, FileType::Directory) {
        match folder.below(Path::new(SESSIONS)) {
            Ok(sessions) => look(&sessions, Path::new(SESSIONS), Some(&mut folders))?,
            Err(FsError::Io(error)) => return Err(named(Path::new(SESSIONS), &error)),
            Err(_) => {}
        }
    }
    for session in folders {
        if let Ok(folder) = folder.below(&session) {
            look(&folder, &session, None)?;
        }
    }
    Ok(found)
}

fn size_of(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

fn named(path: &Path, error: &std::io::Error) -> FsError {
    let path = wakeeper_bounded_tar::shown(&path.to_string_lossy());
    FsError::Io(std::io::Error::new(error.kind(), format!("{path}: {error}")))
}

fn copy_all(
    source: &Folder,
    files: &BTreeMap<PathBuf, State>,
    root: &Path,
) -> Result<BTreeMap<PathBuf, [u8; 32]>, FsError> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let mut was = BTreeMap::new();
    let too_large = || {
        let text =
            format!("it holds more than {} GiB, which is more than any gateway keeps there", BYTES >> 30);
        FsError::Io(std::io::Error::other(text))
    };
    let sizes = files.values().map(|(_, size, ..)| u64::try_from(*size).unwrap_or(0));
    if sizes.fold(0, u64::saturating_add) > BYTES {
        return Err(too_large());
    }
    let mut left = BYTES;
    for path in files.keys() {
        let (file, stat) = match source.open_below(path) {
            // Somebody else's file is none of the gateway's.
            Err(FsError::Foreign { .. } | FsError::NotRegular | FsError::Mount) => continue,
            Err(FsError::Io(error)) => return Err(named(path, &error)),
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
            left = left.checked_sub(read as u64).ok_or_else(too_large)?;
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
mod tests;
