//! Reading stanzas. Nothing here trusts a length, a depth or a count that the bytes claim.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{DOMAINS, FLAG_COMPRESSED, MAX_ATTRIBUTES, MAX_DEPTH, MAX_INFLATED, MAX_ITEMS, StanzaError, tag};
use crate::node::{Content, Node};
use crate::wire::dictionary::Dictionary;

/// Reads one stanza, flag byte first, with the tokens of `dictionary`.
pub fn decode(bytes: &[u8], dictionary: &Dictionary) -> Result<Node, StanzaError> {
    let (flags, body) = bytes.split_first().ok_or(StanzaError::Truncated)?;
    let body = if flags & FLAG_COMPRESSED == 0 { Cow::Borrowed(body) } else { Cow::Owned(inflate(body)?) };
    let mut reader = Reader { dictionary, rest: &body, items: 0 };
    let node = reader.node(0)?;
    match reader.rest.len() {
        0 => Ok(node),
        trailing => Err(StanzaError::TrailingBytes(trailing)),
    }
}

fn inflate(body: &[u8]) -> Result<Vec<u8>, StanzaError> {
    let mut inflated = Vec::new();
    let limit = MAX_INFLATED as u64 + 1;
    ZlibDecoder::new(body).take(limit).read_to_end(&mut inflated).map_err(|_| StanzaError::Inflate)?;
    if inflated.len() > MAX_INFLATED { Err(StanzaError::InflatedTooLarge) } else { Ok(inflated) }
}

struct Reader<'a> {
    dictionary: &'a Dictionary,
    rest: &'a [u8],
    items: usize,
}

impl<'a> Reader<'a> {
    fn node(&mut self, depth: usize) -> Result<Node, StanzaError> {
        if depth >= MAX_DEPTH {
            return Err(StanzaError::TooDeep);
        }
        let start = self.byte()?;
        let size = self.list_size(start)?.ok_or(StanzaError::UnexpectedTag(start, "an element"))?;
        let attributes = size.checked_sub(1).ok_or(StanzaError::NoTag)? / 2;
        if attributes > MAX_ATTRIBUTES {
            return Err(StanzaError::TooManyAttributes);
        }
        self.count(1 + attributes)?;
        let start = self.byte()?;
        let mut node = Node::new(self.text(start)?);
        if node.tag.is_empty() {
            return Err(StanzaError::NoTag);
        }
        for _ in 0..attributes {
            let start = self.byte()?;
            let key = self.text(start)?;
            let start = self.byte()?;
            let value = self.value(start)?;
            node.set_attr(&key, value);
        }
        if size % 2 == 0 {
            node.content = self.content(depth)?;
        }
        Ok(node)
    }

    fn content(&mut self, depth: usize) -> Result<Content, StanzaError> {
        let start = self.byte()?;
        if let Some(size) = self.list_size(start)? {
            // No room is reserved for a claimed size: every child takes bytes that must be there.
            let mut children = Vec::new();
            for _ in 0..size {
                children.push(self.node(depth + 1)?);
            }
            return Ok(Content::Nodes(children));
        }
        match self.binary_len(start)? {
            Some(len) => Ok(Content::Bytes(self.take(len)?.to_vec())),
            None => Ok(Content::Bytes(self.value(start)?.into_owned().into_bytes())),
        }
    }

    fn count(&mut self, items: usize) -> Result<(), StanzaError> {
        self.items += items;
        if self.items > MAX_ITEMS { Err(StanzaError::TooManyItems) } else { Ok(()) }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], StanzaError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(StanzaError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, StanzaError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self, bytes: usize) -> Result<usize, StanzaError> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// The length of the list that `start` begins, `None` when it begins something else.
    fn list_size(&mut self, start: u8) -> Result<Option<usize>, StanzaError> {
        match start {
            tag::LIST_EMPTY => Ok(Some(0)),
            tag::LIST_8 => self.number(1).map(Some),
            tag::LIST_16 => self.number(2).map(Some),
            _ => Ok(None),
        }
    }

    /// The length of the raw bytes that `start` begins, `None` when it begins something else.
    fn binary_len(&mut self, start: u8) -> Result<Option<usize>, StanzaError> {
        match start {
            tag::BINARY_8 => self.number(1).map(Some),
            tag::BINARY_20 => self.number(3).map(|len| Some(len & 0x0f_ffff)),
            tag::BINARY_32 => self.number(4).map(Some),
            _ => Ok(None),
        }
    }

    /// A text that may be an address.
    fn value(&mut self, start: u8) -> Result<Cow<'a, str>, StanzaError> {
        match start {
            tag::JID_PAIR => {
                let user = self.next_text()?;
                let server = self.next_text()?;
                if server.is_empty() {
                    return Err(StanzaError::UnexpectedTag(start, "an address without a server"));
                }
                Ok(format!("{user}@{server}").into())
            }
            tag::AD_JID => {
                let domain = self.byte()?;
                let device = self.byte()?;
                let user = self.next_text()?;
                Ok(with_device(&user, device.into(), domain_name(domain)?).into())
            }
            tag::FB_JID => {
                let user = self.next_text()?;
                let device = self.number(2)?;
                let server = self.next_text()?;
                Ok(with_device(&user, device, &server).into())
            }
            tag::INTEROP_JID => {
                let user = self.next_text()?;
                let device = self.number(2)?;
                let integrator = self.number(2)?;
                let server = self.next_text()?;
                Ok(with_device(&format!("{integrator}-{user}"), device, &server).into())
            }
            _ => self.text(start),
        }
    }

    fn next_text(&mut self) -> Result<Cow<'a, str>, StanzaError> {
        let start = self.byte()?;
        self.text(start)
    }

    /// A text that is no address; the parts of addresses are read by this, so they cannot nest.
    fn text(&mut self, start: u8) -> Result<Cow<'a, str>, StanzaError> {
        if let Some(token) = self.dictionary.single(start) {
            return Ok(token.into());
        }
        if let Some(len) = self.binary_len(start)? {
            let text = std::str::from_utf8(self.take(len)?).map_err(|_| StanzaError::NotText)?;
            return Ok(text.into());
        }
        match start {
            tag::LIST_EMPTY => Ok("".into()),
            tag::TABLE_0..=tag::TABLE_3 => {
                let (table, place) = (start - tag::TABLE_0, self.byte()?);
                let token = self.dictionary.double(table, place);
                token.map(Cow::Borrowed).ok_or(StanzaError::UnknownToken(table, place))
            }
            tag::NIBBLE_8 => self.packed(nibble),
            tag::HEX_8 => self.packed(hex),
            _ => Err(StanzaError::UnexpectedTag(start, "a text")),
        }
    }

    fn packed(&mut self, character: fn(u8) -> Option<char>) -> Result<Cow<'a, str>, StanzaError> {
        let start = self.byte()?;
        let packed = self.take(usize::from(start & 0x7f))?;
        // The last half byte of a text with an odd length is filling.
        let digits = (packed.len() * 2).saturating_sub(usize::from(start >> 7));
        packed
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .take(digits)
            .map(|digit| character(digit).ok_or(StanzaError::PackedDigit(digit)))
            .collect::<Result<String, _>>()
            .map(Cow::Owned)
    }
}

fn domain_name(domain: u8) -> Result<&'static str, StanzaError> {
    DOMAINS
        .iter()
        .find(|(number, _)| *number == domain)
        .map(|(_, name)| *name)
        .ok_or(StanzaError::JidDomain(domain))
}

fn with_device(user: &str, device: usize, server: &str) -> String {
    if device == 0 { format!("{user}@{server}") } else { format!("{user}:{device}@{server}") }
}

fn nibble(digit: u8) -> Option<char> {
    match digit {
        0..=9 => Some(char::from(b'0' + digit)),
        10 => Some('-'),
        11 => Some('.'),
        15 => Some('\0'),
        _ => None,
    }
}

fn hex(digit: u8) -> Option<char> {
    char::from_digit(digit.into(), 16).map(|character| character.to_ascii_uppercase())
}
