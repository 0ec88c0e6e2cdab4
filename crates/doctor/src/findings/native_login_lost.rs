//! The login of a gateway's session is lost.
//!
//! `generation.json` and `wakeeper.db` tell that the session was linked, and its `engine.db` is missing, empty, or holds no
//! login: a disk failed, a volume was mounted in another place, or somebody removed it. When the gateway starts it takes the
//! login from the newest backup of it; `clean` does the same. Without a backup the session fails with words and shows no QR
//! code, because a folder that comes back later is better than linking anew.

use crate::finding::{Code, Finding, Repair, Subject};

pub(crate) const CODE: Code = Code("native_login_lost");

pub(crate) fn found(file: &str, evidence: String) -> Finding {
    Finding::error(CODE, file, evidence).about(Subject::Credentials).repair(Repair::RestoreCredentials)
}
