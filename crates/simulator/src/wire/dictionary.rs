//! The token tables that shorten stanzas. The last byte of the client's prologue selects one.

use std::collections::HashMap;
use std::sync::LazyLock;

/// How many tokens take one byte: token bytes 1 to 235. Byte 0 is the empty list.
const SINGLE_BYTE_TOKENS: usize = 235;
/// Tokens in each of the four tables whose tokens take two bytes.
const DOUBLE_BYTE_TABLE: usize = 256;
/// How many two-byte tables there are.
const DOUBLE_BYTE_TABLES: usize = 4;

/// How a token is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// One byte, 1 to 235.
    Single(u8),
    /// The number of a two-byte table, 0 to 3, and the place in it.
    Double(u8, u8),
}

/// One token table, used in both directions of a connection.
pub struct Dictionary {
    version: u8,
    /// First the one-byte tokens from byte 1 on, then the two-byte tables one after the other.
    tokens: Vec<&'static str>,
    places: HashMap<&'static str, usize>,
}

static VERSION_2: LazyLock<Dictionary> =
    LazyLock::new(|| Dictionary::read(2, include_str!("tokens/dictionary-2.txt")));
static VERSION_3: LazyLock<Dictionary> =
    LazyLock::new(|| Dictionary::read(3, include_str!("tokens/dictionary-3.txt")));

impl Dictionary {
    /// The table that a client means by this prologue byte: 2 (Baileys 6) or 3 (Baileys 7,
    /// whatsapp-rust). `None` for every other number.
    #[must_use]
    pub fn of(version: u8) -> Option<&'static Self> {
        match version {
            2 => Some(&VERSION_2),
            3 => Some(&VERSION_3),
            _ => None,
        }
    }

    /// The number of this table, 2 or 3.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.version
    }

    fn read(version: u8, text: &'static str) -> Self {
        let tokens: Vec<_> = text.lines().collect();
        let places = tokens.iter().enumerate().map(|(place, token)| (*token, place)).collect();
        Self { version, tokens, places }
    }

    pub(super) fn single(&self, byte: u8) -> Option<&'static str> {
        let place = usize::from(byte).checked_sub(1)?;
        if place < SINGLE_BYTE_TOKENS { self.tokens.get(place).copied() } else { None }
    }

    pub(super) fn double(&self, table: u8, place: u8) -> Option<&'static str> {
        let table = usize::from(table);
        if table >= DOUBLE_BYTE_TABLES {
            return None;
        }
        self.tokens.get(SINGLE_BYTE_TOKENS + table * DOUBLE_BYTE_TABLE + usize::from(place)).copied()
    }

    pub(super) fn token(&self, text: &str) -> Option<Token> {
        let place = *self.places.get(text)?;
        Some(match place.checked_sub(SINGLE_BYTE_TOKENS) {
            None => Token::Single((place + 1) as u8),
            Some(rest) => Token::Double((rest / DOUBLE_BYTE_TABLE) as u8, (rest % DOUBLE_BYTE_TABLE) as u8),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_tables_are_complete_and_without_repeats() {
        for version in [2, 3] {
            let dictionary = Dictionary::of(version).unwrap();
            assert_eq!(dictionary.version(), version);
            assert_eq!(dictionary.tokens.len(), SINGLE_BYTE_TOKENS + DOUBLE_BYTE_TABLES * DOUBLE_BYTE_TABLE);
            assert_eq!(dictionary.places.len(), dictionary.tokens.len());
            assert!(dictionary.tokens.iter().all(|token| !token.is_empty()));
        }
        assert!(Dictionary::of(0).is_none());
        assert!(Dictionary::of(4).is_none());
    }

    #[test]
    fn every_token_is_read_as_it_is_written() {
        for version in [2, 3] {
            let dictionary = Dictionary::of(version).unwrap();
            for token in &dictionary.tokens {
                let read = match dictionary.token(token).unwrap() {
                    Token::Single(byte) => dictionary.single(byte),
                    Token::Double(table, place) => dictionary.double(table, place),
                };
                assert_eq!(read, Some(*token));
            }
        }
    }

    #[test]
    fn the_tables_differ_where_the_clients_do() {
        let (old, new) = (Dictionary::of(2).unwrap(), Dictionary::of(3).unwrap());
        assert_eq!(old.single(9), Some("broadcast"));
        assert_eq!(new.single(9), Some("notification"));
        assert_eq!(new.double(0, 0), Some("read-self"));
        for byte in [0, 236, 255] {
            assert_eq!(old.single(byte), None);
        }
        assert_eq!(old.double(4, 0), None);
    }
}
