//! Every session of this process, and what callers can do with them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wakeeper_delivery::events::EventSink;
use wakeeper_delivery::webhook::SessionContext;
use wakeeper_model::{ChatId, Clock, MessageId, SessionName};
use wakeeper_storage::disk::DiskTrouble;
use wakeeper_storage::{Desired, EventRow, SessionRow, Storage};
use wakeeper_waha::{SessionConfig, SessionInfo, SessionStatus};

use crate::inbound::acks::{self, Job};
use crate::inbound::inbox::Inbox;
use crate::journal::Journal;
use crate::life::actor::{Actor, Command, Parts, older};
use crate::life::client::ClientSetup;
use crate::life::health::{EngineHealth, SessionHealth};
use crate::life::lock::{Kept, Lock, LockError};
use crate::life::state::SessionState;
use crate::media::cache::Cache;
use crate::media::download::Downloads;
use crate::media::fetch::Limits;
use crate::media::file::MediaFile;
use crate::media::pace::LeastRate;
use crate::media::spool::Spool;
use crate::ops::query::MessageQuery;
use crate::outbound::inflight::Inflight;
use crate::outbound::outgoing::{IdempotencyKey, Outgoing, Sent};
use crate::outbound::{Outbound, OutboundParts};
use crate::{
    EngineConfig, EngineError, life::credentials, life::endpoint, life::generation, life::recovery,
    ops::reading, outbound::presence, transfer,
};

/// Commands a session keeps waiting; more are refused as busy.
const MAILBOX: usize = 64;
/// How often the lock on the folder of all sessions is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How long sends under way may take at shutdown.
const DRAIN: Duration = Duration::from_secs(5);

/// The sessions of this process. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

struct Shared {
    config: EngineConfig,
    setup: ClientSetup,
    public_url: Arc<str>,
    journal: Arc<Journal>,
    spool: Spool,
    handles: RwLock<BTreeMap<SessionName, Arc<Handle>>>,
    /// Held while sessions come and go.
    changing: tokio::sync::Mutex<()>,
    stopping: AtomicBool,
    lock: Lock,
}

pub(crate) struct Handle {
    pub state: Arc<SessionState>,
    pub outbound: Arc<Outbound>,
    downloads: Downloads,
    mailbox: mpsc::Sender<Command>,
    tasks: tokio::sync::Mutex<Vec<JoinHandle<()>>>,
    gone: CancellationToken,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

impl Sessions {
    /// Makes sure that session `default` exists, and starts every session that should run. `lock` is
    /// that of `config.auth_info_dir`; every session takes its own besides.
    ///
    /// # Errors
    /// When another process holds a session, when its folder cannot be used, or when
    /// `config.websocket_url` is not acceptable to this build.
    pub async fn open(
        config: EngineConfig,
        lock: Lock,
        storage: Arc<dyn Storage>,
        events: EventSink,
        clock: Clock,
    ) -> Result<Self, EngineError> {
        let websocket_url = endpoint::check(config.websocket_url.as_deref())?;
        let setup = ClientSetup { websocket_url, version: config.client_version, watch: config.watch };
        let public_url = config.public_url.as_str().into();
        let journal = Arc::new(Journal::new(storage, events, clock));
        let spool = Spool::new(&config.auth_info_dir, config.max_transfer_bytes);
        let shared = Shared {
            config,
            setup,
            public_url,
            journal,
            spool,
            handles: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
            stopping: AtomicBool::new(false),
            lock,
        };
        let sessions = Self { shared: Arc::new(shared) };
        sessions.load().await?;
        tokio::spawn(watch_lock(Arc::downgrade(&sessions.shared)));
        tokio::spawn(care_for_rows(
            Arc::downgrade(&sessions.shared),
            sessions.shared.journal.storage().disk(),
        ));
        Ok(sessions)
    }

    async fn load(&self) -> Result<(), EngineError> {
        let shared = &self.shared;
        let (storage, now_ms) = (shared.journal.storage(), shared.journal.clock().now_ms());
        transfer::at_first_start(&shared.config, &shared.lock, storage, now_ms).await?;
        let mut rows = self.shared.journal.storage().sessions().await?;
        let default = SessionName::default_session();
        if !rows.iter().any(|row| row.name == default.as_str()) {
            let row = self.new_row(&default, &SessionConfig::default(), Desired::Started);
            self.shared.journal.storage().put_session(row.clone()).await?;
            rows.push(row);
        }
        self.adopt(&mut rows).await?;
        for row in &rows {
            let Ok(name) = row.name.parse::<SessionName>() else { continue };
            // One session that cannot be locked must not keep the others from running: it says so, and tries again.
            let lock = self
                .lock(&name)
                .inspect_err(|error| tracing::error!(session = %name, %error, "the session is not locked"));
            let handle = self.spawn(&name, row, lock.ok())?;
            if row.desired == Desired::Started {
                handle.ask(Command::Start).await??;
            }
        }
        Ok(())
    }

    /// Sessions that have a database on the disk and no row: the rows were lost, or are older than the sessions.
    async fn adopt(&self, rows: &mut Vec<SessionRow>) -> Result<(), EngineError> {
        for name in recovery::on_disk(&self.shared.config.auth_info_dir) {
            if rows.iter().any(|row| row.name == name.as_str()) {
                continue;
            }
            tracing::warn!(session = %name, "a session was found on the disk that wakeeper.db does not know; it is started, with settings as new");
            let row = self.new_row(&name, &SessionConfig::default(), Desired::Started);
            self.shared.journal.storage().put_session(row.clone()).await?;
            rows.push(row);
        }
        Ok(())
    }

    fn new_row(&self, name: &SessionName, config: &SessionConfig, desired: Desired) -> SessionRow {
        let now_ms = self.shared.journal.clock().now_ms();
        SessionRow {
            name: name.as_str().to_owned(),
            config_json: config.to_stored(),
            desired,
            created_ms: now_ms,
            updated_ms: now_ms,
            me_json: None,
        }
    }

    /// Locks a session's folder, made when it is missing.
    fn lock(&self, name: &SessionName) -> Result<Lock, EngineError> {
        credentials::lock(&credentials::folder(&self.shared.config.auth_info_dir, name), name)
    }

    /// Sets a session's actor running. Without a lock it takes one before it connects.
    fn spawn(
        &self,
        name: &SessionName,
        row: &SessionRow,
        lock: Option<Lock>,
    ) -> Result<Arc<Handle>, EngineError> {
        let shared = &self.shared;
        let folder = credentials::folder(&shared.config.auth_info_dir, name);
        let state = Arc::new(SessionState::new(row, name.clone(), shared.journal.clock().clone()));
        let context = SessionContext::new(name.as_str(), &state.config(), state.me().as_ref())
            .map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
        shared.journal.sink().set_session(name, context);
        let inflight = Arc::new(Inflight::default());
        let gone = CancellationToken::new();
        let (jobs, job_receiver) = mpsc::unbounded_channel::<Job>();
        let (mailbox, mailbox_receiver) = mpsc::channel(MAILBOX);
        let inbox = Inbox {
            state: Arc::clone(&state),
            journal: Arc::clone(&shared.journal),
            public_url: Arc::clone(&shared.public_url),
        };
        let limits = Limits {
            max_bytes: shared.config.max_media_bytes,
            allow_private: shared.config.allow_private_urls,
            least_rate: LeastRate::default(),
            spool: shared.spool.clone(),
        };
        let outbound = Arc::new(Outbound::new(OutboundParts {
            state: Arc::clone(&state),
            journal: Arc::clone(&shared.journal),
            inflight: Arc::clone(&inflight),
            jobs: jobs.clone(),
            limits,
            public_url: Arc::clone(&shared.public_url),
            patience: shared.config.send_timeout,
            gone: gone.clone(),
        }));
        let worker = tokio::spawn(acks::work(inbox.clone(), inflight, job_receiver, gone.clone()));
        let downloads = Downloads::new(Cache::new(&folder), shared.config.max_media_bytes);
        let older = self.older(name, folder.clone());
        let actor = Actor::new(Parts {
            folder,
            older,
            setup: shared.setup.clone(),
            state: Arc::clone(&state),
            journal: Arc::clone(&shared.journal),
            outbound: Arc::clone(&outbound),
            inbox,
            jobs,
            mailbox: mailbox_receiver,
            lock,
        });
        let tasks = tokio::sync::Mutex::new(vec![tokio::spawn(actor.run()), worker]);
        let handle = Arc::new(Handle { state, outbound, downloads, mailbox, tasks, gone });
        self.handles_mut().insert(name.clone(), Arc::clone(&handle));
        Ok(handle)
    }

    /// What a session's actor needs to tell an older copy, and to give a login back.
    fn older(&self, name: &SessionName, folder: std::path::PathBuf) -> older::Parts {
        let config = &self.shared.config;
        older::Parts {
            places: generation::Places {
                session: name.clone(),
                folder,
                rows: config.auth_info_dir.join(wakeeper_storage::ROWS_DATABASE),
                witnesses: config.state_dir.clone(),
            },
            backups: config.first_start.as_ref().map(|place| place.backup.clone()),
            rows_lost: config.rows_lost.is_some(),
        }
    }

    fn handles(&self) -> RwLockReadGuard<'_, BTreeMap<SessionName, Arc<Handle>>> {
        self.shared.handles.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn handles_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<SessionName, Arc<Handle>>> {
        self.shared.handles.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn handle(&self, name: &SessionName) -> Result<Arc<Handle>, EngineError> {
        if self.shared.stopping.load(Ordering::Acquire) {
            return Err(EngineError::ShuttingDown);
        }
        self.handles().get(name).cloned().ok_or_else(|| EngineError::UnknownSession(name.clone()))
    }

    /// Every session, by name; stopped ones only with `all`.
    #[must_use]
    pub fn list(&self, all: bool) -> Vec<SessionInfo> {
        let handles = self.handles();
        handles
            .values()
            .map(|handle| handle.state.info())
            .filter(|info| all || info.status != SessionStatus::Stopped)
            .collect()
    }

    /// One session.
    #[must_use]
    pub fn get(&self, name: &SessionName) -> Option<SessionInfo> {
        self.handles().get(name).map(|handle| handle.state.info())
    }

    /// Makes a session, and starts it when `start` says so.
    ///
    /// # Errors
    /// When it exists, or cannot be stored or locked.
    pub async fn create(
        &self,
        name: SessionName,
        config: SessionConfig,
        start: bool,
    ) -> Result<SessionInfo, EngineError> {
        let _changing = self.shared.changing.lock().await;
        match self.handle(&name) {
            Ok(_) => return Err(EngineError::SessionExists(name)),
            Err(EngineError::UnknownSession(_)) => {}
            Err(error) => return Err(error),
        }
        let config = acceptable(config, &SessionConfig::default())?;
        let desired = if start { Desired::Started } else { Desired::Stopped };
        let row = self.new_row(&name, &config, desired);
        let lock = self.lock(&name)?;
        self.shared.journal.storage().put_session(row.clone()).await?;
        let handle = self.spawn(&name, &row, Some(lock))?;
        if start {
            handle.ask(Command::Start).await??;
        }
        Ok(handle.state.info())
    }

    /// Replaces a session's settings; secrets that are given as the placeholder stay. What concerns the device's looks counts from the next link on.
    ///
    /// # Errors
    /// When it is unknown, a webhook in it cannot work, or it cannot be stored.
    pub async fn update(
        &self,
        name: &SessionName,
        config: SessionConfig,
    ) -> Result<SessionInfo, EngineError> {
        let handle = self.handle(name)?;
        let _alone = handle.state.configuring().lock().await;
        let before = handle.state.config();
        let config = acceptable(config, &before)?;
        let context = SessionContext::new(name.as_str(), &config, handle.state.me().as_ref())
            .map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
        handle.state.set_config(config);
        if let Err(error) = handle.state.store(&self.shared.journal).await {
            // What the caller is told is what counts.
            handle.state.set_config(before);
            return Err(error.into());
        }
        self.shared.journal.sink().set_session(name, context);
        if before.asks_for_proxy() && handle.state.desired() == Desired::Started {
            // It stood still for the proxy's sake alone.
            handle.ask(Command::Start).await??;
        }
        Ok(handle.state.info())
    }

    /// Logs a session out where that is possible, then forgets it: rows, folder and login.
    ///
    /// # Errors
    /// When it is unknown, or its rows or folder cannot be removed.
    pub async fn delete(&self, name: &SessionName) -> Result<(), EngineError> {
        let _changing = self.shared.changing.lock().await;
        let handle = self.handle(name)?;
        // Asked before the login is given up: an answer that it is gone must be true after a restart too.
        if let Some(trouble) = self.shared.journal.storage().disk().borrow().clone() {
            return Err(EngineError::Disk { trouble });
        }
        if handle.state.status() == SessionStatus::Working {
            // Not confirmed by WhatsApp, the owner still wants it gone.
            let _ = handle.ask(Command::Logout).await;
        }
        handle.leave().await;
        let folder = credentials::folder(&self.shared.config.auth_info_dir, name);
        recovery::mark_deleted(&folder)?;
        if let Err(error) = self.shared.journal.storage().delete_session(name.as_str()).await {
            // It lives on, and must be found again when the rows are lost.
            recovery::unmark_deleted(&folder);
            return Err(error.into());
        }
        self.shared.journal.sink().remove_session(name);
        self.handles_mut().remove(name);
        remove_folder(&folder)
    }

    /// Starts a session; one that runs already stays as it is.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn start(&self, name: &SessionName) -> Result<SessionInfo, EngineError> {
        let handle = self.handle(name)?;
        handle.ask(Command::Start).await??;
        Ok(handle.state.info())
    }

    /// Stops a session; the login stays.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn stop(&self, name: &SessionName) -> Result<SessionInfo, EngineError> {
        let handle = self.handle(name)?;
        handle.ask(Command::Stop).await??;
        Ok(handle.state.info())
    }

    /// Stops a session and starts it again; the login stays.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn restart(&self, name: &SessionName) -> Result<SessionInfo, EngineError> {
        self.stop(name).await?;
        self.start(name).await
    }

    /// Unlinks a session's device. A session that was started shows a new QR code.
    ///
    /// # Errors
    /// When it is unknown or not running.
    pub async fn logout(&self, name: &SessionName) -> Result<SessionInfo, EngineError> {
        let handle = self.handle(name)?;
        handle.ask(Command::Logout).await??;
        Ok(handle.state.info())
    }

    /// The text of the QR code that links a session, once there is one.
    ///
    /// # Errors
    /// When it is unknown, or waits for no link.
    pub async fn qr(&self, name: &SessionName) -> Result<String, EngineError> {
        let handle = self.handle(name)?;
        // A session that has just been started shows its code within moments.
        let settled = handle.state.until(|status| *status != SessionStatus::Starting);
        let _ = tokio::time::timeout(Duration::from_secs(10), settled).await;
        handle.state.qr().map(|qr| qr.raw).ok_or_else(|| EngineError::NotReady {
            session: name.clone(),
            status: handle.state.status(),
            expected: vec![SessionStatus::ScanQrCode],
        })
    }

    /// A code to enter on the phone with this number, instead of scanning.
    ///
    /// # Errors
    /// When the session is unknown or waits for no link, or WhatsApp gives no code.
    pub async fn request_code(&self, name: &SessionName, phone: &str) -> Result<String, EngineError> {
        let handle = self.handle(name)?;
        let phone = phone.to_owned();
        handle.ask(|done| Command::PairingCode(phone, done)).await?
    }

    /// Sends, and answers after WhatsApp acknowledged. The same key and request give the same
    /// message, once, also across a crash.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn send(
        &self,
        name: &SessionName,
        outgoing: Outgoing,
        key: Option<IdempotencyKey>,
    ) -> Result<Sent, EngineError> {
        let handle = self.handle(name)?;
        match outgoing {
            Outgoing::Seen(seen) => presence::seen(&handle.outbound, seen).await,
            Outgoing::Typing(typing) => presence::typing(&handle.outbound, typing).await,
            outgoing => handle.outbound.send(outgoing, key).await,
        }
    }

    /// Stored messages of a chat, newest first, as WAHA shows them.
    ///
    /// # Errors
    /// When the session is unknown or the rows cannot be read.
    pub async fn messages(
        &self,
        name: &SessionName,
        chat: &ChatId,
        query: MessageQuery,
    ) -> Result<Vec<wakeeper_waha::Message>, EngineError> {
        let handle = self.handle(name)?;
        reading::messages(&handle.outbound, &handle.downloads, chat, &query).await
    }

    /// One stored message as WAHA shows it; with its file fetched when asked for.
    ///
    /// # Errors
    /// When the session or the message is unknown, or the row cannot be read.
    pub async fn message(
        &self,
        name: &SessionName,
        id: &MessageId,
        download_media: bool,
    ) -> Result<wakeeper_waha::Message, EngineError> {
        let handle = self.handle(name)?;
        reading::message(&handle.outbound, &handle.downloads, id, download_media).await
    }

    /// The file under `/api/files/{session}/{file}`, fetched from WhatsApp's media servers.
    ///
    /// # Errors
    /// When there is no such file, it is too large, or the session does not work.
    pub async fn media(&self, name: &SessionName, file: &str) -> Result<MediaFile, EngineError> {
        let handle = self.handle(name)?;
        handle.downloads.file(&handle.outbound, file).await
    }

    /// Where files lie that callers send.
    #[must_use]
    pub fn spool(&self) -> &Spool {
        &self.shared.spool
    }

    /// Committed events as they happen.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<EventRow>> {
        self.shared.journal.sink().subscribe()
    }

    /// Evidence of health, gathered now.
    pub async fn health(&self) -> EngineHealth {
        let checked = self.shared.journal.storage().check().await;
        let sessions = self
            .handles()
            .values()
            .map(|handle| SessionHealth::of(&handle.state, handle.outbound.inflight.count()))
            .collect();
        EngineHealth {
            storage: checked.is_ok(),
            rows_lost: self.shared.config.rows_lost.clone(),
            storage_error: checked.err().map(|error| error.to_string()),
            sessions,
        }
    }

    /// Refuses new work, lets sends under way finish, flushes every client and closes it. What the
    /// owner wants of each session stays for the next boot.
    pub async fn shutdown(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        let handles: Vec<_> = self.handles().values().cloned().collect();
        futures::future::join_all(handles.iter().map(|handle| async {
            if handle.state.status() == SessionStatus::Working {
                handle.outbound.drain(DRAIN).await;
            }
            handle.leave().await;
        }))
        .await;
    }
}

impl Handle {
    /// Gives a command and waits for its answer.
    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, EngineError> {
        let (sender, receiver) = oneshot::channel();
        self.mailbox.try_send(command(sender)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => EngineError::Busy(self.state.name().clone()),
            mpsc::error::TrySendError::Closed(_) => EngineError::Gone(self.state.name().clone()),
        })?;
        receiver.await.map_err(|_| EngineError::Gone(self.state.name().clone()))
    }

    /// Ends the session's tasks after its client has flushed and closed.
    async fn leave(&self) {
        let (sender, receiver) = oneshot::channel();
        if self.mailbox.send(Command::Shutdown(sender)).await.is_ok() {
            let _ = receiver.await;
        }
        self.gone.cancel();
        for task in self.tasks.lock().await.drain(..) {
            let _ = task.await;
        }
    }
}

/// Looks every few seconds whether the folder of all sessions is still locked by this process.
async fn watch_lock(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(shared) = shared.upgrade() else { return };
        match shared.lock.check() {
            Ok(Kept::Untouched) => {}
            Ok(Kept::PutBack) => {
                tracing::warn!("somebody deleted the lock file of the folder of sessions; it is there again");
            }
            // A disk in trouble: each session finds that out by its own files, and comes back.
            Err(error @ LockError::File { .. }) => {
                tracing::warn!(%error, "the lock of the folder of sessions was not looked at");
            }
            Err(error @ LockError::Held { .. }) => {
                let handles: Vec<_> = shared
                    .handles
                    .read()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .values()
                    .cloned()
                    .collect();
                for handle in handles {
                    let _ = handle.mailbox.send(Command::Abandon(error.to_string())).await;
                }
            }
        }
    }
}

/// Whenever the rows can be written again, stores what had to wait: changes of status, and rows of sessions.
async fn care_for_rows(shared: Weak<Shared>, mut disk: watch::Receiver<Option<Arc<DiskTrouble>>>) {
    while disk.wait_for(Option::is_some).await.is_ok() && disk.wait_for(Option::is_none).await.is_ok() {
        // Held only meanwhile: the locks of the folder go with the last owner.
        let Some(sessions) = shared.upgrade().map(|shared| Sessions { shared }) else { return };
        let journal = &sessions.shared.journal;
        journal.catch_up().await;
        let states: Vec<_> = sessions.handles().values().map(|handle| Arc::clone(&handle.state)).collect();
        for state in states {
            if let Err(error) = state.store_if_unstored(journal).await {
                tracing::error!(session = %state.name(), %error, "the session's row was not stored");
            }
        }
    }
}

/// Each event goes to each of them, and each has a queue of its own.
const MOST_WEBHOOKS: usize = 100;

/// Settings that can be kept and worked with; `before` holds the secrets that placeholders stand for.
fn acceptable(mut config: SessionConfig, before: &SessionConfig) -> Result<SessionConfig, EngineError> {
    if config.asks_for_proxy() {
        return Err(EngineError::InvalidRequest(
            "config.proxy: proxies are not supported by this version; the session would connect without it. Leave \
             it out, or send it as null"
                .to_owned(),
        ));
    }
    config.proxy = None;
    if config.webhooks.len() > MOST_WEBHOOKS {
        return Err(EngineError::InvalidRequest(format!(
            "config.webhooks: a session has at most {MOST_WEBHOOKS} webhooks"
        )));
    }
    config.keep_secrets(before).map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
    Ok(config)
}

/// Removes a session's folder, if there is one.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), EngineError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(EngineError::Folder { operation: "remove", path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}
