//! Baileys' multi-file folder (`useMultiFileAuthState`), as 6.x and 7.x write it.
//!
//! Every file is JSON in Baileys' own spelling of buffers. Baileys takes any file that it cannot read for an
//! absent one, which is how a torn `creds.json` silently becomes a new identity; so the reading here is
//! stricter than Baileys' own and reports each field that is not what a genuine file holds.

pub mod app_state;
pub mod credentials;
pub mod field;
pub mod key_pair;
pub mod name;
pub mod sender_key;
pub mod session;
pub mod small;

/// Which major version of Baileys wrote a folder, or is to run on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Version {
    /// 6.7.x
    #[serde(rename = "6")]
    V6,
    /// 7.x
    #[serde(rename = "7")]
    V7,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V6 => "6.x",
            Self::V7 => "7.x",
        })
    }
}
