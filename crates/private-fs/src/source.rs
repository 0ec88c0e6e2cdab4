//! The way to what an engine mounts into a container.
//!
//! Such a path is the operator's choice, and it may lead through the operator's links. But a part of the way can be
//! within reach of a container, which puts a link there when it likes: below what is mounted into another container, or
//! twice into the same one. So the path is walked one name at a time. A link is followed only where it stands in a folder
//! that nobody but root and this process's user can write to, and that is not below anything which a container writes to.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

use crate::error::FsError;
use crate::folder::{Folder, Trust};

/// So many links are followed on one way, as the kernel has it.
const LINKS: usize = 40;
/// A handle that stands for what is there, without opening it.
const STANDS_FOR: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// So deep no folder lies.
const DEPTH: usize = 4096;

/// Device and inode.
pub type FileId = (u64, u64);

/// What is mounted.
#[derive(Debug)]
pub enum Source {
    /// A folder.
    Folder(Folder),
    /// A regular file, by the folder that it is in.
    File(Folder, String, Stat),
}

/// Opens what an engine calls the source of a mount. `written` are the files and folders that containers write to.
///
/// # Errors
/// [`FsError::Planted`] when the way leads over a link that a container can have put there, [`FsError::Missing`] and
/// [`FsError::Io`] when it leads nowhere from here, [`FsError::NotRegular`] when it leads to a device or the like.
pub fn open_source(path: &Path, written: &BTreeSet<FileId>) -> Result<Source, FsError> {
    let mut way = Way::begin(written)?;
    let mut names: VecDeque<OsString> = names_of(path);
    let mut links = 0;
    while let Some(name) = names.pop_front() {
        let Some(target) = way.step(&name)? else { continue };
        links += 1;
        if links > LINKS {
            return Err(Errno::LOOP.into());
        }
        if target.is_absolute() {
            way.restart()?;
        }
        for name in names_of(&target).into_iter().rev() {
            names.push_front(name);
        }
    }
    way.arrive(path)
}

/// Whether a folder is one of these or lies below one.
///
/// # Errors
/// When the way up cannot be walked.
pub fn is_below(folder: &Folder, any_of: &BTreeSet<FileId>) -> Result<bool, FsError> {
    let mut here = rustix::fs::openat(folder.fd(), ".", STANDS_FOR, Mode::empty())?;
    let mut before = None;
    for _ in 0..DEPTH {
        let stat = rustix::fs::fstat(&here)?;
        let id = (stat.st_dev, stat.st_ino);
        if any_of.contains(&id) {
            return Ok(true);
        }
        if before == Some(id) {
            return Ok(false);
        }
        before = Some(id);
        here = rustix::fs::openat(&here, "..", STANDS_FOR, Mode::empty())?;
    }
    Ok(true)
}

fn names_of(path: &Path) -> VecDeque<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(name).collect()
}

/// Where the walk is.
struct Way<'a> {
    written: &'a BTreeSet<FileId>,
    /// The last folder, and what is in it under the last name when that is no folder.
    folder: OwnedFd,
    stat: Stat,
    last: Option<(OsString, Stat)>,
    /// Below something that a container writes to.
    within_reach: bool,
    shown: PathBuf,
}

impl<'a> Way<'a> {
    fn begin(written: &'a BTreeSet<FileId>) -> Result<Self, FsError> {
        let folder = rustix::fs::openat(CWD, "/", STANDS_FOR, Mode::empty())?;
        let stat = rustix::fs::fstat(&folder)?;
        Ok(Self { written, folder, stat, last: None, within_reach: false, shown: PathBuf::from("/") })
    }

    fn restart(&mut self) -> Result<(), FsError> {
        *self = Self::begin(self.written)?;
        Ok(())
    }

    /// One name further. What it links to, when it is a link that may be followed.
    fn step(&mut self, name: &OsStr) -> Result<Option<PathBuf>, FsError> {
        if self.last.is_some() {
            return Err(Errno::NOTDIR.into());
        }
        let next = rustix::fs::openat(&self.folder, name, STANDS_FOR, Mode::empty())?;
        let stat = rustix::fs::fstat(&next)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                if self.within_reach || others_link_here(&self.stat, &stat) {
                    return Err(FsError::Planted { at: self.shown.join(name) });
                }
                let target = rustix::fs::readlinkat(&next, "", Vec::new())?.into_bytes();
                return Ok(Some(PathBuf::from(OsString::from_vec(target))));
            }
            FileType::Directory => {
                self.shown.push(name);
                (self.folder, self.stat) = (next, stat);
                self.within_reach |= self.written.contains(&(stat.st_dev, stat.st_ino));
            }
            _ => self.last = Some((name.to_owned(), stat)),
        }
        Ok(None)
    }

    fn arrive(self, path: &Path) -> Result<Source, FsError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.folder, ".", flags, Mode::empty())?;
        let Some((name, stat)) = self.last else {
            return Ok(Source::Folder(Folder::of(fd, path.to_owned(), Trust::Operator)));
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(FsError::NotRegular);
        }
        let name = name.into_string().map_err(|_| FsError::NotRegular)?;
        let parent = path.parent().unwrap_or(path).to_owned();
        Ok(Source::File(Folder::of(fd, parent, Trust::Nobody(None)), name, stat))
    }
}

/// Whether anybody but root and this process's user can have put that link into that folder.
fn others_link_here(folder: &Stat, link: &Stat) -> bool {
    let trusted = |uid: u32| uid == 0 || uid == geteuid().as_raw();
    let trusted_group = folder.st_gid == 0 || folder.st_gid == getegid().as_raw();
    let open = folder.st_mode & 0o002 != 0 || (folder.st_mode & 0o020 != 0 && !trusted_group);
    // In a folder such as /tmp nobody can move or replace what is another's.
    let kept = folder.st_mode & 0o1000 != 0 && trusted(link.st_uid);
    !trusted(folder.st_uid) || (open && !kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn ids(paths: &[&Path]) -> BTreeSet<FileId> {
        paths.iter().map(|path| path.metadata().unwrap()).map(|facts| (facts.dev(), facts.ino())).collect()
    }

    /// A folder that a container writes to, with a session and a link out in it, and the operator's links to both.
    fn ground() -> tempfile::TempDir {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        std::fs::create_dir_all(at("bot/data/auth_info")).unwrap();
        std::fs::create_dir_all(at("secret/auth_info")).unwrap();
        for file in ["bot/data/store.json", "secret/store.json"] {
            std::fs::write(at(file), file).unwrap();
        }
        symlink("../secret", at("bot/out")).unwrap();
        symlink(at("secret"), at("bot/data/out")).unwrap();
        symlink("bot", at("link")).unwrap();
        symlink(at("link/data"), at("again")).unwrap();
        base
    }

    #[test]
    fn the_operators_links_are_followed_and_a_containers_are_not() {
        let base = ground();
        let at = |name: &str| base.path().join(name);
        let written = ids(&[&at("bot")]);
        for good in
            ["bot/data/auth_info", "link/data/auth_info", "again/auth_info", "again/../data/auth_info"]
        {
            let Source::Folder(folder) = open_source(&at(good), &written).unwrap() else {
                panic!("{good} is a folder")
            };
            let stat = folder.stat().unwrap();
            assert_eq!(BTreeSet::from([(stat.st_dev, stat.st_ino)]), ids(&[&at("bot/data/auth_info")]));
            assert_eq!(folder.shown(), at(good));
            assert!(is_below(&folder, &written).unwrap());
            assert!(!is_below(&folder, &ids(&[&at("secret")])).unwrap());
        }
        let Source::File(folder, name, _) = open_source(&at("again/store.json"), &written).unwrap() else {
            panic!("a file")
        };
        assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), b"bot/data/store.json");
        for bad in ["bot/out/auth_info", "link/out", "again/out/auth_info", "bot/data/out/store.json"] {
            let error = open_source(&at(bad), &written).unwrap_err();
            assert!(matches!(error, FsError::Planted { .. }), "{bad}: {error}");
            open_source(&at(bad), &BTreeSet::new()).unwrap();
        }
        assert!(matches!(open_source(&at("none"), &written), Err(FsError::Missing)));
        assert!(open_source(&at("bot/data/store.json/x"), &written).is_err());
        symlink("loop", at("loop")).unwrap();
        assert!(open_source(&at("loop"), &written).is_err());
    }

    #[test]
    fn a_link_where_others_can_write_is_not_followed() {
        let base = ground();
        let link = base.path().join("link");
        let mode = |mode: u32| {
            std::fs::set_permissions(base.path(), PermissionsExt::from_mode(mode)).unwrap();
            open_source(&link, &BTreeSet::new())
        };
        mode(0o755).unwrap();
        mode(0o1777).unwrap();
        assert!(matches!(mode(0o777), Err(FsError::Planted { .. })));
        if rustix::process::geteuid().is_root() {
            mode(0o775).unwrap();
            std::os::unix::fs::chown(base.path(), Some(0), Some(10_001)).unwrap();
            assert!(matches!(mode(0o775), Err(FsError::Planted { .. })));
            std::os::unix::fs::chown(base.path(), Some(10_001), Some(0)).unwrap();
            assert!(matches!(mode(0o755), Err(FsError::Planted { .. })));
        }
    }
}
