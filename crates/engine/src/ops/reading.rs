//! Reading stored messages.

use wakeeper_model::{ChatId, MessageId};
use wakeeper_storage::{MessageQuery as RowQuery, MessageRef, SortOrder, StorageError};
use wakeeper_waha::Message;

use crate::EngineError;
use crate::address;
use crate::life::state::SessionState;
use crate::media::download::Downloads;
use crate::ops::query::MessageQuery;
use crate::ops::stored;
use crate::outbound::Outbound;

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
pub(crate) async fn messages(
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
        order: SortOrder::NewestFirst,
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
///
/// # Errors
/// [`EngineError::MessageNotFound`] when it is not stored, and when the id is that of a reaction, an edit or a deletion.
pub(crate) async fn message(
    outbound: &Outbound,
    downloads: &Downloads,
    id: &MessageId,
    download_media: bool,
) -> Result<Message, EngineError> {
    let storage = outbound.journal.storage();
    for chat in names(&outbound.state, &id.chat).await {
        let target = MessageRef {
            session: outbound.state.name().as_str().to_owned(),
            id: id.stanza_id.clone(),
            from_me: Some(id.from_me),
            chat: Some(chat),
        };
        let Some(row) = storage.message(&target).await?.filter(|row| !row.hidden) else { continue };
        if download_media && !row.revoked {
            // A file that is gone shows when its URL is asked for.
            let _ = downloads.of_message(outbound, &row.proto).await;
        }
        return Ok(stored::listed(&row, outbound.place())?);
    }
    Err(EngineError::MessageNotFound)
}
