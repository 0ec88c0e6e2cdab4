//! Every session of this process: taken on, set running, ended. What callers can do with them is in `ops`.

pub(crate) mod forgetting;
mod telling;
mod watching;
mod words;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wakeeper_delivery::events::EventSink;
use wakeeper_delivery::webhook::SessionContext;
use wakeeper_model::{Clock, SessionName};
use wakeeper_storage::{Desired, Ownership, SessionRow, Storage, StorageError};
use wakeeper_waha::{SessionConfig, SessionStatus};

use crate::bulk::{self, Bulks};
use crate::inbound::inbox::Inbox;
use crate::inbound::jobs::Jobs;
use crate::inbound::{acks, history};
use crate::journal::Journal;
use crate::life::actor::{Actor, Command, Parts, older};
use crate::life::client::ClientSetup;
use crate::life::handle::Handle;
use crate::life::lock::Lock;
use crate::life::state::SessionState;
use crate::life::turns::Turns;
use crate::media::cache::Cache;
use crate::media::convert::Converter;
use crate::media::download::Downloads;
use crate::media::fetch::Limits;
use crate::media::pace::LeastRate;
use crate::media::spool::Spool;
use crate::outbound::inflight::Inflight;
use crate::outbound::{Outbound, OutboundParts};
use crate::{EngineConfig, EngineError, life::credentials, life::endpoint, life::generation, life::recovery};

/// Commands a session keeps waiting; more are refused as busy.
const MAILBOX: usize = 64;
/// How long sends under way may take at shutdown.
const DRAIN: Duration = Duration::from_secs(5);

/// The sessions of this process. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub config: EngineConfig,
    setup: ClientSetup,
    public_url: Arc<str>,
    pub storage: Arc<dyn Storage>,
    pub events: EventSink,
    clock: Clock,
    pub spool: Spool,
    pub converter: Converter,
    handles: RwLock<BTreeMap<SessionName, Arc<Handle>>>,
    /// Held while sessions come and go.
    pub changing: tokio::sync::Mutex<()>,
    stopping: AtomicBool,
    lock: Lock,
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
        let spool = Spool::new(&config.auth_info_dir, config.max_transfer_bytes);
        match &config.ffmpeg {
            Some(path) => tracing::info!("files are converted by {}", path.display()),
            None => {
                tracing::info!("there is no ffmpeg (setting FFMPEG): files that need converting are refused");
            }
        }
        let converter = Converter::new(config.ffmpeg.as_deref(), spool.clone(), config.max_media_bytes);
        let shared = Shared {
            config,
            setup,
            public_url,
            storage,
            events,
            clock,
            spool,
            converter,
            handles: RwLock::default(),
            changing: tokio::sync::Mutex::default(),
            stopping: AtomicBool::new(false),
            lock,
        };
        let sessions = Self { shared: Arc::new(shared) };
        if let Some(news) = sessions.shared.config.incidents.news() {
            tokio::spawn(telling::tell_incidents(Arc::downgrade(&sessions.shared), news));
        }
        sessions.load().await?;
        tokio::spawn(watching::watch_lock(Arc::downgrade(&sessions.shared)));
        tokio::spawn(forgetting::forget_by_the_hour(Arc::downgrade(&sessions.shared)));
        tokio::spawn(words::keep(Arc::downgrade(&sessions.shared)));
        let disk = sessions.shared.storage.disk();
        tokio::spawn(watching::store_what_waited(Arc::downgrade(&sessions.shared), disk));
        Ok(sessions)
    }

    async fn load(&self) -> Result<(), EngineError> {
        let shared = &self.shared;
        let storage = &shared.storage;
        if let Some(take_over) = &shared.config.first_start {
            let folder = &shared.config.auth_info_dir;
            take_over.take_over(folder, &shared.lock, storage, shared.clock.now_ms()).await?;
        }
        let stored = storage.sessions().await?;
        let mut missing = recovery::on_disk(&shared.config.auth_info_dir);
        missing.retain(|name| !stored.iter().any(|row| row.name == name.as_str()));
        for name in &missing {
            // The rows were lost, or are older than the sessions.
            tracing::warn!(session = %name, "a session was found on the disk that wakeeper.db does not know; it is started, with settings as new");
        }
        let default = SessionName::default_session();
        if !stored.iter().any(|row| row.name == default.as_str()) && !missing.contains(&default) {
            missing.insert(0, default);
        }
        let new = missing.iter().map(|name| self.new_row(name, &SessionConfig::default(), Desired::Started));
        let mut turns = Turns::new(Instant::now(), shared.config.logins_per_second);
        for (row, ownership) in self.own(stored, new.collect()).await? {
            let Ok(name) = row.name.parse::<SessionName>() else { continue };
            // One session that cannot be locked must not keep the others from running: it says so, and tries again.
            let lock = self
                .lock(&name)
                .inspect_err(|error| tracing::error!(session = %name, %error, "the session is not locked"));
            let handle = self.spawn(&name, &row, ownership, lock.ok())?;
            if row.desired == Desired::Started {
                match turns.next() {
                    None => handle.ask(Command::Start).await??,
                    Some(moment) => handle.ask(|done| Command::StartAt(moment, done)).await??,
                }
            }
        }
        Ok(())
    }

    /// Becomes the owner of sessions, stopped ones too, and stores the rows of new ones. Answers those that nobody else owns.
    pub(crate) async fn own(
        &self,
        stored: Vec<SessionRow>,
        new: Vec<SessionRow>,
    ) -> Result<Vec<(SessionRow, Ownership)>, EngineError> {
        let rows = stored.into_iter().map(|row| (row, false)).chain(new.into_iter().map(|row| (row, true)));
        let mut owned = Vec::new();
        for (row, is_new) in rows {
            let ownership = match self.shared.storage.acquire(&row.name).await {
                Err(error @ StorageError::Owned { .. }) => {
                    tracing::warn!(session = row.name, %error, "the session is left to its owner");
                    continue;
                }
                acquired => acquired?,
            };
            if is_new {
                ownership.rows().put_session(row.clone()).await?;
            }
            owned.push((row, ownership));
        }
        Ok(owned)
    }

    pub(crate) fn new_row(&self, name: &SessionName, config: &SessionConfig, desired: Desired) -> SessionRow {
        let now_ms = self.shared.clock.now_ms();
        SessionRow {
            name: name.as_str().to_owned(),
            config_json: config.to_stored(),
            desired,
            created_ms: now_ms,
            updated_ms: now_ms,
            me_json: None,
            status: None,
        }
    }

    /// Locks a session's folder, made when it is missing.
    pub(crate) fn lock(&self, name: &SessionName) -> Result<Lock, EngineError> {
        credentials::lock(&credentials::folder(&self.shared.config.auth_info_dir, name), name)
    }

    /// Sets the actor of a session running whose rows this process owns. Without a lock it takes one before it connects.
    pub(crate) fn spawn(
        &self,
        name: &SessionName,
        row: &SessionRow,
        ownership: Ownership,
        lock: Option<Lock>,
    ) -> Result<Arc<Handle>, EngineError> {
        let shared = &self.shared;
        let folder = credentials::folder(&shared.config.auth_info_dir, name);
        let state = Arc::new(SessionState::new(
            row,
            name.clone(),
            shared.clock.clone(),
            shared.config.incidents.clone(),
        ));
        let (storage, events, clock) = (&shared.storage, shared.events.clone(), shared.clock.clone());
        let journal = Arc::new(Journal::new(Arc::clone(storage), ownership, events, clock));
        let context = SessionContext::new(name.as_str(), &state.config(), state.me().as_ref())
            .map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
        shared.events.set_session(name, context);
        let inflight = Arc::new(Inflight::default());
        let gone = CancellationToken::new();
        let jobs = Arc::new(Jobs::default());
        let (mailbox, mailbox_receiver) = mpsc::channel(MAILBOX);
        let inbox = Inbox {
            state: Arc::clone(&state),
            journal: Arc::clone(&journal),
            public_url: Arc::clone(&shared.public_url),
        };
        let limits = Limits {
            max_bytes: shared.config.max_media_bytes,
            allow_private: shared.config.allow_private_urls,
            least_rate: LeastRate::default(),
            spool: shared.spool.clone(),
            converter: shared.converter.clone(),
        };
        let outbound = Arc::new(Outbound::new(OutboundParts {
            state: Arc::clone(&state),
            journal: Arc::clone(&journal),
            inflight,
            jobs: Arc::clone(&jobs),
            limits,
            public_url: Arc::clone(&shared.public_url),
            patience: shared.config.send_timeout,
            gone: gone.clone(),
        }));
        let worker = tokio::spawn(acks::work(inbox.clone(), Arc::clone(&jobs), gone.clone()));
        let parts = history::Parts::new(history::folder(&folder), shared.clock.clone());
        let history = Arc::new(parts);
        let writer = history::write(name.clone(), Arc::clone(&history), gone.clone());
        let writer = tokio::spawn(writer);
        let historian = tokio::spawn(history::work(inbox.clone(), Arc::clone(&history), gone.clone()));
        let downloads = Downloads::new(
            Cache::new(&folder, shared.config.keep.media_bytes),
            shared.config.max_media_bytes,
        );
        let older = self.older(name, folder.clone());
        let actor = Actor::new(Parts {
            folder,
            older,
            setup: shared.setup.clone(),
            state: Arc::clone(&state),
            journal: Arc::clone(&journal),
            outbound: Arc::clone(&outbound),
            inbox,
            jobs,
            history,
            mailbox: mailbox_receiver,
            care: shared.config.care.clone(),
            lock,
        });
        let witness = telling::tell_evidence(Arc::clone(&state), Arc::clone(&journal), gone.clone());
        let witness = tokio::spawn(witness);
        let bulks = Arc::new(Bulks::new(Arc::clone(&outbound), journal, &gone));
        let sender = tokio::spawn(bulk::work(Arc::clone(&bulks)));
        let tasks = tokio::sync::Mutex::new(vec![
            tokio::spawn(actor.run()),
            worker,
            sender,
            writer,
            historian,
            witness,
        ]);
        let handle = Arc::new(Handle { state, outbound, bulks, downloads, mailbox, tasks, gone });
        self.handles_mut().insert(name.clone(), Arc::clone(&handle));
        Ok(handle)
    }

    /// The time of day, as sessions see it.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
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
            backups: config.backups.clone(),
            rows_lost: config.rows_lost.is_some(),
        }
    }

    pub(crate) fn handles(&self) -> RwLockReadGuard<'_, BTreeMap<SessionName, Arc<Handle>>> {
        self.shared.handles.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn handles_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<SessionName, Arc<Handle>>> {
        self.shared.handles.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A session that this process owns.
    pub(crate) async fn handle(&self, name: &SessionName) -> Result<Arc<Handle>, EngineError> {
        if self.shared.stopping.load(Ordering::Acquire) {
            return Err(EngineError::ShuttingDown);
        }
        let handle = self.handles().get(name).cloned();
        match handle {
            Some(handle) => Ok(handle),
            None if self.stored(name).await?.is_some() => Err(EngineError::NotOwner(name.clone())),
            None => Err(EngineError::UnknownSession(name.clone())),
        }
    }

    /// What is stored of a session that this process does not own.
    pub(crate) async fn stored(&self, name: &SessionName) -> Result<Option<SessionRow>, EngineError> {
        match self.shared.storage.session(name.as_str()).await {
            // The file of an embedded database is gone or cannot be used: all of its sessions are this process's own.
            Err(error) if self.shared.storage.disk().borrow().is_some() => {
                tracing::warn!(session = %name, %error, "the row of a session was not looked up");
                Ok(None)
            }
            row => Ok(row?),
        }
    }

    /// Refuses new work, lets sends under way finish, flushes every client and closes it. What the
    /// owner wants of each session stays for the next boot.
    pub async fn shutdown(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        let handles: Vec<_> = self.handles().values().cloned().collect();
        futures::future::join_all(handles.iter().map(|handle| async {
            handle.bulks.stop.cancel();
            if handle.state.status() == SessionStatus::Working {
                handle.outbound.drain(DRAIN).await;
            }
            handle.leave().await;
        }))
        .await;
    }
}

/// Removes a session's folder, if there is one.
pub fn remove_folder(folder: &Path) -> Result<(), EngineError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(EngineError::Folder { operation: "remove", path: folder.to_owned(), source })
        }
        _ => Ok(()),
    }
}
