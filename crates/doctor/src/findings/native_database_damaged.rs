//! A session database is damaged.
//!
//! wakeeper keeps a session in one SQLite database, `engine.db`. SQLite itself finds it inconsistent, or cannot open it: the
//! disk failed, or the file was copied while it was written to, or without its `-wal` file. `clean` moves the database aside
//! and takes the login from the newest backup that holds a sound one; without one nothing is touched. Messages and chats are
//! kept elsewhere and stay. A database that SQLite finds whole, and that wakeeper cannot read all the same, is not touched: a newer
//! version may have written it.

use crate::examine::NativeView;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("native_database_damaged");

pub(crate) fn detect(view: &NativeView<'_>) -> Option<Finding> {
    let found = |evidence: String, cure| Finding::error(CODE, &view.file, evidence).repair(cure);
    let Some(first) = view.problems.first() else {
        let cure = Repair::Manual("use the version that wrote it, or restore the session from a backup");
        let reason = view.unreadable.as_ref()?;
        return Some(found(format!("SQLite finds nothing wrong, and yet: {reason}"), cure));
    };
    let more = match view.problems.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    Some(found(format!("SQLite says: {first}{more}"), Repair::RestoreCredentials))
}
