//! The words of messages, to be searched: an FTS5 table that holds words alone, not the texts.
//!
//! Messages get into it in steps of many, and not with their commit: a commit of one message would write five pages for its
//! words, a step writes them for hundreds. How far the table goes stands in it, so that a process that ends goes on where it
//! was; whoever searches takes the last steps first, so that what was stored before is found. Triggers note what becomes of
//! messages that are in it: edits, deletions, a session that gets another account.
//!
//! All of it is made when it is switched on, and gone when it is switched off: it can be made anew from the messages.

mod expression;
mod split;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, query, query_scalar, raw_sql};

use self::expression::{chat_word, session_word};
use super::{SqliteStorage, message_rows, prune};
use crate::{MessagePage, MessagePosition, SearchQuery, SearchRows, Storage, StorageError, WordsOf};

/// The table, what of it is to be made anew, and how far it goes.
///
/// A word is a run of letters, numbers and the marks that belong to them, without its accents. `contentless_delete` lets a
/// message go whose text is not known any more.
const KEEP: &str = "
CREATE VIRTUAL TABLE IF NOT EXISTS message_words USING fts5 (
    text, place, content = '', contentless_delete = 1,
    tokenize = \"unicode61 remove_diacritics 2 categories 'L* N* Co M*'\"
);
CREATE TABLE IF NOT EXISTS message_words_behind (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL);
INSERT OR IGNORE INTO message_words_behind (id, seq) VALUES (1, 0);
CREATE TABLE IF NOT EXISTS message_words_again (seq INTEGER PRIMARY KEY, timestamp_s INTEGER NOT NULL);
CREATE TRIGGER IF NOT EXISTS message_words_changed AFTER UPDATE OF session, proto, body, revoked, hidden ON messages
WHEN OLD.seq <= (SELECT seq FROM message_words_behind) BEGIN
    INSERT OR IGNORE INTO message_words_again (seq, timestamp_s) VALUES (OLD.seq, OLD.timestamp_s);
END;
CREATE TRIGGER IF NOT EXISTS message_words_gone AFTER DELETE ON messages
WHEN OLD.seq <= (SELECT seq FROM message_words_behind) BEGIN
    INSERT OR IGNORE INTO message_words_again (seq, timestamp_s) VALUES (OLD.seq, OLD.timestamp_s);
END;";

const FORGET: &str = "
DROP TRIGGER IF EXISTS message_words_changed;
DROP TRIGGER IF EXISTS message_words_gone;
DROP TABLE IF EXISTS message_words_again;
DROP TABLE IF EXISTS message_words_behind;
DROP TABLE IF EXISTS message_words;";

/// How many messages the table lacks, or has as they were.
const LACKING: &str =
    "SELECT (SELECT count(*) FROM messages WHERE seq > (SELECT seq FROM message_words_behind))
     + (SELECT count(*) FROM message_words_again)";

/// A message is found under its time and its number, in one number: so the newest are read first, and no further than asked.
const SEQ_BITS: u32 = 30;
/// The number of a message has so many bits. A thousand million messages take a terabyte.
const SEQ: i64 = (1 << SEQ_BITS) - 1;
/// Times have 33 bits, until the year 2242: what somebody dates later counts as that.
const LAST_TIME: i64 = (1 << 33) - 1;

/// The newest matches. The join is written so that it is not turned around.
const FOUND: &str = "SELECT messages.*, $1 AS session_name
     FROM message_words CROSS JOIN messages ON messages.seq = (message_words.rowid & 1073741823)
     WHERE message_words MATCH $2 AND message_words.rowid < $3
         AND messages.session = (SELECT sessions.id FROM sessions WHERE name = $1)
         AND messages.hidden = 0 AND messages.revoked = 0
         AND ($4 OR messages.chat IN (SELECT value FROM json_each($5)))
     ORDER BY message_words.rowid DESC LIMIT $6";

/// Messages that changed since they got into the table.
const AGAIN: &str = "SELECT messages.*, sessions.name AS session_name FROM messages
     JOIN sessions ON sessions.id = messages.session WHERE messages.seq IN (SELECT value FROM json_each($1))";

/// Messages that the table does not have yet.
const NEW: &str = "SELECT messages.*, COALESCE(sessions.name, '') AS session_name FROM messages
     LEFT JOIN sessions ON sessions.id = messages.session
     WHERE messages.seq > (SELECT seq FROM message_words_behind) ORDER BY messages.seq LIMIT $1";

#[async_trait]
impl SearchRows for SqliteStorage {
    async fn keep_words(&self) -> Result<(), StorageError> {
        self.writer.write("making the table of words", |connection| Box::pin(run(connection, KEEP))).await
    }

    async fn forget_words(&self) -> Result<(), StorageError> {
        if !self.keeps_words().await? {
            return Ok(());
        }
        self.writer
            .write("forgetting the table of words", |connection| Box::pin(run(connection, FORGET)))
            .await
    }

    async fn words_lacking(&self) -> Result<Option<u64>, StorageError> {
        if !self.keeps_words().await? {
            return Ok(None);
        }
        self.settle().await;
        let lacking: Result<i64, _> = query_scalar(LACKING).fetch_one(&self.readers).await;
        lacking
            .map(|lacking| u64::try_from(lacking).ok())
            .map_err(StorageError::during("looking how far the table of words goes"))
    }

    async fn add_words(&self, words_of: WordsOf, limit: u32) -> Result<bool, StorageError> {
        self.writer
            .write("adding words", move |connection| {
                Box::pin(async move { step(connection, &words_of, limit).await })
            })
            .await
    }

    async fn search(&self, session: &str, search: SearchQuery) -> Result<MessagePage, StorageError> {
        self.settle().await;
        let found = self.found(session, &search).await;
        let page = found.and_then(|rows| message_rows::cut(rows, search.limit));
        page.map_err(StorageError::during("searching messages"))
    }
}

impl SqliteStorage {
    async fn keeps_words(&self) -> Result<bool, StorageError> {
        query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'message_words_behind')")
            .fetch_one(&self.readers)
            .await
            .map_err(StorageError::during("looking for the table of words"))
    }

    async fn found(&self, session: &str, search: &SearchQuery) -> Result<Vec<SqliteRow>, sqlx::Error> {
        let id = query_scalar::<_, i64>("SELECT id FROM sessions WHERE name = $1").bind(session);
        let Some(id) = id.fetch_optional(&self.readers).await? else { return Ok(Vec::new()) };
        let Some(expression) = expression::of(id, search) else { return Ok(Vec::new()) };
        let chats =
            serde_json::to_string(&search.chats).map_err(|error| sqlx::Error::Encode(error.into()))?;
        query(FOUND)
            .bind(session)
            .bind(expression)
            .bind(search.after.map_or(i64::MAX, place))
            .bind(search.chats.is_empty())
            .bind(chats)
            .bind(i64::from(search.limit) + 1)
            .fetch_all(&self.readers)
            .await
    }
}

async fn run(connection: &mut SqliteConnection, statements: &'static str) -> Result<(), sqlx::Error> {
    raw_sql(statements).execute(connection).await.map(drop)
}

/// Under which number a message is in the table.
fn place(at: MessagePosition) -> i64 {
    (at.timestamp_s.clamp(0, LAST_TIME) << SEQ_BITS) | at.seq.clamp(0, SEQ)
}

/// One step: those that changed, then those that are new. Answers whether there may be more.
async fn step(
    connection: &mut SqliteConnection,
    words_of: &WordsOf,
    limit: u32,
) -> Result<bool, sqlx::Error> {
    let changed: Vec<(i64, i64)> =
        sqlx::query_as("SELECT seq, timestamp_s FROM message_words_again ORDER BY seq LIMIT $1")
            .bind(limit)
            .fetch_all(&mut *connection)
            .await?;
    for (seq, timestamp_s) in &changed {
        query("DELETE FROM message_words WHERE rowid = $1")
            .bind(place(MessagePosition { timestamp_s: *timestamp_s, seq: *seq }))
            .execute(&mut *connection)
            .await?;
    }
    let seqs = prune::list(changed.iter().map(|(seq, _)| *seq))?;
    let again = query(AGAIN).bind(&seqs).fetch_all(&mut *connection).await?;
    add(connection, again, words_of).await?;
    query("DELETE FROM message_words_again WHERE seq IN (SELECT value FROM json_each($1))")
        .bind(&seqs)
        .execute(&mut *connection)
        .await?;
    let new = query(NEW).bind(limit).fetch_all(&mut *connection).await?;
    let more = new.len().max(changed.len()) >= limit as usize;
    if let Some(last) = new.last() {
        let last: i64 = last.try_get("seq")?;
        add(connection, new, words_of).await?;
        query("UPDATE message_words_behind SET seq = $1").bind(last).execute(connection).await?;
    }
    Ok(more)
}

/// Adds the words of messages that people see.
async fn add(
    connection: &mut SqliteConnection,
    rows: Vec<SqliteRow>,
    words_of: &WordsOf,
) -> Result<(), sqlx::Error> {
    let mut added = Vec::with_capacity(rows.len());
    for row in rows {
        // A damaged row has no words, and keeps no others from being found. Reading it elsewhere tells of it.
        let Ok(message) = message_rows::read(&row) else { continue };
        let (seq, session): (i64, i64) = (row.try_get("seq")?, row.try_get("session")?);
        if message.hidden || message.revoked || seq > SEQ {
            continue;
        }
        let text = split::words(&words_of(&message));
        if !text.is_empty() {
            let at = place(MessagePosition { timestamp_s: message.timestamp_s, seq });
            let place = format!("{} {}", session_word(session), chat_word(&message.chat));
            added.push((at, text, place));
        }
    }
    // In any other order the table would write what it has, for each that goes before the last.
    added.sort_unstable_by_key(|(at, ..)| *at);
    for (at, text, place) in added {
        query("INSERT INTO message_words (rowid, text, place) VALUES ($1, $2, $3)")
            .bind(at)
            .bind(text)
            .bind(place)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
