//! Unpacking what the engine hands out: it reads with root's rights, and the container's user does not have them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};
use wakeeper_bounded_tar::{Bounds, Entry, Kind, Reader, TarError, shown};

use super::{BYTES, VolumeError, Was, local, private, strange};
use crate::docker::user::{User, Wanted};

/// What the stream may hold at most: it is written by the engine, of names, sizes and attributes that the container chose.
/// Records carry the extended attributes of a file, of which Linux allows 64 KiB.
const BOUNDS: Bounds =
    Bounds { total: BYTES, entries: 500_000, entry: 1 << 30, name: 4096, extensions: 1 << 20, records: 1024 };

/// What a copy is without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) count: usize,
    /// One of them, as people may see it, and why.
    example: String,
}

impl LeftOut {
    fn add(&mut self, path: &Path, reason: &str) {
        let path = shown(&path.to_string_lossy());
        tracing::warn!(path, "left out: {reason}");
        self.count += 1;
        if self.count == 1 {
            self.example = format!("{path}: {reason}");
        }
    }
}

impl std::fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} of its entries could not be copied ({})", self.count, self.example)
    }
}

/// The entries that were unpacked, and what was left out.
#[derive(Debug, Default)]
pub(super) struct Unpacked {
    pub(super) was: BTreeMap<PathBuf, Was>,
    pub(super) left_out: LeftOut,
    /// Folders that were left out, with all that is in them.
    closed: BTreeSet<PathBuf>,
}

/// Unpacks the folders and regular files that the container's user may read, and nothing else: no links, nothing
/// outside, nothing beyond the bounds. One more name of a file that is unpacked already becomes a file of its own.
pub(super) fn unpack(archive: File, root: &Path, user: &User) -> Result<Unpacked, VolumeError> {
    let mut archive = Reader::new(BufReader::new(archive), BOUNDS);
    let mut unpacked = Unpacked::default();
    while let Some(entry) = archive.next_entry().map_err(|error| broken(&error))? {
        unpacked.take(entry, root, user)?;
    }
    if unpacked.was.is_empty() {
        let reason = "it is neither a file nor a folder that the container's user may read";
        return Err(strange(Path::new("the path"), reason));
    }
    Ok(unpacked)
}

impl Unpacked {
    fn take(
        &mut self,
        mut entry: Entry<'_, BufReader<File>>,
        root: &Path,
        user: &User,
    ) -> Result<(), VolumeError> {
        let path = inside(&entry.name)?;
        if self.was.contains_key(&path) {
            return Err(strange(&path, "it is there twice"));
        }
        if path.ancestors().any(|folder| self.closed.contains(folder)) {
            self.left_out.count += 1;
            return Ok(());
        }
        let wanted = if entry.kind == Kind::Folder { Wanted::Look } else { Wanted::Read };
        if !user.may(wanted, entry.uid, entry.gid, entry.mode) {
            if entry.kind == Kind::Folder {
                self.closed.insert(path.clone());
            }
            self.left_out.add(&path, &format!("the container runs as {user}, who may not read it"));
            return Ok(());
        }
        let mut then =
            Was { uid: entry.uid, gid: entry.gid, mode: entry.mode, mtime: entry.mtime, content: None };
        let target = root.join(&path);
        match entry.kind {
            Kind::Folder => {
                std::fs::DirBuilder::new().mode(0o700).create(&target).map_err(local("make", &target))?;
            }
            Kind::File => then.content = Some(write_hashed(&mut entry, &target)?),
            Kind::HardLink => {
                let first = inside(&entry.link)?;
                let Some(content) = self.was.get(&first).and_then(|was| was.content) else {
                    self.left_out.add(&path, "it is a hard link to a file that was not copied");
                    return Ok(());
                };
                std::fs::copy(root.join(first), &target).map_err(local("write", &target))?;
                then.content = Some(content);
            }
            Kind::Other => {
                self.left_out.add(&path, "it is neither a file nor a folder");
                return Ok(());
            }
        }
        if then.content.is_some() {
            // The examination judges modes, so the copy has the original's.
            std::fs::set_permissions(&target, private(then.mode & 0o777 | 0o600))
                .map_err(local("set the mode of", &target))?;
        }
        self.was.insert(path, then);
        Ok(())
    }
}

/// The path that a name in the stream means below the folder.
fn inside(name: &[u8]) -> Result<PathBuf, VolumeError> {
    let path = Path::new(OsStr::from_bytes(name));
    let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if path.as_os_str().is_empty() || path.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(strange(&path, "its name leads out of the folder"));
    }
    Ok(path)
}

fn broken(error: &TarError) -> VolumeError {
    strange(Path::new("the archive"), &error.to_string())
}

fn write_hashed(entry: &mut Entry<'_, BufReader<File>>, target: &Path) -> Result<[u8; 32], VolumeError> {
    let file = File::options().write(true).create_new(true).mode(0o600).open(target);
    let mut file = file.map_err(local("write", target))?;
    let mut hash = Sha256::new();
    let mut room = vec![0; 64 * 1024];
    loop {
        match entry.piece(&mut room).map_err(|error| broken(&error))? {
            0 => return Ok(hash.finalize().into()),
            read => {
                hash.update(&room[..read]);
                file.write_all(&room[..read]).map_err(local("write", target))?;
            }
        }
    }
}

#[cfg(test)]
mod tests;
