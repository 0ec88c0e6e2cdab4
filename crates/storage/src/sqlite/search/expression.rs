//! What somebody searches for, as an expression of FTS5. Each word stands between quotation marks, so that nothing in it is a
//! word of that language: no expression is an error, and none asks for more than its words.

use super::split;
use crate::SearchQuery;

/// More words than this are left out.
const MOST_WORDS: usize = 12;
/// Of a longer word, so many characters count.
const LONGEST_WORD: usize = 256;
/// So many letters a beginning has to have: shorter ones stand for too many words, and are searched as whole words. Of `a.b.end*`
/// the beginning is `end`: the table takes that as three words in a row, of which the last is a beginning.
const SHORTEST_BEGINNING: usize = 3;

/// The expression; `None` when it has no word.
pub(super) fn of(session: i64, search: &SearchQuery) -> Option<String> {
    let words: Vec<String> = search.words.split_whitespace().filter_map(word).take(MOST_WORDS).collect();
    if words.is_empty() {
        return None;
    }
    let chats: Vec<_> = search.chats.iter().map(|chat| chat_word(chat)).collect();
    let in_chats =
        if chats.is_empty() { String::new() } else { format!(" AND place : ({})", chats.join(" OR ")) };
    Some(format!("place : {}{in_chats} AND text : ({})", session_word(session), words.join(" AND ")))
}

/// One word as it is searched; `None` for what holds no letter and no number.
fn word(typed: &str) -> Option<String> {
    let cut: String = typed.chars().take(LONGEST_WORD).collect();
    let word = split::words(&cut.replace(['"', '*'], " "));
    let word = word.trim();
    if word.is_empty() {
        return None;
    }
    let begins = typed.ends_with('*') && last_letters(word) >= SHORTEST_BEGINNING;
    Some(format!("\"{word}\"{}", if begins { " *" } else { "" }))
}

/// How many letters and numbers the last word has, as the table of words tells words apart: at least so many, because whatever may
/// be no letter to SQLite ends the count.
fn last_letters(word: &str) -> usize {
    let word = word.trim_end_matches(|sign: char| sign.is_ascii() && !sign.is_ascii_alphanumeric());
    let last = word.chars().rev().take_while(|letter| is_accent(*letter) || is_letter(*letter));
    last.filter(|letter| !is_accent(*letter)).count()
}

/// Whether the table takes it as a part of a word. Letters in circles are signs to it, and the newest scripts, which have high
/// numbers, may be unknown to it.
fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() && letter < '\u{10000}' && !matches!(letter, '\u{24b6}'..='\u{24e9}')
}

/// Marks on letters that Rust does not count among letters: accents, and signs of Indian scripts within words.
fn is_accent(letter: char) -> bool {
    matches!(
        letter,
        '\u{300}'
            ..='\u{36f}'
                | '\u{93c}'
                | '\u{9bc}'
                | '\u{a3c}'
                | '\u{abc}'
                | '\u{b3c}'
                | '\u{cbc}'
                | '\u{94d}'
                | '\u{9cd}'
                | '\u{a4d}'
                | '\u{acd}'
                | '\u{b4d}'
                | '\u{bcd}'
                | '\u{c4d}'
                | '\u{ccd}'
                | '\u{d4d}'
                | '\u{dca}'
    )
}

/// The word that all messages of a session have.
pub(super) fn session_word(session: i64) -> String {
    format!("s{session}")
}

/// The word that all messages of a chat have. Others may have it as well: it only leaves most of them out.
pub(super) fn chat_word(chat: &str) -> String {
    let letters = chat.chars().take(LONGEST_WORD);
    let plain =
        letters.map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { 'x' });
    std::iter::once('c').chain(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_as_long_as_its_last_word() {
        for (typed, begins) in [
            ("end*", true),
            ("a.b.end*", true),
            ("end!*", true),
            ("cafe\u{301}*", true),
            ("\u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947}*", true),
            ("a.a.e*", false),
            ("apple.pie.e*", false),
            ("apple\u{2019}s*", false),
            ("e\u{301}\u{301}\u{301}*", false),
            ("\u{24b6}\u{24b6}\u{24b6}e*", false),
            ("apple.\u{1e900}*", false),
            ("\u{6771}\u{4eac}\u{90fd}*", false),
            ("en*", false),
            ("end", false),
        ] {
            let made = word(typed).unwrap();
            assert_eq!(made.ends_with("\" *"), begins, "{typed}: {made}");
        }
    }
}
