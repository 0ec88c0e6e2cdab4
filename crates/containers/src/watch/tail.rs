//! Brings a log file to a caretaker: what is appended to it, over rotations and truncations, from where the monitor
//! stopped last.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wakeeper_doctor::symptoms::{Scanner, Utf16};
use wakeeper_recovery::Observation;

use super::follow::hand_over;
use super::{Reading, WatchError};

/// How often the file is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// How much is read at once.
const BLOCK: usize = 256 * 1024;
/// Longer lines are cut.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// How far a file was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Position {
    inode: u64,
    offset: u64,
}

/// Reads a growing file in whole lines.
struct Tail {
    path: PathBuf,
    file: Option<File>,
    position: Position,
    partial: Vec<u8>,
    /// It is written as PowerShell writes: two bytes a character.
    utf16: Option<Utf16>,
}

impl Tail {
    fn new(path: &Path, position: Option<Position>) -> Self {
        let position = position.unwrap_or(Position { inode: 0, offset: 0 });
        Self { path: path.to_owned(), file: None, position, partial: Vec::new(), utf16: None }
    }

    /// The next lines; none when there is nothing new.
    fn read(&mut self) -> std::io::Result<Vec<Vec<u8>>> {
        let mut block = vec![0; BLOCK];
        loop {
            if self.file.is_none() && !self.open()? {
                return Ok(Vec::new());
            }
            let Some(file) = &mut self.file else { return Ok(Vec::new()) };
            if file.metadata()?.len() < self.position.offset {
                // Truncated in place: it begins anew.
                self.position.offset = 0;
                self.partial.clear();
                self.file = None;
                continue;
            }
            let mut read = file.read(&mut block)?;
            if self.position.offset == 0 {
                self.utf16 = Utf16::of(&block[..read.min(64)]);
            }
            if self.utf16.is_some() && !(self.position.offset + read as u64).is_multiple_of(2) {
                // Half a character: it is read when it is whole.
                file.seek(SeekFrom::Current(-1))?;
                read -= 1;
            }
            if read > 0 {
                self.position.offset += read as u64;
                return Ok(self.lines(&block[..read]));
            }
            if !self.was_replaced() {
                return Ok(Vec::new());
            }
            // All of the old file was read; on with the new one.
            self.file = None;
            self.position = Position { inode: 0, offset: 0 };
        }
    }

    fn open(&mut self) -> std::io::Result<bool> {
        // Asked before it is opened: a pipe that nobody writes to would be waited for.
        let opened = std::fs::metadata(&self.path).and_then(|found| {
            if found.is_file() {
                return File::open(&self.path);
            }
            Err(std::io::Error::new(ErrorKind::Unsupported, "it is no file that a gateway writes to"))
        });
        let mut file = match opened {
            Ok(file) => file,
            // Between the two moments of a rotation.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let inode = file.metadata()?.ino();
        if self.position.inode != inode {
            self.position = Position { inode, offset: 0 };
        }
        self.look_at_beginning(&file)?;
        file.seek(SeekFrom::Start(self.position.offset))?;
        self.file = Some(file);
        Ok(true)
    }

    fn look_at_beginning(&mut self, file: &File) -> std::io::Result<()> {
        let mut head = [0; 64];
        let read = file.read_at(&mut head, 0)?;
        self.utf16 = Utf16::of(&head[..read]);
        if head.starts_with(&[0x1f, 0x8b]) || head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            let text = "it is compressed; name the file that the gateway writes to";
            return Err(std::io::Error::new(ErrorKind::Unsupported, text));
        }
        Ok(())
    }

    fn was_replaced(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|now| now.ino() != self.position.inode)
    }

    fn lines(&mut self, block: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        let mut rest = block;
        loop {
            let (end, width) = match &self.utf16 {
                None => (rest.iter().position(|byte| *byte == b'\n'), 1),
                Some(utf16) => (utf16.line_end(rest), 2),
            };
            let room = MAX_LINE_BYTES.saturating_sub(self.partial.len());
            let text = &rest[..end.unwrap_or(rest.len())];
            self.partial.extend_from_slice(&text[..text.len().min(room)]);
            let Some(end) = end else { return lines };
            let line = std::mem::take(&mut self.partial);
            lines.push(match &self.utf16 {
                Some(utf16) => utf16.clone().text(&line).into_bytes(),
                None => line,
            });
            rest = &rest[end + width..];
        }
    }

    /// Where the next process begins: with the line that is not complete.
    fn resting(&self) -> Position {
        let offset = self.position.offset.saturating_sub(self.partial.len() as u64);
        Position { offset, ..self.position.clone() }
    }
}

/// Follows a log file until the monitor stops.
pub async fn follow(
    path: PathBuf,
    reading: &Reading,
    to: mpsc::Sender<Observation>,
    stop: CancellationToken,
) -> Result<(), WatchError> {
    let source = format!("file:{}", path.display());
    let known = reading.storage.checkpoint(&source).await?;
    let mut tail = Tail::new(&path, known.and_then(|text| serde_json::from_str(&text).ok()));
    let mut scanner = Scanner::at(Some(reading.clock.now_ms()));
    let mut look = tokio::time::interval(POLL_INTERVAL);
    let mut stored = tail.resting();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = look.tick() => {}
        }
        let mut missing = false;
        loop {
            let lines = match tail.read() {
                Ok(lines) => lines,
                Err(error) => {
                    if !std::mem::replace(&mut missing, true) {
                        tracing::warn!(path = %path.display(), %error, "the log cannot be read; trying again");
                    }
                    break;
                }
            };
            if lines.is_empty() && tail.partial.is_empty() {
                break;
            }
            let idle = lines.is_empty();
            for line in lines {
                hand_over(scanner.line(&line), None, &to).await;
            }
            if idle {
                break;
            }
        }
        let resting = tail.resting();
        if resting != stored {
            let text = serde_json::to_string(&resting)?;
            reading.storage.put_checkpoint(&source, &text, reading.clock.now_ms()).await?;
            stored = resting;
        }
    }
    hand_over(scanner.finish(), None, &to).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn texts(tail: &mut Tail) -> Vec<String> {
        let lines = tail.read().unwrap();
        lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn appended_rotated_and_truncated_files_are_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.log");
        let mut tail = Tail::new(&path, None);
        assert!(texts(&mut tail).is_empty(), "it need not exist yet");
        std::fs::write(&path, "one\ntw").unwrap();
        assert_eq!(texts(&mut tail), ["one"]);
        // Another process goes on with the line that was not complete.
        let resting = tail.resting();
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"o\nthree\n").unwrap();
        assert_eq!(texts(&mut tail), ["two", "three"]);
        assert_eq!(texts(&mut Tail::new(&path, Some(resting))), ["two", "three"]);
        // Rotated: the rest of the old file first.
        file.write_all(b"four\n").unwrap();
        std::fs::rename(&path, folder.path().join("gateway.log.1")).unwrap();
        std::fs::write(&path, "five\n").unwrap();
        assert_eq!(texts(&mut tail), ["four"]);
        assert_eq!(texts(&mut tail), ["five"]);
        // Truncated in place.
        std::fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(&path)
            .unwrap()
            .write_all(b"6\n")
            .unwrap();
        assert_eq!(texts(&mut tail), ["6"]);
        assert!(texts(&mut tail).is_empty());
    }

    #[test]
    fn what_powershell_writes_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.log");
        let raw: Vec<u8> =
            "\u{feff}Bad MAC \u{20ac}\r\ntwo\r\nthr".encode_utf16().flat_map(u16::to_le_bytes).collect();
        // It stops in the middle of a character.
        std::fs::write(&path, &raw[..raw.len() - 1]).unwrap();
        let mut tail = Tail::new(&path, None);
        assert_eq!(texts(&mut tail), ["Bad MAC \u{20ac}\r", "two\r"]);
        assert!(texts(&mut tail).is_empty());
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        let rest: Vec<u8> = "ee\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        file.write_all(&[&raw[raw.len() - 1..], &rest].concat()).unwrap();
        let resting = tail.resting();
        assert_eq!(texts(&mut tail), ["three\r"]);
        assert_eq!(texts(&mut Tail::new(&path, Some(resting))), ["three\r"]);
    }

    #[test]
    fn a_compressed_file_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.log.gz");
        std::fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
        let error = Tail::new(&path, None).read().unwrap_err().to_string();
        assert!(error.contains("compressed"), "{error}");
    }

    #[test]
    fn endless_lines_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.log");
        std::fs::write(&path, vec![b'x'; 3 * BLOCK]).unwrap();
        let mut tail = Tail::new(&path, None);
        for _ in 0..4 {
            assert!(tail.read().unwrap().is_empty());
        }
        assert_eq!(tail.partial.len(), MAX_LINE_BYTES);
    }
}
