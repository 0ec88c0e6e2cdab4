//! JSON is read to the last field: one that is unknown, or not built yet, is refused by its name. What is accepted
//! and ignored is found out too late, for example when a proxy was not used.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{Schema, SchemaType};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::error::{ApiError, ErrorCode};
use super::lenient::{Lenient, Source};

/// Longest name of an unknown field that an error repeats; it comes from the caller.
const LONGEST_NAME: usize = 100;
/// What [`NotBuilt`] says of a field that is used.
const NOT_BUILT: &str = "not supported by this version";

/// A field of WAHA's that this version does nothing with. Clients send it empty (`null`, `false`, `""`, `[]`, `{}`)
/// without meaning anything by it; anything else is refused, because ignoring it would be a lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotBuilt;

impl Serialize for NotBuilt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl<'de> Deserialize<'de> for NotBuilt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EmptyVisitor)
    }
}

impl PartialSchema for NotBuilt {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .description(Some(
                "Of WAHA; not supported by this version, which refuses any value but an empty one.",
            ))
            .into()
    }
}

impl ToSchema for NotBuilt {}

struct EmptyVisitor;

impl<'de> Visitor<'de> for EmptyVisitor {
    type Value = NotBuilt;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NOT_BUILT)
    }

    fn visit_unit<E: Error>(self) -> Result<NotBuilt, E> {
        Ok(NotBuilt)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<NotBuilt, E> {
        if value { Err(E::custom(NOT_BUILT)) } else { Ok(NotBuilt) }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<NotBuilt, E> {
        if value.is_empty() { Ok(NotBuilt) } else { Err(E::custom(NOT_BUILT)) }
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<NotBuilt, E> {
        Err(E::custom(NOT_BUILT))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<NotBuilt, E> {
        Err(E::custom(NOT_BUILT))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<NotBuilt, E> {
        Err(E::custom(NOT_BUILT))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<NotBuilt, A::Error> {
        match items.next_element::<IgnoredAny>()? {
            Some(_) => Err(A::Error::custom(NOT_BUILT)),
            None => Ok(NotBuilt),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<NotBuilt, A::Error> {
        match entries.next_key::<IgnoredAny>()? {
            Some(_) => Err(A::Error::custom(NOT_BUILT)),
            None => Ok(NotBuilt),
        }
    }
}

/// Reads a JSON text, whole.
///
/// # Errors
/// 400, with the place or the field, and never with a value.
pub(super) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Without names no field can be told from another; serde would take a list for the fields in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(refusal("", "the body must be a JSON object, not a list"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = read("", Lenient::new(&mut reader, Source::Json))?;
    reader.end().map_err(|_| {
        ApiError::new(ErrorCode::InvalidJson, "The body is not valid JSON: text after the end")
    })?;
    Ok(value)
}

/// Reads a JSON value that stands in the field `name` of a request.
///
/// # Errors
/// 400, with the field, and never with a value.
pub(super) fn from_value<T: DeserializeOwned>(name: &str, value: serde_json::Value) -> Result<T, ApiError> {
    read(name, Lenient::new(value, Source::Json))
}

/// Reads the pairs of a query string or a form.
///
/// # Errors
/// 400, with the field, and never with a value.
pub(super) fn from_pairs<T: DeserializeOwned>(pairs: serde_json::Value) -> Result<T, ApiError> {
    read("", Lenient::new(pairs, Source::Pairs))
}

fn read<'de, T, D>(name: &str, reader: D) -> Result<T, ApiError>
where
    T: Deserialize<'de>,
    D: Deserializer<'de, Error = serde_json::Error>,
{
    let mut track = serde_path_to_error::Track::new();
    let mut unknown = None;
    let reader = serde_path_to_error::Deserializer::new(reader, &mut track);
    let read = serde_ignored::deserialize(reader, |path| {
        unknown.get_or_insert_with(|| place(&path));
    });
    let value = read.map_err(|error| {
        if !error.is_data() {
            let place = format!("line {}, column {}", error.line(), error.column());
            return ApiError::new(ErrorCode::InvalidJson, format!("The body is not valid JSON: {place}"));
        }
        // A path of `.` is the value itself.
        let path = track.path().to_string();
        let path = if path == "." { String::new() } else { path };
        refusal(&join(name, &path), &without_values(&error.to_string()))
    })?;
    match unknown {
        Some(path) => Err(refusal(&join(name, &path), "unknown field")),
        None => Ok(value),
    }
}

fn refusal(path: &str, reason: &str) -> ApiError {
    let error = match path {
        "" => ApiError::invalid(reason),
        path => ApiError::invalid(format!("{path}: {reason}")),
    };
    match reason {
        "unknown field" => error.hint("leave it out; GET /openapi.json tells the fields of every request"),
        NOT_BUILT => error.hint("leave the field out; WAHA has it, wakeeper does not do it yet"),
        _ => error,
    }
}

fn join(name: &str, path: &str) -> String {
    match (name, path) {
        ("", path) => path.to_owned(),
        (name, "") => name.to_owned(),
        (name, path) if path.starts_with('[') => format!("{name}{path}"),
        (name, path) => format!("{name}.{path}"),
    }
}

/// A field as `config.webhooks[0].url`.
fn place(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => format!("{}[{index}]", place(parent)),
        Path::Map { parent, key } => join(&place(parent), &shown(key)),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            place(parent)
        }
    }
}

/// A caller's field name as errors and, through them, logs may show it.
fn shown(name: &str) -> String {
    let harmless = |c: &char| c.is_ascii_graphic() || *c == ' ';
    let shown: String = name.chars().take(LONGEST_NAME).filter(harmless).collect();
    if shown.is_empty() { "(a field without a readable name)".to_owned() } else { shown }
}

/// Turns serde's ``invalid type: string "hello", expected u32 at line 1 column 9`` into
/// `expected a whole number`. What is cut off is the caller's data.
pub(super) fn without_values(text: &str) -> String {
    let text = text.rfind(" at line ").map_or(text, |end| &text[..end]);
    if text == NOT_BUILT {
        return NOT_BUILT.to_owned();
    }
    if let Some(start) = text.rfind("expected ") {
        return format!("expected {}", of_json(&text[start + "expected ".len()..]));
    }
    if text.starts_with("missing field ") || text.starts_with("duplicate field ") {
        return text.to_owned();
    }
    "not a value that is allowed here".to_owned()
}

/// What Rust calls it, in JSON's words.
fn of_json(kind: &str) -> &str {
    match kind {
        "a sequence" => "a list",
        "a map" => "an object",
        "a boolean" => "true or false",
        "f32" | "f64" => "a number",
        _ if kind.starts_with("struct ") || kind.starts_with("internally tagged enum ") => "an object",
        _ if matches!(kind.split_at_checked(1), Some(("u" | "i", bits)) if bits.parse::<u8>().is_ok() || bits == "size") => {
            "a whole number"
        }
        _ => kind,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn types_are_named_as_callers_know_them() {
        let told =
            without_values("invalid type: string \"secret\", expected struct FileField at line 1 column 9");
        assert_eq!(told, "expected an object");
        assert_eq!(without_values("invalid type: string \"x\", expected a sequence"), "expected a list");
    }

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(rename = "chatId")]
        _chat_id: String,
        #[serde(default, rename = "limit")]
        _limit: u32,
        #[serde(default, rename = "apps")]
        _apps: NotBuilt,
        #[serde(default, rename = "inner")]
        _inner: Option<Vec<Inner>>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[serde(default, rename = "a")]
        _a: Option<String>,
    }

    fn refused(body: &str) -> (ErrorCode, String) {
        let error = from_slice::<Sample>(body.as_bytes()).expect_err(body);
        (error.code(), format!("{error:?}"))
    }

    #[test]
    fn names_the_field_and_the_expectation_but_not_the_value() {
        let (code, text) = refused(r#"{"chatId":"a","limit":"private words, expected nothing"}"#);
        assert_eq!(code, ErrorCode::InvalidRequest);
        assert!(text.contains("limit: expected a whole number"), "{text}");
        assert!(!text.contains("private"), "{text}");
        let (_, text) = refused(r#"{"limit":1}"#);
        assert!(text.contains("missing field `chatId`"), "{text}");
        let (_, text) = refused(r#"{"chatId":"a","chatId":"b"}"#);
        assert!(text.contains("duplicate field `chatId`"), "{text}");
    }

    #[test]
    fn says_what_is_expected_in_the_words_of_json() {
        for (body, expected) in [
            (json!({"chatId": 3}), "chatId: expected a string"),
            (json!({"chatId": "a", "limit": "x"}), "limit: expected a whole number"),
            (json!({"chatId": "a", "inner": "x"}), "inner: expected a list"),
            (json!({"chatId": "a", "inner": ["x"]}), "inner[0]: expected an object"),
        ] {
            let (_, text) = refused(&body.to_string());
            assert!(text.contains(expected), "{text}");
            assert!(!text.contains("struct ") && !text.contains("sequence"), "{text}");
        }
    }

    #[test]
    fn tells_broken_json_from_wrong_fields() {
        for body in ["", "{", "{\"chatId\":}", "{\"chatId\":\"a\"} {}", "\u{feff}{}"] {
            assert_eq!(refused(body).0, ErrorCode::InvalidJson, "{body}");
        }
        for body in ["[]", " [\"a\"]", "null", "3", "{\"chatId\":3}"] {
            assert_eq!(refused(body).0, ErrorCode::InvalidRequest, "{body}");
        }
    }

    #[test]
    fn unknown_fields_are_named_at_every_depth() {
        for (body, field) in [
            (json!({"chatId": "a", "chatid": null}), "\"chatid: unknown field"),
            (json!({"chatId": "a", "inner": [{}, {"b": 1}]}), "\"inner[1].b: unknown field"),
            (json!({"chatId": "a", "x\n\u{1b}[31my": 1}), "\"x[31my: unknown field"),
            (json!({"chatId": "a", "\n": 1}), "(a field without a readable name): unknown field"),
        ] {
            let (code, text) = refused(&body.to_string());
            assert_eq!(code, ErrorCode::InvalidRequest);
            assert!(text.contains(field), "{text}");
        }
        let (_, text) = refused(&json!({"chatId": "a", "x".repeat(10_000): 1}).to_string());
        assert!(text.len() < 1_000, "{text}");
    }

    #[test]
    fn a_field_that_is_not_built_may_be_empty_only() {
        for empty in [json!(null), json!(false), json!(""), json!([]), json!({})] {
            let body = json!({"chatId": "a", "apps": empty});
            assert!(from_slice::<Sample>(body.to_string().as_bytes()).is_ok(), "{body}");
        }
        for used in
            [json!(true), json!("secret"), json!(0), json!(-1), json!(0.5), json!([0]), json!({"a": 1})]
        {
            let (code, text) = refused(&json!({"chatId": "a", "apps": used}).to_string());
            assert_eq!(code, ErrorCode::InvalidRequest);
            assert!(text.contains("apps: not supported by this version"), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
