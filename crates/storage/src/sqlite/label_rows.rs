use async_trait::async_trait;
use sqlx::{Row, SqliteConnection, query, sqlite::SqliteRow};

use super::SqliteStorage;
use crate::{LabelChange, LabelChatRow, LabelRow, LabelRows, StorageError};

/// Every label of a session, deleted ones too.
pub(super) const ALL: &str = "SELECT id, name, color, deleted, action FROM labels
     WHERE session = (SELECT id FROM sessions WHERE name = $1) ORDER BY session, id";

/// The chats that have a label.
pub(super) const CHATS: &str = "SELECT label, chat, wire FROM label_chats
     WHERE session = (SELECT id FROM sessions WHERE name = $1) AND label = $2 ORDER BY session, label, chat";

/// The labels that a chat has, under any of its names.
pub(super) const OF_CHAT: &str = "SELECT label, chat, wire FROM label_chats
     WHERE session = (SELECT id FROM sessions WHERE name = $1) AND chat IN (SELECT value FROM json_each($2))";

#[async_trait]
impl LabelRows for SqliteStorage {
    async fn labels(&self, session: &str) -> Result<Vec<LabelRow>, StorageError> {
        query(ALL)
            .bind(session)
            .try_map(read_label)
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading labels"))
    }

    async fn label_chats(&self, session: &str, label: &str) -> Result<Vec<LabelChatRow>, StorageError> {
        query(CHATS)
            .bind(session)
            .bind(label)
            .try_map(read_chat)
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading the chats of a label"))
    }

    async fn labels_of_chat(
        &self,
        session: &str,
        chats: &[String],
    ) -> Result<Vec<LabelChatRow>, StorageError> {
        let chats = serde_json::to_string(chats).unwrap_or_default();
        query(OF_CHAT)
            .bind(session)
            .bind(chats)
            .try_map(read_chat)
            .fetch_all(&self.readers)
            .await
            .map_err(StorageError::during("reading the labels of a chat"))
    }
}

/// Applies a change; `false` when it changed nothing, also because there is no room for more.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    session: i64,
    change: LabelChange,
) -> Result<bool, sqlx::Error> {
    match change {
        LabelChange::Label(row) => put(connection, session, row).await,
        LabelChange::Added(row) => add(connection, session, row).await,
        LabelChange::Removed { label, chats } => {
            let chats = serde_json::to_string(&chats).map_err(|error| sqlx::Error::Encode(error.into()))?;
            let removed = query(
                "DELETE FROM label_chats WHERE session = $1 AND label = $2
                     AND chat IN (SELECT value FROM json_each($3))",
            );
            let removed = removed.bind(session).bind(label).bind(chats).execute(connection).await?;
            Ok(removed.rows_affected() > 0)
        }
    }
}

async fn put(connection: &mut SqliteConnection, session: i64, row: LabelRow) -> Result<bool, sqlx::Error> {
    if row.deleted {
        query("DELETE FROM label_chats WHERE session = $1 AND label = $2")
            .bind(session)
            .bind(&row.id)
            .execute(&mut *connection)
            .await?;
    }
    let stored = query(
        "INSERT INTO labels (session, id, name, color, deleted, action)
         SELECT $1, $2, $3, $4, $5, $6
         WHERE (SELECT count(*) FROM labels WHERE session = $1 AND id <> $2) < $7
         ON CONFLICT (session, id) DO UPDATE SET name = excluded.name, color = excluded.color,
             deleted = excluded.deleted, action = excluded.action
         WHERE name <> excluded.name OR color <> excluded.color OR deleted <> excluded.deleted
             OR action <> excluded.action",
    )
    .bind(session)
    .bind(row.id)
    .bind(row.name)
    .bind(row.color)
    .bind(row.deleted)
    .bind(row.action)
    .bind(LabelChange::MOST_LABELS)
    .execute(connection)
    .await?;
    Ok(stored.rows_affected() > 0)
}

async fn add(
    connection: &mut SqliteConnection,
    session: i64,
    row: LabelChatRow,
) -> Result<bool, sqlx::Error> {
    let stored = query(
        "INSERT INTO label_chats (session, label, chat, wire)
         SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM label_chats WHERE session = $1) < $5
         ON CONFLICT (session, label, chat) DO NOTHING",
    )
    .bind(session)
    .bind(row.label)
    .bind(row.chat)
    .bind(row.wire)
    .bind(LabelChange::MOST_CHATS)
    .execute(connection)
    .await?;
    Ok(stored.rows_affected() > 0)
}

fn read_label(row: SqliteRow) -> Result<LabelRow, sqlx::Error> {
    Ok(LabelRow {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        color: row.try_get("color")?,
        deleted: row.try_get("deleted")?,
        action: row.try_get("action")?,
    })
}

fn read_chat(row: SqliteRow) -> Result<LabelChatRow, sqlx::Error> {
    Ok(LabelChatRow { label: row.try_get("label")?, chat: row.try_get("chat")?, wire: row.try_get("wire")? })
}
