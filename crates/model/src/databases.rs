//! What the databases of a gateway are called: crates that know nothing of each other recognise a gateway's folder by them.

/// The rows of all sessions, in the folder of sessions.
pub const ROWS_DATABASE: &str = "wakeeper.db";
/// The store of one session's client, in the session's own folder.
pub const ENGINE_DATABASE: &str = "engine.db";
