//! Reading stored messages.

use serde_json::{Value, json};
use wakeeper_model::{Ack, ChatId};
use wakeeper_storage::{MessageQuery as RowQuery, MessageRow, SortOrder};

use super::EngineError;
use super::address;
use super::download::Downloads;
use super::outbound::Outbound;
use super::state::SessionState;
use crate::query::MessageQuery;

/// Every name a chat may be stored under.
pub(super) async fn names(state: &SessionState, chat: &ChatId) -> Vec<String> {
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
pub(super) async fn messages(
    outbound: &Outbound,
    downloads: &Downloads,
    chat: &ChatId,
    query: &MessageQuery,
) -> Result<Vec<Value>, EngineError> {
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
    Ok(rows.iter().map(current).collect())
}

/// A stored payload with what happened since: acknowledgements, edits, deletion.
fn current(row: &MessageRow) -> Value {
    let mut payload: Value = serde_json::from_str(&row.payload_json).unwrap_or_default();
    if let (Value::Object(fields), Ok(ack)) = (&mut payload, ack(row)) {
        fields.insert("ack".to_owned(), json!(ack.number()));
        fields.insert("ackName".to_owned(), json!(ack.name()));
        fields.insert("edited".to_owned(), json!(row.edited));
        fields.insert("revoked".to_owned(), json!(row.revoked));
        if row.revoked {
            fields.insert("body".to_owned(), json!(""));
            fields.insert("hasMedia".to_owned(), json!(false));
            fields.insert("media".to_owned(), Value::Null);
        }
    }
    payload
}

fn ack(row: &MessageRow) -> Result<Ack, wakeeper_model::UnknownAck> {
    i8::try_from(row.ack).map_err(|_| wakeeper_model::UnknownAck)?.try_into()
}
