//! Log files: one a day, a few kept, each readable by their owner only.
//!
//! The usual crate for this makes files with the modes that the process happens to make files with, and log lines of a
//! gateway are nobody else's business.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use wakeeper_model::{Clock, time};
use wakeeper_private_fs::{Writing, create_private_folders, open_own};

/// Files that are kept, today's among them.
const KEPT: usize = 7;
/// Lines of the first moments wait for the folder in memory, so many bytes at most.
const WAITING: usize = 256 * 1024;
/// How long a folder that failed is left alone.
const PAUSE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Takes log lines; cheap to clone.
#[derive(Clone)]
pub struct LogFiles(Arc<Mutex<State>>);

struct State {
    /// `serve` or `monitor`: both may write to one folder.
    program: &'static str,
    clock: Clock,
    complain: fn(&io::Error),
    folder: Folder,
}

enum Folder {
    /// It may have to be made usable first.
    Awaited(Vec<u8>),
    Known {
        path: PathBuf,
        open: Option<Open>,
        failed_ms: Option<i64>,
    },
    /// No log files.
    None,
}

struct Open {
    file: File,
    day: i64,
}

impl LogFiles {
    /// Log files of a program whose folder is not known yet.
    pub fn of(program: &'static str, clock: Clock, complain: fn(&io::Error)) -> Self {
        let folder = Folder::Awaited(Vec::new());
        Self(Arc::new(Mutex::new(State { program, clock, complain, folder })))
    }

    /// From now on lines go to files in `folder`, those that waited first; `None` means that there are none.
    ///
    /// # Errors
    /// When that does not work. It is tried again later; what is lost is lost.
    pub fn begin(&self, folder: Option<&Path>) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match folder {
            Some(path) => Folder::Known { path: path.to_owned(), open: None, failed_ms: None },
            None => Folder::None,
        };
        match std::mem::replace(&mut state.folder, next) {
            Folder::Awaited(waiting) => state.write(&waiting),
            _ => Ok(()),
        }
    }
}

impl State {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let now_ms = self.clock.now_ms();
        match &mut self.folder {
            Folder::None => Ok(()),
            Folder::Awaited(waiting) => {
                if waiting.len() + line.len() <= WAITING {
                    waiting.extend_from_slice(line);
                }
                Ok(())
            }
            Folder::Known { failed_ms: Some(at), .. } if (*at..*at + PAUSE_MS).contains(&now_ms) => Ok(()),
            Folder::Known { path, open, failed_ms } => {
                let first = failed_ms.take().is_none();
                match append(path, self.program, open, now_ms, line) {
                    Ok(()) => Ok(()),
                    Err(error) => {
                        *open = None;
                        *failed_ms = Some(now_ms);
                        // Told once, not every minute.
                        if first { Err(error) } else { Ok(()) }
                    }
                }
            }
        }
    }
}

fn append(folder: &Path, program: &str, open: &mut Option<Open>, now_ms: i64, line: &[u8]) -> io::Result<()> {
    let day = now_ms.div_euclid(DAY_MS);
    if open.as_ref().is_none_or(|open| open.day != day) {
        make_private(folder)?;
        let path = folder.join(file_name(program, now_ms));
        let file = open_own(&path, Writing::Append)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        *open = Some(Open { file, day });
        remove_old(folder, program)?;
    }
    match open {
        Some(open) => open.file.write_all(line),
        None => Ok(()),
    }
}

/// A folder for our files alone is made 0700. One that others keep files in is taken as it is; ours are private there, too.
fn make_private(folder: &Path) -> io::Result<()> {
    create_private_folders(folder)?;
    let is_ours = |item: io::Result<fs::DirEntry>| {
        Ok::<_, io::Error>(item?.file_name().as_encoded_bytes().starts_with(b"wakeeper-"))
    };
    let open = fs::metadata(folder)?.permissions().mode() & 0o077 != 0;
    if open && fs::read_dir(folder)?.map(is_ours).all(|ours| ours.unwrap_or(false)) {
        // It may be a mount without modes, or somebody else's: the files matter.
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    }
    Ok(())
}

/// `wakeeper-serve.2026-01-31.log`.
fn file_name(program: &str, now_ms: i64) -> String {
    let stamp = time::stamp(now_ms);
    format!("wakeeper-{program}.{}-{}-{}.log", &stamp[..4], &stamp[4..6], &stamp[6..8])
}

fn remove_old(folder: &Path, program: &str) -> io::Result<()> {
    let start = format!("wakeeper-{program}.");
    let mut names = Vec::new();
    for item in fs::read_dir(folder)? {
        let name = item?.file_name();
        let day = name.to_str().and_then(|name| name.strip_prefix(&start)?.strip_suffix(".log"));
        if day.is_some_and(|day| day.len() == 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-')) {
            names.push(name);
        }
    }
    names.sort_unstable();
    names.reverse();
    for name in names.into_iter().skip(KEPT) {
        fs::remove_file(folder.join(name))?;
    }
    Ok(())
}

/// Formatters hand over whole lines. A failure goes to whoever complains: as a log line it would come back here.
impl Write for LogFiles {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let (result, complain) = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (state.write(line), state.complain)
        };
        if let Err(error) = result {
            complain(&error);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// 2026-01-31T12:00:00Z.
    const NOON: i64 = 1_769_860_800_000;

    fn log() -> (Arc<AtomicI64>, LogFiles) {
        let time = Arc::new(AtomicI64::new(NOON));
        let hand = Arc::clone(&time);
        let clock = Clock::from_fn(move || hand.load(Ordering::Relaxed));
        (time, LogFiles::of("serve", clock, |_| {}))
    }

    fn names(folder: &Path) -> Vec<String> {
        let items = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn lines_wait_for_the_folder_and_files_are_private() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("logs");
        let (_, mut log) = log();
        log.write_all(b"before\n").unwrap();
        log.begin(Some(&folder)).unwrap();
        log.write_all(b"after\n").unwrap();
        let path = folder.join("wakeeper-serve.2026-01-31.log");
        assert_eq!(fs::read_to_string(&path).unwrap(), "before\nafter\n");
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // Another process goes on with it.
        let (_, mut again) = self::log();
        again.begin(Some(&folder)).unwrap();
        again.write_all(b"again\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "before\nafter\nagain\n");
    }

    #[test]
    fn there_is_a_file_a_day_and_a_week_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for other in ["wakeeper-monitor.2020-01-01.log", "gateway.log", "wakeeper-serve.notes.log"] {
            fs::write(folder.path().join(other), "").unwrap();
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (clock, mut log) = log();
        log.begin(Some(folder.path())).unwrap();
        for _ in 0..10 {
            log.write_all(b"line\n").unwrap();
            clock.fetch_add(DAY_MS, Ordering::Relaxed);
        }
        let names = names(folder.path());
        let ours: Vec<_> = names.iter().filter(|name| name.starts_with("wakeeper-serve.20")).collect();
        assert_eq!(ours.len(), KEPT, "{names:?}");
        assert_eq!(*ours[KEPT - 1], "wakeeper-serve.2026-02-09.log");
        assert_eq!(names.len(), KEPT + 3, "other files are left alone: {names:?}");
        let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "whoever reads those files still can");
    }

    #[test]
    fn what_stands_in_a_log_files_place_is_not_written_to() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) =
            (folder.path().join("victim"), folder.path().join("wakeeper-serve.2026-01-31.log"));
        fs::write(&victim, "somebody's").unwrap();
        symlink(&victim, &path).unwrap();
        let (_, mut log) = log();
        log.write_all(b"line\n").unwrap();
        let refused = log.begin(Some(folder.path())).unwrap_err().to_string();
        assert!(refused.contains("wakeeper-serve.2026-01-31.log"), "{refused}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "somebody's");
        // A pipe that nobody reads is no reason to wait.
        fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let (_, mut log) = self::log();
        log.write_all(b"line\n").unwrap();
        assert!(log.begin(Some(folder.path())).is_err());
    }

    #[test]
    fn a_folder_that_fails_is_told_once_and_tried_again() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("logs");
        fs::write(&folder, "a file in the way").unwrap();
        let (clock, mut log) = log();
        log.write_all(b"lost\n").unwrap();
        assert!(log.begin(Some(&folder)).is_err());
        let write = |text: &[u8]| log.0.lock().unwrap().write(text);
        assert!(write(b"lost\n").is_ok(), "it is left alone for a while");
        clock.fetch_add(PAUSE_MS, Ordering::Relaxed);
        assert!(write(b"lost\n").is_ok(), "told before");
        fs::remove_file(&folder).unwrap();
        clock.fetch_add(PAUSE_MS, Ordering::Relaxed);
        write(b"kept\n").unwrap();
        let text = fs::read_to_string(folder.join("wakeeper-serve.2026-01-31.log")).unwrap();
        assert_eq!(text, "kept\n");
        fs::remove_dir_all(&folder).unwrap();
        let (_, mut off) = self::log();
        off.begin(None).unwrap();
        off.write_all(b"nowhere\n").unwrap();
        assert!(!folder.exists());
    }
}
