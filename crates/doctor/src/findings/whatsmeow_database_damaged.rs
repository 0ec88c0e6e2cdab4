//! A store of whatsmeow is damaged.
//!
//! SQLite itself finds the database inconsistent, or cannot open it: the disk failed, or the file was copied while it was
//! written to, or without its `-wal` or `-journal` file. Nothing is repaired in it. Put a copy of the store back; wakeeper's
//! own are in the backup folder (`wakeeper backup list`). Without one, link the device again with a QR code.

use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("whatsmeow_database_damaged");

pub(crate) fn found(file: &str, reason: &str) -> Finding {
    let cure = Repair::Manual("put a copy of the store back, or link the device again with a QR code");
    Finding::error(CODE, file, format!("SQLite says: {reason}")).repair(cure)
}
