//! Values as WAHA's clients write them: Python's `True`, numbers as texts, and an empty text for an option that was
//! left out (as n8n fills in its forms).
//!
//! [`Lenient`] stands before the reader of a request and gives each field what its type asks for. What cannot be read
//! so stays as it is, and is refused with the usual words. A text stays a text, also an empty one.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};

/// How much may be read as something else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// JSON knows lists.
    Json,
    /// A query string or a form says a list of one as the one alone.
    Pairs,
}

/// Reads as `reader` does, more leniently.
pub(super) struct Lenient<R> {
    reader: R,
    source: Source,
}

impl<R> Lenient<R> {
    pub(super) fn new(reader: R, source: Source) -> Self {
        Self { reader, source }
    }
}

/// What a text may stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    AsItIs,
    Flag,
    Number,
    Option,
    List,
    Object,
}

/// Python's and JSON's words for yes and no, and the numbers that WAHA takes for them.
fn flag(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "True" | "TRUE" | "1" => Some(true),
        "false" | "False" | "FALSE" | "0" => Some(false),
        _ => None,
    }
}

macro_rules! read_as {
    ($($method:ident: $wanted:expr),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, R::Error> {
            let visitor = Read { visitor, wanted: $wanted, source: self.source };
            match $wanted {
                // The reader's own word would keep it from seeing a text.
                Wanted::AsItIs => self.reader.$method(visitor),
                _ => self.reader.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de, R: Deserializer<'de>> Deserializer<'de> for Lenient<R> {
    type Error = R::Error;

    read_as! {
        deserialize_any: Wanted::AsItIs,
        deserialize_bool: Wanted::Flag,
        deserialize_i8: Wanted::Number,
        deserialize_i16: Wanted::Number,
        deserialize_i32: Wanted::Number,
        deserialize_i64: Wanted::Number,
        deserialize_u8: Wanted::Number,
        deserialize_u16: Wanted::Number,
        deserialize_u32: Wanted::Number,
        deserialize_u64: Wanted::Number,
        deserialize_f32: Wanted::Number,
        deserialize_f64: Wanted::Number,
        deserialize_char: Wanted::AsItIs,
        deserialize_str: Wanted::AsItIs,
        deserialize_string: Wanted::AsItIs,
        deserialize_bytes: Wanted::AsItIs,
        deserialize_byte_buf: Wanted::AsItIs,
        deserialize_option: Wanted::Option,
        deserialize_unit: Wanted::AsItIs,
        deserialize_seq: Wanted::List,
        deserialize_map: Wanted::AsItIs,
        deserialize_identifier: Wanted::AsItIs,
        deserialize_ignored_any: Wanted::AsItIs,
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, R::Error> {
        self.reader.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, R::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, R::Error> {
        let visitor = Read { visitor, wanted: Wanted::AsItIs, source: self.source };
        self.reader.deserialize_tuple(length, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, R::Error> {
        let visitor = Read { visitor, wanted: Wanted::AsItIs, source: self.source };
        self.reader.deserialize_tuple_struct(name, length, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, R::Error> {
        let visitor = Read { visitor, wanted: Wanted::Object, source: self.source };
        self.reader.deserialize_struct(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, R::Error> {
        self.reader.deserialize_enum(name, variants, visitor)
    }
}

/// Takes what the reader found, and gives it on as it is wanted.
struct Read<V> {
    visitor: V,
    wanted: Wanted,
    source: Source,
}

impl<'de, V: Visitor<'de>> Read<V> {
    fn text<E: Error>(self, text: &str) -> Result<V::Value, E> {
        match self.wanted {
            Wanted::Option if text.is_empty() => self.visitor.visit_none(),
            Wanted::Option => {
                self.visitor.visit_some(Lenient::new(text.to_owned().into_deserializer(), self.source))
            }
            Wanted::Flag => match flag(text) {
                Some(flag) => self.visitor.visit_bool(flag),
                None => self.visitor.visit_str(text),
            },
            Wanted::Number => self.number(text),
            Wanted::List if text.is_empty() || self.source == Source::Pairs => {
                let item = Some(text.to_owned()).filter(|text| !text.is_empty());
                let items = SeqDeserializer::<_, E>::new(item.into_iter());
                self.visitor.visit_seq(Items { items, source: self.source })
            }
            Wanted::List | Wanted::Object | Wanted::AsItIs => self.visitor.visit_str(text),
        }
    }

    fn number<E: Error>(self, text: &str) -> Result<V::Value, E> {
        let given = text.trim();
        if let Ok(number) = given.parse::<u64>() {
            self.visitor.visit_u64(number)
        } else if let Ok(number) = given.parse::<i64>() {
            self.visitor.visit_i64(number)
        } else if let Some(number) = given.parse::<f64>().ok().filter(|number| number.is_finite()) {
            self.visitor.visit_f64(number)
        } else {
            self.visitor.visit_str(text)
        }
    }
}

macro_rules! pass_on {
    ($($method:ident($type:ty)),* $(,)?) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            match self.wanted {
                Wanted::Option => self.visitor.visit_some(Lenient::new(value.into_deserializer(), self.source)),
                _ => self.visitor.$method(value),
            }
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Read<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    pass_on!(visit_bool(bool), visit_i64(i64), visit_f64(f64));

    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        match (self.wanted, value) {
            (Wanted::Option, _) => {
                self.visitor.visit_some(Lenient::new(value.into_deserializer(), self.source))
            }
            (Wanted::Flag, 0 | 1) => self.visitor.visit_bool(value == 1),
            _ => self.visitor.visit_u64(value),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.text(text)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<V::Value, E> {
        match self.wanted {
            Wanted::AsItIs => self.visitor.visit_string(text),
            _ => self.text(&text),
        }
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        match self.wanted {
            Wanted::Option => self.visitor.visit_none(),
            _ => self.visitor.visit_unit(),
        }
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Lenient::new(reader, self.source))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Lenient::new(reader, self.source))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        match self.wanted {
            Wanted::Option => {
                self.visitor.visit_some(Lenient::new(SeqAccessDeserializer::new(items), self.source))
            }
            // serde would take its items for the fields in their order: without names none is told from another.
            Wanted::Object => Err(A::Error::invalid_type(Unexpected::Seq, &self.visitor)),
            _ => self.visitor.visit_seq(Items { items, source: self.source }),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let entries = Entries { entries, source: self.source };
        match self.wanted {
            Wanted::Option => self.visitor.visit_some(MapAccessDeserializer::new(entries)),
            _ => self.visitor.visit_map(entries),
        }
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(data)
    }
}

struct Items<A> {
    items: A,
    source: Source,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Items<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.items.next_element_seed(Seed { seed, source: self.source })
    }

    fn size_hint(&self) -> Option<usize> {
        self.items.size_hint()
    }
}

struct Entries<A> {
    entries: A,
    source: Source,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.entries.next_key_seed(seed)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.entries.next_value_seed(Seed { seed, source: self.source })
    }

    fn size_hint(&self) -> Option<usize> {
        self.entries.size_hint()
    }
}

struct Seed<T> {
    seed: T,
    source: Source,
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Seed<T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<T::Value, D::Error> {
        self.seed.deserialize(Lenient::new(reader, self.source))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Sample {
        flag: bool,
        maybe: Option<bool>,
        limit: u32,
        since: Option<i64>,
        text: String,
        note: Option<String>,
        ids: Vec<String>,
        kind: Option<Kind>,
        inner: Option<Box<Sample>>,
        anything: Value,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Asc,
    }

    fn read(value: Value, source: Source) -> Result<Sample, serde_json::Error> {
        Sample::deserialize(Lenient::new(value, source))
    }

    #[test]
    fn flags_are_read_as_python_writes_them() {
        for (given, expected) in [
            (json!("True"), true),
            (json!("true"), true),
            (json!("1"), true),
            (json!(1), true),
            (json!(true), true),
            (json!("False"), false),
            (json!("0"), false),
            (json!(0), false),
        ] {
            let sample = read(json!({"flag": given, "maybe": given}), Source::Json).unwrap();
            assert_eq!((sample.flag, sample.maybe), (expected, Some(expected)), "{given}");
        }
        for refused in [json!("yes"), json!(2), json!("")] {
            assert!(read(json!({"flag": refused}), Source::Json).is_err(), "{refused}");
        }
    }

    #[test]
    fn an_empty_text_is_an_option_that_was_left_out_and_an_empty_text() {
        let empty = json!({"maybe": "", "since": "", "note": "", "kind": "", "inner": "", "ids": ""});
        assert_eq!(read(empty, Source::Json).unwrap(), Sample::default());
        let kept = json!({"text": "", "anything": {"a": "", "b": "True"}});
        let sample = read(kept, Source::Json).unwrap();
        assert_eq!((sample.text.as_str(), sample.anything), ("", json!({"a": "", "b": "True"})));
    }

    #[test]
    fn numbers_may_be_texts_at_every_depth() {
        let sample =
            read(json!({"inner": {"limit": "10", "since": "-3", "kind": "asc"}}), Source::Json).unwrap();
        let inner = sample.inner.unwrap();
        assert_eq!((inner.limit, inner.since, inner.kind), (10, Some(-3), Some(Kind::Asc)));
        let error = read(json!({"limit": "ten"}), Source::Json).unwrap_err().to_string();
        assert!(error.contains("expected u32"), "{error}");
    }

    #[test]
    fn a_list_is_no_object_at_any_depth() {
        for given in [json!([]), json!([true]), json!({"inner": []}), json!({"inner": [true]})] {
            assert!(read(given.clone(), Source::Json).is_err(), "{given}");
        }
        let inner = read(json!({"inner": {"ids": ["a"]}, "ids": []}), Source::Json).unwrap().inner.unwrap();
        assert_eq!(inner.ids, ["a"]);
    }

    #[test]
    fn only_a_form_says_a_list_of_one_as_the_one_alone() {
        let one = || json!({"ids": "a"});
        assert_eq!(read(one(), Source::Pairs).unwrap().ids, ["a"]);
        assert!(read(one(), Source::Json).is_err());
        assert_eq!(read(json!({"ids": ["a", ""]}), Source::Json).unwrap().ids, ["a", ""]);
    }
}
