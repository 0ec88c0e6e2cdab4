//! A session database is damaged.
//!
//! wakeeper keeps a session in one SQLite database, `engine.db`. SQLite itself finds it inconsistent, or cannot open it: the
//! disk failed, or the file was copied while it was written to, or without its `-wal` file. `clean` moves the database aside
//! and takes the login from the newest backup that holds a sound one; without one nothing is touched. Messages and chats are
//! kept elsewhere and stay.

use crate::examine::NativeView;
use crate::finding::{Code, Finding, Repair};

pub(crate) const CODE: Code = Code("native_database_damaged");

pub(crate) fn detect(view: &NativeView) -> Option<Finding> {
    let first = view.problems.first()?;
    let more = match view.problems.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let evidence = format!("SQLite says: {first}{more}");
    Some(Finding::error(CODE, &view.file, evidence).repair(Repair::RestoreCredentials))
}
