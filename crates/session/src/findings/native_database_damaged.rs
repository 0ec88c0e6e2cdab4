//! A session database is damaged.
//!
//! wakeeper keeps a session in one SQLite database, `engine.db`. SQLite itself finds it inconsistent, or cannot open it: the
//! disk failed, or the file was copied while it was written to, or without its `-wal` file. Nothing is removed: stop the
//! gateway, keep the file and both files beside it, and restore the session from a backup.

use crate::examine::NativeView;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("native_database_damaged");

pub(crate) fn detect(view: &NativeView) -> Option<Finding> {
    let first = view.problems.first()?;
    let more = match view.problems.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let cure = Repair::Manual("stop the gateway, keep the database as it is, and restore the session from a backup");
    Some(Finding::error(CODE, &view.file, format!("SQLite says: {first}{more}")).repair(cure))
}
