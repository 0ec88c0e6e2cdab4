//! The session was moved out of this folder.
//!
//! `wakeeper import` or `export` made another place the owner of this login. What is left here is old: starting
//! Baileys on it would reuse ratchet keys and throw the new owner out. So `creds.json` is called
//! `creds.json.moved` there: a Baileys that is started on the folder by mistake asks for a QR code instead. Nothing else
//! about the folder is examined or mended any more. `wakeeper export` brings the session back to Baileys, in a new folder.
//! Out of a store of whatsmeow the device itself was taken, so that whatsmeow shows a QR code; the backup that was made
//! before holds it.

use crate::finding::{Code, Finding, Repair};
use crate::formats::baileys::name::MOVED_MARKER;
use crate::source::Entry;

pub(crate) const CODE: Code = Code("session_moved");

pub(crate) fn detect(entry: &Entry) -> Option<Finding> {
    (entry.name == MOVED_MARKER).then(|| found(None))
}

/// `to` is where its login is used now, as far as the marker says.
pub(crate) fn found(to: Option<&str>) -> Finding {
    let cure = Repair::Manual("do not start anything on this folder; the session lives elsewhere now");
    let to = to.map_or_else(|| "another place".to_owned(), wakeeper_bounded_tar::shown_whole);
    let evidence = format!("moved: a marker says that its login is used by {to} now");
    Finding::warning(CODE, MOVED_MARKER, evidence).repair(cure)
}

/// The same of a store of whatsmeow, where the login itself is gone.
pub(crate) fn in_store(file: &str, evidence: String) -> Finding {
    let cure = Repair::Manual("do not put an older copy of this store back; the session lives elsewhere now");
    Finding::warning(CODE, file, evidence).repair(cure)
}
