//! Bulk sends, as callers begin, look at and end them.

use wakeeper_model::SessionName;
use wakeeper_storage::{BulkBegun, BulkCounts, BulkRow, BulkState, RecipientRow, RecipientState};
use wakeeper_waha::SessionStatus;

use crate::EngineError;
use crate::bulk::{Bulk, BulkError, BulkRecipient, Bulks, MOST_UNFINISHED, NewBulk};
use crate::life::registry::Sessions;

impl Sessions {
    /// Stores a bulk send; its messages go out by themselves. The second value says that an earlier request had the same key.
    ///
    /// # Errors
    /// When the session is unknown or was never linked, or the key was used for another request.
    pub async fn begin_bulk(&self, name: &SessionName, new: NewBulk) -> Result<(Bulk, bool), BulkError> {
        let handle = self.handle(name).await?;
        // A person keeps the LID when the number changes.
        let Some(account) = handle.state.me().map(|me| me.lid.unwrap_or(me.id)) else {
            let (session, status) = (name.clone(), handle.state.status());
            return Err(
                EngineError::NotReady { session, status, expected: vec![SessionStatus::Working] }.into()
            );
        };
        let bulks = &handle.bulks;
        let now_ms = bulks.now_ms();
        if bulks.journal.storage().unfinished_bulks(bulks.session()).await? >= MOST_UNFINISHED {
            return Err(BulkError::TooMany);
        }
        let request_hash = new.request_hash.clone();
        let row = BulkRow {
            session: name.as_str().to_owned(),
            id: format!("{:032x}", rand::random::<u128>()),
            idempotency_key: new.key,
            request_hash: new.request_hash,
            name: new.name,
            account: account.as_str().to_owned(),
            text: new.text,
            typing: new.typing,
            start_ms: new.start_ms.unwrap_or(now_ms),
            min_delay_ms: new.min_delay_ms,
            max_delay_ms: new.max_delay_ms,
            new_per_day: new.new_per_day,
            state: BulkState::Running,
            reason: None,
            held_until_ms: None,
            created_ms: now_ms,
            updated_ms: now_ms,
            counts: BulkCounts { waiting: new.recipients.len() as u64, ..BulkCounts::default() },
        };
        let recipients =
            new.recipients.into_iter().zip(0..).map(|((chat, variables), position)| RecipientRow {
                position,
                chat: chat.as_str().to_owned(),
                variables: variables.and_then(|variables| serde_json::to_string(&variables).ok()),
                state: RecipientState::Waiting,
                attempt: 0,
                message_id: None,
                error: None,
                is_new: false,
                updated_ms: now_ms,
            });
        let begun = bulks.journal.rows()?.begin_bulk(row.clone(), recipients.collect()).await?;
        bulks.changed.notify_one();
        match begun {
            BulkBegun::New => Ok((Bulk::of(row, now_ms), false)),
            BulkBegun::Existing(row) if row.request_hash == request_hash => {
                Ok((Bulk::of(*row, now_ms), true))
            }
            BulkBegun::Existing(_) => Err(BulkError::IdempotencyConflict),
        }
    }

    /// A page of the bulk sends of a session, the newest first.
    ///
    /// # Errors
    /// When the session is unknown, or the rows cannot be read.
    pub async fn bulks(&self, name: &SessionName, limit: u32, offset: u32) -> Result<Vec<Bulk>, BulkError> {
        let handle = self.handle(name).await?;
        let bulks = &handle.bulks;
        let rows = bulks.journal.storage().bulks(bulks.session(), limit, offset).await?;
        let now_ms = bulks.now_ms();
        Ok(rows.into_iter().map(|row| Bulk::of(row, now_ms)).collect())
    }

    /// One that has not ended, of this request.
    ///
    /// # Errors
    /// When the session is unknown, or the rows cannot be read.
    pub async fn unfinished_bulk(
        &self,
        name: &SessionName,
        request_hash: &str,
    ) -> Result<Option<Bulk>, BulkError> {
        let handle = self.handle(name).await?;
        let bulks = &handle.bulks;
        let row = bulks.journal.storage().unfinished_bulk(bulks.session(), request_hash).await?;
        Ok(row.map(|row| Bulk::of(row, bulks.now_ms())))
    }

    /// One bulk send.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn bulk(&self, name: &SessionName, id: &str) -> Result<Bulk, BulkError> {
        look(&self.handle(name).await?.bulks, id).await
    }

    /// A page of its recipients, in their order.
    ///
    /// # Errors
    /// When there is no bulk send of this id.
    pub async fn bulk_recipients(
        &self,
        name: &SessionName,
        id: &str,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<BulkRecipient>, BulkError> {
        let handle = self.handle(name).await?;
        look(&handle.bulks, id).await?;
        let bulks = &handle.bulks;
        let rows = bulks.journal.storage().recipients(bulks.session(), id, limit, offset).await?;
        Ok(rows.into_iter().map(BulkRecipient::from).collect())
    }

    /// Lets it wait until somebody says otherwise. A message that is under way still arrives.
    ///
    /// # Errors
    /// When there is none of this id, or it ended.
    pub async fn pause_bulk(&self, name: &SessionName, id: &str) -> Result<Bulk, BulkError> {
        self.change_bulk(name, id, BulkState::Paused, Some("paused by a caller")).await
    }

    /// Lets it go on, also where it was held.
    ///
    /// # Errors
    /// When there is none of this id, or it ended.
    pub async fn resume_bulk(&self, name: &SessionName, id: &str) -> Result<Bulk, BulkError> {
        self.change_bulk(name, id, BulkState::Running, None).await
    }

    /// Ends it. A message that is under way still arrives.
    ///
    /// # Errors
    /// When there is none of this id, or it ended.
    pub async fn cancel_bulk(&self, name: &SessionName, id: &str) -> Result<Bulk, BulkError> {
        self.change_bulk(name, id, BulkState::Cancelled, Some("cancelled by a caller")).await
    }

    async fn change_bulk(
        &self,
        name: &SessionName,
        id: &str,
        state: BulkState,
        why: Option<&str>,
    ) -> Result<Bulk, BulkError> {
        let handle = self.handle(name).await?;
        let from = [BulkState::Running, BulkState::Paused];
        let changed = handle.bulks.change(id, &from, state, why.map(|why| (why, None))).await?;
        let bulk = look(&handle.bulks, id).await?;
        if changed { Ok(bulk) } else { Err(BulkError::Ended(bulk.status)) }
    }
}

async fn look(bulks: &Bulks, id: &str) -> Result<Bulk, BulkError> {
    let row = bulks.journal.storage().bulk(bulks.session(), id).await?;
    Ok(Bulk::of(row.ok_or(BulkError::NotFound)?, bulks.now_ms()))
}
