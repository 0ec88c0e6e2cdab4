//! `sender-key-<group>--<user>--<device>.json`: one sender's ratchet in one group.
//!
//! There are two shapes, and no release reads both: up to 6.7.18 a JSON array of states whose buffers are plain base64;
//! from 6.7.19 on a buffer whose bytes are the JSON text of such an array, with buffers inside as
//! `{"type":"Buffer","data":[...]}`.

use super::field::{any_bytes, buffer};
use crate::json::{self, Kind, Value};

/// How a sender key is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An array, as 6.7.18 and before write it.
    Array,
    /// A buffer, as 6.7.19 and later write it.
    Buffer,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Array => "6.7.18 or before",
            Self::Buffer => "6.7.19 or later",
        })
    }
}

/// What the file holds.
#[derive(Debug)]
pub enum SenderKeyFile {
    /// States in one of the two shapes.
    Record {
        /// Which shape.
        shape: Shape,
        /// In the order of the file, the newest last.
        states: Vec<State>,
    },
    /// Neither shape.
    Malformed {
        /// Why, for the evidence.
        reason: &'static str,
    },
}

/// One state of a sender's ratchet.
#[derive(Debug)]
pub struct State {
    /// Whether the private half of the signing key is here: the ratchet is our own.
    pub own: bool,
    /// The state's id, and how far its chain is.
    pub chain: Option<(i64, i64)>,
    /// Skipped message keys that can be used.
    pub skipped: usize,
    /// Skipped message keys that 6.x stored as `{}`, unusable.
    pub unusable: usize,
    /// It was written as part of an array, and moved on by a release that takes arrays for its own shape.
    pub carried_over: bool,
    /// What is wrong.
    pub defect: Option<&'static str>,
}

impl SenderKeyFile {
    /// Reads the file.
    pub fn read(value: &Value<'_>) -> Self {
        if let Kind::Array(items) = &value.kind {
            return Self::Record { shape: Shape::Array, states: items.iter().map(State::read).collect() };
        }
        let Some(text) = buffer(value) else {
            return Self::Malformed { reason: "it is neither an array of states nor a buffer" };
        };
        match json::parse(&text) {
            Ok(Value { kind: Kind::Array(items), .. }) => Self::Record {
                shape: Shape::Buffer,
                states: items.iter().map(State::read_buffered).collect(),
            },
            Ok(_) => Self::Malformed { reason: "its buffer does not hold an array of states" },
            Err(_) => Self::Malformed { reason: "its buffer does not hold whole JSON" },
        }
    }
}

impl State {
    fn read(value: &Value<'_>) -> Self {
        let signing = value.get("senderSigningKey");
        let part = |field| signing.and_then(|key| key.get(field)).and_then(any_bytes);
        let private = part("private").unwrap_or_default();
        let keys = value.get("senderMessageKeys").map_or(&[][..], Value::items);
        let unusable = keys.iter().filter(|key| key.get("seed").is_none()).count();
        Self {
            own: !private.is_empty(),
            chain: Self::chain(value),
            skipped: keys.len() - unusable,
            unusable,
            carried_over: false,
            defect: Self::defect(value, part("public").as_deref(), &private),
        }
    }

    /// In a buffer the signing key is one too; in an array it is plain base64.
    fn read_buffered(value: &Value<'_>) -> Self {
        let public = value.get("senderSigningKey").and_then(|key| key.get("public"));
        Self { carried_over: public.is_some_and(|key| key.as_str().is_some()), ..Self::read(value) }
    }

    fn chain(value: &Value<'_>) -> Option<(i64, i64)> {
        let id = value.get("senderKeyId")?.as_i64()?;
        // protobuf's JSON leaves out an iteration of 0.
        let iteration = value.get("senderChainKey")?.get("iteration").and_then(Value::as_i64).unwrap_or(0);
        Some((id, iteration))
    }

    fn defect(value: &Value<'_>, public: Option<&[u8]>, private: &[u8]) -> Option<&'static str> {
        let chain = value.get("senderChainKey");
        let seed = chain.and_then(|chain| chain.get("seed")).and_then(any_bytes);
        let iteration = chain.and_then(|chain| chain.get("iteration")).and_then(Value::as_i64);
        match (seed.map(|seed| seed.len()), public.map(<[u8]>::len), private.len()) {
            (None, ..) => Some("a state has no chain key"),
            (Some(len), ..) if len != 32 => Some("a chain key has the wrong length"),
            (_, None, _) => Some("a state has no signing key"),
            (_, Some(len), _) if len != 32 && len != 33 => Some("a signing key has the wrong length"),
            (.., len) if len != 0 && len != 32 => Some("a private signing key has the wrong length"),
            _ if value.get("senderKeyId").and_then(Value::as_i64).is_none_or(|id| id < 0) => {
                Some("a state has no id")
            }
            // protobuf's JSON leaves out an iteration of 0.
            _ if iteration.is_some_and(|iteration| iteration < 0) => Some("an iteration is negative"),
            _ => None,
        }
    }
}
