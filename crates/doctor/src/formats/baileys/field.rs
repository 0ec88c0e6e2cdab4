//! Fields of Baileys' files: typed reading that remembers what was wrong.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::json::{Kind, Value};

/// Node reads base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Not there.
    Missing,
    /// There, but not of the kind that Baileys writes.
    Kind,
    /// A key or signature of the wrong length.
    Length {
        /// Bytes a genuine one has.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// A public key without its type byte, or not on the curve.
    NotAKey,
}

/// One field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// Path of the field inside its file, with dots.
    pub field: String,
    /// What is wrong.
    pub problem: Problem,
}

impl std::fmt::Display for Defect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let field = &self.field;
        match self.problem {
            Problem::Missing => write!(f, "{field} is missing"),
            Problem::Kind => write!(f, "{field} is not what Baileys writes there"),
            Problem::Length { expected, found } => {
                write!(f, "{field} has {found} bytes instead of {expected}")
            }
            Problem::NotAKey => write!(f, "{field} is not a point of the curve"),
        }
    }
}

/// The defects as one sentence, the first few named.
pub fn describe(defects: &[&Defect]) -> String {
    let mut text: Vec<String> = defects.iter().take(3).map(ToString::to_string).collect();
    if defects.len() > 3 {
        text.push(format!("and {} more", defects.len() - 3));
    }
    text.join(", ")
}

/// Reads fields of one object and collects what is wrong with them.
pub struct Fields<'v, 'a, 'd> {
    object: &'v Value<'a>,
    prefix: &'d str,
    defects: &'d mut Vec<Defect>,
}

impl<'v, 'a, 'd> Fields<'v, 'a, 'd> {
    /// Fields of `object`, named under `prefix` in defects (empty, or ending in a dot).
    pub fn new(object: &'v Value<'a>, prefix: &'d str, defects: &'d mut Vec<Defect>) -> Self {
        Self { object, prefix, defects }
    }

    /// Notes a defect of a field.
    pub fn defect(&mut self, field: &str, problem: Problem) {
        self.defects.push(Defect { field: format!("{}{field}", self.prefix), problem });
    }

    /// A field's value, when it is there and not null.
    pub fn optional(&self, field: &str) -> Option<&'v Value<'a>> {
        self.object.get(field).filter(|value| value.kind != Kind::Null)
    }

    fn required(&mut self, field: &str) -> Option<&'v Value<'a>> {
        let value = self.optional(field);
        if value.is_none() {
            self.defect(field, Problem::Missing);
        }
        value
    }

    fn read<T>(&mut self, field: &str, read: impl Fn(&Value<'a>) -> Result<T, Problem>) -> Option<T> {
        match read(self.required(field)?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.defect(field, problem);
                None
            }
        }
    }

    /// A required object.
    pub fn object(&mut self, field: &str) -> Option<&'v Value<'a>> {
        let value = self.required(field)?;
        if value.is_object() {
            return Some(value);
        }
        self.defect(field, Problem::Kind);
        None
    }

    /// A required whole number.
    pub fn number(&mut self, field: &str) -> Option<i64> {
        self.read(field, |value| value.as_i64().ok_or(Problem::Kind))
    }

    /// A required buffer of `N` bytes in one of Baileys' spellings.
    pub fn buffer<const N: usize>(&mut self, field: &str) -> Option<[u8; N]> {
        self.read(field, |value| exact(&buffer(value).ok_or(Problem::Kind)?))
    }

    /// A required plain base64 string of `N` bytes.
    pub fn base64<const N: usize>(&mut self, field: &str) -> Option<[u8; N]> {
        self.read(field, base64_exact)
    }
}

/// Plain base64, as Node writes it.
pub fn encode(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A plain base64 string of `N` bytes.
pub fn base64_exact<const N: usize>(value: &Value<'_>) -> Result<[u8; N], Problem> {
    let text = value.as_str().ok_or(Problem::Kind)?;
    decode_exact(text)
}

/// Base64 text of `N` bytes, without a detour over the heap: records hold hundreds of keys.
pub fn decode_exact<const N: usize>(text: &str) -> Result<[u8; N], Problem> {
    let mut room = [0; 96];
    match BASE64.decode_slice(text, &mut room) {
        Ok(len) => exact(&room[..len]),
        Err(base64::DecodeSliceError::OutputSliceTooSmall) => {
            Err(Problem::Length { expected: N, found: text.len() / 4 * 3 })
        }
        Err(base64::DecodeSliceError::DecodeError(_)) => Err(Problem::Kind),
    }
}

/// Any length of base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Problem> {
    bytes.try_into().map_err(|_| Problem::Length { expected: N, found: bytes.len() })
}

/// A buffer in any spelling that some version of `BufferJSON` writes or reads: `{"type":"Buffer","data":"<b64>"}`,
/// the same with a number array, the old `{"buffer":true,"data":...}`, and an object of numbered bytes.
pub fn buffer(value: &Value<'_>) -> Option<Vec<u8>> {
    let tagged = value.get("type").and_then(Value::as_str) == Some("Buffer")
        || value.get("buffer").is_some_and(|flag| flag.kind == Kind::Bool(true));
    if tagged {
        let data = value.get("data").or_else(|| value.get("value"))?;
        return match &data.kind {
            Kind::String(text) => decode(text),
            Kind::Array(items) => items.iter().map(byte).collect(),
            _ => None,
        };
    }
    let members = value.members();
    (!members.is_empty()).then_some(())?;
    members
        .iter()
        .enumerate()
        .map(|(index, member)| (member.key == index.to_string()).then(|| byte(&member.value))?)
        .collect()
}

/// A buffer, or plain base64 text: fields that protobuf's own JSON wrote.
pub fn buffer_or_base64(value: &Value<'_>) -> Option<Vec<u8>> {
    value.as_str().map_or_else(|| buffer(value), decode)
}

/// A buffer in the spelling of protobuf's own JSON, or a bare array of numbers.
pub fn any_bytes(value: &Value<'_>) -> Option<Vec<u8>> {
    match &value.kind {
        Kind::Array(items) => items.iter().map(byte).collect(),
        _ => buffer_or_base64(value),
    }
}

fn byte(value: &Value<'_>) -> Option<u8> {
    value.as_i64().and_then(|number| u8::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn every_spelling_of_a_buffer() {
        for text in [
            r#"{"type":"Buffer","data":"AQID"}"#,
            r#"{"type":"Buffer","data":[1,2,3]}"#,
            r#"{"data":"AQID","type":"Buffer"}"#,
            r#"{"buffer":true,"data":"AQID"}"#,
            r#"{"0":1,"1":2,"2":3}"#,
        ] {
            assert_eq!(buffer(&parse(text.as_bytes()).unwrap()), Some(vec![1, 2, 3]), "{text}");
        }
        for text in
            [r#""AQID""#, r#"{"type":"Buffer","data":[256]}"#, r#"{"1":1}"#, "{}", r#"{"type":"Buffer"}"#]
        {
            assert_eq!(buffer(&parse(text.as_bytes()).unwrap()), None, "{text}");
        }
    }

    #[test]
    fn lengths_are_told() {
        assert_eq!(decode_exact::<3>("AQID"), Ok([1, 2, 3]));
        assert_eq!(decode_exact::<4>("AQID"), Err(Problem::Length { expected: 4, found: 3 }));
        assert_eq!(decode_exact::<3>(&"A".repeat(400)), Err(Problem::Length { expected: 3, found: 300 }));
        assert_eq!(decode_exact::<3>("A!ID"), Err(Problem::Kind));
    }
}
