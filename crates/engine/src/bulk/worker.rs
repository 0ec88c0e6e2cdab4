//! Sends what is due, one message after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wakeeper_model::ChatId;
use wakeeper_storage::{BulkRow, BulkState, MessageQuery, RecipientRow, RecipientState, StorageError};
use whatsapp_rust::Client;

use super::{Bulks, filled, pace};
use crate::EngineError;
use crate::ops::reading;
use crate::outbound::error::SendError;
use crate::outbound::outgoing::{IdempotencyKey, LinkPreview, Mentions, Outgoing, Sent, Text, Typing};
use crate::outbound::presence;

/// Wait before something is tried again that the disk or the session refused.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest sleep: clocks are set.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// A message that is under way when the worker is stopped has so long to be settled.
const GRACE: Duration = Duration::from_secs(3);
/// How long a hold lasts where WhatsApp names no time: after 463, after 429, and where nothing was answered.
const HOLD_NEW_CONTACTS_MS: i64 = 3_600_000;
const HOLD_RATE_MS: i64 = 60_000;
const HOLD_UNANSWERED_MS: i64 = 30_000;
/// So often WhatsApp may refuse one recipient with 463 or 429 before the next one is tried.
const MOST_ATTEMPTS: u32 = 5;

/// What became of a message.
enum End {
    Sent(Option<String>),
    Failed(String),
    /// It did not go out, and may later.
    Refused {
        reason: &'static str,
        until_ms: i64,
    },
    /// It is not known yet: the same request tells.
    Unknown,
    /// The bulk send was paused or ended before it went out.
    NotNow,
    /// The account is another.
    OtherAccount,
}

/// Sends a session's bulk sends, until they are stopped.
pub(crate) async fn work(bulks: Arc<Bulks>) {
    let stop = bulks.stop.clone();
    let mut worker = Worker { bulks, next: None };
    let run = worker.run();
    tokio::pin!(run);
    tokio::select! {
        () = stop.cancelled() => {}
        () = &mut run => return,
    }
    // What is not settled by then is asked for again by the next process, under the same key.
    let _ = tokio::time::timeout(GRACE, run).await;
}

struct Worker {
    bulks: Arc<Bulks>,
    /// No message goes out before then.
    next: Option<Instant>,
}

impl Worker {
    async fn run(&mut self) {
        while !self.bulks.stop.is_cancelled() {
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
                () = self.bulks.stop.cancelled() => return,
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Sends the next message that is due; otherwise answers how long there is nothing to do, or until something changes.
    async fn step(&mut self) -> Result<Option<Duration>, StorageError> {
        let bulks = Arc::clone(&self.bulks);
        let (storage, now_ms) = (bulks.journal.storage(), bulks.now_ms());
        let (row, next_ms) = storage.due_bulk(bulks.session(), now_ms).await?;
        let Some(row) = row else {
            let wait = next_ms.map(|at| Duration::from_millis((at - now_ms).max(1).unsigned_abs()));
            return Ok(Some(wait.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)));
        };
        if let Some(next) = self.next.filter(|next| *next > Instant::now()) {
            return Ok(Some(next - Instant::now()));
        }
        let state = &bulks.outbound.state;
        let working = tokio::select! {
            working = state.until_working() => working,
            () = bulks.changed.notified() => return Ok(None),
            () = bulks.stop.cancelled() => return Ok(None),
        };
        let Some((client, _)) = working else { return Ok(Some(PAUSE)) };
        // Counted before it is compared: a change after this is told by the send.
        let account = state.account_changes();
        let Some(me) = state.me() else { return Ok(Some(PAUSE)) };
        if ![Some(&me.id), me.lid.as_ref()].into_iter().flatten().any(|name| name.as_str() == row.account) {
            let reason = "another phone number was linked in the session's place";
            bulks.change(&row.id, &[BulkState::Running], BulkState::Cancelled, Some((reason, None))).await?;
            return Ok(None);
        }
        match storage.next_recipient(bulks.session(), &row.id).await? {
            Some(recipient) => self.send(&row, recipient, &client, account).await?,
            None => drop(bulks.change(&row.id, &[BulkState::Running], BulkState::Done, None).await?),
        }
        Ok(None)
    }

    async fn send(
        &mut self,
        row: &BulkRow,
        mut recipient: RecipientRow,
        client: &Client,
        account: u64,
    ) -> Result<(), StorageError> {
        let (chat, text) = match ready(row, &recipient) {
            Ok(ready) => ready,
            Err(why) => return self.fail(row, recipient, why).await,
        };
        if !recipient.is_new && row.new_per_day.is_some() && self.is_new(&chat).await? {
            if self.is_enough_for_today(row).await? {
                let until_ms = pace::next_day_ms(self.bulks.now_ms());
                return self.hold(row, "enough new contacts for today (newContactsPerDay)", until_ms).await;
            }
            // Counted before it goes out: afterwards there is a message, and nothing tells that there was none.
            recipient.is_new = true;
            self.settle(row, recipient.clone()).await?;
        }
        let key = format!("bulk/{}/{}/{}", row.id, recipient.position, recipient.attempt);
        let end = match key.parse() {
            Ok(key) => self.hand_over(row, &chat, text, key, client, account).await?,
            Err(error) => End::Failed(format!("{error}")),
        };
        let pause = pace::between(row.min_delay_ms, row.max_delay_ms, &mut rand::rng());
        self.next = Some(Instant::now() + pause);
        match end {
            End::Sent(message_id) => {
                let state = RecipientState::Sent;
                self.settle(row, RecipientRow { state, message_id, ..recipient }).await
            }
            End::Failed(error) => self.fail(row, recipient, error).await,
            End::Refused { reason, until_ms } => {
                let attempt = recipient.attempt.saturating_add(1);
                if attempt >= MOST_ATTEMPTS {
                    self.fail(row, recipient, format!("{reason}, {MOST_ATTEMPTS} times")).await?;
                } else {
                    self.settle(row, RecipientRow { attempt, ..recipient }).await?;
                }
                tracing::warn!(session = self.bulks.session(), reason, "a bulk send is held");
                self.hold(row, reason, until_ms).await
            }
            End::Unknown => {
                let until_ms = self.bulks.now_ms() + HOLD_UNANSWERED_MS;
                self.hold(row, "WhatsApp has not acknowledged the last message yet", until_ms).await
            }
            End::NotNow | End::OtherAccount => Ok(()),
        }
    }

    async fn settle(&self, row: &BulkRow, recipient: RecipientRow) -> Result<(), StorageError> {
        let updated_ms = self.bulks.now_ms();
        let recipient = RecipientRow { updated_ms, ..recipient };
        self.bulks.journal.rows()?.settle_recipient(&row.id, recipient).await
    }

    async fn fail(&self, row: &BulkRow, recipient: RecipientRow, why: String) -> Result<(), StorageError> {
        let (state, error) = (RecipientState::Failed, Some(why));
        self.settle(row, RecipientRow { state, error, ..recipient }).await
    }

    /// Others that are due go on meanwhile.
    async fn hold(&self, row: &BulkRow, reason: &str, until_ms: i64) -> Result<(), StorageError> {
        let why = Some((reason, Some(until_ms)));
        let running = BulkState::Running;
        self.bulks.change(&row.id, &[running], running, why).await.map(drop)
    }

    /// Whether there is no message of the chat.
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
        text: String,
        key: IdempotencyKey,
        client: &Client,
        account: u64,
    ) -> Result<End, StorageError> {
        let outbound = &self.bulks.outbound;
        if row.typing {
            // Nothing is lost when nobody sees it.
            let typing = Typing { chat: chat.clone(), typing: true };
            let _ = presence::typing(outbound, typing).await;
            let shown = pace::typing(&text, &mut rand::rng());
            tokio::time::sleep(shown).await;
        }
        // Somebody may have paused or ended it while "typing" was shown.
        let now = self.bulks.journal.storage().bulk(self.bulks.session(), &row.id).await?;
        if now.is_none_or(|row| row.state != BulkState::Running) || self.bulks.stop.is_cancelled() {
            return Ok(End::NotNow);
        }
        let message = Text {
            chat: chat.clone(),
            text,
            reply_to: None,
            mentions: Mentions::default(),
            id: None,
            link_preview: LinkPreview::None,
        };
        Ok(match outbound.send_of(account, Outgoing::Text(message), Some(key)).await {
            Ok(sent) => End::Sent(message_id(&sent)),
            Err(error) => self.end_of(error, client).await,
        })
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
                End::Refused {
                    reason: "WhatsApp lets this account write to no new contacts for now (463)",
                    until_ms: named_ms.unwrap_or(now_ms + HOLD_NEW_CONTACTS_MS),
                }
            }
            SendError::Rejected { code: reason } | SendError::FailedBefore { reason } if reason == "429" => {
                End::Refused {
                    reason: "WhatsApp takes no more messages from this account for now (429)",
                    until_ms: now_ms + HOLD_RATE_MS,
                }
            }
            SendError::OtherAccount => End::OtherAccount,
            // What stands in the session's way passes; what is wrong with the request or its row does not.
            SendError::Session(EngineError::InvalidRequest(reason)) => End::Failed(reason),
            SendError::Session(EngineError::Storage(error)) if !passes(&error) => {
                End::Failed(error.to_string())
            }
            SendError::Session(_) | SendError::Timeout { .. } | SendError::Upload => End::Unknown,
            error => End::Failed(error.to_string()),
        }
    }
}

/// Whom a message goes to, and what it says.
fn ready(row: &BulkRow, recipient: &RecipientRow) -> Result<(ChatId, String), String> {
    let chat = recipient.chat.parse().map_err(|_| "its chat id is damaged".to_owned())?;
    let Some(variables) = &recipient.variables else { return Ok((chat, row.text.clone())) };
    let variables: BTreeMap<String, String> =
        serde_json::from_str(variables).map_err(|_| "its variables are damaged".to_owned())?;
    let text = filled(&row.text, &variables).map_err(|word| format!("nothing stands for {{{word}}}"))?;
    Ok((chat, text))
}

/// Whether what the rows say passes by itself: the disk may take writes again.
fn passes(error: &StorageError) -> bool {
    error.disk_cause().is_some_and(|cause| cause != wakeeper_storage::disk::DiskCause::Damaged)
        || matches!(error, StorageError::Closed | StorageError::NotOwner { .. })
}

/// The id of a message on the wire.
fn message_id(sent: &Sent) -> Option<String> {
    match &sent.payload {
        Some(wakeeper_waha::Payload::Message(message)) => Some(message.id.to_string()),
        _ => None,
    }
}
