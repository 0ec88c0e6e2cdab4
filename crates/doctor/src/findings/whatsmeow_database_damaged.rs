//! A store of whatsmeow is damaged.
//!
//! SQLite itself finds the database inconsistent, or cannot open it: the disk failed, or the file was copied while it was
//! written to, or without its `-wal` or `-journal` file. Or it holds what whatsmeow never makes: a trigger, a view or something
//! computed on whatsmeow's tables, which runs when the gateway uses the store; more rows or bytes than a store can have.
//! Whoever made that changed the file. Nothing is repaired in it. Put a copy of the store back; wakeeper's
//! own are in the backup folder (`wakeeper backup list`). Without one, link the device again with a QR code.

use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("whatsmeow_database_damaged");

pub(crate) fn found(file: &str, reason: &str) -> Finding {
    let cure = Repair::Manual("put a copy of the store back, or link the device again with a QR code");
    Finding::error(CODE, file, reason).repair(cure)
}
