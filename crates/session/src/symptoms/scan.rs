//! Reads a log line by line. Some lines name the contact only in the stack frames that follow them, so the
//! reader keeps the symptoms that still wait for one.

use std::io::{BufRead, Read};

use super::{PeerIn, Symptom, TABLES};
use crate::address::Address;
use crate::json::{self, Value};
use crate::stamp;

/// Longer lines are cut: nothing that matters stands further behind.
const LINE_LIMIT: u64 = 64 * 1024;
/// A stack has no more frames.
const FRAMES: usize = 24;

/// Reads lines one after the other.
#[derive(Debug, Default)]
pub struct Scanner {
    waiting: Vec<Symptom>,
    lines_waited: usize,
}

impl Scanner {
    /// Reads one line. Symptoms come out as soon as their contact is known, or cannot become known.
    pub fn line(&mut self, line: &str) -> Vec<Symptom> {
        let mut out = Vec::new();
        let mut frame = None;
        for index in TABLES.set.matches(line) {
            let Some((row, regex)) = TABLES.rows.get(index) else { continue };
            let captures = regex.captures(line);
            let group = |n: usize| captures.as_ref().and_then(|c| c.get(n)).map(|m| m.as_str());
            let json = json_line(line);
            let mut symptom = Symptom {
                class: row.class,
                peer: None,
                message_id: json.as_ref().and_then(message_id),
                at_ms: json.as_ref().and_then(time).or_else(|| stamp::of_line(line)),
                status: status(line),
            };
            match row.peer {
                PeerIn::Nowhere => {}
                PeerIn::JsonKey => symptom.peer = json.as_ref().and_then(json_peer),
                PeerIn::Group(n) => symptom.peer = group(n).and_then(Address::from_any),
                PeerIn::Frame => {
                    let name = group(2).map_or_else(
                        || group(1).unwrap_or_default().to_owned(),
                        |domain| format!("{}_{domain}", group(1).unwrap_or_default()),
                    );
                    frame = Address::from_parts(&name, group(3).unwrap_or_default());
                    continue;
                }
                PeerIn::NextFrame if json.is_some() => symptom.peer = json.as_ref().and_then(json_peer),
                PeerIn::NextFrame => {
                    self.waiting.push(symptom);
                    self.lines_waited = 0;
                    continue;
                }
            }
            out.push(symptom);
        }
        self.settle(frame.as_ref(), &mut out);
        out
    }

    /// The end of the log: what still waits for a contact will not learn it.
    pub fn finish(self) -> Vec<Symptom> {
        self.waiting
    }

    fn settle(&mut self, frame: Option<&Address>, out: &mut Vec<Symptom>) {
        self.lines_waited += 1;
        if frame.is_none() && self.lines_waited <= FRAMES && self.waiting.len() < 256 {
            return;
        }
        for mut symptom in self.waiting.drain(..) {
            symptom.peer = frame.cloned();
            out.push(symptom);
        }
    }
}

/// Reads a whole log; bytes that are not Unicode are replaced.
pub fn scan(reader: impl BufRead) -> std::io::Result<Vec<Symptom>> {
    let mut reader = reader;
    let mut scanner = Scanner::default();
    let mut symptoms = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line)?;
        if read == 0 {
            symptoms.extend(scanner.finish());
            return Ok(symptoms);
        }
        symptoms.extend(scanner.line(String::from_utf8_lossy(&line).trim_end()));
    }
}

/// The JSON object that a line is or ends in: Docker and some gateways put a prefix before it.
fn json_line(line: &str) -> Option<Value<'_>> {
    let start = line.find('{')?;
    json::parse(line[start..].trim_end().as_bytes()).ok()
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

/// pino writes the time in milliseconds; gateways that write ISO text are taken without time.
fn time(value: &Value<'_>) -> Option<i64> {
    value.get("time")?.as_i64()
}

fn status(line: &str) -> Option<u16> {
    let rest = &line[line.find("statusCode")? + "statusCode".len()..];
    let digits: String =
        rest.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).take(3).collect();
    digits.parse().ok().filter(|code| (100..600).contains(code))
}
