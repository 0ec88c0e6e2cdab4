//! What somebody searches for, as an expression of FTS5. Each word stands between quotation marks, so that nothing in it is a
//! word of that language: no expression is an error, and none asks for more than its words.

use super::split;
use crate::SearchQuery;

/// More words than this are left out.
const MOST_WORDS: usize = 12;
/// Of a longer word, so many characters count.
const LONGEST_WORD: usize = 256;
/// So many letters a beginning has to have: shorter ones stand for too many words.
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
    let begins = typed.ends_with('*') && letters(&cut) >= SHORTEST_BEGINNING;
    let word = split::words(&cut.replace(['"', '*'], " "));
    let word = word.trim();
    if word.is_empty() {
        return None;
    }
    Some(format!("\"{word}\"{}", if begins { " *" } else { "" }))
}

fn letters(word: &str) -> usize {
    word.chars().filter(|letter| letter.is_alphanumeric()).count()
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
