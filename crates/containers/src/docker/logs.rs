//! A container's log, line by line, with the time of each line, whether the container has a terminal or not.

use std::borrow::Cow;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use futures::{Stream, StreamExt, TryStreamExt};

use wakeeper_model::time::parse_rfc3339;

use wakeeper_model::time::rfc3339;

use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// A line longer than this is cut; the rest of it is dropped.
const LINE_LIMIT: usize = 1 << 20;

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct LogRequest {
    /// Only lines at or after this time, nanoseconds since 1970.
    pub since_ns: Option<i64>,
    /// At most so many lines from the end, before following begins.
    pub tail: Option<u32>,
    /// Go on with new lines until the container stops.
    pub follow: bool,
}

/// Where a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The terminal, which does not tell the two apart.
    Terminal,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Where it was written to.
    pub output: Output,
    /// When, nanoseconds since 1970; 0 when the engine did not say.
    pub at_ns: i64,
    /// The line without its end. Often UTF-8, not always.
    pub text: Vec<u8>,
}

impl LogLine {
    /// The line as it is printed, with its end: with its time before it, with the codes that colour terminals, or without.
    pub fn printed(&self, with_time: bool, colours: bool) -> Vec<u8> {
        let mut printed = Vec::with_capacity(self.text.len() + 1);
        if with_time {
            printed.extend_from_slice(rfc3339(self.at_ns).as_bytes());
            printed.push(b' ');
        }
        if colours {
            printed.extend_from_slice(&self.text);
        } else {
            printed.extend_from_slice(self.plain_text().as_bytes());
        }
        printed.push(b'\n');
        printed
    }

    /// The line as text without the codes that colour terminals.
    pub fn plain_text(&self) -> Cow<'_, str> {
        let text = String::from_utf8_lossy(&self.text);
        if text.contains('\u{1b}') { Cow::Owned(without_escapes(&text)) } else { text }
    }
}

/// Removes terminal control sequences: CSI (`ESC [ ... letter`), OSC (`ESC ] ... BEL`) and two-byte ones.
pub fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('[') => {
                characters.by_ref().find(|next| ('@'..='~').contains(next));
            }
            Some(']') => {
                let mut last = ' ';
                characters.by_ref().find(|next| {
                    let ended = *next == '\u{7}' || (last == '\u{1b}' && *next == '\\');
                    last = *next;
                    ended
                });
            }
            _ => {}
        }
    }
    plain
}

impl Engine {
    /// A container's log by its name or id. With `follow` the stream ends when the container stops; see
    /// [`crate::docker::follow`] for one that goes on.
    pub fn logs(
        &self,
        name: &str,
        request: &LogRequest,
    ) -> impl Stream<Item = Result<LogLine, EngineError>> + use<> {
        let options = LogsOptions {
            follow: request.follow,
            stdout: true,
            stderr: true,
            since: request.since_ns.map_or(0, |at| i32::try_from(at / 1_000_000_000).unwrap_or(i32::MAX)),
            // With time stamps the client tells streams with and without frames apart for sure.
            timestamps: true,
            tail: request.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string()),
            ..LogsOptions::default()
        };
        let since = request.since_ns.unwrap_or(0);
        let (name, frames) = (name.to_owned(), self.docker.logs(name, Some(options)));
        let frames = frames.map(Some).chain(futures::stream::once(async { None }));
        let mut assembler = Assembler::default();
        frames
            .map(move |frame| match frame {
                Some(Ok(frame)) => Ok(assembler.push(&frame)),
                Some(Err(error)) => {
                    Err(EngineError::of(format!("read the log of container {name}"), &name, error))
                }
                None => Ok(assembler.finish()),
            })
            .map_ok(|lines| futures::stream::iter(lines.into_iter().map(Ok)))
            .try_flatten()
            // The engine knows whole seconds only.
            .try_filter(move |line| std::future::ready(line.at_ns == 0 || line.at_ns >= since))
    }

    /// The lines there are now.
    pub async fn collect_logs(&self, name: &str, request: LogRequest) -> Result<Vec<LogLine>, EngineError> {
        self.logs(name, &LogRequest { follow: false, ..request }).try_collect().await
    }
}

/// Joins the engine's frames to lines: lines over 16 KiB come in several frames, each with the same time stamp and
/// all but the last without an end of line.
#[derive(Debug, Default)]
struct Assembler {
    partial: [Option<LogLine>; 3],
}

impl Assembler {
    fn push(&mut self, frame: &LogOutput) -> Vec<LogLine> {
        let output = match frame {
            LogOutput::StdErr { .. } => Output::Stderr,
            LogOutput::Console { .. } => Output::Terminal,
            LogOutput::StdOut { .. } | LogOutput::StdIn { .. } => Output::Stdout,
        };
        let mut lines = Vec::new();
        for piece in frame.as_ref().split_inclusive(|byte| *byte == b'\n') {
            self.piece(output, piece, &mut lines);
        }
        lines
    }

    fn piece(&mut self, output: Output, piece: &[u8], lines: &mut Vec<LogLine>) {
        let (at_ns, text) = split_stamp(piece);
        let ended = text.ends_with(b"\n");
        let slot = &mut self.partial[output as usize];
        let line =
            slot.get_or_insert_with(|| LogLine { output, at_ns: at_ns.unwrap_or(0), text: Vec::new() });
        let room = LINE_LIMIT.saturating_sub(line.text.len());
        let text = if ended { text.strip_suffix(b"\n").unwrap_or(text) } else { text };
        line.text.extend_from_slice(&text[..text.len().min(room)]);
        if ended && let Some(mut line) = slot.take() {
            if line.text.last() == Some(&b'\r') {
                line.text.pop();
            }
            lines.push(line);
        }
    }

    /// What is left when the stream ends: a last line without an end.
    fn finish(&mut self) -> Vec<LogLine> {
        self.partial.iter_mut().filter_map(Option::take).collect()
    }
}

/// The time stamp that a frame begins with, and the rest.
fn split_stamp(piece: &[u8]) -> (Option<i64>, &[u8]) {
    let Some(blank) = piece.iter().take(40).position(|byte| *byte == b' ' || *byte == b'\n') else {
        return (None, piece);
    };
    match std::str::from_utf8(&piece[..blank]).ok().and_then(parse_rfc3339) {
        Some(at) if piece[blank] == b' ' => (Some(at), &piece[blank + 1..]),
        Some(at) => (Some(at), &piece[blank..]),
        None => (None, piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "2026-11-25T03:10:52.067726754Z ";
    const AT: i64 = 1_795_576_252_067_726_754;

    fn out(text: &[u8]) -> LogOutput {
        LogOutput::StdOut { message: bytes::Bytes::copy_from_slice(text) }
    }

    #[test]
    fn frames_become_lines() {
        let mut assembler = Assembler::default();
        let long = "x".repeat(16384);
        assert!(assembler.push(&out(format!("{STAMP}{long}").as_bytes())).is_empty());
        // Standard error in between does not tear the line.
        let error = LogOutput::StdErr { message: format!("{STAMP}Bad MAC\n").into_bytes().into() };
        let lines = assembler.push(&error);
        assert_eq!(lines, [LogLine { output: Output::Stderr, at_ns: AT, text: b"Bad MAC".to_vec() }]);
        let lines = assembler.push(&out(format!("{STAMP}tail\n").as_bytes()));
        assert_eq!(lines[0].text, format!("{long}tail").as_bytes());
        assert_eq!((lines[0].at_ns, lines[0].output), (AT, Output::Stdout));
        assert!(assembler.push(&out(format!("{STAMP}no end").as_bytes())).is_empty());
        assert_eq!(assembler.finish()[0].text, b"no end");
    }

    #[test]
    fn terminal_lines_lose_their_ends_and_colours() {
        let mut assembler = Assembler::default();
        let text = format!("{STAMP}\u{1b}[31mSession error:\u{1b}[0m Bad MAC\r\n{STAMP}\r\n");
        let lines = assembler.push(&LogOutput::Console { message: text.into_bytes().into() });
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].plain_text(), "Session error: Bad MAC");
        assert_eq!(lines[1].plain_text(), "");
        assert_eq!(without_escapes("\u{1b}]0;title\u{7}a\u{1b}]0;t\u{1b}\\b\u{1b}"), "ab");
    }

    #[test]
    fn lines_that_are_not_utf8_or_have_no_stamp_survive() {
        let mut assembler = Assembler::default();
        let lines = assembler.push(&out(b"\xff\xfe Bad MAC\n"));
        assert_eq!((lines[0].text.as_slice(), lines[0].at_ns), (&b"\xff\xfe Bad MAC"[..], 0));
        let lines = assembler.push(&out(format!("{}\n", STAMP.trim_end()).as_bytes()));
        assert_eq!((lines[0].text.as_slice(), lines[0].at_ns), (&b""[..], AT));
    }

    #[test]
    fn an_endless_line_is_cut() {
        let mut assembler = Assembler::default();
        let part = vec![b'x'; 1 << 16];
        for _ in 0..40 {
            assembler.push(&out(&part));
        }
        assert_eq!(assembler.finish()[0].text.len(), LINE_LIMIT);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_lose_a_line(text in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let mut assembler = Assembler::default();
            let ends = text.split(|byte| *byte == b'\n').count() - 1;
            let lines = assembler.push(&out(&text));
            proptest::prop_assert_eq!(lines.len(), ends);
        }
    }
}
