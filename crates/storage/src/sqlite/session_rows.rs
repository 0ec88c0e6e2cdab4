use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Row, SqliteConnection, query, sqlite::SqliteRow};

use super::{SqliteStorage, event_log, session_ids, unknown};
use crate::{Desired, SessionRow, SessionRows, StorageError, StoredStatus};

#[async_trait]
impl SessionRows for SqliteStorage {
    async fn session(&self, name: &str) -> Result<Option<SessionRow>, StorageError> {
        query("SELECT * FROM sessions WHERE name = $1 AND config_json IS NOT NULL")
            .bind(name)
            .try_map(read)
            .fetch_optional(&self.readers)
            .await
            .map_err(StorageError::during("reading a session"))
    }

    async fn sessions(&self) -> Result<Vec<SessionRow>, StorageError> {
        query("SELECT * FROM sessions WHERE config_json IS NOT NULL ORDER BY name")
            .try_map(read)
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading the sessions"))
    }

    async fn delete_session(&self, name: &str) -> Result<bool, StorageError> {
        let (name, claims, concerned) = (name.to_owned(), Arc::clone(&self.claims), name.to_owned());
        self.writer
            .write_if(
                "deleting a session",
                move || claims.free(&concerned),
                |connection| Box::pin(delete(connection, name)),
            )
            .await
    }
}

pub(super) async fn put(connection: &mut SqliteConnection, row: SessionRow) -> Result<(), sqlx::Error> {
    let status = row.status.as_ref();
    query(
        "INSERT INTO sessions (name, config_json, desired, created_ms, updated_ms, me_json, status, status_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (name) DO UPDATE SET config_json = excluded.config_json, desired = excluded.desired,
             updated_ms = excluded.updated_ms, me_json = excluded.me_json,
             -- A name without settings was no session until now.
             created_ms = CASE WHEN sessions.config_json IS NULL THEN excluded.created_ms ELSE sessions.created_ms END,
             status = CASE WHEN sessions.config_json IS NULL THEN excluded.status ELSE sessions.status END,
             status_ms = CASE WHEN sessions.config_json IS NULL THEN excluded.status_ms ELSE sessions.status_ms END",
    )
    .bind(row.name)
    .bind(row.config_json)
    .bind(match row.desired {
        Desired::Stopped => 0,
        Desired::Started => 1,
    })
    .bind(row.created_ms)
    .bind(row.updated_ms)
    .bind(row.me_json)
    .bind(status.map(|status| status.status.as_str()))
    .bind(status.map(|status| status.since_ms))
    .execute(connection)
    .await
    .map(drop)
}

/// Moves a session's status on.
pub(super) async fn set_status(
    connection: &mut SqliteConnection,
    session: i64,
    status: &StoredStatus,
) -> Result<bool, sqlx::Error> {
    let sql = "UPDATE sessions SET status = $2, status_ms = $3 WHERE id = $1 AND config_json IS NOT NULL";
    let updated =
        query(sql).bind(session).bind(&status.status).bind(status.since_ms).execute(connection).await?;
    Ok(updated.rows_affected() > 0)
}

async fn delete(connection: &mut SqliteConnection, name: String) -> Result<bool, sqlx::Error> {
    let Some(session) = session_ids::known(connection, &name).await? else { return Ok(false) };
    session_ids::keep_last_event(connection, session).await?;
    event_log::keep_last(connection).await?;
    // Its name stays, with the last number of its events.
    let deleted = query(
        "UPDATE sessions SET config_json = NULL, me_json = NULL, status = NULL, status_ms = NULL
         WHERE id = $1 AND config_json IS NOT NULL",
    )
    .bind(session)
    .execute(&mut *connection)
    .await?;
    for sql in [
        "DELETE FROM generations WHERE session = $1",
        "DELETE FROM session_accounts WHERE session = $1",
        // Those of former accounts too, which are set apart.
        "DELETE FROM messages WHERE session IN (SELECT id FROM sessions WHERE id = $1 OR home = $1)",
        "DELETE FROM sends WHERE session IN (SELECT id FROM sessions WHERE id = $1 OR home = $1)",
        // Their recipients go with them.
        "DELETE FROM bulk_sends WHERE session = $1",
        "DELETE FROM labels WHERE session IN (SELECT id FROM sessions WHERE id = $1 OR home = $1)",
        "DELETE FROM label_chats WHERE session IN (SELECT id FROM sessions WHERE id = $1 OR home = $1)",
        "DELETE FROM chats WHERE session IN (SELECT id FROM sessions WHERE id = $1 OR home = $1)",
        "DELETE FROM contacts WHERE session IN (SELECT id FROM sessions WHERE id = $1 OR home = $1)",
        "DELETE FROM history_parts WHERE session IN (SELECT id FROM sessions WHERE id = $1 OR home = $1)",
        // Outbox rows and attempts go with their events.
        "DELETE FROM events WHERE session IN (SELECT id FROM sessions WHERE id = $1 OR home = $1)
             AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.session = events.session
                 AND outbox.number = events.number AND outbox.state = 0)",
        "DELETE FROM outbox WHERE state = 2 AND session IN (SELECT id FROM sessions WHERE id = $1 OR home = $1)",
        // What is owed to receivers is nobody's to read again, whoever takes the name.
        "UPDATE events SET place = NULL WHERE session IN (SELECT id FROM sessions WHERE id = $1 OR home = $1)",
        "DELETE FROM api_keys WHERE session = $1",
        "DELETE FROM sessions WHERE home = $1
             AND NOT EXISTS (SELECT 1 FROM events WHERE events.session = sessions.id)",
    ] {
        query(sql).bind(session).execute(&mut *connection).await?;
    }
    Ok(deleted.rows_affected() > 0)
}

fn read(row: SqliteRow) -> Result<SessionRow, sqlx::Error> {
    // A database that is only looked at may be of an earlier schema, which has neither.
    let status = (row.try_get("status"), row.try_get("status_ms"));
    Ok(SessionRow {
        name: row.try_get("name")?,
        config_json: row.try_get("config_json")?,
        desired: match row.try_get("desired")? {
            0 => Desired::Stopped,
            1 => Desired::Started,
            other => return Err(unknown("desired", other)),
        },
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        me_json: row.try_get("me_json")?,
        status: match status {
            (Ok(Some(status)), Ok(Some(since_ms))) => Some(StoredStatus { status, since_ms }),
            _ => None,
        },
    })
}
