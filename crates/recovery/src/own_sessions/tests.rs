use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::Value;
use tempfile::TempDir;
use wakeeper_storage::{NewIncident, read_sqlite};

use super::*;
use crate::Incident;

const START: i64 = 1_700_000_000_000;

#[derive(Default)]
struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        START + self.0.load(Ordering::Relaxed)
    }
}

/// A gateway whose sessions a test tells of.
struct Gateway {
    scratch: TempDir,
    clock: Arc<ManualClock>,
}

impl Gateway {
    fn new() -> Self {
        Self { scratch: tempfile::tempdir().unwrap(), clock: Arc::default() }
    }

    fn folder(&self) -> PathBuf {
        self.scratch.path().join("monitor")
    }

    fn pass(&self, time_ms: i64) {
        self.clock.0.fetch_add(time_ms, Ordering::Relaxed);
    }

    /// Runs a gateway to its end; all that it tells is kept.
    async fn run(&self, tell: impl AsyncFnOnce(&IncidentLog)) {
        let (log, keeper) = incident_log(self.folder(), Arc::clone(&self.clock) as Arc<dyn Clock>);
        let stop = CancellationToken::new();
        let running = tokio::spawn(keeper.run(|_| {}, stop.clone()));
        tell(&log).await;
        stop.cancel();
        if let Some(folder) = running.await.unwrap() {
            folder.storage.close().await;
        }
    }

    async fn incidents(&self) -> Vec<Incident> {
        let storage = read_sqlite(database(&self.folder())).await.unwrap();
        let query =
            IncidentQuery { source: None, session: None, unfinished: false, before: None, limit: 100 };
        let mut incidents = Vec::new();
        for row in storage.incidents(query).await.unwrap().into_iter().rev() {
            let steps = storage.incident_steps(row.id).await.unwrap();
            incidents.push(Incident::of(row).with_steps(steps));
        }
        storage.close().await;
        incidents
    }

    async fn only(&self) -> Incident {
        let mut all = self.incidents().await;
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    /// The alerts of a source, oldest first.
    async fn alerts(&self, source: IncidentSource) -> Vec<Value> {
        let storage = read_sqlite(database(&self.folder())).await.unwrap();
        let due = storage.due_alerts(source, i64::MAX, 100).await.unwrap();
        storage.close().await;
        due.iter().map(|alert| serde_json::from_str(&alert.body).unwrap()).collect()
    }
}

fn steps(incident: &Incident) -> Vec<&str> {
    incident.steps.iter().map(|step| step.step.as_str()).collect()
}

fn damaged(works: bool) -> Repaired {
    Repaired {
        found: "a sender key was damaged".to_owned(),
        done: "it was set aside and is made anew".to_owned(),
        works,
    }
}

#[tokio::test]
async fn a_lost_login_is_open_until_the_session_works_again() {
    let gateway = Gateway::new();
    gateway
        .run(async |log| {
            log.works("default");
            log.works("sales");
        })
        .await;
    assert!(!gateway.folder().exists(), "nothing happened, and nothing is made");
    gateway.run(async |log| log.failed("sales", Kind::LoggedOut, "logged out by the phone".to_owned())).await;
    let open = gateway.only().await;
    assert_eq!((open.session.as_str(), open.kind.as_str(), open.state), ("sales", "logged_out", "open"));
    assert_eq!((open.opened_ms, open.closed_ms, open.outcome.as_deref()), (START, None, None));
    // Linked again by another process.
    gateway.pass(5_000);
    gateway.run(async |log| log.works("sales")).await;
    let over = gateway.only().await;
    assert_eq!((over.state, over.outcome.as_deref()), ("closed", Some("ceased")));
    assert_eq!((over.closed_ms, steps(&over)), (Some(START + 5_000), vec!["opened", "closed"]));
    let alerts = gateway.alerts(IncidentSource::Gateway).await;
    let words: Vec<_> = alerts.iter().map(|alert| (&alert["step"], &alert["session"])).collect();
    assert_eq!(words, [(&"opened".into(), &"sales".into()), (&"closed".into(), &"sales".into())]);
}

#[tokio::test]
async fn a_session_that_flaps_makes_one_incident() {
    let gateway = Gateway::new();
    gateway
        .run(async |log| {
            for _ in 0..500 {
                log.failed("default", Kind::TwoOwners, "another client took over".to_owned());
                log.works("default");
                tokio::task::yield_now().await;
            }
        })
        .await;
    let one = gateway.only().await;
    assert!(one.steps.len() < 15 && one.state == "open", "{one:?}");
    assert!(gateway.alerts(IncidentSource::Gateway).await.len() <= 3);
    assert!(one.summary.contains("times"), "{}", one.summary);
}

#[tokio::test]
async fn a_repair_at_the_start_is_confirmed_by_a_session_that_works() {
    let gateway = Gateway::new();
    gateway
        .run(async |log| {
            log.repaired("default", Kind::State, damaged(false));
            log.works("default");
        })
        .await;
    let over = gateway.only().await;
    assert_eq!((over.state, over.outcome.as_deref()), ("closed", Some("recovered")));
    assert_eq!(steps(&over), ["opened", "mended", "closed"]);
    assert!(over.summary.contains("set aside") && over.summary.contains("works"), "{}", over.summary);
    let alerts = gateway.alerts(IncidentSource::Gateway).await;
    assert_eq!(alerts.len(), 1, "nobody needs to act: {alerts:?}");
}

#[tokio::test]
async fn repairs_of_a_session_that_works_are_one_incident_until_none_is_seen() {
    let gateway = Gateway::new();
    let (_, mut keeper) = incident_log(gateway.folder(), Arc::clone(&gateway.clock) as Arc<dyn Clock>);
    let mut opened = Some(|_: Arc<dyn Storage>| {});
    for _ in 0..100 {
        let event = Event::Repaired { kind: Kind::State, repaired: damaged(true) };
        keeper.take_in("default".to_owned(), event, &mut opened).await;
    }
    assert!(opened.is_none(), "whoever sends alerts hears of the storage");
    gateway.pass(QUIET_MS - 1);
    assert_eq!(keeper.wait(), Duration::from_millis(1));
    keeper.close_quiet().await;
    assert_eq!(gateway.only().await.state, "verifying");
    gateway.pass(1);
    keeper.close_quiet().await;
    let over = gateway.only().await;
    assert!(over.steps.len() < 20 && over.summary.contains("seen 100 times"), "{over:?}");
    assert_eq!((over.state, over.outcome.as_deref()), ("closed", Some("recovered")));
    keeper.open.take().unwrap().storage.close().await;
}

#[tokio::test]
async fn backups_that_fail_end_with_one_that_works_and_a_deleted_session_has_no_incidents() {
    let gateway = Gateway::new();
    gateway
        .run(async |log| {
            log.failed("default", Kind::Backup, "no room".to_owned());
            log.works("default");
        })
        .await;
    assert_eq!(gateway.only().await.state, "open", "a connection says nothing of backups");
    gateway.run(async |log| log.over("default", Kind::Backup, "a backup was made")).await;
    assert_eq!(gateway.only().await.outcome.as_deref(), Some("ceased"));
    gateway
        .run(async |log| {
            log.failed("sales", Kind::Refused, "banned".to_owned());
            log.deleted("sales");
        })
        .await;
    let all = gateway.incidents().await;
    assert_eq!((all.len(), all[1].state, all[1].summary.as_str()), (2, "closed", "the session was deleted"));
}

/// A monitor and a gateway in one folder: neither loses a row, and neither takes up what the other keeps.
#[tokio::test]
async fn a_monitor_writes_beside_it() {
    let gateway = Gateway::new();
    let monitor = IncidentFolder::open(&gateway.folder(), IncidentSource::Monitor, START).await.unwrap();
    let watched = Recorder::new(
        Arc::clone(&monitor.storage),
        Arc::clone(&gateway.clock) as Arc<dyn Clock>,
        IncidentSource::Monitor,
        "default",
    );
    let logged_out = |step, state| StepRecord {
        kind: Kind::LoggedOut,
        state,
        outcome: None,
        step,
        text: format!("the monitor's {step}"),
        alert: true,
        times: 1,
    };
    watched.tell(logged_out("opened", IncidentState::Open), None).await;
    gateway
        .run(async |log| {
            for session in 0..20 {
                log.failed(&format!("s{session}"), Kind::Refused, "banned".to_owned());
                watched.tell(logged_out("reported", IncidentState::Open), None).await;
            }
            log.works("default");
            log.deleted("default");
        })
        .await;
    watched.tell(logged_out("closed", IncidentState::Closed), None).await;
    let all = gateway.incidents().await;
    assert_eq!(all.len(), 21, "{all:?}");
    assert_eq!((steps(&all[0]).len(), all[0].state), (22, "closed"), "{:?}", all[0]);
    assert!(all[1..].iter().all(|one| one.state == "open"), "{all:?}");
    assert_eq!(gateway.alerts(IncidentSource::Monitor).await.len(), 22);
    assert_eq!(gateway.alerts(IncidentSource::Gateway).await.len(), 20);
    monitor.storage.close().await;
}

#[tokio::test]
async fn a_second_gateway_keeps_none_and_goes_on() {
    let gateway = Gateway::new();
    let first = IncidentFolder::open(&gateway.folder(), IncidentSource::Gateway, START).await.unwrap();
    let new = NewIncident {
        source: IncidentSource::Gateway,
        session: "default".to_owned(),
        kind: Kind::Refused.word().to_owned(),
        opened_ms: START,
    };
    let id = first.storage.open_incident(new).await.unwrap();
    gateway.run(async |log| log.failed("default", Kind::LoggedOut, "logged out".to_owned())).await;
    assert_eq!(gateway.only().await.id, id);
    first.storage.close().await;
}
