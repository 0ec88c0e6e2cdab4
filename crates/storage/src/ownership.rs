//! Who may write a session's rows: whoever [`crate::Storage::acquire`] made its owner, and nobody else.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    AccountChange, AccountRow, BulkBegun, BulkChange, BulkRow, Change, CommitBatch, CommitOutcome,
    GenerationRow, MessageUpdate, OldMessages, RecipientRow, SendBegun, SendRow, SessionRow, StorageError,
};

/// That the holder owns a session. Dropped, it is given up: from then on every write through its rows is refused, also one
/// that waits for its turn, and somebody else may own the session.
#[must_use = "the ownership is given up when it is dropped"]
pub struct Ownership {
    rows: OwnedRows,
}

impl Ownership {
    pub(crate) fn new(backend: Arc<dyn OwnedWrites>) -> Self {
        Self { rows: OwnedRows { backend } }
    }

    /// Which session.
    #[must_use]
    pub fn session(&self) -> &str {
        self.rows.session()
    }

    /// Its rows, to be handed to all that write for the owner.
    #[must_use]
    pub fn rows(&self) -> OwnedRows {
        self.rows.clone()
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        self.rows.backend.give_up();
    }
}

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ownership").field("session", &self.session()).finish_non_exhaustive()
    }
}

/// Told what became of a batch whose caller went on.
pub(crate) type Done = Box<dyn FnOnce(Result<CommitOutcome, StorageError>) + Send>;

/// What a back end does for the owner of one session. Each write checks where it is written, so in its transaction, that the
/// session is still owned; a leased back end checks its fence there.
#[async_trait]
pub(crate) trait OwnedWrites: Send + Sync {
    /// The session.
    fn session(&self) -> &str;

    /// The owner is none any more.
    fn give_up(&self);

    /// See [`OwnedRows::put_session`].
    async fn put_session(&self, row: SessionRow) -> Result<(), StorageError>;

    /// See [`OwnedRows::put_account`].
    async fn put_account(&self, account: AccountRow) -> Result<(), StorageError>;

    /// See [`OwnedRows::change_account`].
    async fn change_account(&self, change: AccountChange) -> Result<(), StorageError>;

    /// See [`OwnedRows::put_generation`].
    async fn put_generation(&self, row: GenerationRow) -> Result<(), StorageError>;

    /// See [`OwnedRows::seen_generation`].
    async fn seen_generation(&self, run: &str, writes: i64, written_s: i64) -> Result<(), StorageError>;

    /// See [`OwnedRows::forget_generation`].
    async fn forget_generation(&self) -> Result<(), StorageError>;

    /// See [`OwnedRows::commit`].
    async fn commit(&self, batch: CommitBatch) -> Result<CommitOutcome, StorageError>;

    /// See [`OwnedRows::commit_soon`].
    async fn commit_soon(&self, batch: CommitBatch, done: Done) -> Result<(), StorageError>;

    /// See [`OwnedRows::forget_messages`].
    async fn forget_messages(
        &self,
        old: OldMessages,
        limit: u32,
    ) -> Result<(u64, Option<OldMessages>), StorageError>;

    /// See [`OwnedRows::clear_chat`].
    async fn clear_chat(&self, chats: Vec<String>, until_s: i64, limit: u32) -> Result<u64, StorageError>;

    /// See [`OwnedRows::begin_send`].
    async fn begin_send(&self, row: SendRow) -> Result<SendBegun, StorageError>;

    /// See [`OwnedRows::begin_bulk`].
    async fn begin_bulk(
        &self,
        row: BulkRow,
        recipients: Vec<RecipientRow>,
    ) -> Result<BulkBegun, StorageError>;

    /// See [`OwnedRows::change_bulk`].
    async fn change_bulk(&self, change: BulkChange) -> Result<bool, StorageError>;

    /// See [`OwnedRows::settle_recipient`].
    async fn settle_recipient(&self, id: &str, recipient: RecipientRow) -> Result<(), StorageError>;
}

/// The rows of one session, for its owner to write. Cheap to clone; every clone is of use as long as the ownership lasts.
///
/// # Errors
/// Every write answers [`StorageError::NotOwner`] when the ownership is over, or when a row in it names another session;
/// nothing of it is stored then.
#[derive(Clone)]
pub struct OwnedRows {
    backend: Arc<dyn OwnedWrites>,
}

impl OwnedRows {
    /// Which session.
    #[must_use]
    pub fn session(&self) -> &str {
        self.backend.session()
    }

    /// Inserts the session's row or replaces it; `created_ms` and `status` stay as first stored.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn put_session(&self, row: SessionRow) -> Result<(), StorageError> {
        self.concerns(&row.name)?;
        self.backend.put_session(row).await
    }

    /// Stores whose the session's rows are.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn put_account(&self, account: AccountRow) -> Result<(), StorageError> {
        self.backend.put_account(account).await
    }

    /// Another account takes the session's place, all or nothing: unfinished sends of the former fail; its messages,
    /// sends and events are set apart, so that no read of the session finds them; those that were set apart for the
    /// present one come back. What is owed to receivers still arrives.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn change_account(&self, change: AccountChange) -> Result<(), StorageError> {
        self.backend.change_account(change).await
    }

    /// Stores the session's generation in place of the last one.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn put_generation(&self, row: GenerationRow) -> Result<(), StorageError> {
        self.concerns(&row.session)?;
        self.backend.put_generation(row).await
    }

    /// Moves on how far the session's engine is, as long as `run` is the stored one; never back.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn seen_generation(&self, run: &str, writes: i64, written_s: i64) -> Result<(), StorageError> {
        self.backend.seen_generation(run, writes, written_s).await
    }

    /// Forgets the session's generation: it lives elsewhere from now on.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn forget_generation(&self) -> Result<(), StorageError> {
        self.backend.forget_generation().await
    }

    /// Writes a batch: messages, updates, events and outbox rows, all or nothing. Its events get the session's next numbers,
    /// in their order. Concurrent commits may share one disk sync.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn commit(&self, batch: CommitBatch) -> Result<CommitOutcome, StorageError> {
        for change in &batch.changes {
            self.change_concerns(change)?;
        }
        self.backend.commit(batch).await
    }

    /// As [`OwnedRows::commit`], for what need not be on the disk before its caller goes on: it answers when the batch has its
    /// place after all earlier ones. The batch joins a commit of the next moment, and waits while nothing can be written. Then
    /// `done` is called, for one batch after the other. Reads of messages and sends wait for it, so they show it. A process
    /// that ends before loses it.
    ///
    /// # Errors
    /// When it has no place, see [`OwnedRows`]; then `done` is not called. What happens later is told to `done`.
    pub async fn commit_soon(
        &self,
        batch: CommitBatch,
        done: impl FnOnce(Result<CommitOutcome, StorageError>) + Send + 'static,
    ) -> Result<(), StorageError> {
        for change in &batch.changes {
            self.change_concerns(change)?;
        }
        self.backend.commit_soon(batch, Box::new(done)).await
    }

    /// Stores a send before anything of it leaves, unless its idempotency key is taken. A send moves on with
    /// [`crate::Change::Send`].
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn begin_send(&self, row: SendRow) -> Result<SendBegun, StorageError> {
        self.concerns(&row.session)?;
        self.backend.begin_send(row).await
    }

    /// Stores a bulk send with its recipients, all or none, unless its idempotency key is taken.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn begin_bulk(
        &self,
        row: BulkRow,
        recipients: Vec<RecipientRow>,
    ) -> Result<BulkBegun, StorageError> {
        self.concerns(&row.session)?;
        self.backend.begin_bulk(row, recipients).await
    }

    /// Moves a bulk send on, if it is in one of the states that the change names; `false` when it is not.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn change_bulk(&self, change: BulkChange) -> Result<bool, StorageError> {
        self.backend.change_bulk(change).await
    }

    /// Stores what became of a recipient. A bulk send that runs is not held any more, and is done when nobody waits.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn settle_recipient(&self, id: &str, recipient: RecipientRow) -> Result<(), StorageError> {
        self.backend.settle_recipient(id, recipient).await
    }

    /// One step of forgetting what [`crate::MessageRows::old_messages`] found: looks at so many messages, and forgets those
    /// that need not stay. Answers how many went, and what is left to look at.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn forget_messages(
        &self,
        old: OldMessages,
        limit: u32,
    ) -> Result<(u64, Option<OldMessages>), StorageError> {
        self.concerns(&old.session)?;
        self.backend.forget_messages(old, limit).await
    }

    /// Forgets messages of a chat, under any of these names, that are not newer than this; with the reactions, edits and
    /// deletions in it. At most so many at a time: call again while it answers more than none.
    ///
    /// # Errors
    /// See [`OwnedRows`], and what the back end says.
    pub async fn clear_chat(
        &self,
        chats: Vec<String>,
        until_s: i64,
        limit: u32,
    ) -> Result<u64, StorageError> {
        self.backend.clear_chat(chats, until_s, limit).await
    }

    /// Whether a change names this session alone.
    fn change_concerns(&self, change: &Change) -> Result<(), StorageError> {
        let events = match change {
            Change::Message { row, updates, events } => {
                self.concerns(&row.session)?;
                for update in updates {
                    let (MessageUpdate::Edited { target, .. } | MessageUpdate::Revoked { target }) = update;
                    self.concerns(&target.session)?;
                }
                events
            }
            Change::Ack { target, events, .. } => {
                self.concerns(&target.session)?;
                events
            }
            // Its events are made, and looked at, when it is stored.
            Change::Receipt { target, .. } => return self.concerns(&target.session),
            Change::Send { .. }
            | Change::Contact(_)
            | Change::PastBegun { .. }
            | Change::PastEnded { .. } => return Ok(()),
            Change::Past(step) => {
                return step.messages.iter().try_for_each(|row| self.concerns(&row.session));
            }
            Change::Chat(update) => &update.events,
            Change::Status { events, .. } | Change::Label { events, .. } | Change::Events(events) => events,
        };
        events.iter().try_for_each(|event| self.concerns(&event.session))
    }

    fn concerns(&self, session: &str) -> Result<(), StorageError> {
        if session == self.session() {
            return Ok(());
        }
        Err(StorageError::NotOwner { session: session.to_owned() })
    }
}

impl fmt::Debug for OwnedRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedRows").field("session", &self.session()).finish_non_exhaustive()
    }
}
