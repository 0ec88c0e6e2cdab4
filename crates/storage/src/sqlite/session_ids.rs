//! The number that a session's rows have it by. Its name stands in its own row alone.

use sqlx::{SqliteConnection, query, query_scalar};

/// The number of a session; it is given one when its name is new.
pub(super) async fn of(connection: &mut SqliteConnection, name: &str) -> Result<i64, sqlx::Error> {
    if let Some(id) = known(connection, name).await? {
        return Ok(id);
    }
    let home = match name.split_once('/') {
        // Rows of a former number belong to the session that it was linked in.
        Some((session, _)) => Some(Box::pin(of(connection, session)).await?),
        None => None,
    };
    query_scalar("INSERT INTO sessions (name, home) VALUES ($1, $2) RETURNING id")
        .bind(name)
        .bind(home)
        .fetch_one(connection)
        .await
}

/// The number of a session that has one.
pub(super) async fn known(connection: &mut SqliteConnection, name: &str) -> Result<Option<i64>, sqlx::Error> {
    query_scalar("SELECT id FROM sessions WHERE name = $1").bind(name).fetch_optional(connection).await
}

/// The next number of the session's events. They are given by the commit that uses them, so those of a commit that fails
/// are not used up, and a reader never sees a number before those below it.
pub(super) async fn next_event(connection: &mut SqliteConnection, id: i64) -> Result<i64, sqlx::Error> {
    query_scalar(
        "SELECT 1 + max(last_event, COALESCE((SELECT max(number) FROM events WHERE events.session = sessions.id), 0))
         FROM sessions WHERE id = $1",
    )
    .bind(id)
    .fetch_one(connection)
    .await
}

/// Keeps the last number that a session gave, before events with it go elsewhere or are forgotten.
pub(super) async fn keep_last_event(connection: &mut SqliteConnection, id: i64) -> Result<(), sqlx::Error> {
    query(
        "UPDATE sessions SET last_event = (SELECT max(number) FROM events WHERE session = $1)
         WHERE id = $1 AND last_event < (SELECT max(number) FROM events WHERE session = $1)",
    )
    .bind(id)
    .execute(connection)
    .await
    .map(drop)
}
