//! The care for sessions while the gateway runs: what is asked of whoever knows how stored state is examined, repaired, backed
//! up and given back. The engine says when a session stands still for it, and starts it again.

use std::fmt;

use async_trait::async_trait;
use wakeeper_model::SessionName;
use wakeeper_waha::{
    Backup, BackupCheck, CareFinding, RepairReport, RepairRequest, RestoreReport, RestoreRequest,
};

use crate::EngineError;

/// What the session does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its client may have the database open: it is only looked at, by SQLite's own means.
    MayRun,
    /// Nothing has its database open, until the work is done.
    Still,
}

/// What a repair came to.
#[derive(Clone, Debug, Default)]
pub struct Repaired {
    /// What is told of it.
    pub report: RepairReport,
    /// The login is to be taken from a backup: the session's start does that.
    pub takes_login: bool,
    /// Whether it runs or not could not be seen while the client has the database open: it is looked at again when the session
    /// stands still.
    pub looks_again: bool,
}

/// Looks after the stored state of sessions.
#[async_trait]
pub trait Care: fmt::Debug + Send + Sync {
    /// What is wrong with a session's stored state. Changes nothing.
    ///
    /// # Errors
    /// When it cannot be looked at.
    async fn examine(&self, session: &SessionName, standing: Standing)
    -> Result<Vec<CareFinding>, CareError>;

    /// Plans a repair, and carries it out after a verified backup unless it is a dry run; that needs the session to stand still.
    ///
    /// # Errors
    /// When there is no plan, or it is not carried out to its end.
    async fn repair(
        &self,
        session: &SessionName,
        order: &RepairRequest,
        standing: Standing,
    ) -> Result<Repaired, CareError>;

    /// Gives a backup's content back, unless it is a dry run; that needs the session to stand still.
    ///
    /// # Errors
    /// When it must not be given back, or it fails.
    async fn restore(
        &self,
        session: &SessionName,
        order: &RestoreRequest,
        standing: Standing,
    ) -> Result<RestoreReport, CareError>;

    /// The session's backups, newest first.
    ///
    /// # Errors
    /// When they cannot be listed.
    async fn backups(&self, session: &SessionName) -> Result<Vec<Backup>, CareError>;

    /// When its newest backup was made, milliseconds since 1970.
    async fn newest_backup_ms(&self, session: &SessionName) -> Option<i64>;

    /// Makes a backup now, and reads it back. The session may run.
    ///
    /// # Errors
    /// When there is nothing to back up, or no sound backup can be made.
    async fn back_up(&self, session: &SessionName) -> Result<Backup, CareError>;

    /// Reads a backup back to its end and examines what it would give back.
    ///
    /// # Errors
    /// When there is no such backup.
    async fn check(&self, session: &SessionName, id: &str) -> Result<BackupCheck, CareError>;
}

/// Why a session could not be cared for.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// The session cannot be asked.
    #[error(transparent)]
    Session(#[from] EngineError),
    /// Something else is being done to its stored state.
    #[error(
        "the stored state of session {0} is being worked on: another repair, restore or backup is under way"
    )]
    UnderWay(SessionName),
    /// There is no such backup.
    #[error("there is no such backup of this session")]
    NoSuchBackup,
    /// It must not be done.
    #[error("{reason}")]
    Refused {
        /// Why.
        reason: String,
        /// What to do instead.
        hint: String,
    },
    /// It failed.
    #[error("{0}")]
    Failed(String),
    /// The gateway was started without what the care needs.
    #[error("this gateway keeps no backups and repairs nothing: it was started without a backup folder")]
    None,
}
