//! Key material that cannot be printed by accident.

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes that are wiped when dropped and never shown.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes bytes into custody.
    pub fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes, for computing with them.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{N}>")
    }
}

/// A passphrase for encrypted backups.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes the text into custody.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for deriving a key from it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it can be guessed by trying all of its length.
    pub fn is_short(&self) -> bool {
        self.0.chars().count() < SHORTEST
    }
}

/// Characters of a passphrase that is not soon guessed, when an archive falls into other hands.
const SHORTEST: usize = 8;

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}
