//! Files that wakeeper writes under names of its own in folders that others may write to: locks, log files, notes.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::error::FsError;

/// How a file of ours is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// What is written goes to its end.
    Append,
    /// What is in it may be read and written over.
    Over,
}

/// Opens a file of wakeeper's own to write to it, and makes it (0600) when it is missing. Its content stays. Never
/// waits, and never writes anywhere else than into this file in this folder.
///
/// # Errors
/// When a link, a pipe or a folder has the name, when the file has other names as well, or when it belongs neither to
/// this user nor to whoever owns the folder.
pub fn open_own(path: &Path, writing: Writing) -> Result<File, FsError> {
    let access = match writing {
        Writing::Append => OFlags::WRONLY | OFlags::APPEND,
        Writing::Over => OFlags::RDWR,
    };
    let flags = access | OFlags::CREATE | guarded();
    let opened = rustix::fs::open(path, flags, Mode::from_raw_mode(0o600));
    let file = File::from(opened.map_err(not_ours)?);
    let stat = rustix::fs::fstat(&file)?;
    check(path, &stat)?;
    Ok(file)
}

/// Opens a file of wakeeper's own for its lock alone, without the right to write to it.
///
/// # Errors
/// When there is none, or something else has the name.
pub fn open_own_to_lock(path: &Path) -> Result<File, FsError> {
    let file =
        File::from(rustix::fs::open(path, OFlags::RDONLY | guarded(), Mode::empty()).map_err(not_ours)?);
    match FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) {
        FileType::RegularFile => Ok(file),
        _ => Err(FsError::NotRegular),
    }
}

/// Opens a folder, for its lock. Whatever else has the name is refused at once.
///
/// # Errors
/// When there is none, or something else has the name.
pub fn open_directory(path: &Path) -> Result<OwnedFd, FsError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Shows that files can be made in a folder, and be written: a new one is made and removed again.
///
/// # Errors
/// What the system says when they cannot.
pub fn probe(folder: &Path, name: &str) -> Result<(), FsError> {
    let handle = open_directory(folder)?;
    // What an interrupted run left, or somebody put there; never what is behind it.
    match rustix::fs::unlinkat(&handle, name, rustix::fs::AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | guarded();
    let mut file = File::from(rustix::fs::openat(&handle, name, flags, Mode::from_raw_mode(0o600))?);
    let written = file.write_all(b"wakeeper");
    rustix::fs::unlinkat(&handle, name, rustix::fs::AtFlags::empty())?;
    Ok(written?)
}

/// The path of something below a folder that was named. Links are followed in what a person typed; what is added to it
/// is wakeeper's own choice, and in another user's folder that user would choose where it leads.
///
/// # Errors
/// When a link is on the way in a folder that belongs neither to this user nor to root.
pub fn beneath(parent: &Path, below: &Path) -> Result<PathBuf, FsError> {
    let own = rustix::process::geteuid().as_raw();
    let mut path = parent.to_owned();
    for part in below.components() {
        let next = path.join(part);
        if next.symlink_metadata().is_ok_and(|entry| entry.is_symlink()) {
            let folder = if path.as_os_str().is_empty() { Path::new(".") } else { &path };
            let owner = rustix::fs::stat(folder)?.st_uid;
            if owner != own && owner != 0 {
                return Err(FsError::NotPrivate(format!(
                    "{} is a link in a folder of user {owner}, and is not followed; name the folder that is meant itself",
                    next.display()
                )));
            }
        }
        path = next;
    }
    Ok(path)
}

/// Without links, and without waiting.
fn guarded() -> OFlags {
    OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC
}

fn check(path: &Path, stat: &Stat) -> Result<(), FsError> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(FsError::NotRegular);
    }
    if stat.st_nlink > 1 {
        return Err(FsError::Shared);
    }
    if stat.st_uid == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    // Of a folder's owner nothing is taken that is not theirs already; some mounts give all files one owner.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = rustix::fs::statat(CWD, parent.unwrap_or(Path::new(".")), rustix::fs::AtFlags::empty())?;
    if stat.st_uid == folder.st_uid { Ok(()) } else { Err(FsError::Others { uid: stat.st_uid }) }
}

/// What the kernel says of whatever is no file.
fn not_ours(errno: Errno) -> FsError {
    match errno {
        Errno::LOOP | Errno::NXIO | Errno::ISDIR => FsError::NotRegular,
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn fifo(path: &Path) {
        rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    }

    #[test]
    fn a_file_of_ours_is_never_somebody_elses() {
        let base = tempfile::tempdir().unwrap();
        let (victim, lock) = (base.path().join("victim"), base.path().join("lock"));
        std::fs::write(&victim, "somebody's").unwrap();
        for writing in [Writing::Append, Writing::Over] {
            symlink(&victim, &lock).unwrap();
            assert!(matches!(open_own(&lock, writing), Err(FsError::NotRegular)));
            std::fs::remove_file(&lock).unwrap();
            symlink(base.path().join("nowhere"), &lock).unwrap();
            assert!(open_own(&lock, writing).is_err());
            assert!(!base.path().join("nowhere").exists());
            std::fs::remove_file(&lock).unwrap();
            std::fs::hard_link(&victim, &lock).unwrap();
            assert!(matches!(open_own(&lock, writing), Err(FsError::Shared)));
            std::fs::remove_file(&lock).unwrap();
            fifo(&lock);
            assert!(matches!(open_own(&lock, writing), Err(FsError::NotRegular)));
            std::fs::remove_file(&lock).unwrap();
            std::fs::create_dir(&lock).unwrap();
            assert!(matches!(open_own(&lock, writing), Err(FsError::NotRegular)));
            std::fs::remove_dir(&lock).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "somebody's");
        open_own(&lock, Writing::Over).unwrap().write_all(b"1").unwrap();
        open_own(&lock, Writing::Append).unwrap().write_all(b"2").unwrap();
        assert_eq!(std::fs::read_to_string(&lock).unwrap(), "12");
        assert_eq!(lock.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_of_a_third_user_is_refused_and_that_of_the_folders_owner_is_not() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let base = tempfile::tempdir().unwrap();
        let lock = base.path().join("lock");
        std::fs::write(&lock, "").unwrap();
        std::os::unix::fs::chown(&lock, Some(10_001), None).unwrap();
        assert!(matches!(open_own(&lock, Writing::Over), Err(FsError::Others { uid: 10_001 })));
        std::os::unix::fs::chown(base.path(), Some(10_001), None).unwrap();
        assert!(open_own(&lock, Writing::Over).is_ok());
    }

    #[test]
    fn a_lock_and_a_folder_are_opened_without_waiting() {
        let base = tempfile::tempdir().unwrap();
        let pipe = base.path().join("pipe");
        fifo(&pipe);
        assert!(matches!(open_own_to_lock(&pipe), Err(FsError::NotRegular)));
        assert!(open_directory(&pipe).is_err());
        assert!(open_directory(base.path()).is_ok());
        assert!(matches!(open_own_to_lock(&base.path().join("none")), Err(FsError::Missing)));
    }

    #[test]
    fn links_in_folders_of_others_are_not_followed() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let base = tempfile::tempdir().unwrap();
        std::fs::create_dir(base.path().join("elsewhere")).unwrap();
        symlink("elsewhere", base.path().join("auth_info")).unwrap();
        let below = Path::new("auth_info/sessions");
        assert_eq!(beneath(base.path(), below).unwrap(), base.path().join(below));
        std::os::unix::fs::chown(base.path(), Some(10_001), None).unwrap();
        let refused = beneath(base.path(), below).unwrap_err().to_string();
        assert!(refused.contains("user 10001"), "{refused}");
        assert!(beneath(base.path(), Path::new("elsewhere/none")).is_ok());
    }

    #[test]
    fn a_probe_leaves_nothing_and_touches_nothing() {
        let base = tempfile::tempdir().unwrap();
        let (victim, name) = (base.path().join("victim"), base.path().join(".probe"));
        std::fs::write(&victim, "somebody's").unwrap();
        symlink(&victim, &name).unwrap();
        probe(base.path(), ".probe").unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "somebody's");
        assert!(name.symlink_metadata().is_err());
    }
}
