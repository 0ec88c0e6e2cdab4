use async_trait::async_trait;
use sqlx::{Row, query, sqlite::SqliteRow};

use super::SqliteStorage;
use crate::{EventRow, EventRows, StorageError};

#[async_trait]
impl EventRows for SqliteStorage {
    async fn event(&self, id: &str) -> Result<Option<EventRow>, StorageError> {
        query("SELECT * FROM events WHERE id = $1")
            .bind(id)
            .try_map(read)
            .fetch_optional(&self.readers)
            .await
            .map_err(StorageError::during("reading an event"))
    }

    async fn events_after(
        &self,
        session: Option<&str>,
        seq: i64,
        limit: u32,
    ) -> Result<Vec<EventRow>, StorageError> {
        let found = match session {
            Some(session) => {
                query("SELECT * FROM events WHERE seq > $1 AND session = $3 ORDER BY seq LIMIT $2")
                    .bind(seq)
                    .bind(limit)
                    .bind(session)
            }
            None => query("SELECT * FROM events WHERE seq > $1 ORDER BY seq LIMIT $2").bind(seq).bind(limit),
        };
        found.try_map(read).fetch_all(&self.readers).await.map_err(StorageError::during("reading events"))
    }
}

fn read(row: SqliteRow) -> Result<EventRow, sqlx::Error> {
    Ok(EventRow {
        seq: row.try_get("seq")?,
        id: row.try_get("id")?,
        session: row.try_get("session")?,
        chat: row.try_get("chat")?,
        name: row.try_get("name")?,
        body: row.try_get("body")?,
        timestamp_ms: row.try_get("timestamp_ms")?,
    })
}
