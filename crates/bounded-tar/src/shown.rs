//! Names of unknown origin, made fit for a terminal, a log or a message.

use std::fmt::Write;

/// So many characters of a name are shown.
const SHOWN: usize = 120;

/// Whether a character is shown as it is. Not so: control characters, which steer a terminal, and characters that change
/// the order or hide parts of what is read (Unicode Technical Report 36, "Bidirectional Text Spoofing").
pub fn is_shown_plainly(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text with everything escaped that is not shown plainly, as `\u{1b}`.
pub fn shown_whole(text: &str) -> String {
    escaped(text.chars(), text.len())
}

/// A name, escaped and shortened.
pub fn shown(name: &str) -> String {
    let mut shown = escaped(name.chars().take(SHOWN), name.len().min(SHOWN));
    if name.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn escaped(text: impl Iterator<Item = char>, room: usize) -> String {
    let mut escaped = String::with_capacity(room);
    for c in text {
        if is_shown_plainly(c) {
            escaped.push(c);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "{}", c.escape_unicode());
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_shown_steers_or_hides() {
        let name = "a\u{1b}[2J\nb\u{202e}c\u{9b}d\u{7f}\u{200b}é漢\u{2028}";
        assert_eq!(shown(name), "a\\u{1b}[2J\\u{a}b\\u{202e}c\\u{9b}d\\u{7f}\\u{200b}é漢\\u{2028}");
        assert_eq!(shown(name), shown_whole(name));
        assert!(shown(name).chars().all(is_shown_plainly));
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let long = "\u{1b}".repeat(1 << 20);
        assert!(shown(&long).len() <= SHOWN * 8 + 4);
        assert!(shown(&long).ends_with('…'));
        assert_eq!(shown("plain"), "plain");
    }
}
