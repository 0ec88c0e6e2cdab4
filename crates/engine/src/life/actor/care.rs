//! What is done to a session's stored state while the gateway runs: its client is given up before anything is changed, and the
//! session starts again, whatever became of it.

use std::sync::Arc;

use tokio::sync::oneshot::Sender;
use wakeeper_waha::{CareFinding, RepairRequest, RestoreReport, RestoreRequest, Seen, SessionStatus};

use super::Actor;
use crate::care::{Care, CareError, Repaired, Standing};

/// Said of a session while it stands still for that.
const WORKED_ON: &str = "its stored state is being repaired; it starts again by itself";

/// Said of a repair that took no login.
const NOT_TAKEN: &str = "No login was taken from a backup. To give one back: \
     GET /api/sessions/{session}/backups lists the backups, POST /api/sessions/{session}/restore gives one back";

/// A piece of work, and who waits for it.
pub(crate) enum CareWork {
    /// Look at the stored state.
    Examine { done: Sender<Result<Vec<CareFinding>, CareError>> },
    /// Plan a repair, or carry one out.
    Repair { order: RepairRequest, done: Sender<Result<Repaired, CareError>> },
    /// Say what a backup would give back, or give it back.
    Restore { order: RestoreRequest, done: Sender<Result<RestoreReport, CareError>> },
}

impl CareWork {
    fn changes(&self) -> bool {
        match self {
            Self::Examine { .. } => false,
            Self::Repair { order, .. } => !order.dry_run,
            Self::Restore { order, .. } => !order.dry_run,
        }
    }

    fn refuse(self, error: CareError) {
        // Whoever asked may be gone.
        match self {
            Self::Examine { done } => drop(done.send(Err(error))),
            Self::Repair { done, .. } => drop(done.send(Err(error))),
            Self::Restore { done, .. } => drop(done.send(Err(error))),
        }
    }
}

impl Actor {
    /// Does it: beside the client where nothing is changed, else with the session standing still.
    pub(super) async fn care(&mut self, work: CareWork) {
        let Some(care) = self.parts.care.clone() else { return work.refuse(CareError::None) };
        if let Some(closed) = self.parts.state.trouble() {
            let hint = "make room or put the file back; the session goes on by itself then".to_owned();
            return work.refuse(CareError::Refused { reason: closed.to_string(), hint });
        }
        if !work.changes() {
            let standing = if self.connection.is_some() { Standing::MayRun } else { Standing::Still };
            let beside = look(care, self.parts.state.name().clone(), work, standing);
            match standing {
                // The actor goes on.
                Standing::MayRun => drop(tokio::spawn(beside)),
                // Nothing opens the database meanwhile.
                Standing::Still => beside.await,
            }
            return;
        }
        match self.is_owner().await {
            Ok(true) => {}
            Ok(false) => {
                let reason = "another process has the session".to_owned();
                let hint = "ask that one, or stop it".to_owned();
                return work.refuse(CareError::Refused { reason, hint });
            }
            Err(closed) => {
                let hint = "look at the gateway's disk".to_owned();
                return work.refuse(CareError::Refused { reason: closed.to_string(), hint });
            }
        }
        self.care_standing_still(care, work).await;
    }

    async fn care_standing_still(&mut self, care: Arc<dyn Care>, work: CareWork) {
        let (was_started, was) = (self.started, self.parts.state.status());
        if was_started {
            // Told first: whoever sends meanwhile waits for the next client.
            self.enter(SessionStatus::Starting, Some(WORKED_ON.to_owned())).await;
        }
        self.close().await;
        let session = self.parts.state.name().clone();
        match work {
            CareWork::Examine { .. } => {}
            CareWork::Repair { order, done } => {
                let looks = care.clone();
                let repairing = async move { care.repair(&session, &order, Standing::Still).await };
                let mut repaired = apart(repairing).await;
                if let Ok(repaired) = &mut repaired
                    && repaired.takes_login
                {
                    self.take_login(looks, repaired).await;
                }
                self.tell_of_care(&repaired.as_ref().map(|repaired| repaired.report.applied));
                self.go_on(was_started, was).await;
                let _ = done.send(repaired);
            }
            CareWork::Restore { order, done } => {
                let restoring = async move { care.restore(&session, &order, Standing::Still).await };
                let restored = apart(restoring).await;
                if restored.as_ref().is_ok_and(|restored| restored.applied) {
                    self.parts.state.note_restored();
                }
                self.tell_of_care(&restored.as_ref().map(|restored| restored.applied));
                self.go_on(was_started, was).await;
                let _ = done.send(restored);
            }
        }
    }

    /// The login comes from a backup, as it does at a start. It is a repair when what lies there then is sound.
    async fn take_login(&mut self, care: Arc<dyn Care>, repaired: &mut Repaired) {
        let report = &mut repaired.report;
        match self.prepare_login().await {
            Ok(true) => {
                (report.applied, report.login_kept, report.needs_qr) = (true, true, false);
                let session = self.parts.state.name().clone();
                match apart(async move { care.examine(&session, Standing::Still).await }).await {
                    Ok(findings) => {
                        let errors = findings.into_iter().filter(|finding| finding.severity == "error");
                        let errors: Vec<String> = errors.map(|finding| finding.evidence).collect();
                        report.healthy = errors.is_empty();
                        report.notes.extend(errors);
                    }
                    Err(error) => {
                        report.healthy = false;
                        let note = format!("The login was taken from a backup, and not examined: {error}");
                        report.notes.push(note);
                    }
                }
            }
            Ok(false) => {
                report.applied = false;
                (report.login_kept, report.needs_qr, report.healthy) = (false, false, false);
                report.notes = vec![NOT_TAKEN.to_owned()];
            }
            Err(error) => {
                report.applied = false;
                (report.login_kept, report.needs_qr, report.healthy) = (false, true, false);
                report.notes.push(error.to_string());
            }
        }
    }

    fn tell_of_care(&self, applied: &Result<bool, &CareError>) {
        let session = self.parts.state.name();
        match applied {
            Ok(true) => {
                let text = "its stored state was repaired or given back, because somebody asked for it";
                tracing::warn!(%session, "{text}");
                self.parts.state.saw(Seen::Restored, text);
            }
            Ok(false) => {}
            Err(error) if matches!(error, CareError::Failed(_) | CareError::Session(_)) => {
                tracing::error!(%session, %error, "its stored state was not repaired");
            }
            // Refused, which is an answer and no fault.
            Err(error) => tracing::info!(%session, %error, "its stored state was left as it is"),
        }
        // Found before the change.
        self.parts.state.forget_examined();
    }

    /// As it was before, with what lies there now.
    async fn go_on(&mut self, was_started: bool, was: SessionStatus) {
        let failed = was == SessionStatus::Failed;
        if was_started {
            self.connect_afresh().await;
        } else if failed && self.parts.state.desired() == wakeeper_storage::Desired::Started {
            // It failed for what was repaired.
            self.started = true;
            self.connect_afresh().await;
        }
    }
}

/// Looks, and tells whoever asked.
async fn look(care: Arc<dyn Care>, session: wakeeper_model::SessionName, work: CareWork, standing: Standing) {
    // Whoever asked may be gone.
    match work {
        CareWork::Examine { done } => {
            let looking = async move { care.examine(&session, standing).await };
            let _ = done.send(apart(looking).await);
        }
        CareWork::Repair { order, done } => {
            let planning = async move { care.repair(&session, &order, standing).await };
            let _ = done.send(apart(planning).await);
        }
        CareWork::Restore { order, done } => {
            let planning = async move { care.restore(&session, &order, standing).await };
            let _ = done.send(apart(planning).await);
        }
    }
}

/// Runs it as a task of its own: a panic ends the work and not the session.
async fn apart<T: Send + 'static>(
    work: impl Future<Output = Result<T, CareError>> + Send + 'static,
) -> Result<T, CareError> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(_) => Err(CareError::Failed("a fault of wakeeper broke it off; its log says more".to_owned())),
    }
}
