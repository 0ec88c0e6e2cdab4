//! The care for sessions of a gateway that runs: what the commands do to a folder that stands still, done to one session while
//! the engine holds its client back. The engine asks for it, and never for two things at once.

mod backups;
mod repair;
mod restore;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use wakeeper_doctor::backup::Retention;
use wakeeper_doctor::{Finding, KnownFacts, Severity};
use wakeeper_engine::care::{Care, CareError, Repaired, Standing};
use wakeeper_engine::folder::{backups_of, credentials};
use wakeeper_engine_store::{DATABASE, examine_while_open};
use wakeeper_model::SessionName;
use wakeeper_waha::{Backup, BackupCheck, CareFinding, RepairRequest, RestoreReport, RestoreRequest};

use crate::OfflineError;
use crate::health::look;
use crate::paths::SessionPaths;

/// Looks after the sessions of one gateway.
#[derive(Clone)]
pub struct LiveCare {
    paths: SessionPaths,
    retention: Retention,
    prunes: bool,
}

impl fmt::Debug for LiveCare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveCare").field("auth_info", &self.paths.auth_info).finish_non_exhaustive()
    }
}

impl LiveCare {
    /// The sessions of the folder that `paths` name. With `prunes`, a backup that is asked for makes room as a scheduled one
    /// does.
    pub fn new(paths: SessionPaths, retention: Retention, prunes: bool) -> Self {
        Self { paths, retention, prunes }
    }

    fn of(&self, session: &SessionName) -> Subject {
        let backups = backups_of(&self.paths.backups, session);
        let folder = credentials::folder(&self.paths.auth_info, session);
        let paths = SessionPaths { backups, ..self.paths.clone() };
        Subject { session: session.clone(), database: folder.join(DATABASE), folder, paths }
    }
}

/// One session, and where what belongs to it lies.
struct Subject {
    session: SessionName,
    folder: PathBuf,
    database: PathBuf,
    paths: SessionPaths,
}

#[async_trait]
impl Care for LiveCare {
    async fn examine(
        &self,
        session: &SessionName,
        standing: Standing,
    ) -> Result<Vec<CareFinding>, CareError> {
        let Subject { database, paths, .. } = self.of(session);
        let facts = KnownFacts::default();
        let report = match standing {
            Standing::MayRun => {
                let options = facts.options(paths.now_ms());
                let examined = examine_while_open(&database, &options, &paths.copies).await;
                examined.map_err(|error| CareError::from(OfflineError::from(error)))?.report
            }
            Standing::Still => look(&database, &paths, &facts).await?.report,
        };
        Ok(report.findings.iter().map(told).collect())
    }

    async fn repair(
        &self,
        session: &SessionName,
        order: &RepairRequest,
        standing: Standing,
    ) -> Result<Repaired, CareError> {
        let subject = self.of(session);
        match standing {
            Standing::MayRun => Ok(repair::planned(&subject, order).await),
            Standing::Still => Ok(repair::done(&subject, order).await?),
        }
    }

    async fn restore(
        &self,
        session: &SessionName,
        order: &RestoreRequest,
        standing: Standing,
    ) -> Result<RestoreReport, CareError> {
        restore::restore(&self.of(session), order, standing).await
    }

    async fn backups(&self, session: &SessionName) -> Result<Vec<Backup>, CareError> {
        backups::list(&self.of(session)).await
    }

    async fn newest_backup_ms(&self, session: &SessionName) -> Option<i64> {
        backups::newest_ms(&self.of(session)).await
    }

    async fn back_up(&self, session: &SessionName) -> Result<Backup, CareError> {
        backups::make(&self.of(session), self.prunes.then_some(self.retention)).await
    }

    async fn check(&self, session: &SessionName, id: &str) -> Result<BackupCheck, CareError> {
        backups::check(&self.of(session), id).await
    }
}

impl From<OfflineError> for CareError {
    fn from(error: OfflineError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// A finding as the API tells it.
fn told(finding: &Finding) -> CareFinding {
    let severity = match finding.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let subject = finding.peer.as_ref().map_or_else(|| finding.path.clone(), ToString::to_string);
    CareFinding {
        code: finding.code.to_string(),
        severity: severity.to_owned(),
        subject,
        evidence: finding.evidence.clone(),
        repair: finding.repair.word().to_owned(),
    }
}
