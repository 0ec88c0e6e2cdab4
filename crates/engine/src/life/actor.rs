//! The actor of a session: the one owner of its connection.
//!
//! Commands come through a bounded mailbox, the client's events through a channel of their own. Every state that should
//! pass has a deadline; when it is over, the client is given up and a new one is made after a wait
//! that depends on the cause.

mod care;
mod command;
mod disk;
mod ending;
mod events;
mod login;
pub(crate) mod older;
mod passkey;
mod starting;

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use wakeeper_model::plural;
use wakeeper_storage::Desired;
use wakeeper_waha::SessionStatus;

pub(crate) use self::care::CareWork;
pub(crate) use self::command::Command;
use self::ending::{FAILURES_SHOWN, SLOW};
use crate::care::Care;
use crate::inbound::again::Again;
use crate::inbound::history;
use crate::inbound::inbox::Inbox;
use crate::inbound::jobs::Jobs;
use crate::journal::Journal;
use crate::life::backoff::Cause;
use crate::life::client::{self, ClientSetup};
use crate::life::client_events::Listener;
use crate::life::connection::Connection;
use crate::life::credentials;
use crate::life::repaired_note::take_repaired;
use crate::life::repairing_store;
use crate::life::signals::Signals;
use crate::life::state::SessionState;
use crate::life::store::Closed;
use crate::life::tasks::ClientTasks;
use crate::life::transport::proxy::Proxy;
use crate::life::trouble::Trouble;
use crate::life::watch::Watch;
use crate::outbound::Outbound;
use crate::{EngineError, life::lock::Lock};

/// How long connecting, logging in or reconnecting may take before a new client is made.
const CONNECT: Duration = Duration::from_mins(1);
/// How long a pairing code stays good after the QR codes ran out.
const PAIRING_CODE: Duration = Duration::from_mins(3);
/// How long a passkey may take.
const PASSKEY: Duration = Duration::from_mins(5);

/// What the actor works with.
pub(crate) struct Parts {
    pub folder: PathBuf,
    pub older: older::Parts,
    pub setup: ClientSetup,
    pub state: Arc<SessionState>,
    pub journal: Arc<Journal>,
    pub outbound: Arc<Outbound>,
    pub inbox: Inbox,
    pub jobs: Arc<Jobs>,
    /// The history that comes.
    pub history: Arc<history::Parts>,
    pub mailbox: Receiver<Command>,
    /// Looks after the stored state.
    pub care: Option<Arc<dyn Care>>,
    /// Held by this process; without it, nothing connects.
    pub lock: Option<Lock>,
}

pub(crate) struct Actor {
    parts: Parts,
    events: Arc<Signals>,
    connection: Option<Connection>,
    round: u64,
    started: bool,
    /// Another process has the folder of all sessions, and with it the rows, until somebody starts this session again.
    folder_taken: bool,
    resumed: bool,
    cause: Option<Cause>,
    failures: u32,
    deadline: Option<Instant>,
    retry: Option<Instant>,
    /// The rows still know of a login that is over: until they forget it, a missing database looks like a lost login.
    remembered: bool,
    /// Whether WhatsApp's server was asked for its pre-keys in this run.
    compared: bool,
    /// The greatest id of the server's pre-keys, when this copy never made that one.
    server_ahead: Option<u32>,
    /// Connections in a row that ended because a message could not be stored, though the disk takes writes; when the last
    /// one did, in milliseconds since 1970.
    unstored: (u32, i64),
    /// The run of the login since it was judged, as long as this process has it.
    run: Option<older::Watched>,
    /// When the lock is looked at, and the rows follow, next.
    look: Instant,
    trouble: Option<Trouble>,
    /// When the reason says what connecting waits for.
    slow: Option<Instant>,
    /// When an open connection counts as working, after others that died young.
    settled: Option<Instant>,
    /// Since when the connection is open.
    opened: Option<Instant>,
    /// Connections in a row that opened and died young.
    short_lives: u32,
    /// What the newest failure was, until a connection works.
    reason: Option<String>,
    watch: Option<Watch>,
    /// The server went deaf since the session last worked.
    was_deaf: bool,
    /// Looks after the keys while the connection is open.
    server_keys: Option<AbortOnDropHandle<()>>,
    /// Answers what devices asked for on earlier connections.
    answering: Option<AbortOnDropHandle<()>>,
}

impl Actor {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            parts,
            events: Arc::default(),
            connection: None,
            round: 0,
            started: false,
            folder_taken: false,
            resumed: false,
            cause: None,
            failures: 0,
            deadline: None,
            retry: None,
            remembered: false,
            compared: false,
            server_ahead: None,
            unstored: (0, 0),
            run: None,
            look: Instant::now() + older::LOOK,
            trouble: None,
            slow: None,
            settled: None,
            opened: None,
            short_lives: 0,
            reason: None,
            watch: None,
            was_deaf: false,
            server_keys: None,
            answering: None,
        }
    }

    /// Runs until it is shut down or its handle is gone. A panic ends this session and no other.
    pub(crate) async fn run(mut self) {
        if without_panic(self.work()).await.is_err() {
            self.end_after_panic().await;
        }
        drop(self.parts.lock);
    }

    async fn work(&mut self) {
        while self.step().await.is_continue() {}
        self.close().await;
    }

    /// Waits for what comes next, and does it.
    async fn step(&mut self) -> ControlFlow<()> {
        let (deadline, retry) = (self.deadline, self.retry);
        let (slow, settled, hear) = (self.slow, self.settled, self.watch.as_ref().map(Watch::next));
        let look = Some(self.look);
        tokio::select! {
            biased;
            told = self.events.next() => {
                if told.round == self.round {
                    self.on_client_event(told.event).await;
                }
            }
            command = self.parts.mailbox.recv() => match command {
                Some(Command::Shutdown(done)) => {
                    self.close().await;
                    let _ = done.send(());
                    return ControlFlow::Break(());
                }
                Some(command) => self.on_command(command).await,
                None => return ControlFlow::Break(()),
            },
            () = at(deadline) => self.on_deadline().await,
            () = at(slow) => self.on_slow().await,
            () = at(settled) => self.works().await,
            () = at(hear) => self.on_watch().await,
            () = at(retry) => self.connect().await,
            () = at(look) => self.look_around().await,
        }
        ControlFlow::Continue(())
    }

    async fn on_command(&mut self, command: Command) {
        match command {
            Command::Start(done) => {
                let _ = done.send(self.start().await);
            }
            Command::StartAt(moment, done) => {
                let _ = done.send(self.start_at(moment).await);
            }
            Command::Stop(done) => {
                let wanted = self.want(Desired::Stopped).await;
                self.started = false;
                self.close().await;
                self.parts.state.forget_trouble();
                self.enter(SessionStatus::Stopped, None).await;
                let _ = done.send(wanted);
            }
            Command::Reconnect(done) => {
                if self.started {
                    // Told first: whoever sends meanwhile waits for the next client.
                    self.enter(SessionStatus::Starting, None).await;
                    self.close().await;
                    self.connect_afresh().await;
                }
                let _ = done.send(Ok(()));
            }
            Command::Logout(done) => {
                let _ = done.send(self.log_out().await);
            }
            Command::PairingCode(phone, done) => self.pairing_code(phone, done),
            Command::Passkey(step, done) => self.passkey_step(step, done),
            Command::Care(work) => self.care(work).await,
            Command::Abandon(reason) => {
                self.folder_taken = true;
                self.abandon(reason).await;
            }
            // Handled by the loop, which ends with it.
            Command::Shutdown(done) => {
                let _ = done.send(());
            }
        }
    }

    /// Goes on with the sends that an earlier process did not finish.
    async fn resume(&mut self) {
        if !std::mem::replace(&mut self.resumed, true)
            && let Err(error) = self.parts.outbound.resume().await
        {
            tracing::error!(session = %self.parts.state.name(), %error, "unfinished sends could not be read");
            self.resumed = false;
        }
    }

    /// Notes what the owner wants. It is done in any case; an error says that a restart would not know of it yet.
    async fn want(&self, desired: Desired) -> Result<(), EngineError> {
        if self.parts.state.desired() == desired {
            return Ok(());
        }
        self.parts.state.set_desired(desired);
        Ok(self.parts.state.store(&self.parts.journal).await?)
    }

    async fn store(&self) {
        if let Err(error) = self.parts.state.store(&self.parts.journal).await {
            tracing::error!(session = %self.parts.state.name(), %error, "the session's row was not stored");
        }
    }

    /// Makes a client and sets it running.
    async fn connect(&mut self) {
        self.retry = None;
        match self.is_owner().await {
            Ok(true) => {}
            Ok(false) => return,
            Err(closed) => return self.troubled(closed, None).await,
        }
        if !self.disk_is_well().await {
            return;
        }
        self.resume().await;
        self.cause = None;
        self.round += 1;
        if self.failures < FAILURES_SHOWN {
            self.enter(SessionStatus::Starting, self.reason.clone()).await;
        }
        self.opened = None;
        self.deadline = Some(Instant::now() + CONNECT);
        self.slow = Some(Instant::now() + SLOW);
        match self.build().await {
            Ok(connection) => {
                if let Some(trouble) = &mut self.trouble {
                    trouble.reopened();
                }
                self.parts.state.set_client(Some(Arc::clone(&connection.client)));
                self.parts.state.set_gate(connection.store.gate().clone());
                self.connection = Some(connection);
            }
            Err(EngineError::Disk { trouble }) => self.troubled(Closed::Disk(trouble), None).await,
            Err(error) => {
                let cause = match error {
                    EngineError::Moved { .. } | EngineError::ImportUnfinished { .. } => Cause::Moved,
                    EngineError::LoginLost { .. } => Cause::LoginLost,
                    EngineError::Proxy { .. } => Cause::Proxy,
                    _ => Cause::Engine,
                };
                tracing::error!(session = %self.parts.state.name(), %error, "no client could be made");
                self.give_up(cause, Some(error.to_string())).await;
            }
        }
    }

    async fn build(&mut self) -> Result<Connection, EngineError> {
        // Looked at first: without a way to WhatsApp nothing is opened.
        Proxy::of_session(&self.parts.state)?;
        credentials::is_ours(&self.parts.folder, self.parts.state.name())?;
        if self.remembered {
            self.parts.journal.rows()?.forget_generation().await?;
            self.remembered = false;
        }
        let told = self.look_at_files();
        credentials::settle(&self.parts.folder)?;
        // Without a sound one its login counts as damaged, though it can be made anew.
        if repairing_store::renew_signed_pre_key(&self.parts.folder, self.parts.state.name()).await {
            let found = "the signed pre-key was damaged";
            self.parts.state.incidents().repaired(found, "a new one was made and is uploaded");
        }
        self.tell_of_repairs_outside();
        self.prepare_login().await?;
        let parts = &self.parts;
        let ledger = Arc::new(Again { state: Arc::clone(&parts.state), journal: Arc::clone(&parts.journal) });
        let store = credentials::open(&parts.folder, parts.state.name(), Some(ledger)).await?;
        if let Err(error) = self.begin_run(told).await {
            store.leave().await;
            return Err(error);
        }
        let parts = &self.parts;
        let listener = Listener {
            round: self.round,
            events: Arc::clone(&self.events),
            jobs: Arc::clone(&parts.jobs),
            gate: store.gate().clone(),
            inflight: Arc::clone(&parts.outbound.inflight),
            history: Arc::clone(&parts.history),
            state: Arc::clone(&parts.state),
        };
        let (tasks, inbox) = (ClientTasks::default(), parts.inbox.clone());
        let bot = client::build(
            &parts.setup,
            &parts.state,
            Arc::clone(&store),
            inbox,
            listener,
            tasks.clone(),
            &parts.folder,
        )
        .await;
        let bot = match bot {
            Ok(bot) => bot,
            Err(error) => {
                tasks.end(Duration::ZERO).await;
                store.leave().await;
                return Err(error);
            }
        };
        let rows = parts.journal.storage().disk();
        Ok(Connection::start(self.round, bot, tasks, store, rows, Arc::clone(&self.events)))
    }

    /// Tells of a repair that was made while no client had the session: by `wakeeper clean`, or by somebody who asked the API.
    fn tell_of_repairs_outside(&self) {
        if let Some(steps) = take_repaired(&self.parts.folder) {
            let done = format!("it was repaired in {}, as somebody asked", plural(steps, "step"));
            self.parts.state.incidents().repaired("its stored state was damaged", &done);
        }
    }

    /// Nothing that was waited for on a connection concerns the next one.
    fn forget_connection(&mut self) {
        self.parts.state.set_unacknowledged(None);
        self.deadline = None;
        self.slow = None;
        self.settled = None;
        self.watch = None;
        self.server_keys = None;
        self.answering = None;
    }

    /// Flushes and closes the client, if there is one.
    async fn close(&mut self) {
        self.retry = None;
        self.forget_connection();
        if let Some(connection) = self.connection.take() {
            // What it tells from now on is stale.
            self.round += 1;
            self.log_close("by this gateway");
            self.parts.state.set_client(None);
            drop(connection.close().await);
        }
        self.parts.state.retry_requests().save(&self.parts.state);
        self.end_run().await;
    }

    fn log_close(&self, why: &str) {
        if self.parts.state.status() == SessionStatus::Working {
            tracing::info!(session = %self.parts.state.name(), why, "connection.update: close");
        }
    }

    async fn enter(&self, status: SessionStatus, reason: Option<String>) {
        if self.parts.state.set_status(status, reason) {
            tracing::info!(session = %self.parts.state.name(), %status, "session status");
            self.parts.journal.announce_status(&self.parts.state).await;
        }
    }
}

/// Something panicked; the panic's hook has logged where.
#[derive(Debug)]
struct Panicked;

/// Does a piece of work that may panic.
async fn without_panic<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    // What is left half done is closed by whoever is told.
    AssertUnwindSafe(work).catch_unwind().await.map_err(|_| Panicked)
}

/// Resolves at `moment`, never without one.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_and_ends_nothing_else() {
        let mut steps = 0;
        for _ in 0..2 {
            let step = async {
                steps += 1;
                assert!(steps > 1, "on purpose");
                steps
            };
            match without_panic(step).await {
                Ok(step) => assert_eq!(step, 2),
                Err(Panicked) => assert_eq!(steps, 1),
            }
        }
    }
}
