//! Writing into an open folder.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use crate::error::FsError;
use crate::folder::{Folder, Trust, plain};
use crate::rights::Rights;

impl Folder {
    /// Makes a file that only its owner may use (0600). One that is there already is left alone.
    pub fn create(&self, name: &str) -> Result<File, FsError> {
        plain(name)?;
        let _entered = self.enter()?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(self.fd(), name, flags, Mode::from_raw_mode(0o600))?;
        Ok(File::from(fd))
    }

    /// Puts a file in the place of whatever has the name, whole or not at all, and on disk when this returns.
    pub fn replace(&self, name: &str, content: &[u8]) -> Result<(), FsError> {
        self.replace_with(name, None, |file| file.write_all(content))
    }

    /// The same with a content that is written piece by piece. With `like` the new file has the owner and the permission
    /// bits that these facts tell, as far as the folder's rights allow.
    pub fn replace_with(
        &self,
        name: &str,
        like: Option<&Stat>,
        write: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> Result<(), FsError> {
        self.place(name, like, write)?;
        self.sync()
    }

    /// The same for one of many files: its content is on disk when this returns, its name once the folder is synced.
    ///
    /// # Errors
    /// When it cannot be written; what had the name before is there then.
    pub fn place(
        &self,
        name: &str,
        like: Option<&Stat>,
        write: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> Result<(), FsError> {
        plain(name)?;
        let draft = format!(".{name}.wakeeper.tmp");
        // What an interrupted run left, or somebody put there; never what is behind it.
        match self.remove(&draft) {
            Ok(()) | Err(FsError::Missing) => {}
            Err(error) => return Err(error),
        }
        let mut file = self.create(&draft)?;
        let written = write(&mut file).map_err(FsError::from);
        let written = written.and_then(|()| match like {
            Some(like) => self.make_like(&file, like.st_uid, like.st_gid, like.st_mode),
            None => Ok(()),
        });
        let written = written.and_then(|()| Ok(file.sync_all()?));
        let placed = written.and_then(|()| self.rename(&draft, name));
        if placed.is_err() {
            let _ = self.remove(&draft);
        }
        placed
    }

    /// Makes a folder that only its owner may use (0700); one that is there already is left alone.
    pub fn make_folder(&self, name: &str) -> Result<(), FsError> {
        plain(name)?;
        let _entered = self.enter()?;
        match rustix::fs::mkdirat(self.fd(), name, Mode::from_raw_mode(0o700)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The same, and one that is made belongs to whom this folder belongs to.
    pub fn make_folder_of_owner(&self, name: &str) -> Result<Self, FsError> {
        let is_new = matches!(self.entry(name), Err(FsError::Missing));
        self.make_folder(name)?;
        let made = self.below(Path::new(name))?;
        let (own, of) = (self.stat()?, made.stat()?);
        if is_new && (own.st_uid, own.st_gid) != (of.st_uid, of.st_gid) {
            let confined = matches!(self.trust(), Trust::Nobody(Some(rights)) if !rights.root_in_container);
            let (owner, group) = (Some(Uid::from_raw(own.st_uid)), Some(Gid::from_raw(own.st_gid)));
            if !confined {
                self.as_owner_or_container(|| rustix::fs::fchown(made.fd(), owner, group))?;
            }
        }
        Ok(made)
    }

    /// Renames an entry; what has the new name already is replaced.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), FsError> {
        plain(from)?;
        plain(to)?;
        let _entered = self.enter()?;
        Ok(rustix::fs::renameat(self.fd(), from, self.fd(), to)?)
    }

    /// Removes an entry that is no folder; a link itself, never what it leads to.
    pub fn remove(&self, name: &str) -> Result<(), FsError> {
        plain(name)?;
        let _entered = self.enter()?;
        Ok(rustix::fs::unlinkat(self.fd(), name, AtFlags::empty())?)
    }

    /// Makes new names survive a loss of power.
    pub fn sync(&self) -> Result<(), FsError> {
        Ok(rustix::fs::fsync(self.fd())?)
    }

    /// Sets the permission bits of a regular file, by its handle.
    pub fn set_mode(&self, name: &str, mode: u32) -> Result<(), FsError> {
        let (file, _) = self.open_file(name)?;
        let mode = Mode::from_raw_mode(mode & 0o777);
        self.as_owner_or_container(|| rustix::fs::fchmod(&file, mode))
    }

    /// Gives a file that was just made here the owner and the permission bits of the one whose place it takes. With the
    /// rights of the folder's owner nothing can be given to others: what is made stays the owner's.
    pub fn make_like(&self, file: &File, uid: u32, gid: u32, mode: u32) -> Result<(), FsError> {
        let own = rustix::fs::fstat(file)?;
        // Before it is given away: afterwards it is another's.
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode & 0o777))?;
        let confined = matches!(self.trust(), Trust::Nobody(Some(rights)) if !rights.root_in_container);
        if confined || (own.st_uid, own.st_gid) == (uid, gid) {
            return Ok(());
        }
        let (owner, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        if matches!(self.trust(), Trust::File(_)) {
            // The folder is the operator's, so the new file was made with this process's rights.
            return Ok(rustix::fs::fchown(file, owner, group)?);
        }
        self.as_owner_or_container(|| rustix::fs::fchown(file, owner, group))
    }

    /// As the folder's owner; what that one may not do, a container that runs as root may.
    pub(crate) fn as_owner_or_container<T>(
        &self,
        work: impl Fn() -> rustix::io::Result<T>,
    ) -> Result<T, FsError> {
        let done = {
            let _entered = self.enter()?;
            let _file = match self.trust() {
                Trust::File(rights) => Some(rights.wear()?),
                _ => None,
            };
            work()
        };
        match (done, self.trust()) {
            (Err(Errno::ACCESS | Errno::PERM), Trust::Nobody(Some(rights))) if rights.root_in_container => {
                let _root = Rights::root().wear()?;
                Ok(work()?)
            }
            (done, _) => Ok(done?),
        }
    }
}
