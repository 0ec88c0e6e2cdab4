//! The messages of a store, one by one, without building the whole document in memory.
//!
//! Names and texts in it may be cut in the middle of an emoji, which is no Unicode; so it is not read by a parser that
//! would give up there, and a message that makes no sense costs only itself.

use std::ops::Range;

use super::message::{StoredMessage, read_message};
use crate::json;

/// Tells about every message of a store, in the order of the file. Answers how many there were that made no sense.
pub fn messages(text: &[u8], mut tell: impl FnMut(StoredMessage)) -> usize {
    let mut unreadable = 0;
    let mut one =
        |span: Range<usize>| match json::parse(&text[span]).ok().and_then(|value| read_message(&value)) {
            Some(message) => tell(message),
            None => unreadable += 1,
        };
    let Some(all) = children(text, 0).into_iter().find(|child| child.key.as_deref() == Some("messages"))
    else {
        return 0;
    };
    for child in children(text, all.value.start) {
        // `{jid: [message, ...]}` or `{id: message}`.
        if text[child.value.start] == b'[' {
            for item in children(text, child.value.start) {
                one(item.value);
            }
        } else {
            one(child.value);
        }
    }
    unreadable
}

struct Child {
    key: Option<String>,
    value: Range<usize>,
}

/// The members or items of the object or array that begins at `start`, as far as the text is whole.
fn children(text: &[u8], start: usize) -> Vec<Child> {
    let mut found = Vec::new();
    let mut at = blank(text, start);
    let object = match text.get(at) {
        Some(b'{') => true,
        Some(b'[') => false,
        _ => return found,
    };
    at = blank(text, at + 1);
    while let Some(byte) = text.get(at) {
        if matches!(byte, b'}' | b']') {
            break;
        }
        let mut key = None;
        if object {
            let Some(end) = skip(text, at) else { break };
            key = json::parse(&text[at..end]).ok().and_then(|value| value.as_str().map(str::to_owned));
            at = blank(text, end);
            if text.get(at) != Some(&b':') {
                break;
            }
            at = blank(text, at + 1);
        }
        let Some(end) = skip(text, at) else { break };
        found.push(Child { key, value: at..end });
        at = blank(text, end);
        if text.get(at) == Some(&b',') {
            at = blank(text, at + 1);
        }
    }
    found
}

fn blank(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Where the value that begins at `at` ends; `None` when the text ends before it.
fn skip(text: &[u8], mut at: usize) -> Option<usize> {
    let start = at;
    let mut depth = 0usize;
    loop {
        match text.get(at)? {
            b'"' => at = skip_string(text, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth > 0 => {
                at += 1;
                continue;
            }
            _ => {
                while !matches!(
                    text.get(at)?,
                    b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | b'"'
                ) {
                    at += 1;
                }
                if at == start {
                    return None;
                }
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

fn skip_string(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(text: &str) -> (Vec<String>, usize) {
        let mut found = Vec::new();
        let unreadable = messages(text.as_bytes(), |message| found.push(message.body));
        (found, unreadable)
    }

    #[test]
    fn both_shapes_are_read_one_by_one() {
        let baileys = r#"{"chats":[{"id":"1"}],"contacts":{"1":{"name":"x ] } \" y"}},"messages":{
            "628111@s.whatsapp.net":[
                {"key":{"remoteJid":"628111@s.whatsapp.net","fromMe":false,"id":"A1"},"message":{"conversation":"one"},"messageTimestamp":"1700000000"},
                {"key":{"remoteJid":"628111@s.whatsapp.net","fromMe":true,"id":"A2"},"message":{"extendedTextMessage":{"text":"two \ud83d"}},"messageTimestamp":{"low":1700000001,"high":0,"unsigned":true}},
                {"key":{}}],
            "120363@g.us":[]},"labels":[]}"#;
        assert_eq!(bodies(baileys), (vec!["one".to_owned(), "two \u{fffd}".to_owned()], 1));
        let app = r#"{ "chats": {}, "messages": {
            "3EB0": {"key":{"remoteJid":"120363@g.us","id":"3EB0","participant":"628111@s.whatsapp.net"},"message":{"imageMessage":{"caption":"three","mimetype":"image/jpeg"}},"messageTimestamp":1700000002} } }"#;
        assert_eq!(bodies(app), (vec!["three".to_owned()], 0));
    }

    #[test]
    fn a_torn_store_gives_what_is_whole() {
        let whole = r#"{"messages":{"1@c.us":[{"key":{"remoteJid":"1@c.us","id":"A"},"message":{"conversation":"kept"}},{"key":{"remoteJ"#;
        assert_eq!(
            bodies(whole).0,
            Vec::<String>::new(),
            "a list that is cut is not told from a damaged one"
        );
        for text in
            ["", "{", "[]", "7", "{\"messages\":7}", "{\"messages\"", "\0\0", "{\"messages\":{\"a\":}}", "}{"]
        {
            assert_eq!(bodies(text), (Vec::new(), 0), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_fail(text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), cut in 0usize..300) {
            messages(&text, |_| {});
            let store = br#"{"messages":{"1@c.us":[{"key":{"remoteJid":"1@c.us","id":"A"},"message":{"conversation":"x"}}]}}"#;
            let mut damaged = store.to_vec();
            let len = damaged.len();
            damaged[cut % len] = text.first().copied().unwrap_or(b'"');
            messages(&damaged[..len - text.len() % len], |_| {});
        }
    }
}
