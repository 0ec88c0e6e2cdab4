//! The names of our databases, which crates know that cannot import each other.

/// The database of rows, in the folder of sessions.
pub const ROWS_DATABASE: &str = "wakeeper.db";
/// The client's database of a session, inside the session's folder.
pub const ENGINE_DATABASE: &str = "engine.db";
