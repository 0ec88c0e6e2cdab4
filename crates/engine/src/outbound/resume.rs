//! Sends that were accepted and not finished when their process ended.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;
use wakeeper_storage::{SendRow, SendState, StorageError};

use super::attempt::{Turn, UnderWay};
use super::channel;
use super::chat_order::Place;
use super::composer::PreparedMessage;
use super::error::SendError;
use super::{Outbound, lock, try_lock};

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
            let post = match channel::post(&prepared, &row.message_id) {
                Some(name) => match try_lock(&self.posts, &name) {
                    // Another change of the post is under way. Its place may come after this one's: this one takes none yet.
                    None => {
                        self.tasks.spawn(async move { this.resume_behind(row, account, &name).await });
                        continue;
                    }
                    guard => guard,
                },
                None => None,
            };
            // Receipts may come before the send is repeated, and its place is taken before any new send can take one.
            let place = self.place_again(&prepared, &row.message_id);
            drop(prepared);
            self.tasks.spawn(async move {
                let _post = post;
                this.resume_one(row, account, place).await;
            });
        }
        self.resumed.send_replace(true);
        Ok(())
    }

    /// The next place of its chat, for a send that goes out again.
    pub(super) fn place_again(&self, prepared: &PreparedMessage, id: &str) -> Place {
        let answered = self.inflight.begin(&channel::wire_id(prepared, id));
        self.chats.of(prepared.chat.as_str()).place(answered, None)
    }

    async fn resume_one(&self, row: SendRow, account: u64, place: Place) {
        let Some(prepared) = PreparedMessage::stored(&row) else { return };
        let under_way = UnderWay { prepared: &prepared, id: &row.message_id, account, place };
        if let Err(error) = self.deliver(under_way, Turn::Repeat).await {
            tracing::warn!(session = %self.state.name(), %error, "an unfinished send failed");
        }
    }

    /// Goes on with a send once no other change of its post is under way.
    async fn resume_behind(&self, row: SendRow, account: u64, post: &str) {
        let _post = lock(&self.posts, post).await;
        // A request under its key may have finished it meanwhile.
        if let Some(key) = &row.idempotency_key {
            match self.journal.storage().send_by_key(self.state.name().as_str(), key).await {
                Ok(Some(now)) if now.state == SendState::Accepted => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::error!(session = %self.state.name(), %error, "an unfinished send was not read");
                    return;
                }
            }
        }
        let Some(prepared) = PreparedMessage::stored(&row) else { return };
        let place = self.place_again(&prepared, &row.message_id);
        self.resume_one(row, account, place).await;
    }

    /// The row of a send as it is once nobody works on it, and what keeps others from its post. Those of earlier processes are
    /// worked on after the session's start.
    pub(super) async fn not_under_way(
        &self,
        row: SendRow,
    ) -> Result<(SendRow, Option<OwnedMutexGuard<()>>), SendError> {
        if row.state != SendState::Accepted {
            return Ok((row, None));
        }
        let mut resumed = self.resumed.subscribe();
        tokio::select! {
            _ = resumed.wait_for(|resumed| *resumed) => {}
            () = self.gone.cancelled() => return Err(self.is_gone().into()),
        }
        let post =
            PreparedMessage::stored(&row).and_then(|prepared| channel::post(&prepared, &row.message_id));
        // Whoever works on a post has it for itself until the end.
        let guard = self.alone_with_post(post).await;
        if guard.is_none()
            && let Some(end) = self.inflight.end_of(&row.message_id)
        {
            end.cancelled().await;
        }
        let key = row.idempotency_key.as_deref().unwrap_or_default();
        let now = self.journal.storage().send_by_key(self.state.name().as_str(), key).await?;
        Ok((now.unwrap_or(row), guard))
    }
}
