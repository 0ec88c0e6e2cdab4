//! The session was never linked.
//!
//! A fresh folder: the gateway shows a QR code and waits for it to be scanned.

use super::FolderView;
use crate::finding::{Code, Finding};

pub(crate) const CODE: Code = Code("credentials_not_linked");

pub(crate) fn detect(view: &FolderView<'_>) -> Vec<Finding> {
    let linked = view.inventory.files.get("creds.json").is_some_and(|_| {
        view.inventory.credentials().is_none_or(|c| c.me.is_some() || !c.defects.is_empty())
    });
    if linked || view.inventory.holds_session_state() {
        return Vec::new();
    }
    vec![Finding::info(CODE, "creds.json", "no login yet: a QR code must be scanned")]
}
