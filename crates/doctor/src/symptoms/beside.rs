//! Finds the log of a gateway that nobody named, by where it usually lies: beside the session's folder, or in `logs` or `log`
//! there. It is read as any other, and what was read is told.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};
use wakeeper_private_fs::{Folder, FsError, shown};

use super::{LogFacts, read_log};
use crate::login::are_of_one_login;

/// Where it is looked for, below the folder that the session's folder lies in.
const FOLDERS: [&str; 3] = ["", "logs", "log"];
/// So many are read at most, the newest: pm2 writes two, and others rotate.
const FILES: usize = 4;
/// Of so many entries of a folder.
const ENTRIES: usize = 10_000;
/// Of a longer file only the end is read.
const TAIL: u64 = 256 << 20;

/// `*.log`, and what `nohup` writes.
fn is_log(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "log") || name == "nohup.out"
}

/// What makes a folder one of a session.
const CREDENTIALS: &str = "creds.json";

struct Found {
    folder: Folder,
    name: String,
    changed_s: i64,
}

/// What the logs beside a session's folder say; `None` when there are none. Those that cannot be read are passed over.
pub fn read_logs_beside(folder: &Path, now_ms: i64) -> Option<LogFacts> {
    // Only a name that is not there, or a folder that is not to be listed, ends here: then no log is read, which is told.
    let logs = newest(folder).unwrap_or_default();
    logs.into_iter().filter_map(|log| read(&log, now_ms).ok()).reduce(|mut all, one| {
        all.add(one);
        all
    })
}

fn newest(folder: &Path) -> Result<Vec<Found>, FsError> {
    let owner = Folder::named(folder)?.stat()?.st_uid;
    let folder = std::fs::canonicalize(folder).map_err(FsError::Io)?;
    let (Some(above), Some(own)) = (folder.parent(), folder.file_name().and_then(OsStr::to_str)) else {
        return Ok(Vec::new());
    };
    let parent = Folder::named(above)?;
    if holds_others(&parent, above, own)? {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for below in FOLDERS {
        let folder = if below.is_empty() { Ok(parent.clone()) } else { parent.below(Path::new(below)) };
        let Ok(folder) = folder else { continue };
        each(&folder, |name, stat| {
            // What another user put there is not the gateway's.
            let is_own = FileType::from_raw_mode(stat.st_mode).is_file() && stat.st_uid == owner;
            if is_log(name) && is_own && stat.st_size > 0 {
                let name = name.to_owned();
                found.push(Found { folder: folder.clone(), name, changed_s: stat.st_mtime });
            }
        })?;
    }
    found.sort_by(|one, other| (other.changed_s, &other.name).cmp(&(one.changed_s, &one.name)));
    found.truncate(FILES);
    Ok(found)
}

/// Whether sessions of others lie there: nobody knows whose a log is then. A copy of this one is none of them, whatever it is
/// called.
fn holds_others(parent: &Folder, above: &Path, own: &str) -> Result<bool, FsError> {
    let mut sessions = Vec::new();
    each(parent, |name, stat| {
        let is_folder = FileType::from_raw_mode(stat.st_mode).is_dir() && name != own;
        let entry = || parent.below(Path::new(name)).and_then(|folder| folder.entry(CREDENTIALS));
        if is_folder && entry().is_ok() {
            sessions.push(name.to_owned());
        }
    })?;
    Ok(sessions.iter().any(|other| !are_of_one_login(above, own, other)))
}

/// The first entries whose names are text.
fn each(folder: &Folder, mut entry: impl FnMut(&str, &Stat)) -> Result<(), FsError> {
    let mut left = ENTRIES;
    folder.list(|name, stat| {
        left -= 1;
        if let Some(name) = name.to_str() {
            entry(name, &stat);
        }
        left > 0
    })
}

fn read(found: &Found, now_ms: i64) -> Result<LogFacts, FsError> {
    let (mut file, stat) = found.folder.open_file(&found.name)?;
    let path: PathBuf = shown(&found.folder.shown().join(&found.name));
    let source = path.display().to_string();
    let skipped = skip_to_tail(&mut file, u64::try_from(stat.st_size).unwrap_or(0)).map_err(FsError::Io)?;
    let mut facts = read_log(file.take(TAIL), source, Some(now_ms)).map_err(FsError::Io)?;
    if skipped > 0 {
        facts.reading.broke_off =
            Some(format!("its first {skipped} bytes were left out: only the end of a long log is read"));
    }
    facts.not_after(stat.st_mtime.saturating_add(1).saturating_mul(1000));
    Ok(facts)
}

fn skip_to_tail(file: &mut File, size: u64) -> std::io::Result<u64> {
    let skipped = size.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(skipped))?;
    Ok(skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPT: &str = "Failed to decrypt message with any known session...\n    at async 628111000000.3 [as awaitable] (x.js:1:1)\n";

    fn session() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("auth_info");
        std::fs::create_dir(&folder).unwrap();
        (dir, folder)
    }

    #[test]
    fn logs_in_the_usual_places_are_read_together() {
        let (dir, folder) = session();
        assert!(read_logs_beside(&folder, 0).is_none());
        std::fs::create_dir(dir.path().join("logs")).unwrap();
        std::fs::write(dir.path().join("logs/bot-error.log"), ATTEMPT.repeat(2)).unwrap();
        std::fs::write(dir.path().join("nohup.out"), ATTEMPT).unwrap();
        std::fs::write(dir.path().join("notes.txt"), ATTEMPT).unwrap();
        std::fs::write(folder.join("inside.log"), ATTEMPT).unwrap();
        let facts = read_logs_beside(&folder, 0).unwrap();
        assert_eq!((facts.sources.len(), facts.named), (2, false));
        assert_eq!(facts.peer_failures[0].messages, 3);
        // Without times in it, the file's last change is the latest that can be.
        assert!(facts.peer_failures[0].last_ms.is_some());
    }

    #[test]
    fn links_and_pipes_are_no_logs() {
        let (dir, folder) = session();
        std::fs::write(dir.path().join("text"), ATTEMPT).unwrap();
        std::os::unix::fs::symlink("text", dir.path().join("link.log")).unwrap();
        std::os::unix::fs::symlink("/var/log", dir.path().join("log")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            dir.path().join("pipe.log"),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        assert!(read_logs_beside(&folder, 0).is_none());
    }

    #[test]
    fn beside_several_sessions_nobody_knows_whose_a_log_is() {
        let (dir, folder) = session();
        std::fs::write(dir.path().join("bot.log"), ATTEMPT).unwrap();
        let login = |fixture: &str| {
            let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
            std::fs::read(fixtures.join(fixture).join(CREDENTIALS)).unwrap()
        };
        std::fs::write(folder.join(CREDENTIALS), login("baileys6")).unwrap();
        assert!(read_logs_beside(&folder, 0).is_some());
        for (name, login, is_read) in [
            ("auth_info_2", login("baileys7"), false),
            ("auth_info_backup", b"{}".to_vec(), false),
            ("auth_info_copy", login("baileys6"), true),
            ("before", login("baileys6"), true),
            ("another", login("baileys7"), false),
        ] {
            let other = dir.path().join(name);
            std::fs::create_dir(&other).unwrap();
            std::fs::write(other.join(CREDENTIALS), login).unwrap();
            assert_eq!(read_logs_beside(&folder, 0).is_some(), is_read, "{name}");
            std::fs::remove_dir_all(other).unwrap();
        }
    }

    #[test]
    fn the_newest_are_read_and_a_folder_without_parent_is_none() {
        let (dir, folder) = session();
        for n in 0..FILES + 3 {
            std::fs::write(dir.path().join(format!("{n}.log")), ATTEMPT).unwrap();
        }
        assert_eq!(read_logs_beside(&folder, 0).unwrap().sources.len(), FILES);
        assert!(read_logs_beside(Path::new("/nonexistent/auth_info"), 0).is_none());
    }
}
