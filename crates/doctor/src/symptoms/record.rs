//! A record that goes over several lines: pino-pretty's, an object that `console.log` prints, indented JSON. Its first line
//! stands at the margin, the others are indented, and what belongs together is told on different lines.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::moment::Moment;
use super::unwrap::Line;
use crate::address::Address;

/// A record has no more lines that matter.
pub(super) const LINES: usize = 64;

/// Whether a line goes on with the record before it.
pub(super) fn continues(text: &[u8]) -> bool {
    matches!(text.first(), Some(b' ' | b'\t' | b'}' | b']' | b')'))
}

/// What was told so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    lines: usize,
    pub(super) at: Option<Moment>,
    /// Whose message it is about.
    pub(super) peer: Option<Address>,
    pub(super) message_id: Option<String>,
    /// It tells how a connection ended.
    pub(super) ends_connection: bool,
}

impl Record {
    /// The next line, which begins a record or goes on with it.
    pub(super) fn add(&mut self, line: &Line<'_>) {
        if !continues(&line.text) {
            *self = Self { at: line.at, ..Self::default() };
        } else if self.lines >= LINES {
            // No record is that long: what follows is not understood as one.
            *self = Self { lines: self.lines, ..Self::default() };
            return;
        }
        self.lines += 1;
        self.fields(&line.text);
    }

    fn fields(&mut self, text: &[u8]) {
        static ENDS: LazyLock<[Finder<'_>; 3]> =
            LazyLock::new(|| ["Stream Errored", "Connection Failure", "lastDisconnect"].map(Finder::new));
        self.ends_connection |= ENDS.iter().any(|end| end.find(text).is_some());
        if memchr::memchr2(b':', b'=', text).is_none() {
            return;
        }
        let remote = named(text, "remoteJid");
        if remote.is_some() {
            self.message_id = None;
            self.peer = remote.and_then(Address::from_jid);
        }
        // In groups it is the participant's session that failed.
        if let Some(participant) = named(text, "participant").and_then(Address::from_jid) {
            self.peer = Some(participant);
        }
        if self.message_id.is_none() && (remote.is_some() || self.lines > 1) {
            let id = named(text, "id").filter(|id| (8..=64).contains(&id.len()) && !id.contains('@'));
            self.message_id = id.map(str::to_owned);
        }
    }
}

/// The text behind a name: `"name": "text"`, `name: 'text'`, `name=text`.
fn named<'t>(text: &'t [u8], name: &str) -> Option<&'t str> {
    let mut from = 0;
    while let Some(found) = memchr::memmem::find(&text[from..], name.as_bytes()) {
        let (start, end) = (from + found, from + found + name.len());
        from = end;
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if start.checked_sub(1).is_some_and(|before| is_word(&text[before])) {
            continue;
        }
        let rest = text[end..]
            .strip_prefix(b"\"")
            .or_else(|| text[end..].strip_prefix(b"'"))
            .unwrap_or(&text[end..]);
        let Some(rest) = rest.strip_prefix(b":").or_else(|| rest.strip_prefix(b"=")) else { continue };
        let rest = rest.trim_ascii_start();
        let value = match rest.first() {
            Some(quote @ (b'"' | b'\'')) => &rest[1..][..memchr::memchr(*quote, &rest[1..])?],
            _ => &rest[..rest.iter().position(|byte| b" ,}])".contains(byte)).unwrap_or(rest.len())],
        };
        return std::str::from_utf8(value).ok().filter(|value| !value.is_empty());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::unwrap::unwrap;
    use super::*;

    fn record(text: &str) -> Record {
        let mut record = Record::default();
        text.lines().for_each(|line| record.add(&unwrap(line.as_bytes(), None)));
        record
    }

    #[test]
    fn fields_stand_on_lines_of_their_own() {
        let one = record(
            "2026-11-20T10:00:40Z failed\n  key: {\n    remoteJid: '628111:2@s.whatsapp.net',\n    id: '3A580000',\n    participant: ''\n  }",
        );
        assert_eq!(one.peer, Address::from_jid("628111:2@s.whatsapp.net"));
        assert_eq!(one.message_id.as_deref(), Some("3A580000"));
        assert_eq!(one.at.map(|at| at.at_ms), Some(1_795_168_840_000));
        let group = record(
            "{ key: { remoteJid: '120363000000000001@g.us', participant: '1000:3@lid', id: '3A580001' } }",
        );
        assert_eq!(group.peer, Address::from_jid("1000:3@lid"));
        assert_eq!(group.message_id.as_deref(), Some("3A580001"));
    }

    #[test]
    fn the_next_record_knows_nothing_of_the_last() {
        let next = record("{\n  \"remoteJid\": \"628111@s.whatsapp.net\",\n  \"id\": \"3A580000\"\n}\nready");
        assert_eq!((next.peer, next.message_id), (None, None));
        let endless = format!("{{\n  remoteJid: '628111@s.whatsapp.net'\n{}", "  x\n".repeat(LINES));
        assert_eq!(record(&endless).peer, None);
    }

    #[test]
    fn a_name_is_a_whole_word() {
        assert_eq!(named(b"valid: 1, id: 'x'", "id"), Some("x"));
        assert_eq!(named(b"\"id\":\"3A\",\"idle\":2", "id"), Some("3A"));
        assert_eq!(named(b"pid=7 id=3EB0A rest", "id"), Some("3EB0A"));
        for text in ["", "id", "id:", "grid: 'x'", "id: \"", "id: ''"] {
            assert_eq!(named(text.as_bytes(), "id"), None, "{text}");
        }
    }
}
