//! Ownership in the embedded back end: claims inside this process, checked by the one writer when a write's turn comes.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::future::BoxFuture;
use sqlx::SqliteConnection;
use tokio::sync::oneshot;

use super::writer::{Soon, Writer};
use super::{account_rows, bulk_rows, chat_rows, commit, forget, generation_rows, send_rows, session_rows};
use crate::ownership::{Done, OwnedWrites};
use crate::{
    AccountChange, AccountRow, BulkBegun, BulkChange, BulkRow, CommitBatch, CommitOutcome, GenerationRow,
    OldMessages, Ownership, RecipientRow, SendBegun, SendRow, SessionRow, StorageError, Wait,
};

/// The sessions that are owned now.
#[derive(Default)]
pub(super) struct Claims {
    held: Mutex<HashSet<String>>,
}

impl Claims {
    fn held(&self) -> MutexGuard<'_, HashSet<String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That nobody owns a session.
    pub(super) fn free(&self, session: &str) -> Result<(), StorageError> {
        if self.held().contains(session) {
            return Err(StorageError::Owned { session: session.to_owned() });
        }
        Ok(())
    }

    /// Makes the caller the owner of a session.
    pub(super) fn acquire(
        self: &Arc<Self>,
        session: &str,
        writer: Arc<Writer>,
    ) -> Result<Ownership, StorageError> {
        if !self.held().insert(session.to_owned()) {
            return Err(StorageError::Owned { session: session.to_owned() });
        }
        let claim = Claim { session: session.into(), claims: Arc::clone(self), held: AtomicBool::new(true) };
        Ok(Ownership::new(Arc::new(Owned { claim: Arc::new(claim), writer })))
    }
}

/// One owner's claim. Only one of a session is held at a time, so that it is held says whose the session is.
struct Claim {
    session: Arc<str>,
    claims: Arc<Claims>,
    held: AtomicBool,
}

impl Claim {
    fn check(&self) -> Result<(), StorageError> {
        if self.held.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(StorageError::NotOwner { session: self.session.to_string() })
    }
}

struct Owned {
    claim: Arc<Claim>,
    writer: Arc<Writer>,
}

impl Owned {
    async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c str, &'c mut SqliteConnection) -> BoxFuture<'c, Result<T, sqlx::Error>>
            + Clone
            + Send
            + 'static,
    {
        let (claim, concerned) = (Arc::clone(&self.claim), Arc::clone(&self.claim));
        self.writer
            .write_if(
                operation,
                move || claim.check(),
                move |connection| Box::pin(async move { work(&concerned.session, connection).await }),
            )
            .await
    }
}

#[async_trait]
impl OwnedWrites for Owned {
    fn session(&self) -> &str {
        &self.claim.session
    }

    fn give_up(&self) {
        // The session is free only after the claim is void: what the next owner writes comes after it.
        if self.claim.held.swap(false, Ordering::AcqRel) {
            self.claim.claims.held().remove(&*self.claim.session);
        }
    }

    async fn put_session(&self, row: SessionRow) -> Result<(), StorageError> {
        self.write("storing a session", |_, connection| Box::pin(session_rows::put(connection, row))).await
    }

    async fn put_account(&self, account: AccountRow) -> Result<(), StorageError> {
        self.write("storing the account of a session", |session, connection| {
            Box::pin(async move { account_rows::put(connection, session, &account).await })
        })
        .await
    }

    async fn change_account(&self, change: AccountChange) -> Result<(), StorageError> {
        self.write("setting rows of a former account apart", |session, connection| {
            Box::pin(async move { account_rows::change(connection, session, &change).await })
        })
        .await
    }

    async fn put_generation(&self, row: GenerationRow) -> Result<(), StorageError> {
        self.write("storing a session's generation", |_, connection| {
            Box::pin(generation_rows::put(connection, row))
        })
        .await
    }

    async fn seen_generation(&self, run: &str, writes: i64, written_s: i64) -> Result<(), StorageError> {
        let (claim, concerned, run) = (Arc::clone(&self.claim), Arc::clone(&self.claim), run.to_owned());
        let (done, stored) = oneshot::channel();
        self.writer
            .write_soon(
                "storing how far a session is",
                Soon { wait: Wait::Long, order: None, is_read: false },
                move || claim.check(),
                move |connection| {
                    let (concerned, run) = (Arc::clone(&concerned), run.clone());
                    Box::pin(async move {
                        generation_rows::seen(connection, &concerned.session, run, writes, written_s).await
                    })
                },
                // Whoever asked may be gone.
                Box::new(move |outcome| drop(done.send(outcome))),
            )
            .await?;
        stored.await.map_err(|_| StorageError::Closed)?
    }

    async fn forget_generation(&self) -> Result<(), StorageError> {
        self.write("forgetting a session's generation", |session, connection| {
            Box::pin(generation_rows::forget(connection, session))
        })
        .await
    }

    async fn commit(&self, batch: CommitBatch) -> Result<CommitOutcome, StorageError> {
        self.write("committing a batch", |session, connection| {
            Box::pin(commit::apply(connection, session, batch))
        })
        .await
    }

    async fn commit_soon(&self, batch: CommitBatch, done: Done) -> Result<(), StorageError> {
        let (claim, concerned) = (Arc::clone(&self.claim), Arc::clone(&self.claim));
        self.writer
            .write_soon(
                "committing a batch",
                Soon { wait: batch.wait, order: Some(Arc::clone(&self.claim.session)), is_read: true },
                move || claim.check(),
                move |connection| {
                    let (concerned, batch) = (Arc::clone(&concerned), batch.clone());
                    Box::pin(async move { commit::apply(connection, &concerned.session, batch).await })
                },
                done,
            )
            .await
    }

    async fn forget_messages(
        &self,
        old: OldMessages,
        limit: u32,
    ) -> Result<(u64, Option<OldMessages>), StorageError> {
        self.write("forgetting old messages", move |_, connection| {
            Box::pin(forget::step(connection, old, limit))
        })
        .await
    }

    async fn clear_chat(&self, chats: Vec<String>, until_s: i64, limit: u32) -> Result<u64, StorageError> {
        self.write("forgetting the messages of a chat", move |session, connection| {
            Box::pin(async move { chat_rows::clear(connection, session, &chats, until_s, limit).await })
        })
        .await
    }

    async fn begin_send(&self, row: SendRow) -> Result<SendBegun, StorageError> {
        self.write("storing a send", |_, connection| Box::pin(send_rows::begin(connection, row))).await
    }

    async fn begin_bulk(
        &self,
        row: BulkRow,
        recipients: Vec<RecipientRow>,
    ) -> Result<BulkBegun, StorageError> {
        self.write("storing a bulk send", |_, connection| {
            Box::pin(bulk_rows::begin(connection, row, recipients))
        })
        .await
    }

    async fn change_bulk(&self, change: BulkChange) -> Result<bool, StorageError> {
        self.write("changing a bulk send", |session, connection| {
            Box::pin(bulk_rows::change(connection, session, change))
        })
        .await
    }

    async fn settle_recipient(&self, id: &str, recipient: RecipientRow) -> Result<(), StorageError> {
        let id = id.to_owned();
        self.write("storing what became of a recipient", |session, connection| {
            Box::pin(async move { bulk_rows::settle(connection, session, &id, recipient).await })
        })
        .await
    }
}
