//! Carries decisions out on one session, one after the other, and stores every step.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wakeeper_doctor::symptoms::Symptom;
use wakeeper_storage::{IncidentSource, Storage, StorageError};

use crate::clock::Clock;
use crate::ladder::Rung;
use crate::policy::{Decision, Input, Policy, RepairResult};
use crate::record::{REFUSED, Recorder, STOPPED};
use crate::rules::{Rules, ms};
use crate::session::{Access, ApplyError, ManagedSession, Order, Progress, RepairReport, SessionError};

/// Observations taken in at once.
const BATCH: usize = 1024;
/// How often a growing incident is stored.
const STORE_EVERY_MS: i64 = 1_000;
/// The longest sleep; the clock may be set.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Something seen from outside.
#[derive(Debug, Clone)]
pub enum Observation {
    /// A line of the log, classified.
    Symptom(Symptom),
    /// The gateway was started.
    Started {
        /// When, milliseconds since 1970.
        at_ms: i64,
    },
    /// The gateway ended.
    Ended {
        /// When, milliseconds since 1970.
        at_ms: i64,
        /// Its exit code.
        code: Option<i64>,
        /// Memory ran out.
        out_of_memory: bool,
    },
    /// The gateway's own health check changed its mind.
    Health {
        /// When, milliseconds since 1970.
        at_ms: i64,
        /// What it says.
        well: bool,
    },
}

/// Cares for one session.
pub struct Caretaker {
    session: Arc<dyn ManagedSession>,
    rules: Rules,
    clock: Arc<dyn Clock>,
    recorder: Arc<Recorder>,
    policy: Policy,
    /// The last repair's beginning and end: what happened to the gateway in between was our doing.
    repair: Option<(i64, i64)>,
    job: Option<Job>,
    stored_ms: i64,
    grew: bool,
}

struct Job {
    handle: JoinHandle<Input>,
    /// When it began to repair; `None` for an examination.
    repairing_since_ms: Option<i64>,
}

impl Caretaker {
    /// A caretaker that stores incidents in `storage`.
    pub fn new(
        session: Arc<dyn ManagedSession>,
        rules: Rules,
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let recorder = Recorder::new(storage, Arc::clone(&clock), IncidentSource::Monitor, session.name());
        let policy = Policy::new(rules.clone(), session.access() == Access::Full);
        Self {
            session,
            rules,
            clock,
            recorder: Arc::new(recorder),
            policy,
            repair: None,
            job: None,
            stored_ms: 0,
            grew: false,
        }
    }

    /// Cares until the observations end or `stop` is called. A repair that has begun is finished first: nothing is left
    /// stopped.
    ///
    /// # Errors
    /// When what is known from before cannot be read.
    pub async fn run(
        mut self,
        mut observations: mpsc::Receiver<Observation>,
        stop: CancellationToken,
    ) -> Result<(), StorageError> {
        let past = self.recorder.past(ms(self.rules.memory)).await?;
        self.policy.resume(past, self.clock.now_ms());
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let sleep = self.sleep();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                input = finished(&mut self.job) => self.finish_job(input).await,
                count = observations.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        break;
                    }
                    for observation in batch.drain(..) {
                        self.observe(observation).await;
                    }
                }
                () = tokio::time::sleep(sleep) => self.take_in(Input::Tick).await,
            }
            self.store_extent(false).await;
        }
        if self.job.as_ref().is_some_and(|job| job.repairing_since_ms.is_some()) {
            tracing::info!(session = self.session.name(), "a repair is being finished before the end");
            let input = finished(&mut self.job).await;
            self.finish_job(input).await;
        }
        self.store_extent(true).await;
        Ok(())
    }

    fn sleep(&self) -> Duration {
        let wake = self.policy.next_wake_ms().map(|at| at - self.clock.now_ms());
        let store = self.grew.then_some(STORE_EVERY_MS);
        let wait = [wake, store].into_iter().flatten().min().unwrap_or(i64::MAX);
        Duration::from_millis(u64::try_from(wait).unwrap_or(0)).clamp(Duration::from_millis(1), LONGEST_SLEEP)
    }

    async fn observe(&mut self, observation: Observation) {
        let input = match observation {
            Observation::Symptom(symptom) => {
                let class = format!("{:?}", symptom.class);
                metrics::counter!(
                    "wakeeper_symptoms_total", "session" => self.session.name().to_owned(), "class" => class
                )
                .increment(1);
                self.grew = true;
                Input::Symptom(symptom)
            }
            Observation::Started { at_ms }
            | Observation::Ended { at_ms, .. }
            | Observation::Health { at_ms, .. }
                if self.was_us(at_ms) =>
            {
                return;
            }
            Observation::Started { .. } => Input::Started,
            Observation::Ended { code, out_of_memory, .. } => Input::Ended { code, out_of_memory },
            Observation::Health { well, .. } => Input::Health { well },
        };
        self.take_in(input).await;
    }

    fn was_us(&self, at_ms: i64) -> bool {
        let running = self.job.as_ref().and_then(|job| job.repairing_since_ms);
        running.is_some_and(|since| at_ms >= since)
            || self.repair.is_some_and(|(from, to)| (from..=to).contains(&at_ms))
    }

    async fn take_in(&mut self, input: Input) {
        // Before it may be closed and gone.
        let before = self.policy.extent();
        for decision in self.policy.handle(input, self.clock.now_ms()) {
            match decision {
                Decision::Record(word) => {
                    let extent = self.policy.extent().or_else(|| before.clone());
                    self.recorder.tell(word, extent).await;
                }
                Decision::Examine(peer_failures) => {
                    let session = Arc::clone(&self.session);
                    let look = async move {
                        Input::Looked(
                            session.examine(&peer_failures).await.map_err(|error| error.to_string()),
                        )
                    };
                    self.job = Some(Job { handle: tokio::spawn(look), repairing_since_ms: None });
                }
                Decision::Repair(order) => {
                    let (session, recorder) = (Arc::clone(&self.session), Arc::clone(&self.recorder));
                    let clock = Arc::clone(&self.clock);
                    let since = clock.now_ms();
                    let repair =
                        async move { Input::Repaired(carry_out(&*session, order, &recorder, &*clock).await) };
                    self.job = Some(Job { handle: tokio::spawn(repair), repairing_since_ms: Some(since) });
                }
            }
        }
    }

    async fn finish_job(&mut self, input: Input) {
        if let Some(Job { repairing_since_ms: Some(since), .. }) = self.job.take() {
            self.repair = Some((since, self.clock.now_ms()));
        }
        self.take_in(input).await;
    }

    /// A burst grows an incident a thousand times a second; once is stored.
    async fn store_extent(&mut self, now: bool) {
        let now_ms = self.clock.now_ms();
        if self.grew && (now || now_ms - self.stored_ms >= STORE_EVERY_MS) {
            self.grew = false;
            self.stored_ms = now_ms;
            self.recorder.reach(self.policy.extent()).await;
        }
    }
}

/// Waits for the job, or for ever when there is none.
async fn finished(job: &mut Option<Job>) -> Input {
    let Some(running) = job else { return std::future::pending().await };
    let repairing = running.repairing_since_ms.is_some();
    match (&mut running.handle).await {
        Ok(input) => input,
        Err(error) if repairing => {
            Input::Repaired(RepairResult::Failed { reason: format!("it broke off: {error}") })
        }
        Err(error) => Input::Looked(Err(format!("it broke off: {error}"))),
    }
}

/// Plans and applies; every step is stored.
async fn carry_out(
    session: &dyn ManagedSession,
    order: Order,
    recorder: &Recorder,
    clock: &dyn Clock,
) -> RepairResult {
    let failed = |error: SessionError| RepairResult::Failed { reason: error.to_string() };
    if order.rung != Rung::Restart {
        match session.plan(&order).await {
            Ok(plan) if plan.plan.is_empty() => return RepairResult::NothingToDo { notes: plan.notes },
            Ok(plan) => {
                let text = format!("the plan has {} step(s)", plan.plan.len());
                recorder.step("planned", text, Some(json!({ "plan": plan.plan, "notes": plan.notes }))).await;
            }
            Err(error) => return failed(error),
        }
    }
    let began_ms = clock.now_ms();
    let peers: Vec<_> = order.peer_failures.iter().map(|trouble| trouble.peer.to_string()).collect();
    let detail = json!({ "rung": order.rung.word(), "peers": peers });
    // Stored first: a repair that ends with this process counts as one.
    recorder.step(STOPPED, "the gateway is stopped".to_owned(), Some(detail)).await;
    let applied = session.apply(&order, recorder).await;
    if let Err(ApplyError { error, begun: false }) = applied {
        recorder.step(REFUSED, "nothing was stopped or changed".to_owned(), None).await;
        return failed(error);
    }
    let downtime_ms = clock.now_ms() - began_ms;
    let verdict = if applied.is_ok() { "done" } else { "failed" };
    metrics::counter!(
        "wakeeper_cures_total",
        "session" => session.name().to_owned(), "rung" => order.rung.word(), "result" => verdict
    )
    .increment(1);
    metrics::histogram!("wakeeper_cure_downtime_seconds", "session" => session.name().to_owned())
        .record(downtime_ms as f64 / 1000.0);
    match applied {
        Err(ApplyError { error, .. }) => failed(error),
        Ok(applied) => {
            let detail = json!({ "downtime_ms": downtime_ms });
            let text = format!("well again after {downtime_ms} ms");
            recorder.step("started", text, Some(detail)).await;
            RepairResult::Done { stopped_ms: applied.since_ms, report: applied.report }
        }
    }
}

#[async_trait]
impl Progress for Recorder {
    async fn repaired(&self, report: &RepairReport) {
        if let Some(backup) = &report.backup {
            let detail = json!({ "backup": backup });
            self.step("backed_up", format!("backed up to {}", backup.display()), Some(detail)).await;
        }
        if report.applied {
            let detail =
                json!({ "plan": report.plan, "login_kept": report.login_kept, "healthy": report.healthy });
            let kept = if report.login_kept { "the login is kept" } else { "the login is gone" };
            let text = format!("{} step(s) carried out; {kept}", report.plan.len());
            self.step("mended", text, Some(detail)).await;
        }
    }
}
