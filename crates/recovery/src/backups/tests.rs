use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;

use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const START: i64 = 1_700_000_000_000;

#[derive(Default)]
struct ManualClock(AtomicI64);

impl Clock for ManualClock {
    fn now_ms(&self) -> i64 {
        START + self.0.load(Ordering::Relaxed)
    }
}

/// A session whose backups end as the test says.
struct FakeSession {
    name: &'static str,
    newest_ms: Option<i64>,
    script: Mutex<VecDeque<Result<BackupOutcome, SessionError>>>,
    /// When it was backed up, since the start.
    backed_up: Mutex<Vec<i64>>,
    clock: Arc<ManualClock>,
}

#[async_trait]
impl BackupTarget for FakeSession {
    fn name(&self) -> &str {
        self.name
    }

    async fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    async fn back_up(&self) -> Result<BackupOutcome, SessionError> {
        self.backed_up.lock().unwrap().push(self.clock.now_ms() - START);
        self.script.lock().unwrap().pop_front().unwrap_or(Ok(BackupOutcome::Unchanged))
    }
}

#[derive(Clone, Default)]
struct FakeSessions(Arc<Mutex<Vec<Arc<FakeSession>>>>);

#[async_trait]
impl BackupTargets for FakeSessions {
    async fn all(&self) -> Vec<Arc<dyn BackupTarget>> {
        self.0.lock().unwrap().iter().map(|session| Arc::clone(session) as Arc<dyn BackupTarget>).collect()
    }
}

struct Story {
    clock: Arc<ManualClock>,
    targets: FakeSessions,
    keeper: BackupKeeper<FakeSessions>,
}

impl Story {
    fn new(every: Duration) -> Self {
        let (clock, targets) = (Arc::new(ManualClock::default()), FakeSessions::default());
        let keeper = BackupKeeper::new(targets.clone(), every, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { clock, targets, keeper }
    }

    fn add(
        &self,
        name: &'static str,
        newest_ms: Option<i64>,
        script: Vec<Result<BackupOutcome, SessionError>>,
    ) -> Arc<FakeSession> {
        let session = Arc::new(FakeSession {
            name,
            newest_ms,
            script: Mutex::new(script.into()),
            backed_up: Mutex::default(),
            clock: Arc::clone(&self.clock),
        });
        self.targets.0.lock().unwrap().push(Arc::clone(&session));
        session
    }

    /// Lets time pass, in the steps that the keeper itself asks for.
    async fn until(&mut self, end_ms: i64) {
        loop {
            let wait = self.keeper.round().await;
            assert!(wait <= POLL_INTERVAL && wait > Duration::ZERO, "{wait:?}");
            let wait = i64::try_from(wait.as_millis()).unwrap();
            if self.clock.0.fetch_add(wait, Ordering::Relaxed) + wait > end_ms {
                self.clock.0.store(end_ms, Ordering::Relaxed);
                return;
            }
        }
    }
}

fn made() -> BackupOutcome {
    BackupOutcome::Made { path: "s.tar.zst".into(), files: 9, errors: 1, pruned: 2 }
}

#[tokio::test]
async fn a_session_is_backed_up_at_once_and_then_at_every_interval() {
    let mut story = Story::new(Duration::from_hours(6));
    let session = story.add("new", None, vec![Ok(made())]);
    let known = story.add("known", Some(START - 4 * HOUR), Vec::new());
    let overdue = story.add("overdue", Some(START - 40 * HOUR), Vec::new());
    let ahead = story.add("a clock was wrong", Some(START + 400 * HOUR), Vec::new());
    story.until(13 * HOUR).await;
    assert_eq!(*session.backed_up.lock().unwrap(), [0, 6 * HOUR, 12 * HOUR]);
    assert_eq!(*known.backed_up.lock().unwrap(), [2 * HOUR, 8 * HOUR]);
    assert_eq!(*overdue.backed_up.lock().unwrap(), [0, 6 * HOUR, 12 * HOUR]);
    assert_eq!(*ahead.backed_up.lock().unwrap(), [6 * HOUR, 12 * HOUR]);
    assert_eq!(story.keeper.record().evidence(), json!({"lastBackup": START + 12 * HOUR, "failing": 0}));
}

#[tokio::test]
async fn a_failure_is_tried_again_sooner_and_shown_until_it_is_over() {
    let mut story = Story::new(Duration::from_mins(10));
    let full = || Err(SessionError("no room left".to_owned()));
    let session =
        story.add("s", Some(START - HOUR), vec![full(), full(), full(), full(), full(), Ok(made())]);
    story.until(MINUTE).await;
    assert_eq!(story.keeper.record().evidence(), json!({"lastBackup": START - HOUR, "failing": 1}));
    story.until(40 * MINUTE).await;
    let minutes = session.backed_up.lock().unwrap().iter().map(|at| at / MINUTE).collect::<Vec<_>>();
    // 1, 2, 4, 8 minutes, then the interval; and then, as it worked, the interval again.
    assert_eq!(minutes, [0, 1, 3, 7, 15, 25, 35]);
    assert_eq!(story.keeper.record().evidence(), json!({"lastBackup": START + 35 * MINUTE, "failing": 0}));
}

#[tokio::test]
async fn sessions_come_and_go_and_one_without_a_login_is_looked_at_every_minute() {
    let mut story = Story::new(Duration::from_hours(1));
    let nothing = || Ok(BackupOutcome::Nothing("it is not linked".to_owned()));
    let session = story.add("s", None, vec![nothing(), nothing(), Ok(made())]);
    story.until(10 * MINUTE).await;
    assert_eq!(*session.backed_up.lock().unwrap(), [0, MINUTE, 2 * MINUTE]);
    let late = story.add("late", None, vec![Err(SessionError("no room left".to_owned()))]);
    story.until(10 * MINUTE + MINUTE / 2).await;
    assert_eq!(late.backed_up.lock().unwrap().len(), 1);
    assert_eq!(story.keeper.record().evidence()["failing"], 1);
    story.targets.0.lock().unwrap().retain(|session| session.name != "late");
    story.until(3 * HOUR).await;
    assert_eq!(late.backed_up.lock().unwrap().len(), 1);
    assert_eq!(story.keeper.record().evidence()["failing"], 0, "it is gone");
    assert_eq!(session.backed_up.lock().unwrap().len(), 5);
}

#[test]
fn intervals_read_well() {
    for (seconds, expected) in [(21_600, "6 hours"), (60, "1 minute"), (90, "90 seconds"), (3_600, "1 hour")]
    {
        assert_eq!(time(Duration::from_secs(seconds)), expected);
    }
}
