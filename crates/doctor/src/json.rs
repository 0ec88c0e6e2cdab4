//! A JSON reader made for damaged files.
//!
//! Baileys reads its files with `JSON.parse`, so this reader accepts exactly what that accepts (lone
//! surrogates included, which a Rust `String` cannot hold and `serde_json` refuses) and nothing more.
//! It differs from an ordinary parser in three ways that the doctor needs:
//!
//! * it says **how** a text is broken, and where: cut short, or complete with something behind it;
//! * object members keep their order and every value knows its place in the text, so that a repair
//!   replaces a few bytes and leaves all others alone;
//! * depth and node count are bounded, because the text may be hostile.

pub(crate) mod guard;

use std::borrow::Cow;
use std::ops::Range;

/// Deepest nesting read. Baileys itself needs 8.
pub const MAX_DEPTH: usize = 96;
/// Most values in one text. A session record with forty full sessions has about 90,000, an app-state version of five
/// megabytes 140,000. Each takes up to 80 bytes of memory.
pub const MAX_NODES: usize = 400_000;

/// How a text fails to be one JSON document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// No bytes at all.
    Empty,
    /// Only NUL bytes: what a file system leaves when blocks were allocated but never written.
    AllNul,
    /// Ends before the document does, or only NUL bytes follow from here.
    Truncated {
        /// Byte offset where reading had to stop.
        at: usize,
    },
    /// A complete document ends here and other bytes follow: two writers, or a stale tail.
    Trailing {
        /// Length of the complete document.
        at: usize,
    },
    /// Not JSON from here on.
    Syntax {
        /// Byte offset of the first byte that cannot be read.
        at: usize,
    },
    /// Deeper or larger than any genuine file.
    TooComplex,
}

/// One value and its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Value<'a> {
    /// Byte range of the value in the text.
    pub span: Range<usize>,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What a JSON value can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as it is written.
    Number(&'a str),
    /// A string, unescaped; what is not Unicode became U+FFFD.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object, in the order of the text.
    Object(Vec<Member<'a>>),
}

/// One member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member<'a> {
    /// The name, unescaped.
    pub key: Cow<'a, str>,
    /// Where the name's opening quote stands; the member ends with its value.
    pub start: usize,
    /// The value.
    pub value: Value<'a>,
}

impl<'a> Value<'a> {
    /// The member of that name; the last one when there are several, as in JavaScript.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.members().iter().rev().find(|member| member.key == key).map(|member| &member.value)
    }

    /// The members of an object; none for anything else.
    pub fn members(&self) -> &[Member<'a>] {
        if let Kind::Object(members) = &self.kind { members } else { &[] }
    }

    /// The items of an array; none for anything else.
    pub fn items(&self) -> &[Value<'a>] {
        if let Kind::Array(items) = &self.kind { items } else { &[] }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Kind::String(text) = &self.kind { Some(text) } else { None }
    }

    /// The value of a number that is a whole one.
    pub fn as_i64(&self) -> Option<i64> {
        let Kind::Number(text) = self.kind else { return None };
        text.parse().ok().or_else(|| {
            let float: f64 = text.parse().ok()?;
            (float.fract() == 0.0 && float.abs() < 9.0e15).then_some(float as i64)
        })
    }

    /// Whether this is `{...}`.
    pub fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    /// Whether JavaScript would take this for false: Baileys treats such a file as absent.
    pub fn is_falsy(&self) -> bool {
        match &self.kind {
            Kind::Null | Kind::Bool(false) => true,
            Kind::Number(text) => text.parse::<f64>().is_ok_and(|number| number == 0.0),
            Kind::String(text) => text.is_empty(),
            _ => false,
        }
    }
}

/// Reads one document.
pub fn parse(text: &[u8]) -> Result<Value<'_>, Defect> {
    if text.is_empty() {
        return Err(Defect::Empty);
    }
    if text.iter().all(|byte| *byte == 0) {
        return Err(Defect::AllNul);
    }
    let mut reader = Reader { text, at: 0, nodes: 0 };
    let value = reader.document().map_err(|defect| match defect {
        // A lost block at the end of a file reads as NUL bytes: the file is cut, not foreign.
        Defect::Syntax { at } if text[at..].iter().all(|byte| *byte == 0) => Defect::Truncated { at },
        other => other,
    })?;
    if reader.at < text.len() {
        return Err(Defect::Trailing { at: value.span.end });
    }
    Ok(value)
}

/// Reads the complete document at the start of a text that goes on after it.
pub fn parse_prefix(text: &[u8]) -> Result<Value<'_>, Defect> {
    Reader { text, at: 0, nodes: 0 }.document()
}

/// The members of the object that a torn text begins with, as far as they are complete.
pub fn salvage(text: &[u8]) -> Vec<Member<'_>> {
    let mut reader = Reader { text, at: 0, nodes: 0 };
    reader.blank();
    let mut members = Vec::new();
    if reader.peek() == Ok(b'{') {
        // The defect is known already; what counts here is what came before it.
        let _ = reader.members(0, &mut members);
    }
    members
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Value<'a>, Defect> {
        self.blank();
        if self.at == self.text.len() {
            return Err(Defect::Truncated { at: self.at });
        }
        let value = self.value(0)?;
        self.blank();
        Ok(value)
    }

    fn blank(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Result<u8, Defect> {
        self.text.get(self.at).copied().ok_or(Defect::Truncated { at: self.at })
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Defect> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(Defect::TooComplex);
        }
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b'"' => Kind::String(self.string()?),
            b't' => self.word("true", Kind::Bool(true))?,
            b'f' => self.word("false", Kind::Bool(false))?,
            b'n' => self.word("null", Kind::Null)?,
            b'-' | b'0'..=b'9' => Kind::Number(self.number()?),
            _ => return Err(Defect::Syntax { at: self.at }),
        };
        Ok(Value { span: start..self.at, kind })
    }

    fn word(&mut self, word: &str, kind: Kind<'a>) -> Result<Kind<'a>, Defect> {
        for byte in word.bytes() {
            if self.peek()? != byte {
                return Err(Defect::Syntax { at: self.at });
            }
            self.at += 1;
        }
        Ok(kind)
    }

    fn number(&mut self) -> Result<&'a str, Defect> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        std::str::from_utf8(&self.text[start..self.at]).map_err(|_| Defect::Syntax { at: start })
    }

    fn digits(&mut self) -> Result<(), Defect> {
        if !self.peek()?.is_ascii_digit() {
            return Err(Defect::Syntax { at: self.at });
        }
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Defect> {
        self.at += 1;
        let start = self.at;
        let mut escaped: Option<Vec<u8>> = None;
        let mut plain = start;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    let buffer = escaped.get_or_insert_with(Vec::new);
                    buffer.extend_from_slice(&self.text[plain..self.at]);
                    self.at += 1;
                    let character = self.escape()?;
                    let mut utf8 = [0; 4];
                    escaped
                        .get_or_insert_with(Vec::new)
                        .extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                    plain = self.at;
                }
                0..=0x1f => return Err(Defect::Syntax { at: self.at }),
                _ => self.at += 1,
            }
        }
        let text = match escaped {
            None => String::from_utf8_lossy(&self.text[start..self.at]),
            Some(mut buffer) => {
                buffer.extend_from_slice(&self.text[plain..self.at]);
                Cow::Owned(String::from_utf8_lossy(&buffer).into_owned())
            }
        };
        self.at += 1;
        Ok(text)
    }

    fn escape(&mut self) -> Result<char, Defect> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => return Err(Defect::Syntax { at: self.at - 1 }),
        })
    }

    fn unicode(&mut self) -> Result<char, Defect> {
        let first = self.hex4()?;
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with(b"\\u") {
            let before = self.at;
            self.at += 2;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = before;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Result<u32, Defect> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()?).to_digit(16).ok_or(Defect::Syntax { at: self.at })?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn array(&mut self, depth: usize) -> Result<Kind<'a>, Defect> {
        self.at += 1;
        let mut items = Vec::new();
        self.blank();
        if self.peek()? == b']' {
            self.at += 1;
            return Ok(Kind::Array(items));
        }
        loop {
            self.blank();
            items.push(self.value(depth + 1)?);
            self.blank();
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(Defect::Syntax { at: self.at }),
            }
        }
        self.at += 1;
        Ok(Kind::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<Kind<'a>, Defect> {
        let mut members = Vec::new();
        self.members(depth, &mut members)?;
        Ok(Kind::Object(members))
    }

    fn members(&mut self, depth: usize, members: &mut Vec<Member<'a>>) -> Result<(), Defect> {
        self.at += 1;
        self.blank();
        if self.peek()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.blank();
            let start = self.at;
            if self.peek()? != b'"' {
                return Err(Defect::Syntax { at: self.at });
            }
            let key = self.string()?;
            self.blank();
            if self.peek()? != b':' {
                return Err(Defect::Syntax { at: self.at });
            }
            self.at += 1;
            self.blank();
            let value = self.value(depth + 1)?;
            // A number at the very end of a torn text may have lost digits; only what follows proves it whole.
            self.blank();
            let next = self.peek()?;
            members.push(Member { key, start, value });
            match next {
                b',' => self.at += 1,
                b'}' => break,
                _ => return Err(Defect::Syntax { at: self.at }),
            }
        }
        self.at += 1;
        Ok(())
    }
}

/// Replaces byte ranges of a text; everything between them stays as it is.
///
/// The ranges must not overlap; they may come in any order.
pub fn splice(text: &[u8], mut edits: Vec<(Range<usize>, Vec<u8>)>) -> Vec<u8> {
    edits.sort_by_key(|(range, _)| range.start);
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for (range, replacement) in edits {
        out.extend_from_slice(&text[at..range.start]);
        out.extend_from_slice(&replacement);
        at = range.end;
    }
    out.extend_from_slice(&text[at..]);
    out
}

/// The text of an object with only those of its members that `keep` accepts.
pub fn retain_members(text: &[u8], object: &Value<'_>, keep: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut out = vec![b'{'];
    for member in object.members().iter().filter(|member| keep(&member.key)) {
        if out.len() > 1 {
            out.push(b',');
        }
        out.extend_from_slice(&text[member.start..member.value.span.end]);
    }
    out.push(b'}');
    out
}

#[cfg(test)]
mod tests;
