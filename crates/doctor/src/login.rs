//! Whether two folders hold the same login.

use std::path::Path;

use crate::formats::baileys::credentials::Credentials;
use crate::formats::baileys::name::CREDENTIALS;
use crate::json;
use crate::source::{Folder, Limits};

/// A genuine `creds.json` has 2 to 100 KB.
const LIMITS: Limits = Limits { entries: 1, file: 4 << 20, total: 4 << 20 };

/// Whether two folders in the same one hold the same login: the same identity, and the other one's is sound.
pub(crate) fn are_of_one_login(parent: &Path, own: &str, other: &str) -> bool {
    let Ok(parent) = Folder::open(parent) else { return false };
    let login = |name: &str| {
        let text = parent.below(name).ok()?.read(CREDENTIALS, &LIMITS).ok()?;
        Some(Credentials::read(&json::parse(&text).ok()?))
    };
    let (Some(own), Some(other)) = (login(own), login(other)) else { return false };
    own.identity_public().is_some_and(|identity| other.identity_public() == Some(identity))
        && other.is_sound()
        && other.is_linked()
}
