//! The care for a session: looked at, repaired, backed up, given back. One at a time for each session.

use std::sync::Arc;

use wakeeper_model::SessionName;
use wakeeper_waha::{
    Backup, BackupCheck, CareFinding, RepairReport, RepairRequest, RestoreReport, RestoreRequest,
    Undecryptable,
};

use crate::care::{Care, CareError, Repaired};
use crate::life::actor::{CareWork, Command};
use crate::life::handle::Handle;
use crate::life::health::SessionHealth;
use crate::life::registry::Sessions;
use crate::life::state::{CareTurn, Examined};
use crate::ops::sessions::carried_through;

/// An examination that is asked for again so soon is answered with what was found before.
const EXAMINED_AGAIN_MS: i64 = 10_000;

impl Sessions {
    /// Evidence of one session.
    ///
    /// # Errors
    /// When it is unknown or another process's own.
    pub async fn session_health(&self, name: &SessionName) -> Result<SessionHealth, CareError> {
        let handle = self.handle(name).await?;
        Ok(SessionHealth::of(&handle.state, handle.outbound.inflight.count()))
    }

    /// Messages that could not be read and did not arrive again, the newest first.
    ///
    /// # Errors
    /// When the session is unknown or another process's own.
    pub async fn undecryptable(
        &self,
        name: &SessionName,
        most: usize,
    ) -> Result<Vec<Undecryptable>, CareError> {
        Ok(self.handle(name).await?.state.undecryptable().list(most))
    }

    /// What the newest examination of a session's stored state found, and when that was; with `anew` it is examined now.
    ///
    /// # Errors
    /// When it is unknown, or cannot be looked at.
    pub async fn examined(&self, name: &SessionName, anew: bool) -> Result<Option<Examined>, CareError> {
        let handle = self.handle(name).await?;
        let known = handle.state.examined();
        if !anew {
            return Ok(known);
        }
        let now_ms = handle.state.clock().now_ms();
        if let Some(known) = known.filter(|known| (0..EXAMINED_AGAIN_MS).contains(&(now_ms - known.at_ms))) {
            return Ok(Some(known));
        }
        let turn = turn(&handle)?;
        // Its client may go on using it: nobody waits for that but whoever asks.
        let findings = carried_through(async move {
            let found: Vec<CareFinding> = asked(&handle, |done| CareWork::Examine { done }).await?;
            handle.state.note_examined(found.clone());
            drop(turn);
            Ok::<_, CareError>(found)
        })
        .await?;
        Ok(Some(Examined { at_ms: now_ms, findings: findings.into() }))
    }

    /// Plans a repair of a session's stored state and, unless it is a dry run, carries it out. It is carried through also when
    /// the caller stops waiting.
    ///
    /// # Errors
    /// When another one is under way, or it fails.
    pub async fn repair(&self, name: &SessionName, order: RepairRequest) -> Result<RepairReport, CareError> {
        let handle = self.handle(name).await?;
        let turn = turn(&handle)?;
        carried_through(async move {
            let dry = RepairRequest { dry_run: true, ..order.clone() };
            let planned = asked(&handle, |done| CareWork::Repair { order: dry, done }).await?;
            let repaired = if order.dry_run || !is_needed(&planned) {
                planned
            } else {
                asked(&handle, |done| CareWork::Repair { order, done }).await?
            };
            drop(turn);
            Ok(repaired.report)
        })
        .await
    }

    /// Gives a backup's content back to a session, unless it is a dry run. It is carried through also when the caller stops
    /// waiting.
    ///
    /// # Errors
    /// When another one is under way, the backup must not be given back, or it fails.
    pub async fn restore(
        &self,
        name: &SessionName,
        order: RestoreRequest,
    ) -> Result<RestoreReport, CareError> {
        let handle = self.handle(name).await?;
        let turn = turn(&handle)?;
        carried_through(async move {
            let dry = RestoreRequest { dry_run: true, ..order.clone() };
            let planned: RestoreReport =
                asked(&handle, |done| CareWork::Restore { order: dry, done }).await?;
            let is_done = order.dry_run || planned.changes.is_empty();
            let restored = if is_done {
                RestoreReport { dry_run: order.dry_run, ..planned }
            } else {
                asked(&handle, |done| CareWork::Restore { order, done }).await?
            };
            drop(turn);
            Ok(restored)
        })
        .await
    }

    /// A session's backups, newest first.
    ///
    /// # Errors
    /// When it is unknown, or they cannot be listed.
    pub async fn backups(&self, name: &SessionName) -> Result<Vec<Backup>, CareError> {
        self.handle(name).await?;
        self.care()?.backups(name).await
    }

    /// When a session's newest backup was made, milliseconds since 1970.
    pub async fn newest_backup_ms(&self, name: &SessionName) -> Option<i64> {
        self.care().ok()?.newest_backup_ms(name).await
    }

    /// Makes a backup of a session now. It is carried through also when the caller stops waiting.
    ///
    /// # Errors
    /// When something else is done to its stored state, or no sound backup can be made.
    pub async fn back_up(&self, name: &SessionName) -> Result<Backup, CareError> {
        let handle = self.handle(name).await?;
        let (care, turn, name) = (self.care()?, turn(&handle)?, name.clone());
        carried_through(async move {
            let made = care.back_up(&name).await;
            drop(turn);
            made
        })
        .await
    }

    /// Reads one of a session's backups back to its end.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn check_backup(&self, name: &SessionName, id: &str) -> Result<BackupCheck, CareError> {
        self.handle(name).await?;
        self.care()?.check(name, id).await
    }

    fn care(&self) -> Result<Arc<dyn Care>, CareError> {
        self.shared.config.care.clone().ok_or(CareError::None)
    }
}

/// What is planned, or was not seen, is worth standing still for.
fn is_needed(planned: &Repaired) -> bool {
    planned.looks_again || planned.takes_login || !planned.report.plan.is_empty()
}

fn turn(handle: &Handle) -> Result<CareTurn, CareError> {
    handle.state.care_turn().ok_or_else(|| CareError::UnderWay(handle.state.name().clone()))
}

/// Has the session's actor do it, and waits.
async fn asked<T>(
    handle: &Handle,
    work: impl FnOnce(tokio::sync::oneshot::Sender<Result<T, CareError>>) -> CareWork,
) -> Result<T, CareError> {
    handle.ask(|done| Command::Care(work(done))).await?
}
