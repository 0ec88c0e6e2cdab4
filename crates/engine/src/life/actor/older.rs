//! Before a client is built: is the login there, and is what lies on the disk what ran last?

use std::time::Duration;

use tokio::time::Instant;
use wakeeper_engine_store::recover::Backups;
use wakeeper_recovery::Kind;
use wakeeper_storage::disk::DiskCause;
use wakeeper_waha::SessionStatus;

use super::Actor;
use crate::life::generation::{self, Doubt, Followed, Places, Run};
use crate::life::lock::{Kept, LockError};
use crate::life::recovery::{self, Subject};
use crate::life::store::Closed;
use crate::{EngineError, life::credentials};

/// How often the lock is looked at, and the rows and the witness follow the engine's database.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// What the actor needs to tell an older copy and to give a login back.
pub(crate) struct Parts {
    /// Where the session's state is kept.
    pub places: Places,
    /// Where its backups are.
    pub backups: Option<Backups>,
    /// The rows were made anew.
    pub rows_lost: bool,
}

/// A run, and how far it was seen.
pub(super) struct Watched {
    run: Run,
    followed: Followed,
}

impl Actor {
    /// Gives a lost login back, where a backup can. Answers whether it did.
    pub(super) async fn prepare_login(&mut self) -> Result<bool, EngineError> {
        // As long as this process has the login, it knows what became of the database.
        if self.run.is_some() {
            return Ok(false);
        }
        let state = &self.parts.state;
        credentials::is_ours(&self.parts.folder, state.name())?;
        let me = state.me();
        let subject = Subject {
            session: state.name(),
            folder: &self.parts.folder,
            me: me.as_ref(),
            backups: self.parts.older.backups.as_ref(),
            rows_lost: self.parts.older.rows_lost,
            now_ms: state.clock().now_ms(),
        };
        let taken = recovery::prepare(subject, self.parts.journal.storage().as_ref()).await?;
        if taken {
            state.note_restored();
            let done = "the login was taken from a backup; no QR code is needed";
            state.incidents().repaired("its database was missing or could not be used", done);
        }
        Ok(taken)
    }

    /// What the files tell before anything opens them.
    pub(super) fn look_at_files(&self) -> generation::Told {
        generation::Told {
            server_ahead: self.server_ahead,
            ..generation::Told::before_opening(&self.parts.older.places)
        }
    }

    /// Judges the databases, and negotiates the sending chains anew when they are in doubt.
    pub(super) async fn begin_run(&mut self, told: generation::Told) -> Result<(), EngineError> {
        if self.run.is_some() {
            return Ok(());
        }
        let state = &self.parts.state;
        let now_ms = state.clock().now_ms();
        let rows = self.parts.journal.rows()?;
        let storage = self.parts.journal.storage().as_ref();
        let begun = generation::begin(&self.parts.older.places, storage, &rows, now_ms, told).await;
        let begun = begun.map_err(|source| EngineError::Generation {
            session: state.name().clone(),
            source: Box::new(source),
        })?;
        if !begun.doubts.is_empty() {
            state.note_renewed();
            let because = begun.doubts.iter().map(Doubt::to_string).collect::<Vec<_>>().join("; ");
            state.incidents().older_copy(&because);
            tracing::warn!(
                session = %state.name(),
                because,
                devices = begun.renewed.devices,
                groups = begun.renewed.groups,
                "this may be an older copy: all sending chains are negotiated anew before anything is sent. Sends and messages \
                 since the copy was made are not in its rows; see docs/rollback.md"
            );
        }
        state.chains().begin(begun.epoch);
        state.retry_requests().begin(&self.parts.folder, now_ms);
        state.server_witness().begin();
        self.server_ahead = None;
        self.run = begun.run.map(|run| Watched { run, followed: Followed::default() });
        Ok(())
    }

    /// Begins the run of a login that was linked a moment ago, by the client that runs.
    pub(super) async fn mark_linked(&mut self) {
        if self.run.is_some() {
            return;
        }
        let (places, journal) = (&self.parts.older.places, &self.parts.journal);
        let now_ms = self.parts.state.clock().now_ms();
        let begun = match journal.rows() {
            Ok(rows) => generation::begin_linked(places, journal.storage().as_ref(), &rows, now_ms).await,
            Err(error) => Err(error.into()),
        };
        match begun {
            Ok(begun) => {
                // Made a moment ago: nothing can be older, and its server has no other keys than its own.
                self.compared = true;
                self.run = begun.run.map(|run| Watched { run, followed: Followed::default() });
            }
            Err(error) => {
                tracing::warn!(session = %self.parts.state.name(), %error, "the beginning of the run was not marked");
            }
        }
    }

    /// Looks whether the session is still this process's own, and moves on what the rows know of the run.
    pub(super) async fn look_around(&mut self) {
        self.look = Instant::now() + LOOK;
        match self.is_owner().await {
            Ok(true) if self.trouble.is_none() => {
                self.parts.state.retry_requests().save(&self.parts.state);
                self.follow().await;
            }
            Ok(_) => {}
            Err(closed) => match &self.connection {
                Some(connection) => {
                    connection.store.gate().close(closed);
                    self.on_disk().await;
                }
                // Whoever tries to connect looks again.
                None if self.started && self.trouble.is_none() => self.troubled(closed, None).await,
                None => {}
            },
        }
    }

    /// Whether the session's lock is this process's own. If another process has it, the session is closed for good.
    ///
    /// # Errors
    /// Why the lock file cannot be put back: the disk is in trouble, which may pass.
    pub(super) async fn is_owner(&mut self) -> Result<bool, Closed> {
        let checked = match &self.parts.lock {
            Some(lock) => lock.check().map_err(EngineError::from),
            None => credentials::lock(&self.parts.folder, self.parts.state.name()).map(|lock| {
                self.parts.lock = Some(lock);
                Kept::Untouched
            }),
        };
        match checked {
            Ok(kept) => {
                if kept == Kept::PutBack {
                    tracing::warn!(session = %self.parts.state.name(), "somebody deleted the lock file of this session; it is there again");
                }
                Ok(self.owns_rows().await)
            }
            Err(EngineError::Lock(error @ LockError::Held { .. })) => {
                self.abandon(error.to_string()).await;
                Ok(false)
            }
            Err(
                EngineError::Lock(LockError::File { path, source, .. })
                | EngineError::Folder { path, source, .. },
            ) => Err(Closed::disk(&path, DiskCause::of_io(&source))),
            Err(error) => Err(Closed::Rows(error.to_string().into())),
        }
    }

    /// Whether the session's rows are this process's own, or were just taken back: whoever had the lock is gone. If another
    /// has them, the session is closed for good.
    async fn owns_rows(&mut self) -> bool {
        // The lock of this session is one thing, that of the folder of all sessions another: its new owner has the rows open.
        if self.folder_taken {
            return false;
        }
        let Err(error) = self.parts.journal.own().await else { return true };
        self.abandon(error.to_string()).await;
        false
    }

    /// Closes the client, starts nothing and writes nothing more: two owners would break the encryption.
    pub(super) async fn abandon(&mut self, reason: String) {
        if !self.started && self.connection.is_none() {
            self.parts.journal.give_up();
            return;
        }
        tracing::error!(session = %self.parts.state.name(), reason, "the session is closed: it is not this gateway's own any more");
        self.started = false;
        self.trouble = None;
        self.parts.state.forget_trouble();
        // Whoever took over writes into the folder now: no mark of an end, and no requests.
        self.run = None;
        self.parts.state.retry_requests().forget();
        self.close().await;
        let reason = format!("closed: {reason}");
        self.parts.state.incidents().failed(Kind::TwoOwners, &reason);
        self.enter(SessionStatus::Failed, Some(reason)).await;
        self.parts.journal.give_up();
    }

    /// Moves on what the rows know of the run.
    async fn follow(&mut self) {
        let Some(Watched { run, followed }) = &mut self.run else { return };
        let seen = match self.parts.journal.rows() {
            Ok(rows) => run.seen(&rows, followed).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = seen {
            tracing::debug!(session = %self.parts.state.name(), %error, "how far the session is could not be stored");
        }
    }

    /// Marks the end of the run, once its client is gone.
    pub(super) async fn end_run(&mut self) {
        if self.run.is_none() {
            return;
        }
        self.compared = false;
        let Some(Watched { run, .. }) = self.run.take() else { return };
        let ended = match self.parts.journal.rows() {
            Ok(rows) => run.end(self.parts.journal.storage().as_ref(), &rows).await,
            Err(error) => Err(error.into()),
        };
        if let Err(error) = ended {
            tracing::warn!(session = %self.parts.state.name(), %error,
                "the end of the run was not marked; the next start may agree new keys for sending");
        }
    }
}
