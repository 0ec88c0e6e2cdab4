//! Sends: on disk before they leave, answered after the server's acknowledgement, once also across
//! a crash, in order within a chat: the order in which they were ready, which for files means fetched
//! and uploaded.

pub(crate) mod composer;
pub(crate) mod error;
pub(crate) mod inflight;
pub(crate) mod outgoing;
pub(crate) mod presence;
pub(crate) mod repeats;
pub(crate) mod retry_requests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wakeeper_model::{Ack, MessageId};
use wakeeper_storage::{Change, MessageRef, SendBegun, SendRow, SendState, StorageError};
use wakeeper_waha::{Payload, SessionStatus};
use whatsapp_rust::send::{SendError as ClientError, SendOptions};
use whatsapp_rust::{Client, Jid};

use crate::EngineError;
use crate::address::{self, Address};
use crate::inbound::acks::Job;
use crate::inbound::changes::{ResolvedMessage, effects_of};
use crate::journal::Journal;
use crate::life::account;
use crate::life::state::SessionState;
use crate::life::store::Closed;
use crate::media::fetch::Limits;
use crate::message::{self, Facts, Incoming, WireKey};
use crate::ops::stored::{self, Place};
use crate::outbound::composer::{Composer, PreparedMessage, fingerprint};
use crate::outbound::error::SendError;
use crate::outbound::inflight::{Acknowledged, Inflight};
use crate::outbound::outgoing::{IdempotencyKey, Outgoing, Sent};

/// Sends of one session under way at the same time.
const MAX_IN_FLIGHT: usize = 512;
/// How long a caller waits for a session that is starting (as WAHA does).
const STARTUP_WAIT: Duration = Duration::from_secs(15);
/// How long the server may take to acknowledge one attempt.
const ACK_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts that fail for reasons other than the connection.
const ATTEMPTS: u32 = 3;

pub(crate) type Locks = Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>;

/// The sends of one session.
pub(crate) struct Outbound {
    /// The session.
    pub state: Arc<SessionState>,
    /// Where rows and events go.
    pub journal: Arc<Journal>,
    /// Sends that wait for the server.
    pub inflight: Arc<Inflight>,
    /// Receipts that waited go back here.
    pub jobs: UnboundedSender<Job>,
    /// For files by URL.
    pub limits: Limits,
    /// Start of the URLs of files.
    pub public_url: Arc<str>,
    /// How long callers wait.
    pub patience: Duration,
    /// Ends the sends of a deleted session.
    pub gone: CancellationToken,
    permits: Arc<Semaphore>,
    chats: Locks,
    keys: Locks,
    tasks: TaskTracker,
}

/// What an [`Outbound`] is made of.
pub(crate) struct OutboundParts {
    pub state: Arc<SessionState>,
    pub journal: Arc<Journal>,
    pub inflight: Arc<Inflight>,
    pub jobs: UnboundedSender<Job>,
    pub limits: Limits,
    pub public_url: Arc<str>,
    pub patience: Duration,
    pub gone: CancellationToken,
}

/// Whether WhatsApp may have a send already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Repeat,
}

impl Outbound {
    pub(crate) fn new(parts: OutboundParts) -> Self {
        let OutboundParts { state, journal, inflight, jobs, limits, public_url, patience, gone } = parts;
        Self {
            state,
            journal,
            inflight,
            jobs,
            limits,
            public_url,
            patience,
            gone,
            permits: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            chats: Locks::default(),
            keys: Locks::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Sends, and answers after the server's acknowledgement. The send goes on when the caller goes
    /// away.
    pub(crate) async fn send(
        self: &Arc<Self>,
        outgoing: Outgoing,
        key: Option<IdempotencyKey>,
    ) -> Result<Sent, SendError> {
        let busy = || SendError::from(EngineError::Busy(self.state.name().clone()));
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| busy())?;
        let account = self.state.account_changes();
        let ready_send = self.prepare(outgoing, key.as_ref()).await?;
        let id = Arc::new(OnceLock::new());
        let task = {
            let (this, id) = (Arc::clone(self), Arc::clone(&id));
            self.tasks.spawn(async move { this.accept(ready_send, key, account, permit, &id).await })
        };
        match tokio::time::timeout(self.patience, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(SendError::Failed { reason: "the send broke off" }),
            Err(_) => Err(match id.get() {
                Some(id) => SendError::Timeout { message_id: String::clone(id) },
                None => busy(),
            }),
        }
    }

    /// Gets what a send needs that may take long: its file is fetched and uploaded here, before the
    /// send takes its turn in the chat. So the sends of a chat go out in the order in which they
    /// were ready, and a slow file holds up its own send alone. Nothing is accepted yet, so a caller
    /// who goes away ends it.
    async fn prepare(
        &self,
        outgoing: Outgoing,
        key: Option<&IdempotencyKey>,
    ) -> Result<ReadySend, SendError> {
        let (outgoing, request_hash) = fingerprinted(outgoing).await?;
        let mut prepared = None;
        // A repeat is answered from its row, also when its file is no longer where it was.
        if matches!(outgoing, Outgoing::Media(_)) && self.row_of(key).await?.is_none() {
            let client = self.ready().await?;
            prepared = Some(self.compose(&client, outgoing.clone()).await?);
        }
        Ok(ReadySend { outgoing, request_hash, prepared })
    }

    async fn compose(&self, client: &Client, outgoing: Outgoing) -> Result<PreparedMessage, SendError> {
        let composer = Composer { client, state: &self.state, journal: &self.journal, limits: &self.limits };
        tokio::select! {
            prepared = composer.compose(outgoing) => prepared,
            () = self.gone.cancelled() => Err(self.is_gone().into()),
        }
    }

    fn is_gone(&self) -> EngineError {
        EngineError::Gone(self.state.name().clone())
    }

    /// The row of an earlier send under the same key.
    async fn row_of(&self, key: Option<&IdempotencyKey>) -> Result<Option<SendRow>, StorageError> {
        match key {
            Some(key) => self.journal.storage().send_by_key(self.state.name().as_str(), key.as_str()).await,
            None => Ok(None),
        }
    }

    /// Goes on with sends that an earlier process accepted and did not finish, in their order.
    pub(crate) async fn resume(self: &Arc<Self>) -> Result<(), StorageError> {
        let account = self.state.account_changes();
        let rows = self.journal.storage().unfinished_sends(self.state.name().as_str()).await?;
        if !rows.is_empty() {
            tracing::info!(session = %self.state.name(), count = rows.len(), "going on with unfinished sends");
        }
        let mut chats: Vec<(String, Vec<SendRow>)> = Vec::new();
        for row in rows {
            let Some(prepared) = PreparedMessage::stored(&row) else {
                tracing::error!(session = %self.state.name(), "an unfinished send cannot be read");
                // It waits for room on the disk, for which its caller must not wait.
                let this = Arc::clone(self);
                self.tasks.spawn(async move { this.fail(&row.message_id, "its row is damaged").await });
                continue;
            };
            // Receipts may come before the send is repeated.
            self.inflight.begin(&row.message_id);
            match chats.iter_mut().find(|(chat, _)| chat == prepared.chat.as_str()) {
                Some((_, queue)) => queue.push(row),
                None => chats.push((prepared.chat.as_str().to_owned(), vec![row])),
            }
        }
        for (chat, queue) in chats {
            // Taken before any new send can queue for the chat.
            let chat = lock(&self.chats, &chat).await;
            let this = Arc::clone(self);
            self.tasks.spawn(async move {
                for row in queue {
                    this.resume_one(row, account).await;
                }
                drop(chat);
            });
        }
        Ok(())
    }

    async fn resume_one(&self, row: SendRow, account: u64) {
        let _key = match row.idempotency_key.as_deref() {
            Some(key) => Some(lock(&self.keys, key).await),
            None => None,
        };
        let Some(prepared) = PreparedMessage::stored(&row) else { return };
        if let Err(error) = self.deliver(&prepared, &row.message_id, account, Turn::Repeat).await {
            tracing::warn!(session = %self.state.name(), %error, "an unfinished send failed");
        }
    }

    /// Where this session's messages are shown.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { session: self.state.name(), public_url: &self.public_url }
    }

    /// Waits until no send is under way, at most `patience`.
    pub(crate) async fn drain(&self, patience: Duration) {
        self.tasks.close();
        let _ = tokio::time::timeout(patience, self.tasks.wait()).await;
    }

    async fn accept(
        self: &Arc<Self>,
        ready_send: ReadySend,
        key: Option<IdempotencyKey>,
        account: u64,
        _permit: OwnedSemaphorePermit,
        id: &OnceLock<String>,
    ) -> Result<Sent, SendError> {
        self.storable()?;
        let ReadySend { outgoing, request_hash, prepared } = ready_send;
        let _chat = lock(&self.chats, outgoing.chat().as_str()).await;
        let _key = match &key {
            Some(key) => Some(lock(&self.keys, key.as_str()).await),
            None => None,
        };
        if let Some(row) = self.row_of(key.as_ref()).await? {
            return self.replay(row, &request_hash, account).await;
        }
        let client = self.ready().await?;
        self.storable()?;
        let prepared = match prepared {
            Some(prepared) => prepared,
            None => self.compose(&client, outgoing).await?,
        };
        if self.state.account_changes() != account {
            return Err(SendError::OtherAccount);
        }
        let now_ms = self.state.clock().now_ms();
        let message_id = client.generate_message_id();
        let row = SendRow {
            session: self.state.name().as_str().to_owned(),
            idempotency_key: key.map(|key| key.as_str().to_owned()),
            request_hash: request_hash.clone(),
            message_id: message_id.clone(),
            state: SendState::Accepted,
            chat: prepared.chat.as_str().to_owned(),
            proto: prepared.proto(),
            error: None,
            created_ms: now_ms,
            updated_ms: now_ms,
        };
        match self.journal.rows()?.begin_send(row).await? {
            SendBegun::Existing(row) => self.replay(row, &request_hash, account).await,
            SendBegun::New => {
                let _ = id.set(message_id.clone());
                let payload = self.deliver(&prepared, &message_id, account, Turn::First).await?;
                Ok(Sent { payload, replayed: false })
            }
        }
    }

    /// Refuses a send that could not be stored, before anything of it leaves.
    fn storable(&self) -> Result<(), EngineError> {
        if let Some(trouble) = self.journal.storage().disk().borrow().clone() {
            return Err(EngineError::Disk { trouble });
        }
        match self.state.trouble().as_ref().and_then(Closed::trouble) {
            Some(trouble) => Err(EngineError::Disk { trouble: Arc::clone(trouble) }),
            None => Ok(()),
        }
    }

    /// The client of a session that works, after some patience while it starts.
    pub(crate) async fn ready(&self) -> Result<Arc<Client>, EngineError> {
        self.state.working(STARTUP_WAIT).await.map_err(|status| EngineError::NotReady {
            session: self.state.name().clone(),
            status,
            expected: vec![SessionStatus::Working],
        })
    }

    /// Answers a request whose key is known.
    async fn replay(
        self: &Arc<Self>,
        row: SendRow,
        request_hash: &str,
        account: u64,
    ) -> Result<Sent, SendError> {
        if row.session != self.state.name().as_str() {
            // Accepted for the number that was linked before.
            return Err(SendError::OtherAccount);
        }
        if row.request_hash != request_hash {
            return Err(SendError::IdempotencyConflict);
        }
        match row.state {
            SendState::Acked => Ok(Sent { payload: self.answer(&row).await?, replayed: true }),
            SendState::Failed => {
                Err(SendError::FailedBefore { reason: row.error.unwrap_or_else(|| "unknown".to_owned()) })
            }
            SendState::Accepted => {
                let prepared = PreparedMessage::stored(&row)
                    .ok_or(SendError::Failed { reason: "its row is damaged" })?;
                let payload = self.deliver(&prepared, &row.message_id, account, Turn::Repeat).await?;
                Ok(Sent { payload, replayed: true })
            }
        }
    }

    /// What the caller of a finished send was answered, made anew of what is stored.
    async fn answer(&self, send: &SendRow) -> Result<Option<Payload>, SendError> {
        let prepared =
            PreparedMessage::stored(send).ok_or(SendError::Failed { reason: "its row is damaged" })?;
        let storage = self.journal.storage();
        let find = |id: &str, from_me: bool, chat: Option<String>| MessageRef {
            session: send.session.clone(),
            id: id.to_owned(),
            from_me: Some(from_me),
            chat,
        };
        let media_url = self.place().media_url(&send.message_id, &prepared.message);
        let (facts, target) = match storage.message(&find(&send.message_id, true, None)).await? {
            Some(row) => {
                let facts = Facts { ack: Ack::Server, ..stored::facts(&row, media_url)? };
                (facts, stored::target(&row)?)
            }
            // Its message was removed since; the send says all but what was learnt of the chat's other name.
            None => (self.facts_of_send(send, &prepared, media_url), prepared.target()),
        };
        // Only a deletion tells what the message was, and of a damaged one it tells that it is gone.
        let deleted = matches!(message::read(&prepared.message), Incoming::Revoke { .. });
        let before = match target.as_ref().filter(|_| deleted) {
            Some(target) => {
                let chat = Some(target.chat.to_string());
                match storage.message(&find(&target.stanza_id, target.from_me, chat)).await {
                    Err(StorageError::DamagedRow { .. }) => None,
                    found => found?,
                }
            }
            None => None,
        };
        Ok(stored::answer(&facts, &prepared.message, target.as_ref(), before.as_ref(), self.place())?)
    }

    fn facts_of_send(&self, send: &SendRow, prepared: &PreparedMessage, media_url: Option<String>) -> Facts {
        let own = self.state.own_id();
        Facts {
            id: MessageId {
                from_me: true,
                chat: prepared.chat.clone(),
                stanza_id: send.message_id.clone(),
                participant: own.clone().filter(|_| prepared.chat.is_group()),
            },
            wire: WireKey { chat: prepared.chat.to_wire(), ..WireKey::default() },
            me: own,
            timestamp_s: send.updated_ms / 1000,
            ack: Ack::Server,
            from_api: true,
            push_name: self.state.me().and_then(|me| me.push_name),
            media_url,
        }
    }

    /// Hands a stored send to WhatsApp, again and again under the same id until the server has it.
    async fn deliver(
        &self,
        prepared: &PreparedMessage,
        id: &str,
        account: u64,
        turn: Turn,
    ) -> Result<Option<Payload>, SendError> {
        self.inflight.begin(id);
        let mut result = tokio::select! {
            biased;
            () = self.state.until_other_account(account) => Err(SendError::OtherAccount),
            () = self.gone.cancelled() => Err(self.is_gone().into()),
            result = self.attempts(prepared, id, account, turn) => result,
        };
        if matches!(result, Err(SendError::OtherAccount))
            && let Err(error) = self.fail(id, account::REASON).await
        {
            result = Err(error.into());
        }
        let held = self.inflight.end(id);
        if !held.is_empty() {
            let _ = self.jobs.send(Job::Held(held));
        }
        result
    }

    async fn attempts(
        &self,
        prepared: &PreparedMessage,
        id: &str,
        account: u64,
        mut turn: Turn,
    ) -> Result<Option<Payload>, SendError> {
        let to: Jid = prepared
            .chat
            .to_wire()
            .parse()
            .map_err(|_| SendError::InvalidRequest("no such chat".to_owned()))?;
        let mut failures = 0;
        loop {
            let client = self.state.until_working().await.ok_or_else(|| self.is_gone())?;
            // The number changes before the session works for it, so whoever sees it work sees the change.
            if self.state.account_changes() != account {
                return Err(SendError::OtherAccount);
            }
            self.state.server_witness().before_send(&client, self.state.name()).await;
            let repeats = turn == Turn::Repeat && prepared.chat.is_group();
            let _repeat = repeats.then(|| self.state.repeats().begin(to.to_string()));
            // Nor does anybody have the key from the send before, which the server may never have got.
            if repeats
                && client.persistence_manager().clear_sender_key_devices(&to.to_string()).await.is_err()
            {
                // The store failed: its gate is closed, and the send waits for the next client.
                continue;
            }
            turn = Turn::Repeat;
            let acknowledged = self.inflight.attempt(id);
            let options = SendOptions::default().with_message_id(id);
            match client.send_message_with_options(to.clone(), prepared.message.clone(), options).await {
                Ok(_) => {}
                Err(error) => {
                    self.after_error(&client, &error, id, &mut failures).await?;
                    continue;
                }
            }
            let answer = tokio::select! {
                answer = acknowledged => answer.ok(),
                () = self.state.until_not_working() => None,
                () = tokio::time::sleep(ACK_TIMEOUT) => None,
            };
            match answer {
                Some(Acknowledged { refused: None, timestamp_s }) => {
                    return self.acknowledged(&client, prepared, id, timestamp_s).await;
                }
                Some(Acknowledged { refused: Some(code), .. }) => {
                    self.fail(id, &code).await?;
                    return Err(SendError::Rejected { code });
                }
                None => {
                    tracing::debug!(session = %self.state.name(), "no acknowledgement; sending again under the same id");
                }
            }
        }
    }

    /// Decides after a failed attempt: wait for the connection, try again, or give up.
    async fn after_error(
        &self,
        client: &Client,
        error: &ClientError,
        id: &str,
        failures: &mut u32,
    ) -> Result<(), SendError> {
        // A client that could not store its ratchets did not send: the send waits for its successor.
        if self.state.trouble().is_some() || !client.is_connected() || !client.is_logged_in() {
            // The status follows the connection within moments; then the loop waits for it.
            let _ = tokio::time::timeout(Duration::from_millis(500), self.state.until_not_working()).await;
            return Ok(());
        }
        *failures += 1;
        let final_error = matches!(error, ClientError::InvalidRequest(_));
        if !final_error && *failures < ATTEMPTS {
            tokio::time::sleep(Duration::from_millis(200) * *failures).await;
            return Ok(());
        }
        let reason = match error {
            ClientError::InvalidRequest(_) => "WhatsApp's client refuses this kind of message to this chat",
            ClientError::Iq(_) => "WhatsApp did not tell the receiver's devices",
            _ => "it could not be encrypted or handed over",
        };
        tracing::warn!(session = %self.state.name(), reason, "a send failed");
        self.fail(id, reason).await?;
        Err(SendError::Failed { reason })
    }

    async fn fail(&self, id: &str, reason: &str) -> Result<(), StorageError> {
        let now_ms = self.state.clock().now_ms();
        let change = Change::Send {
            message_id: id.to_owned(),
            state: SendState::Failed,
            error: Some(reason.to_owned()),
            now_ms,
        };
        self.journal.commit_patiently(vec![change]).await
    }

    /// The server has it: stores the message, its events and the answer in one go.
    async fn acknowledged(
        &self,
        client: &Client,
        prepared: &PreparedMessage,
        id: &str,
        timestamp_s: Option<i64>,
    ) -> Result<Option<Payload>, SendError> {
        let now_ms = self.state.clock().now_ms();
        let resolved = self.resolve(client, prepared, id, timestamp_s.unwrap_or(now_ms / 1000)).await;
        let effects = loop {
            match effects_of(&self.journal, client, self.state.name(), &resolved).await {
                Err(error) if error.disk_cause().is_some() => self.journal.pause().await,
                effects => break effects?,
            }
        };
        let payload = effects.as_ref().map(|effects| effects.payload.clone());
        let mut changes: Vec<Change> = effects.map(|effects| effects.change).into_iter().collect();
        changes.push(Change::Send {
            message_id: id.to_owned(),
            state: SendState::Acked,
            error: None,
            now_ms,
        });
        // WhatsApp has it. Whatever the disk does, the caller is not told that it failed: they would send it twice. The
        // row still says that it was accepted, so a process that dies here goes on with it under the same id.
        self.journal.commit_patiently(changes).await?;
        self.state.note(|evidence, now| evidence.acknowledged = Some(now));
        Ok(payload)
    }

    async fn resolve<'a>(
        &'a self,
        client: &Client,
        prepared: &'a PreparedMessage,
        id: &str,
        timestamp_s: i64,
    ) -> ResolvedMessage<'a> {
        let chat = address::resolve_id(client, &prepared.chat).await;
        let me = self.state.me();
        let own = me.as_ref().map_or_else(|| chat.id.clone(), |me| me.id.clone());
        let in_group = chat.id.is_group();
        let wire_chat = prepared.chat.to_wire();
        let facts = Facts {
            id: MessageId {
                from_me: true,
                chat: chat.id.clone(),
                stanza_id: id.to_owned(),
                participant: in_group.then(|| own.clone()),
            },
            wire: WireKey {
                chat_alt: names(&chat).find(|name| *name != wire_chat),
                chat: wire_chat,
                participant: None,
                participant_alt: None,
            },
            me: Some(own.clone()),
            timestamp_s,
            ack: Ack::Server,
            from_api: true,
            push_name: me.as_ref().and_then(|me| me.push_name.clone()),
            media_url: self.place().media_url(id, &prepared.message),
        };
        ResolvedMessage {
            message: &prepared.message,
            facts,
            sender: own,
            sender_alt: me.and_then(|me| me.lid),
            by_admin: false,
            place: self.place(),
        }
    }
}

/// A send that can take its turn.
struct ReadySend {
    outgoing: Outgoing,
    request_hash: String,
    /// Of sends with a file: made already.
    prepared: Option<PreparedMessage>,
}

async fn fingerprinted(outgoing: Outgoing) -> Result<(Outgoing, String), SendError> {
    let broken = |_| SendError::Failed { reason: "its file cannot be read any more" };
    if !matches!(outgoing, Outgoing::Media(_)) {
        let hash = fingerprint(&outgoing).map_err(broken)?;
        return Ok((outgoing, hash));
    }
    let read = tokio::task::spawn_blocking(move || {
        let hash = fingerprint(&outgoing)?;
        Ok::<_, std::io::Error>((outgoing, hash))
    });
    read.await.map_err(|_| SendError::Failed { reason: "the send broke off" })?.map_err(broken)
}

fn names(address: &Address) -> impl Iterator<Item = String> + '_ {
    [Some(&address.id), address.alt.as_ref()].into_iter().flatten().map(wakeeper_model::ChatId::to_wire)
}

/// Waits for its turn under `name`: first come, first served.
pub(crate) async fn lock(locks: &Locks, name: &str) -> OwnedMutexGuard<()> {
    let lock = {
        let mut locks = locks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Few are alive at a time; the dead ones go when they are many.
        if locks.len() >= 2 * MAX_IN_FLIGHT {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let found = locks.get(name).and_then(Weak::upgrade);
        found.unwrap_or_else(|| {
            let lock = Arc::new(tokio::sync::Mutex::new(()));
            locks.insert(name.to_owned(), Arc::downgrade(&lock));
            lock
        })
    };
    lock.lock_owned().await
}
