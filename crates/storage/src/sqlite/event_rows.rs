use async_trait::async_trait;
use sqlx::{Row, query, sqlite::SqliteRow};

use super::{SqliteStorage, damaged, event_log};
use crate::{EventLogBounds, EventLogPage, EventLogQuery, EventReaderRow, EventRow, EventRows, StorageError};

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

    async fn event_log(&self, query: EventLogQuery) -> Result<EventLogPage, StorageError> {
        event_log::page(self, query).await
    }

    async fn event_log_bounds(&self) -> Result<EventLogBounds, StorageError> {
        event_log::bounds(self).await
    }

    async fn mark_event_log(&self) -> Result<i64, StorageError> {
        self.writer
            .write("marking the end of the log of events", |connection| Box::pin(event_log::mark(connection)))
            .await
    }

    async fn event_position(&self, id: &str) -> Result<Option<i64>, StorageError> {
        event_log::position(self, id).await
    }

    async fn event_readers(&self) -> Result<Vec<EventReaderRow>, StorageError> {
        event_log::readers(self).await
    }

    async fn put_event_readers(&self, readers: Vec<EventReaderRow>) -> Result<(), StorageError> {
        self.writer
            .write("storing what live streams ask for", |connection| {
                Box::pin(event_log::put_readers(connection, readers))
            })
            .await
    }
}

/// How a damaged event is named.
pub(super) const EVENT: damaged::Naming = damaged::Naming { what: "event", key: "id" };

/// The event under each of its names.
pub(super) fn read(row: &SqliteRow) -> Result<Vec<EventRow>, sqlx::Error> {
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
