use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::anyhow;
use async_trait::async_trait;

use super::*;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const START: i64 = 1_700_000_000_000;

#[derive(Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now_ms(&self) -> i64 {
        START + self.0.load(Ordering::Relaxed)
    }
}

/// A session whose backups end as the test says.
struct Patient {
    name: &'static str,
    newest_ms: Option<i64>,
    script: Mutex<VecDeque<anyhow::Result<Outcome>>>,
    /// When it was backed up, since the start.
    backed_up: Mutex<Vec<i64>>,
    clock: Arc<Hand>,
}

#[async_trait]
impl Routine for Patient {
    fn name(&self) -> &str {
        self.name
    }

    async fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    async fn back_up(&self) -> anyhow::Result<Outcome> {
        self.backed_up.lock().unwrap().push(self.clock.now_ms() - START);
        self.script.lock().unwrap().pop_front().unwrap_or(Ok(Outcome::Unchanged))
    }
}

#[derive(Clone, Default)]
struct Ward(Arc<Mutex<Vec<Arc<Patient>>>>);

#[async_trait]
impl Sessions for Ward {
    async fn all(&self) -> Vec<Arc<dyn Routine>> {
        self.0.lock().unwrap().iter().map(|patient| Arc::clone(patient) as Arc<dyn Routine>).collect()
    }
}

struct Story {
    clock: Arc<Hand>,
    ward: Ward,
    upkeep: Upkeep<Ward>,
}

impl Story {
    fn new(every: Duration) -> Self {
        let (clock, ward) = (Arc::new(Hand::default()), Ward::default());
        let upkeep = Upkeep::new(ward.clone(), every, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { clock, ward, upkeep }
    }

    fn admit(
        &self,
        name: &'static str,
        newest_ms: Option<i64>,
        script: Vec<anyhow::Result<Outcome>>,
    ) -> Arc<Patient> {
        let patient = Arc::new(Patient {
            name,
            newest_ms,
            script: Mutex::new(script.into()),
            backed_up: Mutex::default(),
            clock: Arc::clone(&self.clock),
        });
        self.ward.0.lock().unwrap().push(Arc::clone(&patient));
        patient
    }

    /// Lets time pass, in the steps that the upkeep itself asks for.
    async fn until(&mut self, end_ms: i64) {
        loop {
            let wait = self.upkeep.round().await;
            assert!(wait <= LOOK_EVERY && wait > Duration::ZERO, "{wait:?}");
            let wait = i64::try_from(wait.as_millis()).unwrap();
            if self.clock.0.fetch_add(wait, Ordering::Relaxed) + wait > end_ms {
                self.clock.0.store(end_ms, Ordering::Relaxed);
                return;
            }
        }
    }
}

fn made() -> Outcome {
    Outcome::Made { path: "s.tar.zst".into(), files: 9, errors: 1, pruned: 2 }
}

#[tokio::test]
async fn a_session_is_backed_up_at_once_and_then_at_every_interval() {
    let mut story = Story::new(Duration::from_hours(6));
    let patient = story.admit("new", None, vec![Ok(made())]);
    let known = story.admit("known", Some(START - 4 * HOUR), Vec::new());
    let overdue = story.admit("overdue", Some(START - 40 * HOUR), Vec::new());
    let ahead = story.admit("a clock was wrong", Some(START + 400 * HOUR), Vec::new());
    story.until(13 * HOUR).await;
    assert_eq!(*patient.backed_up.lock().unwrap(), [0, 6 * HOUR, 12 * HOUR]);
    assert_eq!(*known.backed_up.lock().unwrap(), [2 * HOUR, 8 * HOUR]);
    assert_eq!(*overdue.backed_up.lock().unwrap(), [0, 6 * HOUR, 12 * HOUR]);
    assert_eq!(*ahead.backed_up.lock().unwrap(), [6 * HOUR, 12 * HOUR]);
    assert_eq!(story.upkeep.record().evidence(), json!({"lastBackup": START + 12 * HOUR, "failing": 0}));
}

#[tokio::test]
async fn a_failure_is_tried_again_sooner_and_shown_until_it_is_over() {
    let mut story = Story::new(Duration::from_mins(10));
    let full = || Err(anyhow!("no room left"));
    let patient =
        story.admit("s", Some(START - HOUR), vec![full(), full(), full(), full(), full(), Ok(made())]);
    story.until(MINUTE).await;
    assert_eq!(story.upkeep.record().evidence(), json!({"lastBackup": START - HOUR, "failing": 1}));
    story.until(40 * MINUTE).await;
    let minutes = patient.backed_up.lock().unwrap().iter().map(|at| at / MINUTE).collect::<Vec<_>>();
    // 1, 2, 4, 8 minutes, then the interval; and then, as it worked, the interval again.
    assert_eq!(minutes, [0, 1, 3, 7, 15, 25, 35]);
    assert_eq!(story.upkeep.record().evidence(), json!({"lastBackup": START + 35 * MINUTE, "failing": 0}));
}

#[tokio::test]
async fn sessions_come_and_go_and_one_without_a_login_is_looked_at_every_minute() {
    let mut story = Story::new(Duration::from_hours(1));
    let nothing = || Ok(Outcome::Nothing("it is not linked".to_owned()));
    let patient = story.admit("s", None, vec![nothing(), nothing(), Ok(made())]);
    story.until(10 * MINUTE).await;
    assert_eq!(*patient.backed_up.lock().unwrap(), [0, MINUTE, 2 * MINUTE]);
    let late = story.admit("late", None, vec![Err(anyhow!("no room left"))]);
    story.until(10 * MINUTE + MINUTE / 2).await;
    assert_eq!(late.backed_up.lock().unwrap().len(), 1);
    assert_eq!(story.upkeep.record().evidence()["failing"], 1);
    story.ward.0.lock().unwrap().retain(|patient| patient.name != "late");
    story.until(3 * HOUR).await;
    assert_eq!(late.backed_up.lock().unwrap().len(), 1);
    assert_eq!(story.upkeep.record().evidence()["failing"], 0, "it is gone");
    assert_eq!(patient.backed_up.lock().unwrap().len(), 5);
}

#[test]
fn intervals_read_well() {
    for (seconds, expected) in [(21_600, "6 hours"), (60, "1 minute"), (90, "90 seconds"), (3_600, "1 hour")]
    {
        assert_eq!(time(Duration::from_secs(seconds)), expected);
    }
}
