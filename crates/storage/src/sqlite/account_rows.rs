use async_trait::async_trait;
use sqlx::{Row, SqliteConnection, query, sqlite::SqliteRow};

use super::{SqliteStorage, session_ids};
use crate::rows::set_apart;
use crate::{AccountChange, AccountRow, AccountRows, StorageError};

#[async_trait]
impl AccountRows for SqliteStorage {
    async fn account(&self, session: &str) -> Result<Option<AccountRow>, StorageError> {
        // A database that is only looked at may be of an earlier schema, whose rows have the name.
        query(
            "SELECT * FROM session_accounts WHERE CASE typeof(session) WHEN 'text' THEN session = $1
                 ELSE session = (SELECT rowid FROM sessions WHERE name = $1) END",
        )
        .bind(session)
        .try_map(read)
        .fetch_optional(&self.readers)
        .await
        .map_err(StorageError::during("reading the account of a session"))
    }
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    session: &str,
    account: &AccountRow,
) -> Result<(), sqlx::Error> {
    let session = session_ids::of(connection, session).await?;
    query(
        "INSERT INTO session_accounts (session, id, lid) VALUES ($1, $2, $3)
         ON CONFLICT (session) DO UPDATE SET id = excluded.id, lid = excluded.lid",
    )
    .bind(session)
    .bind(&account.id)
    .bind(&account.lid)
    .execute(connection)
    .await
    .map(drop)
}

/// See [`crate::OwnedRows::change_account`].
pub(super) async fn change(
    connection: &mut SqliteConnection,
    session: &str,
    change: &AccountChange,
) -> Result<(), sqlx::Error> {
    let own = session_ids::of(connection, session).await?;
    query(
        "UPDATE sends SET state = 3, error = $2, updated_ms = $3
         WHERE session = $1 AND state < 2",
    )
    .bind(own)
    .bind(&change.reason)
    .bind(change.now_ms)
    .execute(&mut *connection)
    .await?;
    let former = session_ids::of(connection, &set_apart(session, &change.former)).await?;
    let present = session_ids::of(connection, &set_apart(session, &change.present)).await?;
    session_ids::keep_last_event(connection, own).await?;
    hand_over(connection, own, former).await?;
    // An account that comes back finds its rows.
    hand_over(connection, present, own).await?;
    put(connection, session, &change.present).await
}

/// Lanes go by the session that rows belong to: what is owed to receivers still arrives, in order. What the outbox says of
/// an event follows it.
async fn hand_over(connection: &mut SqliteConnection, from: i64, to: i64) -> Result<(), sqlx::Error> {
    for sql in [
        "UPDATE OR REPLACE messages SET session = $2 WHERE session = $1",
        "UPDATE OR REPLACE sends SET session = $2 WHERE session = $1",
        "UPDATE events SET session = $2 WHERE session = $1",
        "UPDATE OR REPLACE labels SET session = $2 WHERE session = $1",
        "UPDATE OR REPLACE label_chats SET session = $2 WHERE session = $1",
        "UPDATE OR REPLACE chats SET session = $2 WHERE session = $1",
        "UPDATE OR REPLACE contacts SET session = $2 WHERE session = $1",
        "UPDATE OR REPLACE history_parts SET session = $2 WHERE session = $1",
    ] {
        query(sql).bind(from).bind(to).execute(&mut *connection).await?;
    }
    Ok(())
}

fn read(row: SqliteRow) -> Result<AccountRow, sqlx::Error> {
    Ok(AccountRow { id: row.try_get("id")?, lid: row.try_get("lid")? })
}
