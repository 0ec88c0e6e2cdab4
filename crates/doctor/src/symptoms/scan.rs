//! Reads lines. Some name the contact only in lines that follow, others in lines before: the reader keeps the symptoms that
//! still wait for one, and what the record told so far.

use super::moment::Moment;
use super::needles::RowSet;
use super::reading::Reading;
use super::record::{LINES, Record, continues};
use super::told::{Told, frame_address};
use super::unwrap::{Line, unwrap};
use super::{Class, PeerIn, Symptom, TABLES};
use crate::address::Address;

/// Longer lines are cut: nothing that matters stands further behind.
pub(super) const LINE_LIMIT: usize = 64 * 1024;
/// A stack has no more frames.
const FRAMES: usize = 24;
/// So many symptoms may wait for a frame.
const WAITING: usize = 256;

/// The rows that a line may match.
fn rows_in(line: &[u8]) -> RowSet {
    let (mut rows, mut from) = (RowSet::default(), 0);
    while let Some((at, of_needle)) = TABLES.needles.next(line, from) {
        rows.add(of_needle);
        from = at + 1;
    }
    rows
}

/// Reads lines one after the other.
#[derive(Debug, Default)]
pub struct Scanner {
    /// The present time, for lines without a year.
    now_ms: Option<i64>,
    waiting: Vec<Symptom>,
    lines_waited: usize,
    record: Record,
    pub(super) reading: Reading,
}

impl Scanner {
    /// A reader that knows the present time, milliseconds since 1970: syslog writes no year.
    pub fn at(now_ms: Option<i64>) -> Self {
        Self { now_ms, ..Self::default() }
    }

    /// What was read so far.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Reads one line, without its end. Symptoms come out as soon as their contact is known, or cannot become known.
    pub fn line(&mut self, line: impl AsRef<[u8]>) -> Vec<Symptom> {
        let mut out = Vec::new();
        let line = line.as_ref();
        let line = unwrap(&line[..line.len().min(LINE_LIMIT)], self.now_ms);
        self.reading.lines += 1;
        self.reading.saw(line.at);
        if self.reading.samples() {
            self.reading.sample(&line);
        }
        self.read_all(&line, rows_in(&line.text), &mut |symptom| out.push(symptom));
        out
    }

    /// The end of the log: what still waits for a contact will not learn it.
    pub fn finish(&mut self) -> Vec<Symptom> {
        std::mem::take(&mut self.waiting)
    }

    /// Reads whole lines. Those that hold nothing of interest are not even looked at, unless they are of the record that one
    /// is in.
    pub(super) fn lines(&mut self, text: &[u8], sink: &mut impl FnMut(Symptom)) {
        let (mut done, mut caught_up) = (0, 0);
        let mut next = TABLES.needles.next(text, 0);
        while let Some((mut at, mut rows)) = next {
            let start = memchr::memrchr(b'\n', &text[done..at]).map_or(done, |end| done + end + 1);
            let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end);
            // What the search finds behind the line's end is where it goes on: nothing is searched twice.
            next = loop {
                match TABLES.needles.next(text, at + 1) {
                    Some((more, of_needle)) if more < end => {
                        rows.add(of_needle);
                        at = more;
                    }
                    beyond => break beyond,
                }
            };
            self.pass(&text[done..start], sink);
            done = (end + 1).min(text.len());
            let line = &text[start..end.min(start + LINE_LIMIT)];
            if TABLES.are_frames(rows) {
                // Most lines of a bad night: nothing else of them is read.
                self.frame(line, sink);
                continue;
            }
            let line = unwrap(line, self.now_ms);
            if continues(&line.text) {
                self.catch_up(&text[caught_up..start]);
            }
            self.read_all(&line, rows, sink);
            caught_up = done;
        }
        self.pass(&text[done..], sink);
        // The record may go on in the next block.
        self.catch_up(&text[caught_up..]);
    }

    /// Reads what the record told in the lines that were passed over.
    fn catch_up(&mut self, passed: &[u8]) {
        if passed.is_empty() {
            return;
        }
        let mut lines = Vec::new();
        let mut end = passed.strip_suffix(b"\n").map_or(passed.len(), <[u8]>::len);
        loop {
            let start = memchr::memrchr(b'\n', &passed[..end]).map_or(0, |before| before + 1);
            let line = unwrap(&passed[start..end.min(start + LINE_LIMIT)], self.now_ms);
            let begins = !continues(&line.text);
            lines.push(line);
            if begins || start == 0 || lines.len() > LINES {
                break;
            }
            end = start - 1;
        }
        for line in lines.iter().rev() {
            if line.is_several() {
                line.parts(self.now_ms).iter().for_each(|part| self.record.add(part));
            } else {
                self.record.add(line);
            }
        }
    }

    /// Passes over lines of no interest: a stack does not go on for ever.
    fn pass(&mut self, lines: &[u8], sink: &mut impl FnMut(Symptom)) {
        if !self.waiting.is_empty() {
            self.lines_waited += memchr::memchr_iter(b'\n', lines).take(FRAMES).count();
            if self.lines_waited >= FRAMES {
                self.settle(None, sink);
            }
        }
    }

    /// A line that names a contact, for the symptoms that wait for it.
    fn frame(&mut self, line: &[u8], sink: &mut impl FnMut(Symptom)) {
        self.reading.understood += 1;
        if self.waiting.is_empty() {
            return;
        }
        self.lines_waited += 1;
        let frame = frame_address(line);
        if frame.is_some() || self.lines_waited >= FRAMES {
            self.settle(frame.as_ref(), sink);
        }
    }

    /// Reads the line, or the lines that a record of JSON holds.
    fn read_all(&mut self, line: &Line<'_>, rows: RowSet, sink: &mut impl FnMut(Symptom)) {
        if !line.is_several() {
            return self.read(line, rows, sink);
        }
        let understood = self.reading.understood;
        for part in line.parts(self.now_ms) {
            self.read(&part, rows_in(&part.text), sink);
        }
        self.reading.understood = self.reading.understood.min(understood + 1);
    }

    /// Reads one line that may match these rows.
    fn read(&mut self, line: &Line<'_>, rows: RowSet, sink: &mut impl FnMut(Symptom)) {
        self.record.add(line);
        let text = line.text.trim_ascii_end();
        if TABLES.are_frames(rows) {
            return self.frame(text, sink);
        }
        let (mut frame, mut told, mut known) = (None, None, false);
        let mut classes = Vec::new();
        if !self.waiting.is_empty() {
            self.lines_waited += 1;
        }
        for compiled in rows.iter().filter_map(|row| TABLES.rows.get(row)) {
            let row = compiled.row;
            if row.peer == PeerIn::Frame {
                known = true;
                if !self.waiting.is_empty() {
                    frame = frame_address(text);
                }
                continue;
            }
            let captures = match row.peer {
                PeerIn::Group(_) => compiled.captures(text),
                PeerIn::Connection if !self.record.ends_connection => continue,
                _ => None,
            };
            if captures.is_none() && !compiled.is_match(text) {
                continue;
            }
            known = true;
            // Two spellings of one thing in one line are one thing, and what tells no cause is one with what does.
            let is_told = row.class == Class::UnknownFailure && self.tells_failure(&classes);
            if is_told || classes.contains(&row.class) {
                continue;
            }
            classes.push(row.class);
            let told = told.get_or_insert_with(|| Told::of(text, line.at, &self.record, self.now_ms));
            let symptom = told.symptom(row, captures.as_ref(), text);
            self.reading.saw(told.at);
            self.take_back_unknown(symptom.class);
            let may_wait = matches!(row.peer, PeerIn::NextFrame | PeerIn::JsonKey);
            if may_wait && symptom.peer.is_none() && !told.is_json {
                self.wait(symptom, sink);
            } else {
                // Libsignal's lines come first, then the gateway's own, with the contact.
                if symptom.peer.is_some() && symptom.class.is_session_failure() {
                    self.settle(symptom.peer.as_ref(), sink);
                }
                sink(symptom);
            }
        }
        self.reading.understood += u64::from(known);
        if frame.is_some() || self.lines_waited >= FRAMES || self.waiting.len() >= WAITING {
            self.settle(frame.as_ref(), sink);
        }
    }

    /// Whether this line, or one before it that still waits for a contact, tells that a message failed.
    fn tells_failure(&self, classes: &[Class]) -> bool {
        let waiting = self.waiting.iter().map(|symptom| &symptom.class);
        classes.iter().chain(waiting).any(|class| *class != Class::UnknownFailure && class.is_failure())
    }

    /// Takes back what waits and tells no cause: a line that belongs to it does.
    fn take_back_unknown(&mut self, class: Class) {
        if class != Class::UnknownFailure && class.is_failure() {
            self.waiting.retain(|symptom| symptom.class != Class::UnknownFailure);
        }
    }

    fn wait(&mut self, symptom: Symptom, sink: &mut impl FnMut(Symptom)) {
        // Each attempt is printed at once, with its stacks: the one before it has none that names a contact.
        let is_attempt = |symptom: &Symptom| symptom.class == Class::AttemptFailed;
        if is_attempt(&symptom) && self.waiting.iter().any(is_attempt) {
            self.settle(None, sink);
        }
        self.waiting.push(symptom);
        self.lines_waited = 0;
    }

    fn settle(&mut self, peer: Option<&Address>, sink: &mut impl FnMut(Symptom)) {
        self.lines_waited = 0;
        for mut symptom in self.waiting.drain(..) {
            symptom.peer = peer.cloned();
            sink(symptom);
        }
    }

    /// The time of a line that is looked at for that alone.
    pub(super) fn time_of(&self, line: &Line<'_>) -> Option<Moment> {
        super::told::time_of(&line.text, line.at, self.now_ms)
    }

    /// Looks at the beginning of a log: how it is written, and since when.
    pub(super) fn sample(&mut self, line: &[u8]) {
        let line = unwrap(&line[..line.len().min(LINE_LIMIT)], self.now_ms);
        self.reading.sample(&line);
        let at = self.time_of(&line);
        self.reading.saw(at);
    }

    /// Looks at a block's last lines: until when.
    pub(super) fn sample_end(&mut self, text: &[u8]) {
        const TRIED: usize = 16;
        let found = text
            .trim_ascii_end()
            .rsplit(|byte| *byte == b'\n')
            .take(TRIED)
            .find_map(|line| self.time_of(&unwrap(&line[..line.len().min(LINE_LIMIT)], self.now_ms)));
        self.reading.saw(found);
    }
}
