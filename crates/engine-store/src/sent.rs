//! Messages that were sent, as the client keeps them for devices that ask once more.

use std::path::Path;

use sqlx::Connection;

use crate::error::{NativeError, store};
use crate::rows;

/// A sent message of a database that its client has open; `None` when it is kept no longer. The row stays: the client's own
/// trait can only take it out (`take_sent_message` of whatsapp-rust-sqlite-storage 0.7.0), and a process that ends before it
/// is put back would lose it.
///
/// # Errors
/// When the database cannot be read.
pub async fn sent_message(database: &Path, chat: &str, id: &str) -> Result<Option<Vec<u8>>, NativeError> {
    let failed = || store("read a sent message from", database);
    let mut connection = rows::connect_beside(database).await?;
    let payload =
        sqlx::query_scalar("SELECT payload FROM sent_messages WHERE chat_jid = ? AND message_id = ? LIMIT 1")
            .bind(chat)
            .bind(id)
            .fetch_optional(&mut connection)
            .await
            .map_err(failed())?;
    connection.close().await.map_err(failed())?;
    Ok(payload)
}
