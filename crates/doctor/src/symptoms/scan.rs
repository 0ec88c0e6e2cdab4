//! Reads a log. Some lines name the contact only in the stack frames that follow them, so the reader keeps the
//! symptoms that still wait for one.

use std::io::Read;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use regex::bytes::Captures;

use super::needles::RowSet;
use super::{PeerIn, Row, Symptom, TABLES};
use crate::address::Address;
use crate::json::{self, Value};
use wakeeper_model::time;

/// Longer lines are cut: nothing that matters stands further behind.
const LINE_LIMIT: usize = 64 * 1024;
/// How much is read at once.
const BLOCK: usize = 256 * 1024;
/// A stack has no more frames.
const FRAMES: usize = 24;
/// So many symptoms may wait for a frame.
const WAITING: usize = 256;

/// Reads lines one after the other.
#[derive(Debug, Default)]
pub struct Scanner {
    waiting: Vec<Symptom>,
    lines_waited: usize,
}

impl Scanner {
    /// Reads one line, without its end. Symptoms come out as soon as their contact is known, or cannot become known.
    pub fn line(&mut self, line: impl AsRef<[u8]>) -> Vec<Symptom> {
        let mut out = Vec::new();
        let line = line.as_ref();
        let line = &line[..line.len().min(LINE_LIMIT)];
        let mut rows = RowSet::default();
        let mut from = 0;
        while let Some((at, of_needle)) = TABLES.needles.next(line, from) {
            rows.add(of_needle);
            from = at + 1;
        }
        self.read(line, rows, &mut |symptom| out.push(symptom));
        out
    }

    /// The end of the log: what still waits for a contact will not learn it.
    pub fn finish(self) -> Vec<Symptom> {
        self.waiting
    }

    /// Reads whole lines. Those that hold nothing of interest are not even looked at.
    fn lines(&mut self, text: &[u8], sink: &mut impl FnMut(Symptom)) {
        let mut done = 0;
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
            self.read(&text[start..end.min(start + LINE_LIMIT)], rows, sink);
            done = (end + 1).min(text.len());
        }
        self.pass(&text[done..], sink);
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

    /// Reads one line that may match these rows.
    fn read(&mut self, line: &[u8], rows: RowSet, sink: &mut impl FnMut(Symptom)) {
        let line = line.trim_ascii_end();
        let mut frame = None;
        let mut facts = None;
        if !self.waiting.is_empty() {
            self.lines_waited += 1;
        }
        for compiled in rows.iter().filter_map(|row| TABLES.rows.get(row)) {
            let row = compiled.row;
            if row.peer == PeerIn::Frame {
                // Most lines of a bad night are such frames; nobody reads those that no symptom waits for.
                if !self.waiting.is_empty() {
                    frame = frame_address(line);
                }
                continue;
            }
            let captures = match row.peer {
                PeerIn::Group(_) => compiled.captures(line),
                _ => None,
            };
            if captures.is_none() && !compiled.is_match(line) {
                continue;
            }
            let facts = facts.get_or_insert_with(|| Facts::of(line));
            let symptom = facts.symptom(row, captures.as_ref());
            if row.peer == PeerIn::NextFrame && !facts.is_json {
                self.waiting.push(symptom);
                self.lines_waited = 0;
            } else {
                sink(symptom);
            }
        }
        if frame.is_some() || self.lines_waited >= FRAMES || self.waiting.len() >= WAITING {
            self.settle(frame.as_ref(), sink);
        }
    }

    fn settle(&mut self, frame: Option<&Address>, sink: &mut impl FnMut(Symptom)) {
        self.lines_waited = 0;
        for mut symptom in self.waiting.drain(..) {
            symptom.peer = frame.cloned();
            sink(symptom);
        }
    }
}

/// What a line tells besides its class, read once for all rows that match it.
struct Facts {
    is_json: bool,
    json_peer: Option<Address>,
    message_id: Option<String>,
    at_ms: Option<i64>,
    status: Option<u16>,
}

impl Facts {
    fn of(line: &[u8]) -> Self {
        let json = json_line(line);
        Self {
            is_json: json.is_some(),
            json_peer: json.as_ref().and_then(json_peer),
            message_id: json.as_ref().and_then(message_id).or_else(|| named_id(line)),
            at_ms: json.as_ref().and_then(time).or_else(|| prefix_time(line)),
            status: status(line),
        }
    }

    fn symptom(&self, row: &Row, captures: Option<&Captures<'_>>) -> Symptom {
        Symptom {
            class: row.class,
            peer: match row.peer {
                PeerIn::JsonKey | PeerIn::NextFrame => self.json_peer.clone(),
                PeerIn::Group(n) => captures.and_then(|found| group(found, n)).and_then(Address::from_any),
                PeerIn::Nowhere | PeerIn::Frame => None,
            },
            message_id: self.message_id.clone(),
            at_ms: self.at_ms,
            status: self.status,
        }
    }
}

/// Reads a whole log into memory's worth of symptoms; bytes that are not Unicode do no harm.
pub fn scan(reader: impl Read) -> std::io::Result<Vec<Symptom>> {
    let mut symptoms = Vec::new();
    scan_each(reader, |symptom| symptoms.push(symptom))?;
    Ok(symptoms)
}

/// Reads a whole log in one pass and within bounds, however long it is and whatever it says.
pub fn scan_each(mut reader: impl Read, mut sink: impl FnMut(Symptom)) -> std::io::Result<()> {
    let mut scanner = Scanner::default();
    let mut block = vec![0; BLOCK];
    let mut held = 0;
    // Inside a line that is longer than a block and whose beginning was read already.
    let mut overlong = false;
    loop {
        let read = match reader.read(&mut block[held..]) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let filled = held + read;
        let whole = memchr::memrchr(b'\n', &block[held..filled]).map_or(0, |end| held + end + 1);
        let rest = if read == 0 || (whole == 0 && filled == block.len()) { filled } else { whole };
        if rest > 0 {
            let skipped =
                if overlong { memchr::memchr(b'\n', &block[..rest]).map_or(rest, |end| end + 1) } else { 0 };
            scanner.lines(&block[skipped..rest], &mut sink);
            overlong = whole == 0;
        }
        if read == 0 {
            scanner.finish().into_iter().for_each(sink);
            return Ok(());
        }
        block.copy_within(rest..filled, 0);
        held = filled - rest;
    }
}

fn group<'a>(captures: &Captures<'a>, n: usize) -> Option<&'a str> {
    std::str::from_utf8(captures.get(n)?.as_bytes()).ok()
}

/// The contact that a stack frame names: `at async 100000000000002_1.3 [as awaitable]`. What the row's pattern says,
/// without its cost.
pub(super) fn frame_address(line: &[u8]) -> Option<Address> {
    static MARK: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(" [as awaitable]"));
    let line = &line[..MARK.find(line)?];
    let blank = memchr::memrchr(b' ', line)?;
    let (before, name) = (&line[..blank], &line[blank + 1..]);
    if !(before.ends_with(b"at") || before.ends_with(b"at async")) {
        return None;
    }
    let name = std::str::from_utf8(name).ok()?;
    let (user, device) = name.strip_prefix("Object.").unwrap_or(name).rsplit_once('.')?;
    Address::from_parts(user, device)
}

/// The JSON object that a line is or ends in: Docker and some gateways put a prefix before it.
fn json_line(line: &[u8]) -> Option<Value<'_>> {
    let start = memchr::memchr(b'{', line)?;
    json::parse(&line[start..]).ok()
}

/// `participant` in groups, else `remoteJid`.
fn json_peer(value: &Value<'_>) -> Option<Address> {
    let key = value.get("key")?;
    let jid = |field| key.get(field).and_then(Value::as_str).and_then(Address::from_jid);
    jid("participant").or_else(|| jid("remoteJid"))
}

fn message_id(value: &Value<'_>) -> Option<String> {
    value.get("key")?.get("id")?.as_str().map(str::to_owned)
}

/// The message's id as whatsmeow and whatsapp-rust write it.
fn named_id(line: &[u8]) -> Option<String> {
    static MSG: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("[msg:"));
    static ERROR: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("Error decrypting message "));
    let behind = |text: &Finder<'_>| Some(&line[text.find(line)? + text.needle().len()..]);
    let rest = behind(&MSG).or_else(|| behind(&ERROR))?;
    let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"-_.".contains(byte))?;
    std::str::from_utf8(&rest[..end]).ok().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// pino writes the time in milliseconds; gateways that write ISO text are taken without time.
fn time(value: &Value<'_>) -> Option<i64> {
    value.get("time")?.as_i64()
}

/// The time that Docker writes before a line.
fn prefix_time(line: &[u8]) -> Option<i64> {
    let end = memchr::memchr(b' ', &line[..line.len().min(40)])?;
    time::of_line(std::str::from_utf8(&line[..=end]).ok()?)
}

fn status(line: &[u8]) -> Option<u16> {
    static NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("statusCode"));
    let rest = &line[NAME.find(line)? + NAME.needle().len()..];
    let digits = &rest[rest.iter().position(u8::is_ascii_digit)?..];
    let number = digits.iter().take(3).take_while(|byte| byte.is_ascii_digit());
    let code = number.fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    (100..600).contains(&code).then_some(code)
}
