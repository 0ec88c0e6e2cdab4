//! Logs that a person names, or pipes in: nothing is read that might never end.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use wakeeper_private_fs::shown;

use super::digest::{LogFacts, read_log};

/// Bytes that are read from a pipe.
const PIPED: u64 = 8 << 30;

/// Why a log was not read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It cannot be read.
    #[error("cannot read the log {path}: {reason}")]
    Read {
        /// What was named.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// It may have no end.
    #[error(
        "cannot read the log {path}: it is {what} and no file, and may have no end; pipe it in instead, as in \
         `docker logs NAME 2>&1 | wakeeper clean --log -`"
    )]
    NoFile {
        /// What was named.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Standard input cannot be read.
    #[error("cannot read the log from standard input: {0}")]
    Piped(io::Error),
}

/// Reads a log that a person named. Only a file is read: a pipe or a device may have no end.
///
/// # Errors
/// When it is no file, cannot be read, or is no kind of file that is.
pub fn read_named_log(path: &Path, now_ms: i64) -> Result<LogFacts, LogError> {
    let failed = |reason| LogError::Read { path: shown(path), reason };
    // A pipe that nobody writes to is not waited for.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let kind = file.metadata().map_err(failed)?.file_type();
    if !kind.is_file() {
        let is_device = kind.is_char_device() || kind.is_block_device();
        let kinds = [(kind.is_dir(), "a folder"), (kind.is_fifo(), "a pipe"), (is_device, "a device")];
        let what = kinds.iter().find(|(is_it, _)| *is_it).map_or("something else", |(_, what)| what);
        return Err(LogError::NoFile { path: shown(path), what });
    }
    let facts = read_log(file, shown(path).display().to_string(), Some(now_ms)).map_err(failed)?;
    Ok(LogFacts { named: true, ..facts })
}

/// Reads a log from standard input, as far as a log can go: that more came is said.
///
/// # Errors
/// When it cannot be read.
pub fn read_piped_log(input: impl Read, now_ms: i64) -> Result<LogFacts, LogError> {
    within(input, PIPED, now_ms).map_err(LogError::Piped)
}

fn within(mut input: impl Read, limit: u64, now_ms: i64) -> io::Result<LogFacts> {
    let mut facts = read_log(input.by_ref().take(limit), "standard input".to_owned(), Some(now_ms))?;
    if facts.reading.broke_off.is_none() && input.read(&mut [0])? > 0 {
        facts.reading.broke_off = Some(format!("only its first {limit} bytes were read, and more came"));
    }
    Ok(LogFacts { named: true, ..facts })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_798_761_600_000;

    #[test]
    fn what_may_have_no_end_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("bot.log");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for (path, what) in
            [(Path::new("/dev/zero"), "a device"), (pipe.as_path(), "a pipe"), (dir.path(), "a folder")]
        {
            let refused = read_named_log(path, NOW_MS).unwrap_err().to_string();
            assert!(refused.contains(what) && refused.contains("--log -"), "{refused}");
        }
        let missing = read_named_log(&dir.path().join("none"), NOW_MS).unwrap_err().to_string();
        assert!(missing.contains("cannot read the log") && missing.contains("No such file"), "{missing}");
    }

    #[test]
    fn a_file_is_read_also_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (log, link) = (dir.path().join("a.log"), dir.path().join("b.log"));
        std::fs::write(&log, "Session error:Error: Bad MAC\n").unwrap();
        std::os::unix::fs::symlink(&log, &link).unwrap();
        let facts = read_named_log(&link, NOW_MS).unwrap();
        assert!(facts.named && facts.reading.lines == 1, "{facts:?}");
    }

    #[test]
    fn a_pipe_without_end_ends_at_the_bound_with_a_word() {
        for endless in [b'\n', 0, b'x'] {
            let facts = within(io::repeat(endless), 1 << 20, NOW_MS).unwrap();
            let said = facts.reading.broke_off.as_deref();
            assert!(said.is_some_and(|said| said.contains("1048576 bytes")), "{said:?}");
        }
        let whole = within(&b"Session error:Error: Bad MAC\n"[..], 29, NOW_MS).unwrap();
        assert_eq!((whole.reading.broke_off, whole.reading.lines), (None, 1));
    }
}
