//! Takes off what others put around a line: compose, kubectl, journald, syslog, Heroku, CSV, pm2, colours, and the JSON records of
//! Docker, pm2, winston and collectors of logs (`envelope.rs`). What is left is what the gateway printed, with its indentation,
//! and the time that was told on the way.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

use super::moment::{self, Moment};
use crate::json;

mod envelope;

/// So many wrappers may lie around each other.
const WRAPPERS: usize = 6;

/// A way in which lines are written, or what is put around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// The file of Docker's `json-file` driver.
    DockerJson,
    /// Another JSON record around each line: journald, pm2, CloudWatch, Google Cloud, collectors of logs.
    JsonEnvelope,
    /// A name and a bar before each line: compose, pm2.
    Named,
    /// kubectl's prefix, or the file of a container runtime.
    Kubernetes,
    /// journald, syslog, Heroku.
    Syslog,
    /// CSV, as CloudWatch exports it.
    Csv,
    /// One JSON object a line, as pino and winston write it.
    JsonLines,
    /// pino-pretty.
    PinoPretty,
    /// whatsmeow's own.
    Whatsmeow,
    /// Lines that a terminal broke at its width.
    Broken,
}

impl Layout {
    /// For people and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::DockerJson => "Docker json-file",
            Self::JsonEnvelope => "JSON records",
            Self::Named => "compose or pm2",
            Self::Kubernetes => "Kubernetes",
            Self::Syslog => "syslog",
            Self::Csv => "CSV",
            Self::JsonLines => "JSON lines",
            Self::PinoPretty => "pino-pretty",
            Self::Whatsmeow => "whatsmeow",
            Self::Broken => "lines broken by a terminal",
        }
    }

    /// It is how a logger writes that gateways use, and not only what is put around lines of any program.
    pub(super) fn is_loggers(self) -> bool {
        matches!(self, Self::JsonLines | Self::PinoPretty | Self::Whatsmeow)
    }

    /// It is a record of JSON around a line, which was whole.
    pub(super) fn is_a_record(self) -> bool {
        matches!(self, Self::DockerJson | Self::JsonEnvelope | Self::JsonLines)
    }
}

/// A line as the gateway printed it. A record of JSON may hold several, see [`Line::parts`].
#[derive(Debug, Clone)]
pub(super) struct Line<'a> {
    pub(super) text: Cow<'a, [u8]>,
    pub(super) at: Option<Moment>,
    pub(super) layouts: Layouts,
}

/// What was seen around a line.
pub(super) type Layouts = BTreeSet<Layout>;

struct Patterns {
    named: Regex,
    pod: Regex,
    runtime: Regex,
    process: Regex,
    dyno: Regex,
    rfc5424: Regex,
    pretty: Regex,
    whatsmeow: Regex,
    tag: Regex,
    tagged: Regex,
    labels: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| {
    let of = |pattern| RegexBuilder::new(pattern).unicode(false).build().ok();
    Some(Patterns {
        named: of(r"^(?:\d{1,6}\|)?[\w.@/-]{1,100} *\| ?")?,
        pod: of(r"^\[(?:pod|container)/[^\]\s]{1,200}\] ?")?,
        runtime: of(r"^(?:stdout|stderr) [FP] ")?,
        process: of(r"^[\w.-]{1,100} [\w./@-]{1,100}\[\d{1,10}\]: ?")?,
        dyno: of(r"^(?:app|heroku)\[[\w.-]{1,60}\]: ?")?,
        rfc5424: of(r"^[\w.-]{1,100} [\w./@-]{1,100} [\w.-]{1,40} \S{1,60} (?:-|\[[^\]]{0,400}\]) ?")?,
        pretty: of(
            r"^(?:\[[^\]]{8,40}\] )?(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)(?: \([^)]{1,80}\)|\t?\[[^\]]{1,40}\]): ",
        )?,
        whatsmeow: of(r"(?:^|[\s\]])\[[\w/ -]{1,60} (?:DEBUG|INFO|WARN|ERROR)\] ")?,
        tag: of(r"^[\w.*/-]{1,200}\t")?,
        tagged: of(r"^[\w.*/-]{1,200}: \{")?,
        labels: of(r#"^\{(?:[\w.]{1,60}="(?:[^"\\]|\\.){0,300}",? ?){0,40}\}[ \t]"#)?,
    })
});

/// Takes everything off. `now_ms` tells the year where a line does not.
pub(super) fn unwrap(line: &[u8], now_ms: Option<i64>) -> Line<'_> {
    let text = if memchr::memchr(0x1b, line).is_some() {
        Cow::Owned(without_colours(line))
    } else {
        Cow::Borrowed(line)
    };
    let mut line = Line { text, at: None, layouts: Layouts::new() };
    let Some(patterns) = PATTERNS.as_ref() else { return line };
    let mut syslog = false;
    for _ in 0..WRAPPERS {
        if line.text.last() == Some(&b'\r') {
            line.cut_end(1);
        }
        if line.is_several() {
            return line;
        }
        let taken = match line.text.first() {
            Some(b'{') => line.open_envelope(now_ms) || line.take_labels(patterns),
            // `journalctl -o json-seq` puts this before each record.
            Some(0x1e) => {
                line.cut_start(1);
                true
            }
            // What is indented has nothing else around it.
            Some(b' ' | b'\t') => line.open_member(),
            None => false,
            Some(_) => line.take_prefix(patterns, &mut syslog, now_ms),
        };
        if !taken {
            break;
        }
    }
    // Further inside, as Nest writes it: the time counts, and the line stays whole.
    if line.at.is_none() && !matches!(line.text.first(), Some(b'{' | b' ' | b'\t')) {
        line.at = moment::find(&line.text, now_ms).map(|(at, _)| at);
    }
    line
}

impl Line<'_> {
    /// The logger that wrote it, where that shows.
    pub(super) fn logger(&self) -> Option<Layout> {
        let patterns = PATTERNS.as_ref()?;
        match self.text.first()? {
            b'{' => {
                let value = json::parse(self.text.trim_ascii_end()).ok()?;
                let has = |names: &[&str]| names.iter().any(|name| value.get(name).is_some());
                (has(&["msg", "message"]) && has(&["level", "severity"])).then_some(Layout::JsonLines)
            }
            _ if patterns.pretty.is_match(&self.text) => Some(Layout::PinoPretty),
            _ if patterns.whatsmeow.is_match(&self.text) => Some(Layout::Whatsmeow),
            _ => None,
        }
    }

    fn cut_start(&mut self, bytes: usize) {
        match &mut self.text {
            Cow::Borrowed(text) => *text = &text[bytes..],
            Cow::Owned(text) => drop(text.drain(..bytes)),
        }
    }

    fn cut_end(&mut self, bytes: usize) {
        let keep = self.text.len().saturating_sub(bytes);
        match &mut self.text {
            Cow::Borrowed(text) => *text = &text[..keep],
            Cow::Owned(text) => text.truncate(keep),
        }
    }

    /// A prefix of the line, if there is one.
    fn take_prefix(&mut self, patterns: &Patterns, syslog: &mut bool, now_ms: Option<i64>) -> bool {
        // A priority: <13>1 2026-11-20T10:00:40Z host app 12 - - text
        if self.text[0] == b'<'
            && let Some(end) = self.text.iter().take(6).position(|byte| *byte == b'>')
            && end > 1
            && self.text[1..end].iter().all(u8::is_ascii_digit)
        {
            *syslog = self.text[end + 1..].starts_with(b"1 ");
            self.cut_start(end + 1 + if *syslog { 2 } else { 0 });
            self.layouts.insert(Layout::Syslog);
            return true;
        }
        if self.at.is_none() && self.take_time(now_ms) {
            return true;
        }
        let timed = self.at.is_some();
        let bar = memchr::memchr(b'|', &self.text[..self.text.len().min(110)]).is_some();
        let record = timed && memchr::memmem::find(&self.text[..self.text.len().min(203)], b"\t{").is_some();
        let tried = [
            (bar, &patterns.named, Layout::Named),
            (self.text[0] == b'[', &patterns.pod, Layout::Kubernetes),
            (timed, &patterns.runtime, Layout::Kubernetes),
            (timed, &patterns.dyno, Layout::Syslog),
            (timed, &patterns.process, Layout::Syslog),
            (timed && *syslog, &patterns.rfc5424, Layout::Syslog),
            // fluentd's files: a time, a tag and a record of JSON.
            (record, &patterns.tag, Layout::JsonEnvelope),
        ];
        for (worth, pattern, layout) in tried {
            if worth && let Some(end) = pattern.find(&self.text).map(|found| found.end()) {
                if std::ptr::eq(pattern, &raw const patterns.rfc5424) {
                    *syslog = false;
                }
                self.cut_start(end);
                self.layouts.insert(layout);
                return true;
            }
        }
        timed && self.take_tag(patterns, now_ms)
    }

    /// What fluentd prints between the time and a record: `docker.bot: `. Words of the gateway's own stand there, too.
    fn take_tag(&mut self, patterns: &Patterns, now_ms: Option<i64>) -> bool {
        let Some(tagged) = patterns.tagged.find(&self.text) else { return false };
        let mut record = self.clone();
        record.cut_start(tagged.end() - 1);
        let opened = record.open_envelope(now_ms);
        if opened {
            *self = record;
        }
        opened
    }

    /// What `logcli` writes between the time and the line: `{app="bot"} `.
    fn take_labels(&mut self, patterns: &Patterns) -> bool {
        let found = self.at.and_then(|_| patterns.labels.find(&self.text)).map(|found| found.end());
        found.is_some_and(|end| {
            self.cut_start(end);
            self.layouts.insert(Layout::Named);
            true
        })
    }

    /// The time that the line begins with, and what stands around it: brackets, a colon, the comma and quotes of CSV.
    fn take_time(&mut self, now_ms: Option<i64>) -> bool {
        let Some((at, range)) = moment::find(&self.text, now_ms) else { return false };
        let before = &self.text[..range.start];
        // `Thu Nov 20 2026`, and what opens a bracket.
        let weekday = before.len() <= 6
            && before
                .trim_ascii_start()
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || b" ,[".contains(byte));
        let opened = before.iter().all(|byte| b"[(\"' ".contains(byte));
        if !opened && !weekday {
            return false;
        }
        let (quoted, mut end) = (before.contains(&b'"'), range.end);
        let next = |text: &[u8], end: usize, of: &[u8]| text.get(end).is_some_and(|byte| of.contains(byte));
        while next(&self.text, end, b"])\"'") {
            end += 1;
        }
        let comma = next(&self.text, end, b",");
        end += usize::from(comma || next(&self.text, end, b":"));
        let field = (comma || quoted) && next(&self.text, end, b"\"");
        end += usize::from(field || (!comma && next(&self.text, end, b" \t")));
        self.at = Some(at);
        self.cut_start(end);
        if comma {
            self.layouts.insert(Layout::Csv);
        }
        if field {
            self.close_field();
        }
        true
    }

    /// The text of a quoted field: its end, and quotes that stand for one.
    fn close_field(&mut self) {
        let text = self.text.trim_ascii_end();
        let text = text.strip_suffix(b"\"").unwrap_or(text);
        let mut plain = Vec::with_capacity(text.len());
        let mut bytes = text.iter().peekable();
        while let Some(byte) = bytes.next() {
            plain.push(*byte);
            if *byte == b'"' && bytes.peek() == Some(&&b'"') {
                bytes.next();
            }
        }
        self.text = Cow::Owned(plain);
    }
}

/// Removes the codes that colour terminals.
fn without_colours(line: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != 0x1b {
            plain.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'[') => {
                bytes.by_ref().find(|next| (b'@'..=b'~').contains(next));
            }
            Some(b']') => {
                bytes.by_ref().find(|next| matches!(next, 0x07 | 0x1b));
            }
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests;
