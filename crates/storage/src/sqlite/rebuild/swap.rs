//! How a new database takes the place of a damaged one, so that a crash at any point loses nothing and is told.
//!
//! For `wakeeper.db`, set aside as `wakeeper-damaged-<time>.db`, in this order:
//!
//! | step | if it ends here, the next start |
//! |---|---|
//! | 1 copy file and log to `wakeeper.db.reading`, fill `wakeeper.db.draft` | removes both and begins anew: nothing of the old was touched |
//! | 2 sync the draft, which holds everything in one file and carries the mark | the same |
//! | 3 rename it to `wakeeper-damaged-<time>.db.ready`, sync the folder | goes on with 4 |
//! | 4 move `-wal`, then `-shm`, then the old file aside; sync the folder | goes on with what is not moved yet |
//! | 5 rename `.ready` to `wakeeper.db`, sync the folder | finds the new one, and its mark |
//!
//! From 3 on every start goes on before anything opens a database, and the name of the new one tells where the old one
//! goes. So the old file is never read without its log: before 3 both are in place, and after it nobody reads it. The new
//! one never meets the old log, which SQLite would play into it: the log is away, and the folder synced, before 5. In 4
//! the log goes first, because a program that knows nothing of this and finds a log without a file removes it; a file
//! without its log it only reads. What is in the log is in the file that is kept beside it.

use std::fs::{remove_file, rename};
use std::io;
use std::path::{Path, PathBuf};

use super::{Stop, beside};
use crate::disk::{real, sync_folder};

const READY: &str = ".ready";
const DAMAGED: &str = "-damaged-";
/// What SQLite keeps beside a file.
const SIDES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// Where the rows are written to until they are complete.
pub(super) fn draft(path: &Path) -> PathBuf {
    beside(path, ".draft")
}

/// The copy that is read.
pub(super) fn reading(path: &Path) -> PathBuf {
    beside(path, ".reading")
}

/// A name to set the database aside under, which nothing has yet.
pub(super) fn free_name(path: &Path, stamp: &str) -> io::Result<PathBuf> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut names = (0..1000).map(|n| match n {
        0 => path.with_file_name(format!("{stem}{DAMAGED}{stamp}.db")),
        n => path.with_file_name(format!("{stem}{DAMAGED}{stamp}-{n}.db")),
    });
    names
        .find(|name| !SIDES.iter().any(|side| exists(&beside(name, side))))
        .ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}

/// From now on the draft is the database that belongs in the place.
pub(super) fn offer(path: &Path, aside: &Path, stop: Stop<'_>) -> io::Result<()> {
    rename(draft(path), beside(aside, READY))?;
    stop("the draft is renamed")?;
    sync_folder(path)?;
    stop("the draft is ready")
}

/// Puts the new database into the place of the old one, from wherever an earlier attempt ended.
pub(super) fn place(path: &Path, aside: &Path, stop: Stop<'_>) -> io::Result<()> {
    let ready = beside(aside, READY);
    if exists(aside) && exists(path) {
        tracing::warn!(
            path = %path.display(), aside = %aside.display(),
            "another database was put in the place of the damaged one before its rows were; it is used as it is"
        );
        remove_file(ready)?;
        return sync_folder(path);
    }
    for side in ["-wal", "-shm"] {
        move_aside(&beside(path, side), &beside(aside, side))?;
        stop(side)?;
    }
    move_aside(path, aside)?;
    stop("the old file is moved")?;
    sync_folder(path)?;
    stop("the old files are set aside")?;
    rename(ready, path)?;
    stop("the new one is renamed")?;
    sync_folder(path)
}

/// Moves what is there; what was moved before is never written over.
fn move_aside(from: &Path, to: &Path) -> io::Result<()> {
    if !exists(from) {
        return Ok(());
    }
    let mut names = (0..1000).map(|n| if n == 0 { to.to_owned() } else { beside(to, &format!(".{n}")) });
    let to = names.find(|name| !exists(name)).ok_or(io::ErrorKind::AlreadyExists)?;
    rename(from, to)
}

/// Finishes what an earlier process began for the database at `path`, and removes what it left. Nothing has it open.
///
/// # Errors
/// When a file cannot be moved or removed.
pub(in crate::sqlite) fn resume(path: &Path) -> io::Result<()> {
    let path = real(path);
    for aside in of_rebuilds(&path, ".db.ready")? {
        let aside = aside.with_extension("");
        tracing::warn!(path = %path.display(), "making the database anew was cut short; going on with it");
        place(&path, &aside, &mut |_| Ok(()))?;
    }
    remove_leftovers(&path)
}

/// Removes drafts and copies, also those that earlier versions left beside what they set aside. One that cannot be removed
/// keeps no other from it.
pub(super) fn remove_leftovers(path: &Path) -> io::Result<()> {
    let mut names = Vec::new();
    for side in SIDES {
        names.extend([beside(&draft(path), side), beside(&reading(path), side)]);
        names.extend(of_rebuilds(path, &format!(".db.reading{side}"))?);
    }
    let mut removed = Ok(());
    for name in names {
        removed = removed.and(remove(&name));
    }
    removed
}

/// Files in the database's folder that a rebuild of it named, by the end of their names.
fn of_rebuilds(path: &Path, end: &str) -> io::Result<Vec<PathBuf>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let items = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        items => items?,
    };
    let mut found = Vec::new();
    for item in items {
        let name = item?.file_name();
        let name = name.to_string_lossy();
        if name.strip_prefix(&*stem).is_some_and(|rest| rest.starts_with(DAMAGED)) && name.ends_with(end) {
            found.push(path.with_file_name(&*name));
        }
    }
    Ok(found)
}

fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

fn remove(path: &Path) -> io::Result<()> {
    match remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
