//! `wakeeper-chown-mounts`: gives the mounted folders of the container image to the user that the gateway runs as.
//!
//! Docker makes a folder that is to be mounted and does not exist as root, and the gateway does not run as root. In
//! the image this program carries the one capability it needs, `CAP_CHOWN`. So it does one thing only: it takes no
//! path, follows no link, and leaves files alone that have more than one name. Started by root, as compose does
//! before the gateway, it takes the new owner from `--for USER:GROUP`; started by anybody else, the new owner is
//! whoever started it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program of its own that speaks to its caller"
)]

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

/// What the guide mounts.
const MOUNTS: [&str; 4] = ["/app/auth_info", "/app/baileys_store.json", "/app/session_backups", "/app/logs"];
/// The user of the image.
const IMAGE_USER: (u32, u32) = (10001, 10001);
/// Sessions are shallow; what is deeper is something else.
const DEPTH: usize = 8;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let owner = match owner(&arguments) {
        Ok(owner) => owner,
        Err(reason) => {
            eprintln!("error: {reason}\nUsage: wakeeper-chown-mounts [--for USER:GROUP]");
            return ExitCode::from(2);
        }
    };
    let mut work = Work { owner, given: 0, failed: Vec::new() };
    for mount in MOUNTS {
        work.mount(mount);
    }
    if work.given > 0 {
        println!("gave {} files and folders to user {}:{}", work.given, owner.0, owner.1);
    }
    for failure in &work.failed {
        eprintln!("error: {failure}");
    }
    if work.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn owner(arguments: &[String]) -> Result<(u32, u32), String> {
    let (uid, gid) = (rustix::process::getuid(), rustix::process::getgid());
    match arguments {
        [] if uid.is_root() => Ok(IMAGE_USER),
        [] => Ok((uid.as_raw(), gid.as_raw())),
        [flag, value] if flag == "--for" && uid.is_root() => {
            let (user, group) =
                value.split_once(':').ok_or("--for needs numbers, for example 10001:10001")?;
            let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is not a number"));
            Ok((number(user)?, number(group)?))
        }
        _ => Err("only root may say for whom".to_owned()),
    }
}

struct Work {
    owner: (u32, u32),
    given: usize,
    failed: Vec<String>,
}

impl Work {
    fn mount(&mut self, path: &str) {
        let Ok(stat) = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) else { return };
        if !self.give(CWD, path, path, &stat) || FileType::from_raw_mode(stat.st_mode) != FileType::Directory
        {
            return;
        }
        // Opened after it was given: a folder of mode 0700 opens to its owner.
        match open_folder(CWD, path) {
            Ok(folder) => self.folder(&folder, path, 0),
            Err(error) => self.failed.push(format!("cannot open {path}: {error}")),
        }
    }

    fn folder(&mut self, folder: &OwnedFd, shown: &str, depth: usize) {
        let entries = match rustix::fs::Dir::read_from(folder) {
            Ok(entries) => entries,
            Err(error) => return self.failed.push(format!("cannot read {shown}: {error}")),
        };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            if name.to_bytes() == b"." || name.to_bytes() == b".." {
                continue;
            }
            let path = format!("{shown}/{}", name.to_string_lossy());
            let Ok(stat) = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            if self.give(folder, name, &path, &stat) && is_folder && depth < DEPTH {
                match open_folder(folder, name) {
                    Ok(below) => self.folder(&below, &path, depth + 1),
                    Err(error) => self.failed.push(format!("cannot open {path}: {error}")),
                }
            }
        }
    }

    /// True when it belongs to the owner now.
    fn give(&mut self, folder: impl AsFd, name: impl rustix::path::Arg, shown: &str, stat: &Stat) -> bool {
        if (stat.st_uid, stat.st_gid) == self.owner {
            return true;
        }
        let kind = FileType::from_raw_mode(stat.st_mode);
        if !matches!(kind, FileType::Directory | FileType::RegularFile) {
            return false;
        }
        if kind == FileType::RegularFile && stat.st_nlink > 1 {
            self.failed.push(format!("{shown} has more than one name (hard links) and is left as it is"));
            return false;
        }
        let (uid, gid) = (Uid::from_raw(self.owner.0), Gid::from_raw(self.owner.1));
        match rustix::fs::chownat(folder, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(()) => {
                self.given += 1;
                true
            }
            Err(Errno::ROFS) => false,
            Err(error) => {
                self.failed
                    .push(format!("cannot give {shown} to user {}:{}: {error}", self.owner.0, self.owner.1));
                false
            }
        }
    }
}

fn open_folder(folder: impl AsFd, name: impl rustix::path::Arg) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::empty())
}
