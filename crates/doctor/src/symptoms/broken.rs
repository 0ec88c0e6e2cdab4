//! Lines that a terminal or a log viewer broke at its width, and that were copied so. A record of JSON tells by itself where it
//! ends; other lines go on where one is as long as the width.

use super::scan::{LINE_LIMIT, Scanner};
use super::unwrap::unwrap;
use crate::json;

/// Terminals are so wide.
const WIDTHS: std::ops::RangeInclusive<usize> = 30..=250;
/// So many lines must end at the width, where no record of JSON tells that they were broken.
const LINES: usize = 4;
/// A record of JSON was broken into so many pieces at most.
const PIECES: usize = 256;
/// A record of JSON begins so near the margin: other programs put a name and a time before it.
const PREFIX: usize = 150;
/// How much of the beginning tells.
const SAMPLE: usize = 64 * 1024;

/// The width at which lines were broken. That they were is only believed when more is understood of them joined.
pub(super) fn width(text: &[u8]) -> Option<usize> {
    let sample = &text[..text.len().min(SAMPLE)];
    let lengths = || sample.split(|byte| *byte == b'\n').map(length);
    let width = lengths().max().filter(|width| WIDTHS.contains(width))?;
    let (all, full) =
        lengths().fold((0, 0), |(all, full), length| (all + 1, full + usize::from(length == width)));
    let (before, joined) = (Gain::of(sample), Gain::of(&join(sample, width)));
    let many = full >= LINES && full * 10 >= all;
    (joined.records > before.records || (many && joined > before)).then_some(width)
}

/// What is understood of a text, the surest first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Gain {
    /// Lines that are a whole record of JSON.
    records: usize,
    /// Symptoms whose contact is known.
    attributed: usize,
    symptoms: usize,
}

impl Gain {
    fn of(text: &[u8]) -> Self {
        let is_record = |line: &&[u8]| {
            memchr::memchr(b'{', line).is_some_and(|at| at < PREFIX) && {
                let line = unwrap(line, None);
                line.text.first() == Some(&b'{') && json::parse(line.text.trim_ascii_end()).is_ok()
                    || line.layouts.iter().any(|layout| layout.is_a_record())
            }
        };
        let (mut scanner, mut symptoms) = (Scanner::default(), Vec::new());
        scanner.lines(text, &mut |symptom| symptoms.push(symptom));
        symptoms.append(&mut scanner.finish());
        Self {
            records: text.split(|byte| *byte == b'\n').filter(is_record).count(),
            attributed: symptoms.iter().filter(|symptom| symptom.peer.is_some()).count(),
            symptoms: symptoms.len(),
        }
    }
}

/// The lines as they were before.
pub(super) fn join(text: &[u8], width: usize) -> Vec<u8> {
    let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut joined = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let content = without_end(line);
        let pieces = match pieces_of_record(&lines[at..]) {
            Pieces::All(pieces) => Some(pieces),
            Pieces::Open | Pieces::None => None,
        };
        joined.extend_from_slice(content);
        for piece in lines.iter().skip(at + 1).take(pieces.unwrap_or(1) - 1) {
            // A blank at the end of a piece is lost where text is copied, and where a viewer breaks between words.
            if length(lines[at]) < width {
                joined.push(b' ');
            }
            joined.extend_from_slice(without_end(piece));
            at += 1;
        }
        if lines[at].ends_with(b"\n") && (pieces.is_some() || length(content) != width) {
            joined.push(b'\n');
        }
        at += 1;
    }
    joined
}

/// Where a block of whole lines ends, without the last line when that may go on in the next block.
pub(super) fn end_of_whole(block: &[u8], width: usize) -> usize {
    let (mut start, mut whole, mut open) = (block.len(), block.len(), None);
    while start > 0 && block.len() - start < LINE_LIMIT {
        let end = start;
        start = memchr::memrchr(b'\n', &block[..end - 1]).map_or(0, |before| before + 1);
        let line = &block[start..end];
        if begins_record(line).is_some() {
            let lines: Vec<_> = block[start..].split_inclusive(|byte| *byte == b'\n').collect();
            match pieces_of_record(&lines) {
                Pieces::All(pieces) => {
                    let record: usize = lines[..pieces].iter().map(|line| line.len()).sum();
                    return open.unwrap_or(whole.max(start + record));
                }
                // It may be a part of a record that began before.
                Pieces::Open => open = Some(start),
                Pieces::None => {}
            }
        }
        if whole == end && length(line) == width {
            whole = start;
        }
    }
    open.unwrap_or(whole)
}

/// Where a record of JSON begins in a line. A quote before it tells that it is a part of another one.
fn begins_record(line: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(&line[..line.len().min(PREFIX)], b"{\"")?;
    (!line[..at].contains(&b'"')).then_some(at)
}

/// Pieces of a record of JSON.
enum Pieces {
    /// So many lines are the whole of it.
    All(usize),
    /// It does not end here.
    Open,
    /// There is none.
    None,
}

/// The pieces of the record of JSON that begins in the first of these lines.
fn pieces_of_record(lines: &[&[u8]]) -> Pieces {
    let Some(start) = lines.first().and_then(|line| begins_record(without_end(line))) else {
        return Pieces::None;
    };
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (count, line) in lines.iter().take(PIECES).enumerate() {
        let piece = without_end(line);
        for byte in &piece[if count == 0 { start } else { 0 }..] {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                b'{' | b'[' if !in_text => depth += 1,
                b'}' | b']' if !in_text && depth == 0 => return Pieces::None,
                b'}' | b']' if !in_text => depth -= 1,
                _ => {}
            }
        }
        if depth == 0 {
            return Pieces::All(count + 1);
        }
    }
    if lines.len() < PIECES { Pieces::Open } else { Pieces::None }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Characters of a line, without its end.
fn length(line: &[u8]) -> usize {
    let line = without_end(line);
    // A byte that goes on with a character is no character.
    line.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "Failed to decrypt message with any known session...\n\
        Session error:Error: Bad MAC Error: Bad MAC\n    \
        at async 5511900000002.3 [as awaitable] (/root/bot/node_modules/libsignal/src/session_cipher.js:171:28)\n";

    fn broken_at(width: usize) -> String {
        let text = LINE.repeat(5);
        let pieces = text.lines().flat_map(|line| {
            let chars: Vec<char> = line.chars().collect();
            chars.chunks(width).map(|piece| piece.iter().collect::<String>() + "\n").collect::<Vec<_>>()
        });
        pieces.collect()
    }

    #[test]
    fn the_width_is_found_and_lines_are_whole_again() {
        for at in [36, 40, 45] {
            let text = broken_at(at);
            assert_eq!(width(text.as_bytes()), Some(at));
            assert_eq!(join(text.as_bytes(), at), LINE.repeat(5).as_bytes(), "{at}");
        }
    }

    #[test]
    fn lines_that_happen_to_be_of_one_length_are_not_joined() {
        let same = "Session error:Error: Bad MAC Error: Bad MAC\n".repeat(50);
        assert_eq!(width(same.as_bytes()), None);
        assert_eq!(width(LINE.repeat(5).as_bytes()), None);
        assert_eq!(width(b""), None);
    }

    fn pino(id: usize) -> String {
        format!(
            "{{\"level\":50,\"time\":{},\"pid\":7,\"hostname\":\"bot\",\"class\":\"baileys\",\"key\":{{\"remoteJid\":\"551190000{:04}@s.whatsapp.net\",\
             \"fromMe\":false,\"id\":\"3EB0AA{id:04}\"}},\"err\":{{\"type\":\"SessionError\",\"message\":\"No matching sessions found for \
             message\",\"stack\":\"SessionError: No matching sessions found for message\\n    at SessionCipher.decryptWithSessions \
             (/app/node_modules/libsignal/src/session_cipher.js:137:15)\"}},\"msg\":\"failed to decrypt message\"}}\n",
            1_795_168_840_123_u64 + id as u64,
            id % 3
        )
    }

    fn ready(count: usize) -> String {
        "{\"level\":30,\"msg\":\"connected to WA\"}\n".repeat(count)
    }

    /// Every piece is as long as the width, as a terminal breaks lines.
    fn hard(text: &str, width: usize) -> String {
        let pieces = text.lines().flat_map(|line| {
            let chars: Vec<char> = line.chars().collect();
            chars.chunks(width).map(|piece| piece.iter().collect::<String>() + "\n").collect::<Vec<_>>()
        });
        pieces.collect()
    }

    /// Pieces end between words where they can, as viewers break lines.
    fn soft(text: &str, width: usize) -> String {
        let mut out = String::new();
        for mut line in text.lines() {
            while line.len() > width {
                let (piece, rest) = match line[..=width].rfind(' ') {
                    Some(blank) if blank > 0 => (&line[..blank], &line[blank + 1..]),
                    _ => line.split_at(width),
                };
                out += &(piece.to_owned() + "\n");
                line = rest;
            }
            out += &(line.to_owned() + "\n");
        }
        out
    }

    #[test]
    fn records_of_json_are_whole_again_at_every_width() {
        use crate::symptoms::read_log;
        let facts = |text: &str| {
            let facts = read_log(text.as_bytes(), "log".to_owned(), None).unwrap();
            (
                facts.peer_failures,
                facts.unattributed,
                facts.failures,
                facts.reading.from_ms,
                facts.reading.to_ms,
            )
        };
        let few: String = ready(40) + &(0..2).map(pino).collect::<String>();
        let many: String = (0..12).map(|id| ready(1) + &pino(id)).collect();
        let wrapped =
            |wrap: &dyn Fn(&str) -> String| many.lines().map(wrap).collect::<Vec<_>>().join("\n") + "\n";
        let compose = wrapped(&|line| format!("bot-1  | {line}"));
        let docker = wrapped(&|line| {
            let log = serde_json::to_string(&format!("{line}\n")).unwrap();
            format!("{{\"log\":{log},\"stream\":\"stdout\",\"time\":\"2026-11-20T10:00:40.123Z\"}}")
        });
        for log in [few, many, compose, docker] {
            let whole = facts(&log);
            assert!(!whole.0.is_empty() || !whole.2.is_empty(), "{whole:?}");
            for at in (80..=200).step_by(12).chain([99, 133]) {
                for broken in [hard(&log, at), hard(&log, at).replace(" \n", "\n"), soft(&log, at)] {
                    assert_eq!(facts(&broken), whole, "{at}: {broken}");
                }
            }
            assert_eq!(width(log.as_bytes()), None, "nothing was broken");
        }
    }

    #[test]
    fn a_record_is_whole_across_blocks() {
        use crate::symptoms::read_log;
        let log: String = (0..1500).map(|id| ready(1) + &pino(id)).collect();
        let facts = |text: &str| {
            let facts = read_log(text.as_bytes(), "log".to_owned(), None).unwrap();
            (facts.peer_failures, facts.unattributed, facts.failures, facts.reading.understood)
        };
        let whole = facts(&log);
        assert_eq!(whole.0.iter().map(|peer| peer.messages).sum::<usize>(), 1500);
        for broken in [hard(&log, 120), soft(&log, 97)] {
            assert!(broken.len() > 600_000, "several blocks");
            assert_eq!(facts(&broken), whole);
        }
        for (block, end) in [
            ("{\"a\":1}\n", 8),
            ("x\n{\"a\":\n", 2),
            ("x\nabcd\n", 2),
            ("abcd\n", 0),
            ("{\"a\":1,\n2}\nx\n", 13),
        ] {
            assert_eq!(end_of_whole(block.as_bytes(), 4), end, "{block:?}");
        }
    }

    #[test]
    fn records_that_are_whole_or_never_end_are_left_alone() {
        let whole = "{\"level\":30,\"msg\":\"12345678901234567890\"}\n".repeat(9);
        assert_eq!(width(whole.as_bytes()), None);
        assert_eq!(
            join(whole.as_bytes(), length(whole.lines().next().unwrap().as_bytes())),
            whole.as_bytes()
        );
        let endless = "{\"a\":[\n".to_owned() + &"x\n".repeat(PIECES * 2);
        assert_eq!(join(endless.as_bytes(), 40), endless.as_bytes());
    }

    proptest::proptest! {
        #[test]
        fn joining_takes_and_adds_nothing_but_ends_and_blanks(text in "([a-z{}\"\\\\ ]{0,12}\n){0,20}", at in 1..14_usize) {
            let without = |text: &str| text.replace([' ', '\n'], "");
            let joined = String::from_utf8(join(text.as_bytes(), at)).unwrap();
            proptest::prop_assert_eq!(without(&joined), without(&text));
        }
    }
}
