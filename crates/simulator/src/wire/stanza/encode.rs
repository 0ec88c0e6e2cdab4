//! Writing stanzas.

use super::{DOMAINS, MAX_ATTRIBUTES, MAX_DEPTH, PACKED_MAX, StanzaError, tag};
use crate::node::{Content, Node};
use crate::wire::dictionary::{Dictionary, Token};

/// Server parts whose addresses are packed. A text with any other server part stays a text, so
/// that a push name like `me@work` is not taken for an address.
const PACKED_SERVERS: [&str; 11] = [
    crate::jid::PHONE_SERVER,
    crate::jid::LID_SERVER,
    crate::jid::GROUP_SERVER,
    "broadcast",
    "newsletter",
    "c.us",
    "call",
    "bot",
    "hosted",
    "hosted.lid",
    "msgr",
];

/// Writes one stanza with the tokens of `dictionary`, flag byte first, never compressed.
pub fn encode(node: &Node, dictionary: &Dictionary) -> Result<Vec<u8>, StanzaError> {
    let mut writer = Writer { dictionary, out: vec![0] };
    writer.node(node, 0)?;
    Ok(writer.out)
}

struct Writer<'a> {
    dictionary: &'a Dictionary,
    out: Vec<u8>,
}

impl Writer<'_> {
    fn node(&mut self, node: &Node, depth: usize) -> Result<(), StanzaError> {
        if depth >= MAX_DEPTH {
            return Err(StanzaError::TooDeep);
        }
        if node.tag.is_empty() {
            return Err(StanzaError::NoTag);
        }
        if node.attrs.len() > MAX_ATTRIBUTES {
            return Err(StanzaError::TooManyAttributes);
        }
        let content = usize::from(!matches!(node.content, Content::Empty));
        self.list_start(1 + 2 * node.attrs.len() + content)?;
        self.text(&node.tag)?;
        for (key, value) in &node.attrs {
            self.text(key)?;
            self.value(value)?;
        }
        match &node.content {
            Content::Empty => Ok(()),
            Content::Bytes(bytes) => self.bytes(bytes),
            Content::Nodes(children) => {
                self.list_start(children.len())?;
                children.iter().try_for_each(|child| self.node(child, depth + 1))
            }
        }
    }

    fn list_start(&mut self, len: usize) -> Result<(), StanzaError> {
        match (u8::try_from(len), u16::try_from(len)) {
            (Ok(0), _) => self.out.push(tag::LIST_EMPTY),
            (Ok(len), _) => self.out.extend([tag::LIST_8, len]),
            (_, Ok(len)) => {
                self.out.push(tag::LIST_16);
                self.out.extend(len.to_be_bytes());
            }
            _ => return Err(StanzaError::TooManyChildren(len)),
        }
        Ok(())
    }

    fn value(&mut self, text: &str) -> Result<(), StanzaError> {
        let Some((user, server)) = packable_jid(text) else { return self.text(text) };
        if let Some((domain, device, user)) = with_device(user, server) {
            self.out.extend([tag::AD_JID, domain, device]);
            return self.text(user);
        }
        self.out.push(tag::JID_PAIR);
        if user.is_empty() {
            self.out.push(tag::LIST_EMPTY);
        } else {
            self.text(user)?;
        }
        self.text(server)
    }

    fn text(&mut self, text: &str) -> Result<(), StanzaError> {
        if let Some(token) = self.dictionary.token(text) {
            match token {
                Token::Single(byte) => self.out.push(byte),
                Token::Double(table, place) => self.out.extend([tag::TABLE_0 + table, place]),
            }
            return Ok(());
        }
        match packing(text) {
            Some((packed_tag, digit)) => {
                self.packed(text.as_bytes(), packed_tag, digit);
                Ok(())
            }
            None => self.bytes(text.as_bytes()),
        }
    }

    fn packed(&mut self, text: &[u8], packed_tag: u8, digit: Digit) {
        let odd = if text.len() % 2 == 1 { 0x80 } else { 0 };
        self.out.extend([packed_tag, text.len().div_ceil(2) as u8 | odd]);
        for pair in text.chunks(2) {
            let high = digit(pair[0]).unwrap_or(0);
            let low = pair.get(1).map_or(15, |low| digit(*low).unwrap_or(0));
            self.out.push(high << 4 | low);
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), StanzaError> {
        let len = u32::try_from(bytes.len()).map_err(|_| StanzaError::TooLong(bytes.len()))?;
        let [a, b, c, d] = len.to_be_bytes();
        match len {
            0..0x100 => self.out.extend([tag::BINARY_8, d]),
            0x100..0x10_0000 => self.out.extend([tag::BINARY_20, b, c, d]),
            _ => self.out.extend([tag::BINARY_32, a, b, c, d]),
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Splits an address that may be packed without changing what the other side reads.
fn packable_jid(text: &str) -> Option<(&str, &str)> {
    let (user, server) = text.split_once('@')?;
    let plain = user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    (plain && PACKED_SERVERS.contains(&server)).then_some((user, server))
}

/// Domain byte, device and user of an address that names a companion device.
fn with_device<'a>(user: &'a str, server: &str) -> Option<(u8, u8, &'a str)> {
    let (domain, _) = DOMAINS.iter().find(|(_, name)| *name == server)?;
    let (user, device) = user.split_once(':')?;
    let number: u8 = device.parse().ok()?;
    // Only what the other side writes out again in the same form.
    let canonical = number > 0 && number.to_string() == device && !user.is_empty() && !user.contains(':');
    canonical.then_some((*domain, number, user))
}

/// How a character becomes a packed digit.
type Digit = fn(u8) -> Option<u8>;

/// Which packing holds this text, and how its characters become digits.
fn packing(text: &str) -> Option<(u8, Digit)> {
    if text.is_empty() || text.len() > PACKED_MAX {
        return None;
    }
    let fits = |digit: Digit| text.bytes().all(|byte| digit(byte).is_some());
    if fits(nibble) {
        Some((tag::NIBBLE_8, nibble))
    } else if fits(hex) {
        Some((tag::HEX_8, hex))
    } else {
        None
    }
}

fn nibble(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'-' => Some(10),
        b'.' => Some(11),
        _ => None,
    }
}

fn hex(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}
