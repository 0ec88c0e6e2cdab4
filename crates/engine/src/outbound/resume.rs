//! Sends that were accepted and not finished when their process ended.

use std::sync::Arc;

use wakeeper_storage::{SendRow, SendState, StorageError};

use super::Outbound;
use super::attempt::{Turn, UnderWay};
use super::channel;
use super::chat_order::Place;
use super::composer::PreparedMessage;
use super::error::SendError;

impl Outbound {
    /// Goes on with sends that an earlier process accepted and did not finish: those of each chat in the order of their rows,
    /// before any new one.
    pub(crate) async fn resume(self: &Arc<Self>) -> Result<(), StorageError> {
        let account = self.state.account_changes();
        let rows = self.journal.storage().unfinished_sends(self.state.name().as_str()).await?;
        if !rows.is_empty() {
            tracing::info!(session = %self.state.name(), count = rows.len(), "going on with unfinished sends");
        }
        for row in rows {
            let this = Arc::clone(self);
            let Some(prepared) = PreparedMessage::stored(&row) else {
                tracing::error!(session = %self.state.name(), "an unfinished send cannot be read");
                // It waits for room on the disk, for which its caller must not wait.
                self.tasks.spawn(async move { this.fail(&row.message_id, "its row is damaged").await });
                continue;
            };
            // Receipts may come before the send is repeated, and its place is taken before any new send can take one.
            let answered = self.inflight.begin(&channel::wire_id(&prepared, &row.message_id));
            let place = self.chats.of(prepared.chat.as_str()).place(answered, None);
            drop(prepared);
            self.tasks.spawn(async move { this.resume_one(row, account, place).await });
        }
        self.resumed.send_replace(true);
        Ok(())
    }

    async fn resume_one(&self, row: SendRow, account: u64, place: Place) {
        let Some(prepared) = PreparedMessage::stored(&row) else { return };
        let under_way = UnderWay { prepared: &prepared, id: &row.message_id, account, place };
        if let Err(error) = self.deliver(under_way, Turn::Repeat).await {
            tracing::warn!(session = %self.state.name(), %error, "an unfinished send failed");
        }
    }

    /// The row of a send as it is once nobody works on it. Those of earlier processes are worked on after the session's start.
    pub(super) async fn not_under_way(&self, row: SendRow) -> Result<SendRow, SendError> {
        if row.state != SendState::Accepted {
            return Ok(row);
        }
        let mut resumed = self.resumed.subscribe();
        tokio::select! {
            _ = resumed.wait_for(|resumed| *resumed) => {}
            () = self.gone.cancelled() => return Err(self.is_gone().into()),
        }
        let wire_id = match PreparedMessage::stored(&row) {
            Some(prepared) => channel::wire_id(&prepared, &row.message_id),
            None => row.message_id.clone(),
        };
        if let Some(end) = self.inflight.end_of(&wire_id) {
            end.cancelled().await;
        }
        let key = row.idempotency_key.as_deref().unwrap_or_default();
        let now = self.journal.storage().send_by_key(self.state.name().as_str(), key).await?;
        Ok(now.unwrap_or(row))
    }
}
