//! Lines that a terminal broke at its width, and that were copied so.

use super::scan::Scanner;

/// Terminals are so wide.
const WIDTHS: std::ops::RangeInclusive<usize> = 30..=250;
/// So many lines must end at the width.
const LINES: usize = 4;
/// How much of the beginning tells.
const SAMPLE: usize = 64 * 1024;

/// The width at which lines were broken. That they were is only believed when more is understood of them joined.
pub(super) fn width(text: &[u8]) -> Option<usize> {
    let sample = &text[..text.len().min(SAMPLE)];
    let lengths = || sample.split(|byte| *byte == b'\n').map(length);
    let width = lengths().max().filter(|width| WIDTHS.contains(width))?;
    let (all, full) =
        lengths().fold((0, 0), |(all, full), length| (all + 1, full + usize::from(length == width)));
    if full < LINES || full * 10 < all {
        return None;
    }
    (symptoms(&join(sample, width)) > symptoms(sample)).then_some(width)
}

fn symptoms(text: &[u8]) -> usize {
    let (mut scanner, mut count) = (Scanner::default(), 0);
    scanner.lines(text, &mut |_| count += 1);
    count + scanner.finish().len()
}

/// The lines as they were before.
pub(super) fn join(text: &[u8], width: usize) -> Vec<u8> {
    let mut joined = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let content = without_end(line);
        joined.extend_from_slice(content);
        if line.ends_with(b"\n") && length(content) != width {
            joined.push(b'\n');
        }
    }
    joined
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
}
