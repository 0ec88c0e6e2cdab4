use async_trait::async_trait;
use sqlx::{Row, SqliteConnection, query, query_scalar, sqlite::SqliteRow};

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

/// How many chats have labels, those with several counted for each.
pub(super) const COUNT: &str = "SELECT count(*) FROM label_chats
     WHERE session = (SELECT id FROM sessions WHERE name = $1)";

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

    async fn labeled_chat_count(&self, session: &str) -> Result<u32, StorageError> {
        query_scalar(COUNT)
            .bind(session)
            .fetch_one(&self.readers)
            .await
            .map_err(StorageError::during("counting the chats with labels"))
    }
}

/// How many rows of labels a session has. Counted once in a batch at most, then kept along: a count for each row would take
/// longer with every row that is there.
#[derive(Default)]
pub(super) struct Room {
    labels: Option<u32>,
    chats: Option<u32>,
}

impl Room {
    async fn labels(&mut self, connection: &mut SqliteConnection, session: i64) -> Result<u32, sqlx::Error> {
        if let Some(known) = self.labels {
            return Ok(known);
        }
        let counted = query_scalar("SELECT count(*) FROM labels WHERE session = $1");
        let counted: u32 = counted.bind(session).fetch_one(connection).await?;
        Ok(*self.labels.insert(counted))
    }

    async fn chats(&mut self, connection: &mut SqliteConnection, session: i64) -> Result<u32, sqlx::Error> {
        if let Some(known) = self.chats {
            return Ok(known);
        }
        let counted = query_scalar("SELECT count(*) FROM label_chats WHERE session = $1");
        let counted: u32 = counted.bind(session).fetch_one(connection).await?;
        Ok(*self.chats.insert(counted))
    }

    fn labels_gone(&mut self, count: u64) {
        self.labels = self.labels.map(|known| less(known, count));
    }

    fn chats_gone(&mut self, count: u64) {
        self.chats = self.chats.map(|known| less(known, count));
    }
}

fn less(known: u32, count: u64) -> u32 {
    known.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Applies a change; `false` when it changed nothing, also because there is no room for more.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    session: i64,
    change: LabelChange,
    room: &mut Room,
) -> Result<bool, sqlx::Error> {
    match change {
        LabelChange::Label(row) => put(connection, session, row, room).await,
        LabelChange::Added(row) => add(connection, session, row, room).await,
        LabelChange::Removed { label, chats } => {
            let chats = serde_json::to_string(&chats).map_err(|error| sqlx::Error::Encode(error.into()))?;
            let removed = query(
                "DELETE FROM label_chats WHERE session = $1 AND label = $2
                     AND chat IN (SELECT value FROM json_each($3))",
            );
            let removed = removed.bind(session).bind(label).bind(chats).execute(connection).await?;
            room.chats_gone(removed.rows_affected());
            Ok(removed.rows_affected() > 0)
        }
    }
}

async fn put(
    connection: &mut SqliteConnection,
    session: i64,
    row: LabelRow,
    room: &mut Room,
) -> Result<bool, sqlx::Error> {
    if row.deleted {
        let off = query("DELETE FROM label_chats WHERE session = $1 AND label = $2");
        let off = off.bind(session).bind(&row.id).execute(&mut *connection).await?;
        room.chats_gone(off.rows_affected());
    }
    let known = query_scalar::<_, i64>("SELECT 1 FROM labels WHERE session = $1 AND id = $2");
    let known = known.bind(session).bind(&row.id).fetch_optional(&mut *connection).await?.is_some();
    if !known {
        if room.labels(connection, session).await? >= LabelChange::MOST_LABELS {
            forget_deleted(connection, session, room).await?;
        }
        if room.labels(connection, session).await? >= LabelChange::MOST_LABELS {
            return Ok(false);
        }
    }
    let stored = query(
        "INSERT INTO labels (session, id, name, color, deleted, action) VALUES ($1, $2, $3, $4, $5, $6)
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
    .execute(connection)
    .await?;
    if !known {
        room.labels = room.labels.map(|count| count + 1);
    }
    Ok(stored.rows_affected() > 0)
}

/// Deleted labels make room, but for the highest number: new ones go on behind it.
async fn forget_deleted(
    connection: &mut SqliteConnection,
    session: i64,
    room: &mut Room,
) -> Result<(), sqlx::Error> {
    let gone = query(
        "DELETE FROM labels WHERE session = $1 AND deleted = 1 AND id <> (SELECT id FROM labels
             WHERE session = $1 ORDER BY CAST(id AS INTEGER) DESC, id LIMIT 1)",
    );
    let gone = gone.bind(session).execute(connection).await?;
    room.labels_gone(gone.rows_affected());
    Ok(())
}

async fn add(
    connection: &mut SqliteConnection,
    session: i64,
    row: LabelChatRow,
    room: &mut Room,
) -> Result<bool, sqlx::Error> {
    if room.chats(connection, session).await? >= LabelChange::MOST_CHATS {
        return Ok(false);
    }
    let stored = query(
        "INSERT INTO label_chats (session, label, chat, wire) VALUES ($1, $2, $3, $4)
         ON CONFLICT (session, label, chat) DO NOTHING",
    )
    .bind(session)
    .bind(row.label)
    .bind(row.chat)
    .bind(row.wire)
    .execute(connection)
    .await?;
    let added = stored.rows_affected() > 0;
    room.chats = room.chats.map(|count| count + u32::from(added));
    Ok(added)
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
