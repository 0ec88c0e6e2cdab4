//! Sends what is due, one message after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wakeeper_model::ChatId;
use wakeeper_storage::{BulkRow, BulkState, MessageQuery, RecipientRow, RecipientState, StorageError};
use whatsapp_rust::Client;

use super::{Bulks, pace};
use crate::EngineError;
use crate::ops::reading;
use crate::outbound::error::SendError;
use crate::outbound::outgoing::{IdempotencyKey, Outgoing, Sent, Text, Typing};
use crate::outbound::presence;

/// Bulk sends that are looked at for one that is due.
const MOST_RUNNING: u32 = 1_000;
/// Wait before something is tried again that the disk or the session refused.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest sleep: clocks are set.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// How long a hold lasts where WhatsApp names no time: after 463, and after 429.
const HOLD_NEW_CONTACTS_MS: i64 = 3_600_000;
const HOLD_RATE_MS: i64 = 60_000;

/// What became of a message.
enum End {
    Sent(Option<String>),
    Failed(String),
    /// It did not go out, and may later.
    Held {
        reason: &'static str,
        until_ms: i64,
    },
    /// It is not known yet: the same request tells.
    Unknown,
    /// The account is another.
    OtherAccount,
}

/// Sends a session's bulk sends, until they are stopped. A send that is under way then goes on without.
pub(crate) async fn work(bulks: Arc<Bulks>) {
    let stop = bulks.stop.clone();
    let mut worker = Worker { bulks, next: None };
    tokio::select! {
        () = stop.cancelled() => {}
        () = worker.run() => {}
    }
}

struct Worker {
    bulks: Arc<Bulks>,
    /// No message goes out before then.
    next: Option<Instant>,
}

impl Worker {
    async fn run(&mut self) {
        loop {
            let sleep = match self.step().await {
                Ok(sleep) => sleep,
                Err(StorageError::Closed | StorageError::NotOwner { .. }) => return,
                Err(error) => {
                    let session = self.bulks.session();
                    tracing::warn!(session, %error, "bulk sends wait: their rows cannot be read or written");
                    Some(PAUSE)
                }
            };
            let Some(sleep) = sleep else { continue };
            tokio::select! {
                () = self.bulks.changed.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Sends the next message that is due; otherwise answers how long there is nothing to do, or until something changes.
    async fn step(&mut self) -> Result<Option<Duration>, StorageError> {
        let bulks = Arc::clone(&self.bulks);
        let storage = bulks.journal.storage();
        let running = storage.bulks(bulks.session(), true, MOST_RUNNING, 0).await?;
        let now_ms = bulks.now_ms();
        let due_ms = |row: &BulkRow| row.start_ms.max(row.held_until_ms.unwrap_or(i64::MIN));
        let Some(row) = running.iter().find(|row| due_ms(row) <= now_ms) else {
            let first_ms = running.iter().map(due_ms).min();
            let wait =
                first_ms.map_or(LONGEST_SLEEP, |at| Duration::from_millis((at - now_ms).unsigned_abs()));
            return Ok(Some(wait.min(LONGEST_SLEEP)));
        };
        if let Some(next) = self.next.filter(|next| *next > Instant::now()) {
            return Ok(Some(next - Instant::now()));
        }
        let working = tokio::select! {
            working = bulks.outbound.state.until_working() => working,
            () = bulks.changed.notified() => return Ok(None),
        };
        let Some((client, _)) = working else { return Ok(Some(PAUSE)) };
        if bulks.outbound.state.own_id().is_none_or(|own| own.as_str() != row.account) {
            let reason = "another phone number was linked in the session's place";
            bulks.change(&row.id, &[BulkState::Running], BulkState::Cancelled, Some((reason, None))).await?;
            return Ok(None);
        }
        match storage.next_recipient(bulks.session(), &row.id).await? {
            Some(recipient) => self.send(row, recipient, &client).await,
            None => {
                bulks.change(&row.id, &[BulkState::Running], BulkState::Done, None).await?;
                Ok(None)
            }
        }
    }

    async fn send(
        &mut self,
        row: &BulkRow,
        recipient: RecipientRow,
        client: &Client,
    ) -> Result<Option<Duration>, StorageError> {
        let bulks = Arc::clone(&self.bulks);
        let Ok(chat) = recipient.chat.parse::<ChatId>() else {
            let failed = "its chat id is damaged".to_owned();
            self.settle(
                row,
                RecipientRow { state: RecipientState::Failed, error: Some(failed), ..recipient },
            )
            .await?;
            return Ok(None);
        };
        let is_new = row.new_per_day.is_some() && self.is_new(&chat).await?;
        if is_new && self.is_enough_for_today(row).await? {
            let until_ms = pace::next_day_ms(bulks.now_ms());
            let why = Some(("enough new contacts for today (newContactsPerDay)", Some(until_ms)));
            bulks.change(&row.id, &[BulkState::Running], BulkState::Running, why).await?;
            return Ok(None);
        }
        let key = format!("bulk/{}/{}/{}", row.id, recipient.position, recipient.attempt);
        let end = match key.parse() {
            Ok(key) => self.hand_over(row, &chat, &recipient.text, key, client).await,
            Err(error) => End::Failed(format!("{error}")),
        };
        self.next =
            Some(Instant::now() + pace::between(row.min_delay_ms, row.max_delay_ms, &mut rand::rng()));
        match end {
            End::Sent(message_id) => {
                let state = RecipientState::Sent;
                self.settle(row, RecipientRow { state, message_id, is_new, ..recipient }).await?;
            }
            End::Failed(error) => {
                let (state, error) = (RecipientState::Failed, Some(error));
                self.settle(row, RecipientRow { state, error, ..recipient }).await?;
            }
            End::Held { reason, until_ms } => {
                let attempt = recipient.attempt.saturating_add(1);
                self.settle(row, RecipientRow { attempt, ..recipient }).await?;
                let why = Some((reason, Some(until_ms)));
                bulks.change(&row.id, &[BulkState::Running], BulkState::Running, why).await?;
                tracing::warn!(session = bulks.session(), reason, "a bulk send is held");
            }
            End::Unknown => return Ok(Some(PAUSE)),
            End::OtherAccount => return Ok(None),
        }
        Ok(None)
    }

    async fn settle(&self, row: &BulkRow, recipient: RecipientRow) -> Result<(), StorageError> {
        let updated_ms = self.bulks.now_ms();
        let recipient = RecipientRow { updated_ms, ..recipient };
        self.bulks.journal.rows()?.settle_recipient(&row.id, recipient).await
    }

    /// Whether there is no message of the chat. One that was sent under this key before a crash is there already, so such a
    /// recipient counts as known.
    async fn is_new(&self, chat: &ChatId) -> Result<bool, StorageError> {
        let chats = reading::names(&self.bulks.outbound.state, chat).await;
        let query = MessageQuery { chats, limit: 1, ..MessageQuery::default() };
        Ok(self.bulks.journal.storage().messages(self.bulks.session(), query).await?.is_empty())
    }

    async fn is_enough_for_today(&self, row: &BulkRow) -> Result<bool, StorageError> {
        let Some(most) = row.new_per_day else { return Ok(false) };
        let since_ms = pace::day_began_ms(self.bulks.now_ms());
        let storage = self.bulks.journal.storage();
        Ok(storage.new_contacts_since(self.bulks.session(), since_ms).await? >= u64::from(most))
    }

    async fn hand_over(
        &self,
        row: &BulkRow,
        chat: &ChatId,
        text: &str,
        key: IdempotencyKey,
        client: &Client,
    ) -> End {
        let outbound = &self.bulks.outbound;
        if row.typing {
            // Nothing is lost when nobody sees it.
            let typing = Typing { chat: chat.clone(), typing: true };
            let _ = presence::typing(outbound, typing).await;
            let shown = pace::typing(text, &mut rand::rng());
            tokio::time::sleep(shown).await;
        }
        let message = Text {
            chat: chat.clone(),
            text: text.to_owned(),
            reply_to: None,
            mentions: crate::outbound::outgoing::Mentions::default(),
            id: None,
            link_preview: false,
        };
        match outbound.send(Outgoing::Text(message), Some(key)).await {
            Ok(sent) => End::Sent(message_id(&sent)),
            Err(error) => self.end_of(error, client).await,
        }
    }

    async fn end_of(&self, error: SendError, client: &Client) -> End {
        let now_ms = self.bulks.now_ms();
        match error {
            SendError::Rejected { code: reason } | SendError::FailedBefore { reason } if reason == "463" => {
                let lock = client.mex().fetch_reachout_timelock().await.ok();
                let ends_s = lock
                    .and_then(|lock| lock.time_enforcement_ends)
                    .and_then(|time| time.parse::<i64>().ok());
                let named_ms = ends_s.map(|seconds| seconds.saturating_mul(1_000)).filter(|at| *at > now_ms);
                End::Held {
                    reason: "WhatsApp lets this account write to no new contacts for now (463)",
                    until_ms: named_ms.unwrap_or(now_ms + HOLD_NEW_CONTACTS_MS),
                }
            }
            SendError::Rejected { code: reason } | SendError::FailedBefore { reason } if reason == "429" => {
                End::Held {
                    reason: "WhatsApp takes no more messages from this account for now (429)",
                    until_ms: now_ms + HOLD_RATE_MS,
                }
            }
            SendError::Timeout { .. } | SendError::Upload => End::Unknown,
            SendError::OtherAccount => End::OtherAccount,
            // What stands in the session's way passes; what is wrong with the request does not.
            SendError::Session(EngineError::InvalidRequest(reason)) => End::Failed(reason),
            SendError::Session(_) => End::Unknown,
            error => End::Failed(error.to_string()),
        }
    }
}

/// The id of a message on the wire.
fn message_id(sent: &Sent) -> Option<String> {
    match &sent.payload {
        Some(wakeeper_waha::Payload::Message(message)) => Some(message.id.to_string()),
        _ => None,
    }
}
