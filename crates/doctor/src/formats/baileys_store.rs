//! `baileys_store.json`: chats, contacts and messages for display, and no keys.
//!
//! There are two shapes. Baileys' own `makeInMemoryStore` (until 6.7.16) wrote
//! `{chats:[...], contacts:{jid:...}, messages:{jid:[...]}}`; gateways that keep their own history write
//! `{chats:{jid:...}, messages:{id:...}}`. The file may be far larger than memory, so it is read through.

mod items;
mod message;

pub use items::messages;
pub use message::StoredMessage;

use std::io::{BufReader, Read};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::json::guard::Guard;

/// Bytes of one name or value. The largest genuine ones are previews of pictures.
const LONGEST: usize = 8 << 20;
/// Nesting: quotes hold quotes.
const DEEPEST: usize = 120;

/// What a store holds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSummary {
    /// Chats.
    pub chats: usize,
    /// Contacts.
    pub contacts: usize,
    /// Messages, of all chats.
    pub messages: usize,
}

/// Why a store cannot be read, for the evidence of a finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing in it.
    #[error("the file has no bytes")]
    Empty,
    /// It ends too early.
    #[error("the text breaks off in line {0}")]
    Truncated(usize),
    /// It is not JSON from here on.
    #[error("line {0}, column {1} is not JSON")]
    Syntax(usize, usize),
    /// It is JSON, but no store.
    #[error("it is JSON, but not what a store holds")]
    Shape,
    /// The disk failed.
    #[error("reading it failed: {0}")]
    Io(String),
}

/// Reads a store through to its end.
pub fn read(reader: impl Read) -> Result<StoreSummary, StoreError> {
    use serde_json::error::Category;
    let mut summary = StoreSummary::default();
    let guard = Guard::new(reader, LONGEST, DEEPEST);
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, guard));
    let result = Store(&mut summary).deserialize(&mut json).and_then(|()| json.end());
    match result {
        Ok(()) => Ok(summary),
        Err(error) => Err(match error.classify() {
            Category::Eof if error.line() <= 1 && error.column() == 0 => StoreError::Empty,
            Category::Eof => StoreError::Truncated(error.line()),
            Category::Syntax => StoreError::Syntax(error.line(), error.column()),
            Category::Data => StoreError::Shape,
            Category::Io => StoreError::Io(error.to_string()),
        }),
    }
}

struct Store<'s>(&'s mut StoreSummary);

impl<'de> DeserializeSeed<'de> for Store<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Store<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a store")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "chats" => self.0.chats = map.next_value_seed(Count { nested: false })?,
                "contacts" => self.0.contacts = map.next_value_seed(Count { nested: false })?,
                "messages" => self.0.messages = map.next_value_seed(Count { nested: true })?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Counts the items of a list or of an object; nested, those of the lists that the object's members may be.
#[derive(Clone, Copy)]
struct Count {
    nested: bool,
}

impl<'de> DeserializeSeed<'de> for Count {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count {
    type Value = usize;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut count = 0;
        // Keys are not decoded either: names cut in the middle of an emoji are no Unicode.
        while map.next_key::<IgnoredAny>()?.is_some() {
            count += if self.nested { map.next_value_seed(Items)? } else { one(map.next_value()?) };
        }
        Ok(count)
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }
}

fn one(_: IgnoredAny) -> usize {
    1
}

/// The length of a list, or 1 for a message that stands by itself.
struct Items;

impl<'de> DeserializeSeed<'de> for Items {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items {
    type Value = usize;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("messages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<usize, A::Error> {
        Count { nested: false }.visit_seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_value_without_end_is_not_held() {
        for start in ["{\"", "{\"chats\":[{\"id\":\"", "{\"unknown\":1"] {
            let endless = std::io::Cursor::new(start).chain(std::io::repeat(b'1'));
            let refused = read(endless);
            assert!(
                matches!(&refused, Err(StoreError::Io(why)) if why.contains("too long")),
                "{start}: {refused:?}"
            );
        }
    }

    #[test]
    fn counts_both_shapes() {
        let baileys = r#"{"chats":[{"id":"1"},{"id":"2"}],"contacts":{"1":{"name":"\ud83d"}},
            "messages":{"1":[{},{}],"2":[{}]},"labels":[],"labelAssociations":[]}"#;
        let summary = StoreSummary { chats: 2, contacts: 1, messages: 3 };
        assert_eq!(read(baileys.as_bytes()), Ok(summary));
        let app =
            r#"{ "chats": {"1@c.us": {"name":"x"}}, "messages": {"3EB0": {"key":{}}, "3EB1": {"key":{}}} }"#;
        assert_eq!(read(app.as_bytes()), Ok(StoreSummary { chats: 1, contacts: 0, messages: 2 }));
        assert_eq!(read(&b"{}\n"[..]), Ok(StoreSummary::default()));
    }

    #[test]
    fn tells_how_a_store_is_torn() {
        assert_eq!(read(&b""[..]), Err(StoreError::Empty));
        assert_eq!(read(&b"{\n\"chats\":{"[..]), Err(StoreError::Truncated(2)));
        assert!(matches!(read(&b"{}}"[..]), Err(StoreError::Syntax(1, _))));
        assert!(matches!(read(&b"\0\0\0"[..]), Err(StoreError::Syntax(1, _))));
        for text in ["[]", "7", "{\"chats\":7}", "{\"messages\":{\"x\":7}}"] {
            assert_eq!(read(text.as_bytes()), Err(StoreError::Shape), "{text}");
        }
        let deep = "{\"chats\":[".to_owned() + &"[".repeat(1_000_000);
        assert!(read(deep.as_bytes()).is_err());
    }
}
