//! Reads a whole log in one pass and within bounds, however long it is and whatever it says.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

use super::pieces::{self, Pieces, spelled_out};
use super::reading::Reading;
use super::scan::Scanner;
use super::text::Text;
use super::unwrap::Layout;
use super::{Symptom, answers, broken};

/// How much is read at once.
const BLOCK: usize = 256 * 1024;
/// So many lines of the beginning are looked at one by one.
const SAMPLE: usize = 200;

/// Reads a whole log into memory's worth of symptoms; bytes that are not Unicode do no harm.
pub fn scan(reader: impl Read) -> std::io::Result<Vec<Symptom>> {
    let mut symptoms = Vec::new();
    scan_each(reader, None, |symptom| symptoms.push(symptom))?;
    Ok(symptoms)
}

/// Reads a whole log: compressed or not, whatever lies around its lines. `now_ms`, milliseconds since 1970, tells the year
/// where lines do not.
///
/// # Errors
/// When it cannot be read, or is a kind of file that holds no log as such. A compressed one that is damaged is read as far as
/// it goes.
pub fn scan_each(
    reader: impl Read,
    now_ms: Option<i64>,
    mut sink: impl FnMut(Symptom),
) -> std::io::Result<Reading> {
    let mut text = Text::of(reader)?;
    let mut lines = answers::opened(&mut text)?;
    let mut blocks =
        Blocks { scanner: Scanner::at(now_ms), width: None, begun: false, pieces: Pieces::default() };
    let mut block = vec![0; BLOCK];
    let mut held = 0;
    // Inside a line that is longer than a block and whose beginning was read already.
    let mut overlong = false;
    loop {
        let read = match lines.read(&mut block[held..]) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let filled = held + read;
        let whole = memchr::memrchr(b'\n', &block[..filled]).map_or(0, |end| end + 1);
        let rest = if read == 0 || (whole == 0 && filled == block.len()) { filled } else { whole };
        // A first look at a pipe may bring a line or two, which tell little of how the rest is written.
        let waits = !blocks.begun && read > 0 && filled < block.len() / 2;
        let rest = if read == 0 || waits { rest } else { blocks.end_of(&block[..rest]) };
        if rest > 0 && !waits {
            let skipped =
                if overlong { memchr::memchr(b'\n', &block[..rest]).map_or(rest, |end| end + 1) } else { 0 };
            blocks.read(&block[skipped..rest], &mut sink);
            overlong = whole == 0;
        }
        if read == 0 {
            break;
        }
        let rest = if waits { 0 } else { rest };
        block.copy_within(rest..filled, 0);
        held = filled - rest;
    }
    drop(lines);
    let mut scanner = blocks.end(&mut sink);
    scanner.finish().into_iter().for_each(sink);
    scanner.reading.stored.clone_from(&text.stored);
    scanner.reading.broke_off = text.broke_off;
    Ok(scanner.reading)
}

/// Blocks of whole lines.
struct Blocks {
    scanner: Scanner,
    /// The width at which a terminal broke the lines.
    width: Option<usize>,
    begun: bool,
    /// What a container runtime wrote in pieces.
    pieces: Pieces,
}

impl Blocks {
    /// How much of a block can be read before more of it comes.
    fn end_of(&mut self, block: &[u8]) -> usize {
        if !self.begun {
            self.width = width(block);
        }
        let end = self.width.map_or(block.len(), |width| broken::end_of_whole(block, width));
        if end == 0 { block.len() } else { end }
    }

    fn read(&mut self, block: &[u8], sink: &mut impl FnMut(Symptom)) {
        if block.is_empty() {
            return;
        }
        let ends = memchr::memchr_iter(b'\n', block).count() as u64;
        self.scanner.reading.lines += ends + u64::from(!block.ends_with(b"\n"));
        let begins = !std::mem::replace(&mut self.begun, true);
        if begins && self.width.is_none() {
            self.width = width(block);
        }
        let text = self.width.map_or(Cow::Borrowed(block), |width| Cow::Owned(broken::join(block, width)));
        let text = spelled_out(self.pieces.join(text));
        if begins {
            self.scanner.reading.layouts.extend(self.width.map(|_| Layout::Broken));
            text.split(|byte| *byte == b'\n').take(SAMPLE).for_each(|line| self.scanner.sample(line));
        }
        self.scanner.sample_end(&text);
        self.scanner.lines(&text, sink);
    }
    /// Reads what never got its end.
    fn end(mut self, sink: &mut impl FnMut(Symptom)) -> Scanner {
        let rest = spelled_out(self.pieces.rest().into());
        self.scanner.lines(&rest, sink);
        self.scanner
    }
}

/// The width at which a terminal broke the lines. Where a container runtime did, it was no terminal.
fn width(block: &[u8]) -> Option<usize> {
    if pieces::are_in(block) { None } else { broken::width(block) }
}
