//! Reading stored messages and their files.

use wakeeper_model::{ChatId, MessageId, SessionName};
use wakeeper_storage::{MessageQuery as RowQuery, MessageRef, MessageRow, StorageError};
use wakeeper_waha::Message;

use crate::EngineError;
use crate::address;
use crate::life::registry::Sessions;
use crate::life::state::SessionState;
use crate::media::download::{Downloads, MediaError};
use crate::media::file::MediaFile;
use crate::ops::query::{Download, MessageQuery};
use crate::ops::stored;
use crate::outbound::Outbound;

impl Sessions {
    /// Stored messages of a chat, newest first, as WAHA shows them.
    ///
    /// # Errors
    /// When the session is unknown or the rows cannot be read.
    pub async fn messages(
        &self,
        name: &SessionName,
        chat: &ChatId,
        query: MessageQuery,
    ) -> Result<Vec<Message>, EngineError> {
        let handle = self.handle(name).await?;
        messages(&handle.outbound, &handle.downloads, chat, &query).await
    }

    /// One stored message as WAHA shows it, with its file fetched when asked for; `None` when it is not stored, and for
    /// the id of a reaction, an edit or a deletion. With `merge`, a chat is looked for under each of its names.
    ///
    /// # Errors
    /// When the session is unknown or the row cannot be read.
    pub async fn message(
        &self,
        name: &SessionName,
        id: &MessageId,
        download: &Download,
        merge: bool,
    ) -> Result<Option<Message>, EngineError> {
        let handle = self.handle(name).await?;
        message(&handle.outbound, &handle.downloads, id, download, merge).await
    }

    /// The file under `/api/files/{session}/{file}`, fetched from WhatsApp's media servers.
    ///
    /// # Errors
    /// When there is no such file, it is too large, or the session does not work.
    pub async fn media(&self, name: &SessionName, file: &str) -> Result<MediaFile, MediaError> {
        let handle = self.handle(name).await?;
        handle.downloads.file(&handle.outbound, file).await
    }
}

/// Every name a chat may be stored under.
pub(crate) async fn names(state: &SessionState, chat: &ChatId) -> Vec<String> {
    let mut names = vec![chat.as_str().to_owned()];
    if let Some(client) = state.client() {
        let address = address::resolve_id(&client, chat).await;
        names.extend([Some(address.id), address.alt].into_iter().flatten().map(String::from));
    }
    names.sort();
    names.dedup();
    names
}

/// Messages of a chat as they are now.
async fn messages(
    outbound: &Outbound,
    downloads: &Downloads,
    chat: &ChatId,
    query: &MessageQuery,
) -> Result<Vec<Message>, EngineError> {
    let rows = RowQuery {
        chats: names(&outbound.state, chat).await,
        limit: query.limit,
        offset: query.offset,
        from_s: query.since,
        until_s: query.until,
        from_me: query.from_me,
        ack: None,
    };
    let rows = outbound.journal.storage().messages(outbound.state.name().as_str(), rows).await?;
    if query.download_media {
        for row in rows.iter().filter(|row| !row.revoked) {
            // Without a file there is nothing to do; a file that is gone shows when its URL is asked for.
            let _ = downloads.of_message(outbound, &row.proto).await;
        }
    }
    let place = outbound.place();
    // One that cannot be shown fails the answer, by name: left out, it would be missed by nobody.
    Ok(rows.iter().map(|row| stored::listed(row, place)).collect::<Result<_, StorageError>>()?)
}

/// One message as it is now.
async fn message(
    outbound: &Outbound,
    downloads: &Downloads,
    id: &MessageId,
    download: &Download,
    merge: bool,
) -> Result<Option<Message>, EngineError> {
    let storage = outbound.journal.storage();
    let senders = match &id.participant {
        Some(participant) => Some(names(&outbound.state, participant).await),
        None => None,
    };
    // In a group, an id is its sender's own: somebody else's message under it is another one.
    let is_meant = |row: &MessageRow| match &senders {
        Some(senders) if !row.participant.is_empty() => senders.contains(&row.participant),
        _ => true,
    };
    let chats = if merge { names(&outbound.state, &id.chat).await } else { vec![id.chat.to_string()] };
    for chat in chats {
        let target = MessageRef {
            session: outbound.state.name().as_str().to_owned(),
            id: id.stanza_id.clone(),
            from_me: Some(id.from_me),
            chat: Some(chat),
        };
        let found = storage.message(&target).await?;
        let Some(row) = found.filter(|row| !row.hidden && is_meant(row)) else { continue };
        let shown = stored::listed(&row, outbound.place())?;
        let mimetype = shown.media.as_ref().map(|media| media.mimetype.as_str());
        if mimetype.is_some() && download.wants(mimetype) {
            // A file that is gone shows when its URL is asked for.
            let _ = downloads.of_message(outbound, &row.proto).await;
        }
        return Ok(Some(shown));
    }
    Ok(None)
}
