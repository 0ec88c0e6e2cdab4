use async_trait::async_trait;
use sqlx::{Row, query, sqlite::SqliteRow};

use super::{SqliteStorage, damaged};
use crate::{EventRow, EventRows, StorageError};

#[async_trait]
impl EventRows for SqliteStorage {
    async fn event(&self, id: &str) -> Result<Option<EventRow>, StorageError> {
        let found = query(
            "SELECT events.*, sessions.name AS session_name FROM events JOIN sessions ON sessions.id = events.session
             WHERE events.id = $1 OR also_id = $1",
        )
            .bind(id)
            .try_map(damaged::named(&EVENT, read))
            .fetch_optional(&self.readers)
            .await
            .map_err(StorageError::during("reading an event"))?;
        Ok(found.and_then(|names| names.into_iter().find(|event| event.id == id)))
    }

    async fn events_after(&self, session: &str, seq: i64, limit: u32) -> Result<Vec<EventRow>, StorageError> {
        let found = query(
            "SELECT *, $1 AS session_name FROM events
             WHERE session = (SELECT id FROM sessions WHERE sessions.name = $1) AND number > $2
             ORDER BY number LIMIT $3",
        )
        .bind(session)
        .bind(seq)
        .bind(limit)
        .try_map(damaged::named(&EVENT, read))
        .fetch_all(&self.readers)
        .await
        .map_err(StorageError::during("reading events"))?;
        Ok(found.into_iter().flatten().collect())
    }
}

/// How a damaged event is named.
const EVENT: damaged::Naming = damaged::Naming { what: "event", key: "id" };

/// The event under each of its names.
fn read(row: &SqliteRow) -> Result<Vec<EventRow>, sqlx::Error> {
    let first = EventRow {
        seq: row.try_get("number")?,
        id: row.try_get("id")?,
        session: row.try_get("session_name")?,
        chat: row.try_get("chat")?,
        name: row.try_get("name")?,
        rest: row.try_get("rest")?,
        timestamp_ms: row.try_get("timestamp_ms")?,
    };
    let also: (Option<String>, Option<String>) = (row.try_get("also_id")?, row.try_get("also_name")?);
    let second = match also {
        (Some(id), Some(name)) => Some(EventRow { id, name, ..first.clone() }),
        _ => None,
    };
    Ok([Some(first), second].into_iter().flatten().collect())
}
