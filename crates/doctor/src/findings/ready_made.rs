//! Findings of what others saw: a store, a marker, a repair that was cut short.

#[cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "the parent lists the findings"))]
use super::*;

/// The finding that a repair of a database was interrupted.
pub fn repair_unfinished(file: &str) -> Finding {
    repair_unfinished::found(file, "the note of an interrupted repair is still here")
}

/// The finding that a session's login is lost, and what tells so.
pub fn native_login_lost(file: &str, evidence: String) -> Finding {
    native_login_lost::found(file, evidence)
}

/// The finding that a database is an older copy, which nobody has acted on yet.
pub fn older_copy(file: &str, evidence: String) -> Finding {
    older_copy::found(file, evidence)
}

/// The finding that a database was an older copy, and that its sending chains were negotiated anew.
pub fn older_copy_settled(file: &str, evidence: String) -> Finding {
    older_copy::settled(file, evidence)
}

/// Findings about rows of a whatsmeow store that cannot be read.
pub(crate) fn for_whatsmeow_rows(unread: &[crate::examine::UnreadRow]) -> Vec<Finding> {
    whatsmeow_row_unreadable::detect(unread)
}

/// The finding that a whatsmeow store is damaged.
pub(crate) fn whatsmeow_database_damaged(file: &str, reason: &str) -> Finding {
    whatsmeow_database_damaged::found(file, reason)
}

/// The finding that the login of a device in a whatsmeow store is damaged.
pub(crate) fn whatsmeow_login_damaged(file: &str, evidence: String) -> Finding {
    whatsmeow_login_damaged::found(file, evidence)
}

/// The finding about a store that a session was moved out of.
pub(crate) fn moved_from_store(file: &str, evidence: String) -> Finding {
    session_moved::in_store(file, evidence)
}

/// The finding about a place that a session was moved out of.
pub(crate) fn moved_marker(to: Option<&str>) -> Finding {
    session_moved::found(to)
}

/// A database without a login.
pub(crate) fn no_login_in_database() -> Finding {
    credentials_not_linked::in_database()
}
