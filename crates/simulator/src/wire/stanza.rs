//! The binary form of stanzas: a flag byte, then nested lists of packed texts.
//!
//! The layout is common to both dictionaries and was read in Baileys' `WABinary`.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::decode;
pub use encode::encode;

use thiserror::Error;

/// Why a stanza could not be read or written.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum StanzaError {
    /// The bytes end inside the stanza.
    #[error("read stanza: it ends too early")]
    Truncated,
    /// There are bytes after the stanza's end.
    #[error("read stanza: {0} bytes follow its end")]
    TrailingBytes(usize),
    /// The compressed body is broken.
    #[error("read stanza: the compressed body is broken")]
    Inflate,
    /// The body inflates to more than [`MAX_INFLATED`] bytes.
    #[error("read stanza: it inflates to more than {MAX_INFLATED} bytes")]
    InflatedTooLarge,
    /// Elements are nested deeper than [`MAX_DEPTH`].
    #[error("read or write stanza: elements nest deeper than {MAX_DEPTH}")]
    TooDeep,
    /// There are more elements and attributes than [`MAX_ITEMS`].
    #[error("read stanza: more than {MAX_ITEMS} elements and attributes")]
    TooManyItems,
    /// An element has more attributes than [`MAX_ATTRIBUTES`].
    #[error("read or write stanza: an element has more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes,
    /// An element has more children than a list can hold.
    #[error("write stanza: {0} children do not fit into one list")]
    TooManyChildren(usize),
    /// Bytes longer than a length field can say.
    #[error("write stanza: {0} bytes do not fit into one text")]
    TooLong(usize),
    /// An element without a tag.
    #[error("read or write stanza: an element has no tag")]
    NoTag,
    /// A byte that starts nothing that is allowed at this place.
    #[error("read stanza: byte {0} cannot stand for {1}")]
    UnexpectedTag(u8, &'static str),
    /// A two-byte token that the dictionary does not have.
    #[error("read stanza: no token {1} in table {0}")]
    UnknownToken(u8, u8),
    /// A packed text with a digit that does not exist.
    #[error("read stanza: {0} is no packed digit")]
    PackedDigit(u8),
    /// An attribute or tag that is not UTF-8.
    #[error("read stanza: a text is not UTF-8")]
    NotText,
    /// An address with an unknown domain.
    #[error("read stanza: {0} is no address domain")]
    JidDomain(u8),
}

/// How deep elements may nest. Real stanzas stay below ten.
pub const MAX_DEPTH: usize = 32;
/// How many attributes one element may have. Real ones have about a dozen.
pub const MAX_ATTRIBUTES: usize = 128;
/// How many elements and attributes one stanza may have: an upload of 812 pre-keys has 3,300, a
/// usync answer for a group of 1,024 about 20,000.
pub const MAX_ITEMS: usize = 200_000;
/// How many bytes a compressed stanza may inflate to.
pub const MAX_INFLATED: usize = 8 << 20;

/// Bytes that start a value, from Baileys' `WABinary/constants.js`.
mod tag {
    pub const LIST_EMPTY: u8 = 0;
    pub const TABLE_0: u8 = 236;
    pub const TABLE_3: u8 = 239;
    pub const INTEROP_JID: u8 = 245;
    pub const FB_JID: u8 = 246;
    pub const AD_JID: u8 = 247;
    pub const LIST_8: u8 = 248;
    pub const LIST_16: u8 = 249;
    pub const JID_PAIR: u8 = 250;
    pub const HEX_8: u8 = 251;
    pub const BINARY_8: u8 = 252;
    pub const BINARY_20: u8 = 253;
    pub const BINARY_32: u8 = 254;
    pub const NIBBLE_8: u8 = 255;
}

/// Longest text that is packed as digits.
const PACKED_MAX: usize = 127;
/// Flag bit of a zlib body.
const FLAG_COMPRESSED: u8 = 2;

/// Domain byte of an [`tag::AD_JID`] and the server part it stands for.
const DOMAINS: [(u8, &str); 4] =
    [(0, crate::jid::PHONE_SERVER), (1, crate::jid::LID_SERVER), (128, "hosted"), (129, "hosted.lid")];
