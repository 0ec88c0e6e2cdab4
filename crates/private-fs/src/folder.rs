//! An open folder.

use std::ffi::{CStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use crate::error::FsError;
use crate::held;
use crate::rights::{Rights, Worn};

/// How every path below a folder is walked.
const CONFINED: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Whose folder it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// The operator's own: a hard link in it is the operator's business, such as a snapshot.
    Operator,
    /// Somebody writes into it whom nobody trusts, such as a container. Hard links to files of others are refused, and
    /// it is used with these rights.
    Nobody(Option<Rights>),
    /// The container has only a file of it, by a mount of its own: what is there is looked up with this process's rights,
    /// because the container's user need not be able to enter the folder, and the file is opened with these.
    File(Rights),
}

/// Whether an entry of a folder is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It is.
    Yes,
    /// It is passed over.
    No,
    /// Neither it nor any other.
    NoMore,
}

/// An open folder. Cheap to clone; all clones share the handle.
#[derive(Debug, Clone)]
pub struct Folder(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    fd: OwnedFd,
    /// As people know it.
    shown: PathBuf,
    trust: Trust,
}

impl Drop for Inner {
    fn drop(&mut self) {
        held::forget(self.fd.as_raw_fd());
    }
}

/// The folder's rights, worn until this is dropped. Every method of [`Folder`] wears them by itself.
#[derive(Debug)]
pub struct Entered {
    _worn: Option<Worn>,
}

impl Folder {
    /// Opens a folder that the operator named. Links on the way, and the last one too, are followed: who names a path
    /// answers for it. Never for a path that a container chose. The path of an open folder ([`Folder::path`]) gives
    /// that folder, or one below it, confined as that one is.
    pub fn named(path: &Path) -> Result<Self, FsError> {
        if let Some((folder, rest)) = held::find(path) {
            return if rest.as_os_str().is_empty() { folder.reopened() } else { folder.below(&rest) };
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self::of(fd, path.to_owned(), Trust::Operator))
    }

    /// Opens the regular file that a path means for reading. Below an open folder it is confined as that is; any other
    /// path was named by the operator, and may be a link.
    pub fn file_named(path: &Path) -> Result<(File, Stat), FsError> {
        if let Some((folder, rest)) = held::find(path) {
            return folder.open_below(&rest);
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
        let stat = rustix::fs::fstat(&file)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok((file, stat)),
            _ => Err(FsError::NotRegular),
        }
    }

    /// Takes over an open handle on a folder.
    pub fn of(fd: OwnedFd, shown: PathBuf, trust: Trust) -> Self {
        let number = fd.as_raw_fd();
        let inner = Arc::new(Inner { fd, shown, trust });
        held::remember(number, Arc::downgrade(&inner));
        Self(inner)
    }

    pub(crate) fn of_inner(inner: Arc<Inner>) -> Self {
        Self(inner)
    }

    /// The same folder with another trust, or shown under another path.
    pub fn trusted(&self, trust: Trust) -> Result<Self, FsError> {
        let fd = rustix::io::fcntl_dupfd_cloexec(&self.0.fd, 0)?;
        Ok(Self::of(fd, self.0.shown.clone(), trust))
    }

    /// The same folder by a handle of its own, for locks.
    pub fn reopened(&self) -> Result<Self, FsError> {
        let _entered = self.enter()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.0.fd, ".", flags, Mode::empty())?;
        Ok(Self::of(fd, self.0.shown.clone(), self.trust()))
    }

    /// A folder below this one. Every component is checked.
    pub fn below(&self, path: &Path) -> Result<Self, FsError> {
        if path.as_os_str().is_empty() {
            return Ok(self.clone());
        }
        let _entered = self.enter()?;
        // Without `O_NOFOLLOW`: with it, a link at the end would be told as something that is no directory.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = self.walk(path, flags)?;
        Ok(Self::of(fd, self.0.shown.join(path), self.trust()))
    }

    /// A path that leads to this folder through its handle, as long as any clone lives.
    pub fn path(&self) -> PathBuf {
        held::path_of(self.0.fd.as_raw_fd())
    }

    /// The path that people know it by.
    pub fn shown(&self) -> &Path {
        &self.0.shown
    }

    /// Whose it is.
    pub fn trust(&self) -> Trust {
        self.0.trust.clone()
    }

    /// The handle, for operations relative to the folder. Names given to them must be plain.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }

    /// Puts on the rights that the folder is used with.
    pub fn enter(&self) -> Result<Entered, FsError> {
        let worn = match &self.0.trust {
            Trust::Nobody(Some(rights)) => Some(rights.wear()?),
            _ => None,
        };
        Ok(Entered { _worn: worn })
    }

    /// The folder itself.
    pub fn stat(&self) -> Result<Stat, FsError> {
        Ok(rustix::fs::fstat(&self.0.fd)?)
    }

    /// What an entry is now; a link is itself.
    pub fn entry(&self, name: &str) -> Result<Stat, FsError> {
        plain(name)?;
        let _entered = self.enter()?;
        Ok(rustix::fs::statat(&self.0.fd, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Hands over all entries but `.` and `..`, until told to stop by `false`. One that vanishes meanwhile is none.
    pub fn list(&self, each: impl FnMut(OsString, Stat) -> bool) -> Result<(), FsError> {
        self.list_wanted(|_| Wanted::Yes, each)
    }

    /// The same for the entries that are wanted by their names; at the others it does not look.
    pub fn list_wanted(
        &self,
        mut wanted: impl FnMut(&CStr) -> Wanted,
        mut each: impl FnMut(OsString, Stat) -> bool,
    ) -> Result<(), FsError> {
        let _entered = self.enter()?;
        for item in Dir::read_from(&self.0.fd)? {
            let item = item?;
            let name = item.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match wanted(name) {
                Wanted::Yes => {}
                Wanted::No => continue,
                Wanted::NoMore => break,
            }
            if let Ok(stat) = rustix::fs::statat(&self.0.fd, name, AtFlags::SYMLINK_NOFOLLOW)
                && !each(OsString::from_vec(name.to_bytes().to_vec()), stat)
            {
                break;
            }
        }
        Ok(())
    }

    /// Opens a regular file for reading. Never waits, whatever stands there.
    pub fn open_file(&self, name: &str) -> Result<(File, Stat), FsError> {
        plain(name)?;
        self.open_at(Path::new(name), OFlags::RDONLY)
    }

    /// Opens a regular file in a folder below this one. Every component is checked.
    pub fn open_below(&self, path: &Path) -> Result<(File, Stat), FsError> {
        self.open_at(path, OFlags::RDONLY)
    }

    /// Opens a regular file to be overwritten where it is.
    pub fn open_to_overwrite(&self, name: &str) -> Result<(File, Stat), FsError> {
        plain(name)?;
        self.open_at(Path::new(name), OFlags::RDWR)
    }

    /// First a handle that only stands for the file: nothing is opened by it, so no pipe waits and no device acts. When
    /// it is a regular file that may be used, that very file is opened, by the handle.
    fn open_at(&self, path: &Path, access: OFlags) -> Result<(File, Stat), FsError> {
        let found = {
            let _entered = self.enter()?;
            self.walk(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC)?
        };
        let stat = rustix::fs::fstat(&found)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(FsError::NotRegular);
        }
        self.refuse_foreign(&stat)?;
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let path = held::path_of(found.as_raw_fd());
        let fd = self.as_owner_or_container(|| rustix::fs::open(&path, flags, Mode::empty()))?;
        Ok((File::from(fd), stat))
    }

    /// A hard link makes somebody else's file look like one of this folder. A file that only has this name is the
    /// folder's whoever owns it, and the files of its owner and of its user are theirs to link.
    fn refuse_foreign(&self, stat: &Stat) -> Result<(), FsError> {
        let user = match &self.0.trust {
            Trust::Operator => return Ok(()),
            Trust::Nobody(rights) => rights.as_ref().map(|rights| rights.uid),
            Trust::File(rights) => Some(rights.uid),
        };
        if stat.st_nlink > 1 && stat.st_uid != self.stat()?.st_uid && user != Some(stat.st_uid) {
            return Err(FsError::Foreign { uid: stat.st_uid });
        }
        Ok(())
    }

    fn walk(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, FsError> {
        // The kernel refuses these too, with an error that also stands for mounts.
        if path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(FsError::LeadsOut);
        }
        loop {
            match rustix::fs::openat2(&self.0.fd, path, flags, Mode::empty(), CONFINED) {
                // A rename elsewhere in the file system can disturb the walk.
                Err(Errno::AGAIN | Errno::INTR) => {}
                // The operator's own folders are used on old kernels too, and under filters that forbid this call: one name
                // at a time, and no link.
                Err(Errno::NOSYS | Errno::PERM)
                    if self.0.trust == Trust::Operator && path.components().count() == 1 =>
                {
                    return Ok(rustix::fs::openat(
                        &self.0.fd,
                        path,
                        flags | OFlags::NOFOLLOW,
                        Mode::empty(),
                    )?);
                }
                result => return result.map_err(FsError::of_walk),
            }
        }
    }
}

/// Refuses a name that is none, or leads out of its folder.
pub(crate) fn plain(name: &str) -> Result<(), FsError> {
    let is_plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    if is_plain { Ok(()) } else { Err(FsError::LeadsOut) }
}

#[cfg(test)]
mod tests;
