//! What a line tells besides its class, read once for all rows that match it.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use regex::bytes::Captures;

use super::moment::{self, Moment};
use super::record::Record;
use super::{Class, PeerIn, Row, Symptom};
use crate::address::Address;
use crate::json::{self, Value};

pub(super) struct Told {
    pub(super) is_json: bool,
    pub(super) at: Option<Moment>,
    peer: Option<Address>,
    message_id: Option<String>,
    status: Option<u16>,
}

impl Told {
    pub(super) fn of(text: &[u8], at: Option<Moment>, record: &Record, now_ms: Option<i64>) -> Self {
        let json = json_line(text);
        let inner = json.as_ref().and_then(|value| moment::of_json(value, now_ms));
        let peer = json.as_ref().and_then(json_peer).or_else(|| record.peer.clone());
        Self {
            is_json: json.is_some(),
            at: Moment::surer(inner, at).or(record.at),
            // A stack that is told within the line names the contact, too.
            peer: peer.or_else(|| json.is_some().then(|| frame_address(text))?),
            message_id: json
                .as_ref()
                .and_then(message_id)
                .or_else(|| named_id(text))
                .or_else(|| record.message_id.clone()),
            status: status(text),
        }
    }

    pub(super) fn symptom(&self, row: &Row, captures: Option<&Captures<'_>>, text: &[u8]) -> Symptom {
        let tells_status =
            matches!(row.class, Class::LoggedOut | Class::ConnectFailure | Class::ConflictReplaced);
        Symptom {
            class: row.class,
            peer: match row.peer {
                PeerIn::JsonKey | PeerIn::NextFrame => self.peer.clone(),
                PeerIn::Group(n) => captures.and_then(|found| group(found, n)).and_then(Address::from_any),
                PeerIn::Nowhere | PeerIn::Connection | PeerIn::Frame => None,
            },
            message_id: self.message_id.clone(),
            at_ms: self.at.map(|at| at.at_ms),
            status: self.status.or_else(|| tells_status.then(|| bare_status(text))?),
        }
    }
}

/// The time of a line: its own, or that of what is around it.
pub(super) fn time_of(text: &[u8], at: Option<Moment>, now_ms: Option<i64>) -> Option<Moment> {
    let inner = json_line(text).and_then(|value| moment::of_json(&value, now_ms));
    Moment::surer(inner, at)
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

/// The JSON object that a line is or ends in: some gateways put a prefix before it.
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
    let rest = behind(&MSG).or_else(|| behind(&ERROR).filter(|rest| !rest.starts_with(b"from ")))?;
    let end = rest.iter().position(|byte| !byte.is_ascii_alphanumeric() && !b"-_.".contains(byte))?;
    std::str::from_utf8(&rest[..end]).ok().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// The status code behind one of the names that it goes by.
fn status(line: &[u8]) -> Option<u16> {
    static NAMES: LazyLock<[Finder<'_>; 3]> =
        LazyLock::new(|| ["statusCode", "statusReason", "reason"].map(Finder::new));
    NAMES.iter().find_map(|name| {
        let rest = &line[name.find(line)? + name.needle().len()..];
        let digits = &rest[rest.iter().take(8).position(u8::is_ascii_digit)?..];
        code(digits)
    })
}

/// The first number that can be such a code, wherever it stands: `Client outdated (405) connect failure`.
fn bare_status(line: &[u8]) -> Option<u16> {
    let starts = |at: usize| at == 0 || !line[at - 1].is_ascii_alphanumeric();
    (0..line.len()).filter(|at| line[*at] == b'4' && starts(*at)).find_map(|at| code(&line[at..]))
}

fn code(digits: &[u8]) -> Option<u16> {
    let number = digits.iter().take(3).take_while(|byte| byte.is_ascii_digit());
    let code = number.fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let ends = !digits.get(3).is_some_and(u8::is_ascii_alphanumeric);
    ((100..600).contains(&code) && ends).then_some(code)
}
