use async_trait::async_trait;
use sqlx::{Row, SqliteConnection, query, sqlite::SqliteRow};

use super::{SqliteStorage, damaged, session_ids};
use crate::{AuditRow, KeyRow, KeyRows, NewAudit, StorageError};

/// So many of the newest calls stay noted.
const KEPT_AUDIT: i64 = 100_000;

/// A page of what was noted.
pub(super) const AUDIT: &str = "SELECT * FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2";

/// What is too old to stay.
pub(super) const FORGET_AUDIT: &str = "DELETE FROM audit WHERE id <= $1";

/// Keys of a session.
pub(super) const FORGET_OF_SESSION: &str =
    "DELETE FROM api_keys WHERE session = (SELECT id FROM sessions WHERE name = $1)";

#[async_trait]
impl KeyRows for SqliteStorage {
    async fn keys(&self) -> Result<Vec<KeyRow>, StorageError> {
        let rows = query(
            "SELECT api_keys.*, sessions.name AS session_name
             FROM api_keys LEFT JOIN sessions ON sessions.id = api_keys.session ORDER BY created_ms, api_keys.id",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(StorageError::during("reading the keys of the API"))?;
        // One that cannot be read opens nothing, and keeps no other from being read.
        let read = damaged::named(&KEY, read);
        let keys = rows.into_iter().map(|row| {
            read(row).inspect_err(|error| tracing::error!(%error, "a key of the API opens nothing"))
        });
        Ok(keys.filter_map(Result::ok).collect())
    }

    async fn put_key(&self, row: KeyRow) -> Result<(), StorageError> {
        self.writer.write("storing a key of the API", |connection| Box::pin(put(connection, row))).await
    }

    async fn delete_key(&self, id: &str) -> Result<bool, StorageError> {
        let id = id.to_owned();
        self.writer
            .write("deleting a key of the API", |connection| {
                Box::pin(async move {
                    let deleted =
                        query("DELETE FROM api_keys WHERE id = $1").bind(id).execute(connection).await?;
                    Ok(deleted.rows_affected() > 0)
                })
            })
            .await
    }

    async fn delete_keys_of(&self, session: &str) -> Result<u64, StorageError> {
        let session = session.to_owned();
        self.writer
            .write("deleting the keys of a session", |connection| {
                Box::pin(async move {
                    let deleted = query(FORGET_OF_SESSION).bind(session).execute(connection).await?;
                    Ok(deleted.rows_affected())
                })
            })
            .await
    }

    async fn note_audit(&self, entry: NewAudit) -> Result<(), StorageError> {
        self.writer
            .write("noting an administrative call", |connection| Box::pin(note(connection, entry)))
            .await
    }

    async fn audit(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, StorageError> {
        query(AUDIT)
            .bind(before.unwrap_or(i64::MAX))
            .bind(limit)
            .try_map(|row: SqliteRow| read_audit(&row))
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading administrative calls"))
    }
}

/// How a damaged key is named.
const KEY: damaged::Naming = damaged::Naming { what: "key", key: "id" };

async fn put(connection: &mut SqliteConnection, row: KeyRow) -> Result<(), sqlx::Error> {
    let session = match &row.session {
        Some(session) => Some(session_ids::of(connection, session).await?),
        None => None,
    };
    query(
        "INSERT INTO api_keys
             (id, hash, hint, is_active, is_admin, session, actions, rate_per_minute, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, hint = excluded.hint, is_active = excluded.is_active,
             is_admin = excluded.is_admin, session = excluded.session, actions = excluded.actions,
             rate_per_minute = excluded.rate_per_minute, updated_ms = excluded.updated_ms",
    )
    .bind(row.id)
    .bind(row.hash)
    .bind(row.hint)
    .bind(row.is_active)
    .bind(row.is_admin)
    .bind(session)
    .bind(row.actions_json)
    .bind(row.rate_per_minute)
    .bind(row.created_ms)
    .bind(row.updated_ms)
    .execute(connection)
    .await
    .map(drop)
}

async fn note(connection: &mut SqliteConnection, entry: NewAudit) -> Result<(), sqlx::Error> {
    let noted = query(
        "INSERT INTO audit (at_ms, key, method, route, session, status) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(entry.at_ms)
    .bind(entry.key)
    .bind(entry.method)
    .bind(entry.route)
    .bind(entry.session)
    .bind(entry.status)
    .execute(&mut *connection)
    .await?;
    let last = noted.last_insert_rowid();
    query(FORGET_AUDIT).bind(last - KEPT_AUDIT).execute(connection).await.map(drop)
}

fn read(row: &SqliteRow) -> Result<KeyRow, sqlx::Error> {
    let (limited, session): (Option<i64>, Option<String>) =
        (row.try_get("session")?, row.try_get("session_name")?);
    if limited.is_some() && session.is_none() {
        // It would be good for all sessions otherwise.
        return Err(sqlx::Error::Decode("its session is not known".into()));
    }
    Ok(KeyRow {
        id: row.try_get("id")?,
        hash: row.try_get("hash")?,
        hint: row.try_get("hint")?,
        is_active: row.try_get("is_active")?,
        is_admin: row.try_get("is_admin")?,
        session,
        actions_json: row.try_get("actions")?,
        rate_per_minute: row.try_get("rate_per_minute")?,
        created_ms: row.try_get("created_ms")?,
        updated_ms: row.try_get("updated_ms")?,
    })
}

fn read_audit(row: &SqliteRow) -> Result<AuditRow, sqlx::Error> {
    Ok(AuditRow {
        id: row.try_get("id")?,
        entry: NewAudit {
            at_ms: row.try_get("at_ms")?,
            key: row.try_get("key")?,
            method: row.try_get("method")?,
            route: row.try_get("route")?,
            session: row.try_get("session")?,
            status: row.try_get("status")?,
        },
    })
}
