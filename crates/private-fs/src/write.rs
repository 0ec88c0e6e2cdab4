//! Writing into an open folder.

use std::fs::File;
use std::io::Write;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::error::FsError;
use crate::folder::{Folder, Trust, plain};

/// Folders in folders that are given away; sessions are flat.
const DEPTH: usize = 4;

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
        plain(name)?;
        let draft = format!(".{name}.wakeeper.tmp");
        // What an interrupted run left, or somebody put there; never what is behind it.
        match self.remove(&draft) {
            Ok(()) | Err(FsError::Missing) => {}
            Err(error) => return Err(error),
        }
        let mut file = self.create(&draft)?;
        let written = file.write_all(content).and_then(|()| file.sync_all()).map_err(FsError::from);
        let placed = written.and_then(|()| self.rename(&draft, name)).and_then(|()| self.sync());
        if placed.is_err() {
            let _ = self.remove(&draft);
        }
        placed
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

    /// Gives what this process made in the folder, and below it, to whom the folder belongs to. Only root can, and only
    /// root makes files that their container cannot read. Files are given by their handle: never a link, nor a file that
    /// has other names, which may be somebody else's.
    pub fn give_to_owner(&self) -> Result<(), FsError> {
        let owner = self.stat()?;
        if rustix::process::geteuid().is_root() && owner.st_uid != 0 {
            self.give_below(owner.st_uid, owner.st_gid, 0)?;
        }
        Ok(())
    }

    /// Gives one file of the folder, as [`Self::give_to_owner`] does.
    pub fn give_file_to_owner(&self, name: &str) -> Result<(), FsError> {
        let owner = self.stat()?;
        if rustix::process::geteuid().is_root() && owner.st_uid != 0 {
            self.give(name, owner.st_uid, owner.st_gid, 0)?;
        }
        Ok(())
    }

    fn give_below(&self, uid: u32, gid: u32, depth: usize) -> Result<(), FsError> {
        let mut names = Vec::new();
        self.list(|name, stat| {
            let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if let Ok(name) = name.into_string()
                && (stat.st_uid == 0 || is_folder)
            {
                names.push(name);
            }
            true
        })?;
        for name in names {
            match self.give(&name, uid, gid, depth) {
                // Gone meanwhile, or not a file of ours.
                Ok(()) | Err(FsError::Missing | FsError::NotRegular | FsError::LeadsOut | FsError::Mount) => {
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn give(&self, name: &str, uid: u32, gid: u32, depth: usize) -> Result<(), FsError> {
        let as_root = self.trusted(Trust::Operator)?;
        let (owner, group) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        match as_root.open_file(name) {
            Ok((file, stat)) if stat.st_uid == 0 && stat.st_nlink == 1 => {
                Ok(rustix::fs::fchown(&file, owner, group)?)
            }
            Ok(_) => Ok(()),
            Err(FsError::NotRegular) if depth < DEPTH => {
                let folder = match as_root.below(std::path::Path::new(name)) {
                    Err(FsError::Io(error)) if Errno::from_io_error(&error) == Some(Errno::NOTDIR) => {
                        return Err(FsError::NotRegular);
                    }
                    folder => folder?,
                };
                if folder.stat()?.st_uid == 0 {
                    rustix::fs::fchown(folder.fd(), owner, group)?;
                }
                folder.give_below(uid, gid, depth + 1)
            }
            Err(error) => Err(error),
        }
    }
}
