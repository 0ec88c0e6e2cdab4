//! Reads a log. Some lines name the contact only in the stack frames that follow them, so the reader keeps the
//! symptoms that still wait for one.

use std::io::Read;

use regex::bytes::Captures;

use super::{PeerIn, Row, Symptom, TABLES};
use crate::address::Address;
use crate::json::{self, Value};
use crate::stamp;

/// Longer lines are cut: nothing that matters stands further behind.
const LINE_LIMIT: usize = 64 * 1024;
/// How much is read at once.
const BLOCK: usize = 512 * 1024;
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
        self.read(&line[..line.len().min(LINE_LIMIT)], &mut |symptom| out.push(symptom));
        out
    }

    /// The end of the log: what still waits for a contact will not learn it.
    pub fn finish(self) -> Vec<Symptom> {
        self.waiting
    }

    /// Reads whole lines. Those that hold nothing of interest are not even looked at.
    fn lines(&mut self, text: &[u8], sink: &mut impl FnMut(Symptom)) {
        let mut rest = text;
        while let Some(found) = TABLES.needles.find(rest) {
            let start = memchr::memrchr(b'\n', &rest[..found]).map_or(0, |end| end + 1);
            self.pass(&rest[..start], sink);
            let end = memchr::memchr(b'\n', &rest[found..]).map_or(rest.len(), |end| found + end);
            self.read(&rest[start..end.min(start + LINE_LIMIT)], sink);
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        self.pass(rest, sink);
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

    /// Reads one line.
    fn read(&mut self, line: &[u8], sink: &mut impl FnMut(Symptom)) {
        let line = line.trim_ascii_end();
        let mut frame = None;
        let mut facts = None;
        if !self.waiting.is_empty() {
            self.lines_waited += 1;
        }
        for (row, regex) in TABLES.needles.rows(line).iter().filter_map(|row| TABLES.rows.get(*row)) {
            let captures = match row.peer {
                PeerIn::Group(_) | PeerIn::Frame => regex.captures(line),
                PeerIn::Nowhere | PeerIn::JsonKey | PeerIn::NextFrame => None,
            };
            if captures.is_none() && !regex.is_match(line) {
                continue;
            }
            if row.peer == PeerIn::Frame {
                frame = captures.as_ref().and_then(frame_address);
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

/// The contact that a stack frame names: user, domain suffix, device.
fn frame_address(captures: &Captures<'_>) -> Option<Address> {
    let (user, device) = (group(captures, 1)?, group(captures, 3)?);
    match group(captures, 2) {
        Some(domain) => Address::from_parts(&format!("{user}_{domain}"), device),
        None => Address::from_parts(user, device),
    }
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
    let behind = |text: &[u8]| Some(&line[memchr::memmem::find(line, text)? + text.len()..]);
    let rest = behind(b"[msg:").or_else(|| behind(b"Error decrypting message "))?;
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
    stamp::of_line(std::str::from_utf8(&line[..=end]).ok()?)
}

fn status(line: &[u8]) -> Option<u16> {
    const NAME: &[u8] = b"statusCode";
    let rest = &line[memchr::memmem::find(line, NAME)? + NAME.len()..];
    let digits = &rest[rest.iter().position(u8::is_ascii_digit)?..];
    let number = digits.iter().take(3).take_while(|byte| byte.is_ascii_digit());
    let code = number.fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    (100..600).contains(&code).then_some(code)
}
