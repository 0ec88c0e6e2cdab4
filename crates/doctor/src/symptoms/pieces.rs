//! Lines that are not written as one text: a container runtime writes a long line in pieces (`P`, and `F` for the last), and
//! journald lists the bytes of what is not plain text. Both are put right before anything is searched.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::scan::LINE_LIMIT;
use crate::json::{self, Kind};

/// The pieces that wait for their last one, of standard output and of errors.
#[derive(Debug, Default)]
pub(super) struct Pieces([Option<Vec<u8>>; 2]);

/// A line of a container runtime's file: `2026-11-20T10:00:40.123456789Z stderr P text`.
struct Piece<'t> {
    time: &'t [u8],
    stream: &'t [u8],
    is_last: bool,
    text: &'t [u8],
}

impl<'t> Piece<'t> {
    fn of(line: &'t [u8]) -> Option<Self> {
        let (time, rest) = word(line)?;
        let (stream, rest) = word(rest)?;
        let (tag, text) = word(rest)?;
        let is_time = time.first().is_some_and(u8::is_ascii_digit) && time.contains(&b'T');
        let is_one = is_time && matches!(stream, b"stdout" | b"stderr") && matches!(tag, b"P" | b"F");
        is_one.then_some(Self { time, stream, is_last: tag == b"F", text })
    }
}

/// Whether a text holds lines in pieces.
pub(super) fn are_in(text: &[u8]) -> bool {
    static MARKS: LazyLock<[Finder<'_>; 2]> = LazyLock::new(|| ["stdout P ", "stderr P "].map(Finder::new));
    MARKS.iter().any(|mark| mark.find(text).is_some())
}

fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b' ', text)?;
    Some((&text[..end], &text[end + 1..]))
}

impl Pieces {
    /// Whole lines, those in pieces joined. What still lacks its last piece waits for the next block.
    pub(super) fn join<'t>(&mut self, block: Cow<'t, [u8]>) -> Cow<'t, [u8]> {
        if self.0.iter().all(Option::is_none) && !are_in(&block) {
            return block;
        }
        let mut joined = Vec::with_capacity(block.len());
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            self.add(line, &mut joined);
        }
        Cow::Owned(joined)
    }

    fn add(&mut self, line: &[u8], joined: &mut Vec<u8>) {
        let Some(piece) = Piece::of(line) else { return joined.extend(line) };
        let held = &mut self.0[usize::from(piece.stream == b"stderr")];
        if piece.is_last && held.is_none() {
            return joined.extend(line);
        }
        let whole = held.get_or_insert_with(|| [piece.time, b" ", piece.stream, b" F "].concat());
        let text = piece.text.strip_suffix(b"\n").unwrap_or(piece.text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        whole.extend(&text[..text.len().min(LINE_LIMIT.saturating_sub(whole.len()))]);
        if piece.is_last {
            joined.extend(held.take().into_iter().flatten().chain([b'\n']));
        }
    }

    /// What never got its last piece.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        self.0.iter_mut().filter_map(Option::take).flat_map(|line| line.into_iter().chain([b'\n'])).collect()
    }
}

/// The same lines; where journald lists the bytes of a message, it is a text.
pub(super) fn spelled_out(block: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if !lists_bytes(&block) {
        return block;
    }
    let mut out = Vec::with_capacity(block.len());
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        match lists_bytes(line).then(|| with_text(line)).flatten() {
            Some(spelled) => out.extend(spelled.into_iter().chain([b'\n'])),
            None => out.extend(line),
        }
    }
    Cow::Owned(out)
}

/// `"MESSAGE" : [`
fn lists_bytes(text: &[u8]) -> bool {
    static NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"MESSAGE\""));
    NAME.find_iter(text).any(|at| {
        let value = text[at + NAME.needle().len()..].trim_ascii_start().strip_prefix(b":");
        value.is_some_and(|value| value.trim_ascii_start().starts_with(b"["))
    })
}

fn with_text(line: &[u8]) -> Option<Vec<u8>> {
    let (before, record) = line.trim_ascii_end().split_at(memchr::memchr(b'{', line)?);
    let value = json::parse(record).ok()?;
    let message = value.get("MESSAGE").filter(|message| matches!(message.kind, Kind::Array(_)))?;
    let bytes: Option<Vec<u8>> =
        message.items().iter().map(|item| u8::try_from(item.as_i64()?).ok()).collect();
    let text = serde_json::to_vec(&String::from_utf8_lossy(&bytes?)).ok()?;
    let record = json::splice(record, vec![(message.span.clone(), text)]);
    Some([before, &record].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(blocks: &[&str]) -> String {
        let mut pieces = Pieces::default();
        let mut out: Vec<u8> =
            blocks.iter().flat_map(|block| pieces.join(block.as_bytes().into()).into_owned()).collect();
        out.extend(pieces.rest());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn pieces_of_both_streams_are_joined_over_blocks() {
        let blocks = [
            "T 1\n2026-11-20T10:00:40Z stderr P Bad\n2026-11-20T10:00:41Z stdout F whole\n",
            "2026-11-20T10:00:42Z stdout P rea\n2026-11-20T10:00:43Z stderr P  M\r\n2026-11-20T10:00:44Z stderr F AC\n",
            "2026-11-20T10:00:45Z stdout F \nother\n2026-11-20T10:00:46Z stdout P cut",
        ];
        let expected = "T 1\n2026-11-20T10:00:41Z stdout F whole\n2026-11-20T10:00:40Z stderr F Bad MAC\n\
             2026-11-20T10:00:42Z stdout F rea\nother\n2026-11-20T10:00:46Z stdout F cut\n";
        assert_eq!(joined(&blocks), expected);
        let endless = "2026-11-20T10:00:40Z stderr P xxxxxxxxxxxxxxxx\n".repeat(LINE_LIMIT / 8);
        assert!(joined(&[&endless]).len() <= LINE_LIMIT + 1);
        for text in ["", "x stderr P y\n", "2026-11-20T10:00:40Z stderr P", "a stdout P b"] {
            assert_eq!(joined(&[text]), text);
        }
    }

    #[test]
    fn bytes_become_text() {
        let spelled = |text: &str| {
            let text = spelled_out(text.as_bytes().into()).into_owned();
            String::from_utf8(text).unwrap()
        };
        assert_eq!(
            spelled("bot | {\"MESSAGE\" : [ 66, 97,100, 10,255 ], \"x\":1}\nnext\n"),
            "bot | {\"MESSAGE\" : \"Bad\\n\u{fffd}\", \"x\":1}\nnext\n"
        );
        for same in ["{\"MESSAGE\":[1", "{\"MESSAGE\":[\"a\"]}\n", "{\"MESSAGE\":[300]}\n", "\"MESSAGE\":[1]"]
        {
            assert_eq!(spelled(same), same);
        }
    }
}
