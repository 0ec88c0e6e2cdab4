//! Where the writer's connection comes from, and what is done when it failed.
//!
//! A reader stays connected meanwhile, because the pool keeps one however long it is idle: as long as one connection is
//! open, the index of the write-ahead log lives on, and it ends with the last commit whose sync succeeded. What a failed
//! commit left behind it is written over.
//!
//! Nothing promises that a reader is there: one that failed may be gone just then. When the writer's connection was the
//! last, SQLite removed the log with it, or left it when it could not be moved into the database. So its identity is taken
//! anew, and what is left is settled before a connection reads it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::watch;
use tokio::time::Instant;

use super::housekeeping::write_probe;
use crate::StorageError;
use crate::disk::{DiskCause, DiskTrouble, OpenFile, probe, settle_wal};

/// Wait before the first attempt at writing again; it doubles up to [`MAX_WAIT`].
const FIRST: Duration = Duration::from_millis(250);
const MAX_WAIT: Duration = Duration::from_secs(4);
/// How long an attempt waits for another process's lock.
const BUSY: Duration = Duration::from_secs(1);

/// The database's file, and how to open it.
pub(super) struct Home {
    file: OpenFile,
    options: SqliteConnectOptions,
    readers: SqlitePool,
    /// The last connection may have been closed since a write worked.
    alone: bool,
    /// Other processes may have it open too.
    is_shared: bool,
    trouble: watch::Sender<Option<Arc<DiskTrouble>>>,
    wait: Duration,
}

impl Home {
    pub(super) fn new(
        file: OpenFile,
        options: SqliteConnectOptions,
        readers: SqlitePool,
        is_shared: bool,
    ) -> Self {
        let trouble = watch::Sender::new(None);
        Self { file, options, readers, alone: false, is_shared, trouble, wait: FIRST }
    }

    /// Why nothing can be written now.
    pub(super) fn disk(&self) -> watch::Receiver<Option<Arc<DiskTrouble>>> {
        self.trouble.subscribe()
    }

    /// The trouble that writes are refused for.
    pub(super) fn trouble(&self) -> Option<Arc<DiskTrouble>> {
        self.trouble.borrow().clone()
    }

    /// Looks whether the file is still the one that is open.
    pub(super) fn check(&self) -> Result<(), DiskTrouble> {
        self.file.check_with_wal()
    }

    /// Looks whether the log is whole.
    pub(super) fn check_log(&self) -> Result<(), DiskTrouble> {
        self.file.check_log()
    }

    /// The trouble that a failed operation tells of; `None` when it was not the disk.
    pub(super) fn diagnose(&self, error: &StorageError) -> Option<DiskTrouble> {
        let cause = error.disk_cause()?;
        Some(DiskTrouble::new(self.file.path(), cause).looked_into())
    }

    /// From now on writes are refused. Answers when to try again.
    pub(super) fn failed(&mut self, trouble: DiskTrouble) -> Instant {
        if self.trouble().as_deref() != Some(&trouble) {
            tracing::error!(%trouble, "nothing can be stored; {}", trouble.advice());
            self.trouble.send_replace(Some(Arc::new(trouble)));
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(MAX_WAIT);
        Instant::now() + wait
    }

    /// A group was written: the next failure is the first of its kind again. That the probe row was written does not say so;
    /// what failed may fail once more.
    pub(super) fn took_a_group(&mut self) {
        self.wait = FIRST;
    }

    /// From now on writes are tried.
    fn works(&mut self) {
        self.alone = false;
        if let Some(trouble) = self.trouble.send_replace(None) {
            tracing::info!(path = %trouble.path.display(), "what comes in can be stored again");
        }
    }

    /// Closes a connection that failed.
    ///
    /// Whether it was the last is not told by SQLite. No reader before or after is one sign; a log that was there before
    /// and is not after is another, for a reader that was only about to connect. To think so wrongly costs a moment in
    /// which a log that somebody else removes is not missed.
    pub(super) async fn give_up(&mut self, connection: SqliteConnection) {
        let there = self.check().is_ok();
        let readers = self.readers.size();
        let _ = connection.close().await;
        let last = readers == 0 || self.readers.size() == 0 || (there && self.check().is_err());
        if last && there {
            self.file.forget_wal();
        }
        self.alone |= last;
    }

    /// Tries to write again: a file beside the database first, then a row in it, both synced.
    ///
    /// A connection whose file is gone is kept: the rows may be reachable only through it. Any other that failed was closed.
    pub(super) async fn reopen(
        &mut self,
        kept: Option<SqliteConnection>,
    ) -> Result<SqliteConnection, (DiskTrouble, Option<SqliteConnection>)> {
        if let Err(trouble) = self.check() {
            return Err((trouble, kept));
        }
        if let Err(error) = probe(self.file.path()) {
            return Err((DiskTrouble::new(self.file.path(), DiskCause::of_io(&error)), kept));
        }
        let connection = match kept {
            Some(connection) => Ok(connection),
            None => self.connect().await,
        };
        let opened = match connection {
            Ok(mut connection) => match self.prove(&mut connection).await {
                Ok(()) => Ok(connection),
                Err(error) => {
                    self.give_up(connection).await;
                    Err(error)
                }
            },
            Err(error) => Err(error),
        };
        match opened {
            Ok(connection) => {
                self.works();
                Ok(connection)
            }
            Err(error) => {
                let error = StorageError::during("opening the database again")(error);
                let trouble = self.diagnose(&error);
                Err((trouble.unwrap_or_else(|| DiskTrouble::new(self.file.path(), DiskCause::Failed)), None))
            }
        }
    }

    async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        if self.alone && !self.is_shared {
            // Nobody writes it now. A reader that connected meanwhile finds the same bytes.
            settle_wal(self.file.path())?;
        }
        self.options.clone().busy_timeout(BUSY).connect().await
    }

    /// Moves the log into the database, then commits a row. A reader that is in the way only leaves the log longer.
    async fn prove(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        self.file.forget_wal();
        // A log that becomes shorter looks cut off to another process that has it open.
        let checkpoint = if self.is_shared { "PASSIVE" } else { "TRUNCATE" };
        sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA wal_checkpoint({checkpoint})")))
            .execute(&mut *connection)
            .await?;
        write_probe(connection).await?;
        sqlx::query("PRAGMA busy_timeout = 10000").execute(connection).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_grow_until_a_group_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wakeeper.db");
        std::fs::File::create(&path).unwrap();
        let options = SqliteConnectOptions::new().filename(&path);
        let readers = SqlitePool::connect_lazy_with(options.clone());
        let mut home = Home::new(OpenFile::at(&path).unwrap(), options, readers, false);
        let wait = |home: &mut Home| {
            home.failed(DiskTrouble::new(&path, DiskCause::Full));
            home.works();
            home.wait
        };
        assert_eq!([wait(&mut home), wait(&mut home)], [FIRST * 2, FIRST * 4], "the probe row says little");
        home.took_a_group();
        assert_eq!(wait(&mut home), FIRST * 2);
    }
}
