//! The care for a session while it runs: it stands still for it, one thing at a time, and goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use wakeeper_engine::care::{Care, CareError, Repaired, Standing};
use wakeeper_engine::{EngineConfig, WatchTimes};
use wakeeper_model::SessionName;
use wakeeper_simulator::faults::{Fault, FaultKind};
use wakeeper_simulator::server::Addressing;
use wakeeper_waha::{
    Backup, BackupCheck, CareFinding, RepairReport, RepairRequest, RepairStep, RestoreReport, RestoreRequest,
    SessionStatus,
};

use super::world::*;

/// Care that changes nothing, and takes as long as a test wants.
#[derive(Debug)]
struct Slow {
    began: Semaphore,
    may_end: Semaphore,
    done: AtomicUsize,
    takes_login: AtomicBool,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Semaphore::new(0),
            may_end: Semaphore::new(0),
            done: AtomicUsize::new(0),
            takes_login: AtomicBool::new(false),
        })
    }
}

#[async_trait]
impl Care for Slow {
    async fn examine(&self, _: &SessionName, _: Standing) -> Result<Vec<CareFinding>, CareError> {
        Ok(Vec::new())
    }

    async fn repair(
        &self,
        _: &SessionName,
        order: &RepairRequest,
        standing: Standing,
    ) -> Result<Repaired, CareError> {
        let step = RepairStep {
            repair: "remove_file".to_owned(),
            path: "engine.db".to_owned(),
            peer: None,
            description: "nothing".to_owned(),
        };
        let mut report = RepairReport { plan: vec![step], ..RepairReport::default() };
        if !order.dry_run {
            assert_eq!(standing, Standing::Still);
            self.began.add_permits(1);
            self.may_end.acquire().await.unwrap().forget();
            self.done.fetch_add(1, Ordering::SeqCst);
            report.applied = true;
        }
        let takes_login = self.takes_login.load(Ordering::SeqCst);
        Ok(Repaired { report, takes_login, ..Repaired::default() })
    }

    async fn restore(
        &self,
        _: &SessionName,
        _: &RestoreRequest,
        _: Standing,
    ) -> Result<RestoreReport, CareError> {
        Err(CareError::NoSuchBackup)
    }

    async fn backups(&self, _: &SessionName) -> Result<Vec<Backup>, CareError> {
        Ok(Vec::new())
    }

    async fn newest_backup_ms(&self, _: &SessionName) -> Option<i64> {
        None
    }

    async fn back_up(&self, _: &SessionName) -> Result<Backup, CareError> {
        panic!("a backup was made beside a repair")
    }

    async fn check(&self, _: &SessionName, _: &str) -> Result<BackupCheck, CareError> {
        Err(CareError::NoSuchBackup)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_holds_the_session_still_alone_and_is_carried_through() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    let care = Slow::new();
    let config = config(&world.simulator, world.folder.path());
    world.restart_with(EngineConfig { care: Some(care.clone()), ..config }).await;
    world.engine.status(SessionStatus::Working).await;

    let planned = world.engine.sessions.repair(&session(), RepairRequest::default()).await.unwrap();
    assert!(!planned.applied && planned.plan.len() == 1);

    let order = RepairRequest { dry_run: false, ..RepairRequest::default() };
    let (sessions, wanted) = (world.engine.sessions.clone(), order.clone());
    let caller = tokio::spawn(async move { sessions.repair(&session(), wanted).await });
    care.began.acquire().await.unwrap().forget();
    let status = world.engine.sessions.get(&session()).await.unwrap().unwrap().status;
    assert_eq!(status, SessionStatus::Starting, "no client runs meanwhile");
    // Nothing else is done to it.
    let second = world.engine.sessions.repair(&session(), order).await;
    assert!(matches!(second, Err(CareError::UnderWay(_))), "{second:?}");
    let backup = world.engine.sessions.back_up(&session()).await;
    assert!(matches!(backup, Err(CareError::UnderWay(_))), "{backup:?}");
    // Its caller hangs up, and somebody stops the session.
    caller.abort();
    let sessions = world.engine.sessions.clone();
    let stopping = tokio::spawn(async move { sessions.stop(&session()).await });
    care.may_end.add_permits(1);
    assert_eq!(stopping.await.unwrap().unwrap().status, SessionStatus::Stopped);
    assert_eq!(care.done.load(Ordering::SeqCst), 1);

    world.engine.sessions.start(&session()).await.unwrap();
    world.engine.status(SessionStatus::Working).await;
    world.engine.send(text(ANN, "after it")).await;
    received_text(&world.ann, "after it").await;

    // A login that was to be taken from a backup, and was not: nothing was repaired.
    care.takes_login.store(true, Ordering::SeqCst);
    care.may_end.add_permits(1);
    let order = RepairRequest { dry_run: false, ..RepairRequest::default() };
    let repaired = world.engine.sessions.repair(&session(), order).await.unwrap();
    assert!(!repaired.applied && !repaired.healthy && !repaired.login_kept, "{repaired:?}");
    assert!(repaired.notes.iter().any(|note| note.contains("/restore")), "{repaired:?}");
    world.engine.status(SessionStatus::Working).await;
    assert_eq!(world.simulator.oracle().reuses().len(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledgements_that_stop_are_told_while_the_connection_is_open() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    let watch = WatchTimes {
        tick: Duration::from_millis(200),
        acknowledged: Duration::from_millis(1500),
        ..WatchTimes::default()
    };
    let config = config(&world.simulator, world.folder.path());
    world.restart_with(EngineConfig { watch, ..config }).await;
    world.engine.status(SessionStatus::Working).await;
    world.simulator.set_fault(Fault::once(FaultKind::AcksWithheld).lasting(Duration::from_hours(1)));
    let sessions = world.engine.sessions.clone();
    let sending = tokio::spawn(async move { sessions.send(&session(), text(ANN, "heard?"), None).await });
    world.engine.event("session.evidence", |seen| seen["evidence"] == "unacknowledged").await;
    let health = world.engine.sessions.session_health(&session()).await.unwrap();
    assert_eq!(health.status, SessionStatus::Working, "the connection is open, and is not given up");
    assert!(health.unacknowledged_since.is_some() && health.sends_under_way == 1, "{health:?}");
    world.simulator.server().clear_faults();
    world.engine.event("session.evidence", |seen| seen["evidence"] == "acknowledged").await;
    sending.await.unwrap().unwrap();
    assert!(world.engine.sessions.session_health(&session()).await.unwrap().unacknowledged_since.is_none());
    world.stop().await;
}
