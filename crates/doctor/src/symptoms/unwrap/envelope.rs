//! Records of JSON that hold a gateway's line: Docker's, pm2's, winston's, journald's, fluentd's and their like. Some hold several
//! lines in one text.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;

use super::super::moment::{self, Moment};
use super::{Layout, Line, unwrap, without_colours};
use crate::json::{self, Kind, Value};

/// Under these names a record holds a line, or the record that a logger wrote.
const INNER: [&str; 12] = [
    "_source",
    "log",
    "line",
    "MESSAGE",
    "textPayload",
    "jsonPayload",
    "log_processed",
    "json",
    "LogEntry",
    "LogMessage",
    "message",
    "msg",
];

/// Those of them that no gateway's own objects have, which are printed over several lines, too.
const MEMBERS: [&str; 4] = ["log", "line", "MESSAGE", "textPayload"];

/// A record that holds one of these is the gateway's own, and is read as a whole.
const OWN: [&str; 14] = [
    "key",
    "err",
    "error",
    "stack",
    "trace",
    "exception",
    "node",
    "messages",
    "remoteJid",
    "participant",
    "jid",
    "update",
    "lastDisconnect",
    "statusReason",
];

impl Line<'_> {
    /// A JSON record that holds the line as a text.
    pub(super) fn open_envelope(&mut self, now_ms: Option<i64>) -> bool {
        if !may_hold_a_line(&self.text) {
            return false;
        }
        let Ok(value) = json::parse(self.text.trim_ascii_end()) else { return false };
        let Some(inner) = enveloped(&value, &self.text) else { return false };
        let layout = layout(&value);
        let at = match value.get("__REALTIME_TIMESTAMP") {
            Some(micros) => moment::of_value(micros, now_ms),
            None => moment::of_json(&value, now_ms),
        };
        self.at = Moment::surer(at, self.at);
        self.text = Cow::Owned(plain(&inner));
        self.layouts.insert(layout);
        true
    }

    /// A member of a record that is printed over several lines, as Grafana and `gcloud` save them.
    pub(super) fn open_member(&mut self) -> bool {
        let member = self.text.trim_ascii();
        let value = MEMBERS.iter().find_map(|name| {
            let value = member.strip_prefix(b"\"")?.strip_prefix(name.as_bytes())?;
            let value = value.strip_prefix(b"\"")?.trim_ascii_start().strip_prefix(b":")?;
            Some(value.trim_ascii_start())
        });
        let Some(value) = value else { return false };
        let Ok(value) = json::parse(value.strip_suffix(b",").unwrap_or(value)) else { return false };
        let Some(text) = value.as_str() else { return false };
        self.text = Cow::Owned(plain(text.as_bytes()));
        self.layouts.insert(Layout::JsonEnvelope);
        true
    }

    /// Whether it holds several lines.
    pub(in super::super) fn is_several(&self) -> bool {
        matches!(self.text, Cow::Owned(_)) && memchr::memchr(b'\n', &self.text).is_some()
    }

    /// The lines that it holds, each without what is around it.
    pub(in super::super) fn parts(&self, now_ms: Option<i64>) -> Vec<Line<'_>> {
        let mut parts = Vec::new();
        for part in self.text.split(|byte| *byte == b'\n') {
            let mut part = unwrap(part, now_ms);
            part.at = Moment::surer(part.at, self.at);
            part.layouts.extend(&self.layouts);
            if part.is_several() {
                let inner = part.parts(now_ms).into_iter();
                parts.extend(inner.map(|line| Line { text: Cow::Owned(line.text.into_owned()), ..line }));
            } else {
                parts.push(part);
            }
        }
        parts
    }
}

/// The text of a record, without colours and the end of its last line.
fn plain(text: &[u8]) -> Vec<u8> {
    let end = text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
    let text = &text[..end];
    if text.contains(&0x1b) { without_colours(text) } else { text.to_vec() }
}

/// Whether the text is worth parsing. Pino's own records, which are many, hold a `message` only in their error.
fn may_hold_a_line(text: &[u8]) -> bool {
    static MARKS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let names = INNER.iter().filter(|name| !["message", "msg"].contains(name));
        let marks = names.map(|name| format!("\"{name}\"")).chain(["\"msg\":\"{".to_owned()]);
        AhoCorasick::new(marks).ok()
    });
    static MESSAGE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"message\""));
    static MSG: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"msg\":"));
    MARKS.as_ref().is_some_and(|marks| marks.is_match(text))
        || (MESSAGE.find(text).is_some() && MSG.find(text).is_none())
}

/// The line in a record.
fn enveloped(value: &Value<'_>, text: &[u8]) -> Option<Vec<u8>> {
    if OWN.iter().any(|name| value.get(name).is_some()) {
        return None;
    }
    INNER.iter().find_map(|name| {
        let inner = value.get(name)?;
        match &inner.kind {
            // A logger's text is its own, unless it is another logger's record.
            Kind::String(text) if *name == "msg" => {
                json::parse(text.trim().as_bytes()).ok().filter(Value::is_object)?;
                Some(text.as_bytes().to_vec())
            }
            Kind::String(text) => Some(text.as_bytes().to_vec()),
            // Journald lists the bytes of what is not text.
            Kind::Array(_) if *name == "MESSAGE" => {
                let bytes = inner.items().iter();
                Some(bytes.filter_map(|item| u8::try_from(item.as_i64()?).ok()).collect())
            }
            Kind::Object(_) if ["msg", "message", "log"].iter().any(|name| inner.get(name).is_some()) => {
                text.get(inner.span.clone()).map(<[u8]>::to_vec)
            }
            _ => None,
        }
    })
}

/// Whose record it is.
fn layout(value: &Value<'_>) -> Layout {
    let has = |names: &[&str]| names.iter().any(|name| value.get(name).is_some());
    if has(&["stream"]) && has(&["log"]) {
        Layout::DockerJson
    } else if has(&["level", "severity"]) && has(&["message", "msg"]) {
        Layout::JsonLines
    } else {
        Layout::JsonEnvelope
    }
}
