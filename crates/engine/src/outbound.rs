//! Sends: on disk before they leave, answered after the server's acknowledgement, once also across
//! a crash, in order within a chat: that of their rows, which they get when they are ready, with files fetched
//! and uploaded. None waits for the acknowledgement of another.

mod acceptance;
mod answer;
mod attempt;
mod channel;
mod chat_order;
pub(crate) mod composer;
pub(crate) mod error;
pub(crate) mod group_sends;
pub(crate) mod handed_over;
pub(crate) mod inflight;
mod link_preview;
pub(crate) mod outgoing;
mod permits;
pub(crate) mod presence;
mod resume;
pub(crate) mod retry_requests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wakeeper_model::{ChatKind, StanzaId};
use wakeeper_storage::{MessageRef, SendBegun, SendRow, SendState, StorageError};
use wakeeper_waha::SessionStatus;
use whatsapp_rust::Client;

use crate::EngineError;
use crate::inbound::jobs::Jobs;
use crate::journal::Journal;
use crate::life::state::SessionState;
use crate::life::store::Closed;
use crate::media::fetch::Limits;
use crate::ops::stored::Place;
use crate::outbound::acceptance::Acceptance;
use crate::outbound::attempt::{Turn, UnderWay};
use crate::outbound::chat_order::ChatOrders;
use crate::outbound::composer::{Composer, PreparedMessage, fingerprint};
use crate::outbound::error::SendError;
use crate::outbound::inflight::Inflight;
use crate::outbound::outgoing::{IdempotencyKey, LinkPreview, Outgoing, Sent};
use crate::outbound::permits::{MAX_IN_FLIGHT, Permit, Permits};

/// How long a caller waits for a session that is starting (as WAHA does).
const STARTUP_WAIT: Duration = Duration::from_secs(15);

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
    pub jobs: Arc<Jobs>,
    /// For files by URL.
    pub limits: Limits,
    /// Start of the URLs of files.
    pub public_url: Arc<str>,
    /// How long callers wait.
    pub patience: Duration,
    /// Ends the sends of a deleted session.
    pub gone: CancellationToken,
    permits: Arc<Permits>,
    chats: ChatOrders,
    keys: Locks,
    posts: Locks,
    /// Whether the sends of earlier processes have their places.
    resumed: watch::Sender<bool>,
    tasks: TaskTracker,
}

/// What an [`Outbound`] is made of.
pub(crate) struct OutboundParts {
    pub state: Arc<SessionState>,
    pub journal: Arc<Journal>,
    pub inflight: Arc<Inflight>,
    pub jobs: Arc<Jobs>,
    pub limits: Limits,
    pub public_url: Arc<str>,
    pub patience: Duration,
    pub gone: CancellationToken,
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
            permits: Arc::default(),
            chats: ChatOrders::default(),
            keys: Locks::default(),
            posts: Locks::default(),
            resumed: watch::Sender::new(false),
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
        let account = self.state.account_changes();
        self.send_of(account, outgoing, key).await
    }

    /// The same, if the account is still the one that was linked at this count of [`SessionState::account_changes`].
    pub(crate) async fn send_of(
        self: &Arc<Self>,
        account: u64,
        outgoing: Outgoing,
        key: Option<IdempotencyKey>,
    ) -> Result<Sent, SendError> {
        channel::refuse_unfit(&outgoing)?;
        let busy = || SendError::from(EngineError::Busy(self.state.name().clone()));
        let permit = self.permits.take(outgoing.chat().as_str()).ok_or_else(busy)?;
        let ready_send = self.prepare(outgoing, key.as_ref()).await?;
        let acceptance = Arc::new(Acceptance::default());
        let task = {
            let (this, acceptance) = (Arc::clone(self), Arc::clone(&acceptance));
            self.tasks.spawn(async move { this.accept(ready_send, key, account, permit, &acceptance).await })
        };
        match tokio::time::timeout(self.patience, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(SendError::Failed { reason: "the send broke off" }),
            Err(_) => Err(match acceptance.withdraw() {
                Some(message_id) => SendError::Timeout { message_id },
                None => busy(),
            }),
        }
    }

    /// Gets what a send needs that may take long: its file or the page that it links to is fetched here, before the
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
        if fetches(&outgoing) && self.row_of(key).await?.is_none() {
            let client = self.ready().await?;
            prepared = Some(self.compose(&client, outgoing.clone()).await?);
        }
        Ok(ReadySend { outgoing, request_hash, prepared })
    }

    async fn compose(&self, client: &Client, outgoing: Outgoing) -> Result<PreparedMessage, SendError> {
        let in_the_open = outgoing.chat().kind() == ChatKind::Channel;
        let composer = Composer {
            client,
            state: &self.state,
            journal: &self.journal,
            limits: &self.limits,
            in_the_open,
        };
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
        _permit: Permit,
        acceptance: &Acceptance,
    ) -> Result<Sent, SendError> {
        self.storable()?;
        let ReadySend { outgoing, request_hash, prepared } = ready_send;
        let chosen = outgoing.id().cloned();
        // Before its place in the chat: whoever waits for another request under the key holds no other send up.
        let _key = match &key {
            Some(key) => Some(lock(&self.keys, key.as_str()).await),
            None => None,
        };
        if let Some(row) = self.row_of(key.as_ref()).await? {
            return self.replay(row, &request_hash, account).await;
        }
        // Before its place in the chat, too: whoever waits for a post holds no other send up.
        let post = self.alone_with_post(channel::post_of(&outgoing)).await;
        let entered = self.chats.of(outgoing.chat().as_str()).enter().await;
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
        let message_id = match chosen {
            Some(id) => self.free(id).await?,
            None => client.generate_message_id(),
        };
        let post = self.still_alone(post, channel::post(&prepared, &message_id))?;
        let row = SendRow {
            session: self.state.name().as_str().to_owned(),
            idempotency_key: key.map(|key| key.as_str().to_owned()),
            request_hash: request_hash.clone(),
            message_id: message_id.clone(),
            state: SendState::Accepted,
            chat: prepared.chat.as_str().to_owned(),
            proto: prepared.proto(),
            recipients: prepared.recipients.clone(),
            error: None,
            created_ms: now_ms,
            updated_ms: now_ms,
        };
        let rows = self.journal.rows()?;
        if !acceptance.accept(&message_id) {
            return Err(EngineError::Busy(self.state.name().clone()).into());
        }
        match rows.begin_send(row).await? {
            SendBegun::Existing(row) => {
                drop((entered, post));
                self.replay(*row, &request_hash, account).await
            }
            SendBegun::IdTaken => Err(SendError::IdTaken),
            SendBegun::New => {
                let wire_id = channel::wire_id(&prepared, &message_id);
                let place = entered.stored(self.inflight.begin(&wire_id));
                let under_way = UnderWay { prepared: &prepared, id: &message_id, account, place };
                let payload = self.deliver(under_way, Turn::First).await?;
                Ok(Sent { payload, replayed: false })
            }
        }
    }

    /// A channel's post and its changes go out under one id, so one is over before the next one begins.
    async fn alone_with_post(&self, name: Option<String>) -> Option<OwnedMutexGuard<()>> {
        match name {
            Some(name) => Some(lock(&self.posts, &name).await),
            None => None,
        }
    }

    /// The same for a post whose id was made up just now: nobody else can know it.
    fn still_alone(
        &self,
        post: Option<OwnedMutexGuard<()>>,
        name: Option<String>,
    ) -> Result<Option<OwnedMutexGuard<()>>, SendError> {
        match (post, name) {
            (None, Some(name)) => try_lock(&self.posts, &name).map(Some).ok_or(SendError::IdTaken),
            (post, _) => Ok(post),
        }
    }

    /// The id that a caller chose for a message, when no own message has it: receivers drop a second one of its kind.
    async fn free(&self, id: StanzaId) -> Result<String, SendError> {
        let target = MessageRef {
            session: self.state.name().as_str().to_owned(),
            id: id.to_string(),
            from_me: Some(true),
            chat: None,
        };
        match self.journal.storage().message(&target).await? {
            Some(_) => Err(SendError::IdTaken),
            None => Ok(target.id),
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
        let (row, _post) = self.not_under_way(row).await?;
        match row.state {
            SendState::Acked => Ok(Sent { payload: self.answer(&row).await?, replayed: true }),
            SendState::Failed => {
                Err(SendError::FailedBefore { reason: row.error.unwrap_or_else(|| "unknown".to_owned()) })
            }
            SendState::Accepted => {
                let prepared = PreparedMessage::stored(&row)
                    .ok_or(SendError::Failed { reason: "its row is damaged" })?;
                let place = self.place_again(&prepared, &row.message_id);
                let under_way = UnderWay { prepared: &prepared, id: &row.message_id, account, place };
                let payload = self.deliver(under_way, Turn::Repeat).await?;
                Ok(Sent { payload, replayed: true })
            }
        }
    }
}

/// Is something to be fetched before it can be sent?
fn fetches(outgoing: &Outgoing) -> bool {
    match outgoing {
        Outgoing::Media(_) | Outgoing::Structured(_) => outgoing.has_file(),
        Outgoing::Status(status) => {
            outgoing.has_file() || status.linking().is_some_and(|text| link_preview::link(text).is_some())
        }
        Outgoing::Text(text) => {
            text.link_preview != LinkPreview::None && link_preview::link(&text.text).is_some()
        }
        Outgoing::Edit(edit) => {
            edit.link_preview != LinkPreview::None && link_preview::link(&edit.text).is_some()
        }
        _ => false,
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
    if !outgoing.has_file() {
        let hash = fingerprint(&outgoing).map_err(broken)?;
        return Ok((outgoing, hash));
    }
    let read = tokio::task::spawn_blocking(move || {
        let hash = fingerprint(&outgoing)?;
        Ok::<_, std::io::Error>((outgoing, hash))
    });
    read.await.map_err(|_| SendError::Failed { reason: "the send broke off" })?.map_err(broken)
}

/// Waits for its turn under `name`: first come, first served.
pub(crate) async fn lock(locks: &Locks, name: &str) -> OwnedMutexGuard<()> {
    named(locks, name).lock_owned().await
}

/// Takes its turn under `name`, when nobody else has it.
fn try_lock(locks: &Locks, name: &str) -> Option<OwnedMutexGuard<()>> {
    named(locks, name).try_lock_owned().ok()
}

fn named(locks: &Locks, name: &str) -> Arc<tokio::sync::Mutex<()>> {
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
}
