//! How keys look: `wk_`, the sixteen digits of the id, `_`, and forty-eight random digits.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

/// What every id begins with.
const ID: &str = "key_";
/// What every key begins with.
const KEY: &str = "wk_";
/// Hexadecimal digits of the id.
const ID_DIGITS: usize = 16;

/// A new key: its id and the key itself.
pub(crate) fn generate() -> (String, SecretString) {
    let (id, secret): ([u8; ID_DIGITS / 2], [u8; 24]) = (rand::random(), rand::random());
    let id = hex::encode(id);
    (format!("{ID}{id}"), SecretString::from(format!("{KEY}{id}_{}", hex::encode(secret))))
}

/// The id that a key names; `None` for what is no key of ours.
pub(crate) fn id_of(given: &[u8]) -> Option<String> {
    let given = std::str::from_utf8(given).ok()?.strip_prefix(KEY)?;
    let (id, rest) = given.split_at_checked(ID_DIGITS)?;
    (rest.starts_with('_') && id.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| format!("{ID}{id}"))
}

/// What lists show of a key.
pub(crate) fn hint(key: &SecretString) -> String {
    let shown: String = key.expose_secret().chars().take(KEY.len() + ID_DIGITS + 1).collect();
    format!("{shown}...")
}

/// What is kept of a key.
pub(crate) fn digest(key: &[u8]) -> [u8; 64] {
    Sha512::digest(key).into()
}

/// Whether this is the key of that digest; takes as long for a wrong one as for the right one.
pub(crate) fn is_of(given: &[u8], kept: &[u8; 64]) -> bool {
    bool::from(digest(given).ct_eq(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_id_and_is_known_by_its_digest() {
        let (id, key) = generate();
        let text = key.expose_secret();
        assert_eq!(id_of(text.as_bytes()), Some(id.clone()));
        assert!(is_of(text.as_bytes(), &digest(text.as_bytes())));
        assert!(!is_of(&text.as_bytes()[..text.len() - 1], &digest(text.as_bytes())));
        assert_eq!(hint(&key), format!("wk_{}_...", &id[4..]));
        assert_ne!(generate().0, id);
        for odd in ["", "wk_", "wk_0123456789abcdef", "wk_0123456789abcdeg_0", "wk_0123456789abcde\u{e9}_"] {
            assert_eq!(id_of(odd.as_bytes()), None, "{odd}");
        }
        assert_eq!(id_of(b"wk_\xff"), None);
    }
}
