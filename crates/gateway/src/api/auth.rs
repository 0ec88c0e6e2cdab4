//! The API key: where it comes from, where it is kept, and the check.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use wakeeper_access::{Caller, Keys};
use wakeeper_private_fs::{Folder, FsError};

use super::error::{ApiError, ErrorCode};

/// The header that carries the key; WAHA's clients that cannot set one write it into the query string under the same name.
pub const API_KEY_HEADER: &str = "x-api-key";
/// File under `auth_info` that keeps a generated key.
const KEY_FILE: &str = "api_key";
/// Bytes of randomness in a generated key.
const KEY_BYTES: usize = 24;
/// Longer than any key; what follows is not read.
const KEY_LIMIT: u64 = 4096;

/// The generated key could not be kept or read back.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Reading the kept key failed.
    #[error("cannot read the API key in {}: {source}", path.display())]
    Read {
        /// The key's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The kept key is empty or no text.
    #[error("the API key in {} is empty; write a key there, or delete the file to get a new one", path.display())]
    Empty {
        /// The key's file.
        path: PathBuf,
    },
    /// The kept key's file has another name, too.
    #[error("the API key in {} is a hard link: the same file has another name; delete it to get a new key", path.display())]
    Shared {
        /// The key's file.
        path: PathBuf,
    },
    /// The kept key is none that could be sent.
    #[error("the API key in {} is not 1 to 256 visible ASCII characters; write a key there, or delete the file to get a new one", path.display())]
    Unfit {
        /// The key's file.
        path: PathBuf,
    },
    /// Writing a new key failed.
    #[error("cannot keep the new API key in {}: {source}", path.display())]
    Write {
        /// The key's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Who may use the API.
#[derive(Clone)]
pub enum KeyPolicy {
    /// Callers must present the key with this SHA-512.
    Required([u8; 64]),
    /// No key. The listener must be on loopback.
    Off,
}

/// How callers are to prove themselves, as a setting says it.
#[derive(Clone, Debug)]
pub enum KeySetting {
    /// A key is generated at the first start and kept.
    Generated,
    /// This key, or its SHA-512 as `sha512:<hex>`.
    Fixed(SecretString),
    /// No key; the gateway listens on loopback only.
    Off,
}

impl KeySetting {
    /// `none`, a key or `sha512:<hex>`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let is_fixed = match text.strip_prefix("sha512:") {
            Some(hex) => hex.len() == 128 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
            None => is_key(text),
        };
        match text {
            "none" => Some(Self::Off),
            key => is_fixed.then(|| Self::Fixed(SecretString::from(key))),
        }
    }

    /// Whether the same callers get in: a key and its SHA-512 are the same.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(one), Self::Fixed(other)) => digest(one) == digest(other),
            (Self::Off, Self::Off) | (Self::Generated, Self::Generated) => true,
            _ => false,
        }
    }

    /// The key itself, as far as it is known without making one: of a hash it is not.
    pub fn known(&self, auth_info: &Path) -> Option<SecretString> {
        match self {
            Self::Fixed(key) => Some(key.clone()).filter(|key| !key.expose_secret().starts_with("sha512:")),
            Self::Generated if auth_info.join(KEY_FILE).exists() => {
                kept_or_generated(auth_info).ok().map(|kept| kept.key)
            }
            Self::Off | Self::Generated => None,
        }
    }

    /// The policy, and the generated key when there is one.
    ///
    /// # Errors
    /// When the generated key cannot be kept or read.
    pub fn policy(&self, auth_info: &Path) -> Result<(KeyPolicy, Option<GeneratedKey>), KeyError> {
        Ok(match self {
            Self::Off => {
                tracing::warn!(
                    "API_KEY=none: everybody on this machine may use the gateway; it listens on loopback only"
                );
                (KeyPolicy::Off, None)
            }
            Self::Fixed(key) => {
                if key.expose_secret().len() < 16 {
                    tracing::warn!("API_KEY is short enough to be guessed; 32 random characters are better");
                }
                (KeyPolicy::required(key), None)
            }
            Self::Generated => {
                let generated = kept_or_generated(auth_info)?;
                (KeyPolicy::required(&generated.key), Some(generated))
            }
        })
    }
}

impl KeyPolicy {
    /// The policy for a configured key: the key itself, or `sha512:<hex>` of it.
    #[must_use]
    pub fn required(key: &SecretString) -> Self {
        Self::Required(digest(key))
    }

    /// Whose key the request carries. Compares digests in constant time, so that neither
    /// the key's length nor its first letters can be found by timing.
    pub(super) fn caller(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        others: &Keys,
    ) -> Result<Caller, ApiError> {
        match self {
            Self::Required(expected) => {
                let given = match headers.get(API_KEY_HEADER) {
                    Some(key) => Some(Cow::Borrowed(key.as_bytes())),
                    None => in_query(query.unwrap_or_default()),
                };
                let given = given.ok_or_else(unauthorized)?;
                let digest: [u8; 64] = Sha512::digest(&given).into();
                if bool::from(digest.ct_eq(expected)) {
                    return Ok(Caller::administrator());
                }
                others.caller(&given).ok_or_else(unauthorized)
            }
            Self::Off => require_loopback_name(headers).map(|()| Caller::administrator()),
        }
    }
}

/// The key in a query string.
fn in_query(query: &str) -> Option<Cow<'_, [u8]>> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, key) = pairs.find(|(name, _)| name == API_KEY_HEADER)?;
    Some(match key {
        Cow::Borrowed(key) => Cow::Borrowed(key.as_bytes()),
        Cow::Owned(key) => Cow::Owned(key.into_bytes()),
    })
}

fn unauthorized() -> ApiError {
    ApiError::new(ErrorCode::Unauthorized, "The API key is missing or wrong")
        .hint("send the header X-Api-Key; a generated key is in the file api_key under auth_info")
}

/// Without keys a web page could reach the gateway through a name that it points at 127.0.0.1
/// (DNS rebinding), so the name must be one of this machine's own.
fn require_loopback_name(headers: &HeaderMap) -> Result<(), ApiError> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let loopback = name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if loopback {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::Forbidden, "Without an API key only loopback addresses are answered")
        .hint("use http://localhost, or set API_KEY"))
}

/// A generated key and whether this start made it.
pub struct GeneratedKey {
    /// The key.
    pub key: SecretString,
    /// True when it was made now, so that it must be shown once.
    pub is_new: bool,
    /// Where it is kept.
    pub path: PathBuf,
}

/// The SHA-512 of a configured key, which may be given as such.
fn digest(key: &SecretString) -> [u8; 64] {
    let key = key.expose_secret();
    let given = key.strip_prefix("sha512:").and_then(|hex| {
        let mut digest = [0; 64];
        hex::decode_to_slice(hex, &mut digest).ok().map(|()| digest)
    });
    given.unwrap_or_else(|| Sha512::digest(key.as_bytes()).into())
}

/// Whether a text can be a key: it has to fit into a header.
fn is_key(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The key kept under `auth_info`, made and kept (0600) when there is none. A link in its place is refused: its target is
/// somebody else's file, and would become the key.
pub fn kept_or_generated(auth_info: &Path) -> Result<GeneratedKey, KeyError> {
    let path = auth_info.join(KEY_FILE);
    let unread = |error: FsError| KeyError::Read { path: auth_info.join(KEY_FILE), source: error.into_io() };
    let folder = Folder::named(auth_info).map_err(unread)?;
    let mut text = String::new();
    match folder.open_file(KEY_FILE) {
        Ok((file, stat)) => {
            // Under another name it is somebody else's file, whose content would become the key and whose mode would change.
            if stat.st_nlink > 1 {
                return Err(KeyError::Shared { path });
            }
            file.take(KEY_LIMIT + 1).read_to_string(&mut text).map_err(FsError::from).map_err(unread)?;
            let text = text.trim();
            if text.is_empty() {
                return Err(KeyError::Empty { path });
            }
            if !is_key(text) {
                return Err(KeyError::Unfit { path });
            }
            // A key that others on this machine may read is no key.
            if stat.st_mode & 0o077 != 0 {
                tracing::warn!(path = %path.display(), "the API key was readable by others; its mode is now 0600");
                folder.set_mode(KEY_FILE, 0o600).map_err(unread)?;
            }
            Ok(GeneratedKey { key: SecretString::from(text), is_new: false, path })
        }
        Err(FsError::Missing) => {
            let bytes: [u8; KEY_BYTES] = rand::random();
            let key = hex::encode(bytes);
            // Written beside and renamed, so that a crash leaves no empty key.
            folder
                .replace(KEY_FILE, format!("{key}\n").as_bytes())
                .map_err(|error| KeyError::Write { path: path.clone(), source: error.into_io() })?;
            Ok(GeneratedKey { key: SecretString::from(key), is_new: true, path })
        }
        Err(error) => Err(unread(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    async fn none() -> (Keys, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let storage = wakeeper_storage::open_sqlite(folder.path().join("wakeeper.db")).await.unwrap();
        (Keys::open(storage, wakeeper_model::Clock::system()).await.unwrap(), folder)
    }

    #[tokio::test]
    async fn only_the_exact_key_is_admitted() {
        let (keys, _folder) = none().await;
        let policy = KeyPolicy::required(&SecretString::from("0123456789abcdef"));
        assert!(policy.caller(&headers(API_KEY_HEADER, "0123456789abcdef"), None, &keys).is_ok());
        for wrong in ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF"] {
            let error = policy.caller(&headers(API_KEY_HEADER, wrong), None, &keys).expect_err("refused");
            assert_eq!(error.code(), ErrorCode::Unauthorized);
        }
        assert!(policy.caller(&HeaderMap::new(), None, &keys).is_err());
    }

    #[tokio::test]
    async fn the_key_may_stand_in_the_query_and_the_header_counts_first() {
        let (keys, _folder) = none().await;
        let policy = KeyPolicy::required(&SecretString::from("0123456789abc&=f"));
        let ask = |headers: &HeaderMap, query| policy.caller(headers, Some(query), &keys).is_ok();
        let none = HeaderMap::new();
        assert!(ask(&none, "all=true&x-api-key=0123456789abc%26%3Df"));
        for wrong in ["", "x-api-key=", "x-api-key=0123456789abc", "key=0123456789abc%26%3Df", "x-api-key"] {
            assert!(!ask(&none, wrong), "{wrong}");
        }
        assert!(!ask(&headers(API_KEY_HEADER, "wrong"), "x-api-key=0123456789abc%26%3Df"));
    }

    #[tokio::test]
    async fn a_key_can_be_configured_as_its_hash() {
        let (keys, _folder) = none().await;
        let hash = format!("sha512:{}", hex::encode(Sha512::digest(b"0123456789abcdef")));
        let policy = KeyPolicy::required(&SecretString::from(hash.clone()));
        assert!(policy.caller(&headers(API_KEY_HEADER, "0123456789abcdef"), None, &keys).is_ok());
        assert!(policy.caller(&headers(API_KEY_HEADER, &hash), None, &keys).is_err());
    }

    #[tokio::test]
    async fn an_empty_key_is_not_the_key_of_empty_text() {
        let (keys, _folder) = none().await;
        let policy = KeyPolicy::required(&SecretString::from(""));
        assert!(policy.caller(&HeaderMap::new(), None, &keys).is_err());
    }

    #[tokio::test]
    async fn without_keys_only_loopback_names_are_answered() {
        let (keys, _folder) = none().await;
        for host in ["localhost", "localhost:8192", "127.0.0.1:8192", "[::1]:8192", "127.9.9.9"] {
            assert!(KeyPolicy::Off.caller(&headers("host", host), None, &keys).is_ok(), "{host}");
        }
        for host in ["evil.example:8192", "10.0.0.4", "[::2]:1", "localhost.evil.example", ""] {
            assert!(KeyPolicy::Off.caller(&headers("host", host), None, &keys).is_err(), "{host}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_is_made_once_and_kept_private() {
        use std::fs;
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let first = kept_or_generated(folder.path()).unwrap();
        assert!(first.is_new);
        assert_eq!(first.key.expose_secret().len(), 2 * KEY_BYTES);
        fs::set_permissions(&first.path, fs::Permissions::from_mode(0o644)).unwrap();
        let second = kept_or_generated(folder.path()).unwrap();
        assert!(!second.is_new);
        assert_eq!(first.key.expose_secret(), second.key.expose_secret());
        assert_eq!(fs::metadata(&first.path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&first.path, "\n").unwrap();
        assert!(matches!(kept_or_generated(folder.path()), Err(KeyError::Empty { .. })));
    }

    #[test]
    fn a_link_in_the_place_of_the_key_is_refused_and_its_target_left_alone() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let base = tempfile::tempdir().unwrap();
        let (folder, target) = (base.path().join("auth_info"), base.path().join("somebodys"));
        std::fs::create_dir(&folder).unwrap();
        symlink(&target, folder.join(KEY_FILE)).unwrap();
        // Also one that leads nowhere yet: nothing is written through it.
        assert!(matches!(kept_or_generated(&folder), Err(KeyError::Read { .. })));
        assert!(!target.exists());
        std::fs::write(&target, "the key would be this").unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(kept_or_generated(&folder), Err(KeyError::Read { .. })));
        assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    }

    #[test]
    fn a_file_that_has_another_name_or_holds_no_key_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        let (folder, other) = (base.path().join("auth_info"), base.path().join("somebodys"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(&other, "what is in it").unwrap();
        std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::fs::hard_link(&other, folder.join(KEY_FILE)).unwrap();
        assert!(matches!(kept_or_generated(&folder), Err(KeyError::Shared { .. })));
        assert_eq!(other.metadata().unwrap().permissions().mode() & 0o777, 0o644);
        std::fs::remove_file(&other).unwrap();
        for text in ["what is in it".to_owned(), "a\0b".to_owned(), "k".repeat(257), "k".repeat(5_000_000)] {
            std::fs::write(folder.join(KEY_FILE), text).unwrap();
            assert!(matches!(kept_or_generated(&folder), Err(KeyError::Unfit { .. })));
        }
    }
}
