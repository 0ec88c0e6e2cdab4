use async_trait::async_trait;
use sqlx::{Row, SqliteConnection, query, sqlite::SqliteRow};

use super::{SqliteStorage, session_ids};
use crate::{GenerationRow, GenerationRows, StorageError};

#[async_trait]
impl GenerationRows for SqliteStorage {
    async fn generation(&self, session: &str) -> Result<Option<GenerationRow>, StorageError> {
        // A database that is only looked at may be of an earlier schema, whose rows have the name.
        query(
            "SELECT *, $1 AS session_name FROM generations WHERE CASE typeof(session) WHEN 'text' THEN session = $1
                 ELSE session = (SELECT rowid FROM sessions WHERE name = $1) END",
        )
            .bind(session)
            .try_map(read)
            .fetch_optional(&self.readers)
            .await
            .map_err(StorageError::during("reading a session's generation"))
    }
}

pub(super) async fn put(connection: &mut SqliteConnection, row: GenerationRow) -> Result<(), sqlx::Error> {
    let session = session_ids::of(connection, &row.session).await?;
    query(
        "INSERT OR REPLACE INTO generations (session, login, run, next, writes, written_s, engine_file, rows_file,
             sealed, renewals, renewed_ms, renewed_because)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(session)
    .bind(row.login)
    .bind(row.run)
    .bind(row.next)
    .bind(row.writes)
    .bind(row.written_s)
    .bind(row.engine_file)
    .bind(row.rows_file)
    .bind(row.sealed)
    .bind(row.renewals)
    .bind(row.renewed_ms)
    .bind(row.renewed_because)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn seen(
    connection: &mut SqliteConnection,
    session: &str,
    run: String,
    writes: i64,
    written_s: i64,
) -> Result<(), sqlx::Error> {
    query(
        "UPDATE generations SET writes = $3, written_s = $4
         WHERE session = (SELECT id FROM sessions WHERE name = $1) AND run = $2 AND writes < $3",
    )
    .bind(session)
    .bind(run)
    .bind(writes)
    .bind(written_s)
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn forget(connection: &mut SqliteConnection, session: &str) -> Result<(), sqlx::Error> {
    query("DELETE FROM generations WHERE session = (SELECT id FROM sessions WHERE name = $1)")
        .bind(session)
        .execute(connection)
        .await
        .map(drop)
}

fn read(row: SqliteRow) -> Result<GenerationRow, sqlx::Error> {
    Ok(GenerationRow {
        session: row.try_get("session_name")?,
        login: row.try_get("login")?,
        run: row.try_get("run")?,
        next: row.try_get("next")?,
        writes: row.try_get("writes")?,
        written_s: row.try_get("written_s")?,
        engine_file: row.try_get("engine_file")?,
        rows_file: row.try_get("rows_file")?,
        sealed: row.try_get("sealed")?,
        renewals: row.try_get("renewals")?,
        renewed_ms: row.try_get("renewed_ms")?,
        renewed_because: row.try_get("renewed_because")?,
    })
}
