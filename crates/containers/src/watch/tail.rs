//! Brings a log file to a caretaker: what is appended to it, over rotations and truncations, from where the monitor
//! stopped last.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wakeeper_doctor::symptoms::Scanner;
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
}

impl Tail {
    fn new(path: &Path, position: Option<Position>) -> Self {
        let position = position.unwrap_or(Position { inode: 0, offset: 0 });
        Self { path: path.to_owned(), file: None, position, partial: Vec::new() }
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
                self.position.offset = file.seek(SeekFrom::Start(0))?;
                self.partial.clear();
            }
            let read = file.read(&mut block)?;
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
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            // Between the two moments of a rotation.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let inode = file.metadata()?.ino();
        if self.position.inode != inode {
            self.position = Position { inode, offset: 0 };
        }
        file.seek(SeekFrom::Start(self.position.offset))?;
        self.file = Some(file);
        Ok(true)
    }

    fn was_replaced(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|now| now.ino() != self.position.inode)
    }

    fn lines(&mut self, block: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for piece in block.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE_BYTES.saturating_sub(self.partial.len());
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            self.partial.extend_from_slice(&text[..text.len().min(room)]);
            if piece.ends_with(b"\n") {
                lines.push(std::mem::take(&mut self.partial));
            }
        }
        lines
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
    let mut scanner = Scanner::default();
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
