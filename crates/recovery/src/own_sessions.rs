//! Incidents of a gateway's own sessions: what it sees of them is kept where a monitor keeps its own, and told alike.
//!
//! Nothing is decided here on a repair. Whoever tells never waits: one task stores what comes, and a folder of incidents that
//! cannot be used keeps no session from running. The folder is made when there is something to be kept.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use wakeeper_storage::{IncidentQuery, IncidentSource, IncidentState, Storage, StorageError};

use crate::clock::Clock;
use crate::incidents::state_word;
use crate::incidents::{FolderError, IncidentFolder, database};
use crate::kind::{Kind, Outcome};
use crate::policy::StepRecord;
use crate::record::Recorder;
use crate::reports::{QUIET_MS, Reports, Sighting, Silence};

/// What waits to be stored at most.
const QUEUE: usize = 1024;
/// News that wait for whoever hears them, at most.
const NEWS: usize = 1024;
/// After a folder that could not be used, the next attempt.
const RETRY_MS: i64 = 60_000;
/// After a disk that failed, the next attempt at storing what waits.
const RETRY_STORING_MS: i64 = 2_000;
/// Incidents that are not over, read at the start.
const UNFINISHED: u32 = 10_000;

/// A repair that a gateway made by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// What was wrong, for people. Names no contact.
    pub found: String,
    /// What was done about it.
    pub done: String,
    /// The session works all the while.
    pub works: bool,
}

/// A step of an incident, told after it was kept. It names no contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentNews {
    /// The session that it is about.
    pub session: String,
    /// The incident's number; unknown while the disk takes no writes.
    pub incident: Option<i64>,
    /// What went wrong.
    pub kind: Kind,
    /// Where it is, as a stable word.
    pub state: &'static str,
    /// How it ended, as a stable word.
    pub outcome: Option<&'static str>,
    /// What happened, as a stable word.
    pub step: &'static str,
    /// The same for people.
    pub text: String,
    /// How often it was seen.
    pub times: u64,
}

/// What a gateway tells of one of its sessions.
#[derive(Debug)]
enum Event {
    Failed { kind: Kind, text: String },
    Repaired { kind: Kind, repaired: Repaired },
    Over { kind: Kind, text: &'static str },
    Works,
    Deleted,
}

impl Event {
    /// Is it news of an end alone? There is nothing to keep of it where nothing began.
    fn ends(&self) -> bool {
        matches!(self, Self::Works | Self::Over { .. } | Self::Deleted)
    }
}

/// Where a gateway tells what happens to its sessions. Cheap to clone; one by default goes nowhere.
#[derive(Debug, Clone, Default)]
pub struct IncidentLog {
    queue: Option<mpsc::Sender<(String, Event)>>,
    news: Option<broadcast::Sender<IncidentNews>>,
}

impl IncidentLog {
    /// A session, or what keeps it safe, fails.
    pub fn failed(&self, session: &str, kind: Kind, text: String) {
        self.tell(session, Event::Failed { kind, text });
    }

    /// Something was damaged, and has been repaired.
    pub fn repaired(&self, session: &str, kind: Kind, repaired: Repaired) {
        self.tell(session, Event::Repaired { kind, repaired });
    }

    /// What was told to fail does no more.
    pub fn over(&self, session: &str, kind: Kind, text: &'static str) {
        self.tell(session, Event::Over { kind, text });
    }

    /// A session works.
    pub fn works(&self, session: &str) {
        self.tell(session, Event::Works);
    }

    /// A session is there no more.
    pub fn deleted(&self, session: &str) {
        self.tell(session, Event::Deleted);
    }

    /// Hears each step of each incident from now on; `None` where none are kept.
    pub fn news(&self) -> Option<broadcast::Receiver<IncidentNews>> {
        self.news.as_ref().map(broadcast::Sender::subscribe)
    }

    fn tell(&self, session: &str, event: Event) {
        let Some(queue) = &self.queue else { return };
        if let Err(error) = queue.try_send((session.to_owned(), event)) {
            tracing::error!(session, %error, "what happened to a session is not kept as an incident");
        }
    }
}

/// Makes a log, and the keeper of what it is told. Incidents are kept in `folder`.
pub fn incident_log(folder: PathBuf, clock: Arc<dyn Clock>) -> (IncidentLog, IncidentKeeper) {
    crate::describe_metrics();
    let (queue, events) = mpsc::channel(QUEUE);
    let (news, _) = broadcast::channel(NEWS);
    let log = IncidentLog { queue: Some(queue), news: Some(news.clone()) };
    let keeper = IncidentKeeper {
        folder,
        clock,
        events,
        open: None,
        sessions: BTreeMap::new(),
        untold: VecDeque::new(),
        failed_ms: None,
        news,
    };
    (log, keeper)
}

/// Keeps the incidents of a gateway's own sessions.
pub struct IncidentKeeper {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    events: mpsc::Receiver<(String, Event)>,
    open: Option<IncidentFolder>,
    sessions: BTreeMap<String, OwnSession>,
    /// What was told while the folder could not be used, in order; at most [`QUEUE`].
    untold: VecDeque<(String, Event)>,
    /// When the folder could not be used.
    failed_ms: Option<i64>,
    /// Tells of each step.
    news: broadcast::Sender<IncidentNews>,
}

/// One session, and what is told of it.
struct OwnSession {
    name: String,
    news: broadcast::Sender<IncidentNews>,
    recorder: Recorder,
    reports: Reports,
    /// What was done by repairs that are not confirmed yet.
    done: BTreeMap<Kind, String>,
}

impl IncidentKeeper {
    /// Keeps incidents until `stop`, and then what was told before. `opened` hears once of the storage, for whoever sends
    /// its alerts. Answers the folder, when there is one, to be closed after that.
    pub async fn run(
        mut self,
        opened: impl FnOnce(Arc<dyn Storage>) + Send,
        stop: CancellationToken,
    ) -> Option<IncidentFolder> {
        let mut opened = Some(opened);
        if database(&self.folder).exists() {
            self.open(&mut opened).await;
        }
        loop {
            let wait = self.wait();
            tokio::select! {
                biased;
                event = self.events.recv() => match event {
                    Some((session, event)) => self.take_in(session, event, &mut opened).await,
                    None => break,
                },
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait) => self.on_timer(&mut opened).await,
            }
        }
        for session in self.sessions.values() {
            session.recorder.retry().await;
        }
        self.open
    }

    fn wait(&self) -> Duration {
        let next = self.sessions.values().filter_map(|session| session.reports.next_wake_ms()).min();
        // The clock may be set.
        let is_waiting = self.sessions.values().any(|session| session.recorder.is_waiting());
        let most = if is_waiting { RETRY_STORING_MS } else { RETRY_MS };
        let wait = next.map_or(most, |at| (at - self.clock.now_ms()).clamp(1, most));
        Duration::from_millis(u64::try_from(wait).unwrap_or(1))
    }

    /// Opens the folder, and goes on with what another process left.
    async fn open(&mut self, opened: &mut Option<impl FnOnce(Arc<dyn Storage>) + Send>) {
        let now_ms = self.clock.now_ms();
        if self.failed_ms.is_some_and(|failed| now_ms - failed < RETRY_MS) {
            return;
        }
        match self.try_open(now_ms).await {
            Ok(folder) => {
                self.failed_ms = None;
                if let Some(opened) = opened.take() {
                    opened(Arc::clone(&folder.storage));
                }
                self.open = Some(folder);
            }
            Err(error) => {
                self.failed_ms = Some(now_ms);
                tracing::warn!(
                    "incidents of this gateway's sessions are not kept, trying again in a minute: {error}"
                );
            }
        }
    }

    async fn try_open(&mut self, now_ms: i64) -> Result<IncidentFolder, FolderError> {
        let folder = IncidentFolder::open(&self.folder, IncidentSource::Gateway, now_ms).await?;
        let query = IncidentQuery {
            source: Some(IncidentSource::Gateway),
            session: None,
            unfinished: true,
            before: None,
            limit: UNFINISHED,
        };
        let unfinished = folder.storage.incidents(query).await.map_err(FolderError::Open)?;
        let names: BTreeSet<_> = unfinished.into_iter().map(|incident| incident.session).collect();
        for name in names {
            let session = self.load(&folder.storage, &name).await.map_err(FolderError::Open)?;
            self.sessions.insert(name, session);
        }
        Ok(folder)
    }

    async fn load(&self, storage: &Arc<dyn Storage>, name: &str) -> Result<OwnSession, StorageError> {
        let (storage, clock) = (Arc::clone(storage), Arc::clone(&self.clock));
        let recorder = Recorder::new(storage, clock, IncidentSource::Gateway, name);
        let mut reports = Reports::new(Silence::EndsNothing);
        let now_ms = self.clock.now_ms();
        for past in recorder.past(QUIET_MS).await?.incidents {
            reports.resume(past.kind, past.times, past.closed_ms, now_ms);
        }
        recorder.count().await;
        let (name, news) = (name.to_owned(), self.news.clone());
        Ok(OwnSession { name, news, recorder, reports, done: BTreeMap::new() })
    }

    async fn take_in(
        &mut self,
        name: String,
        event: Event,
        opened: &mut Option<impl FnOnce(Arc<dyn Storage>) + Send>,
    ) {
        if self.open.is_none() {
            if event.ends() && self.failed_ms.is_none() {
                return;
            }
            if self.untold.len() >= QUEUE {
                self.untold.pop_front();
            }
            self.untold.push_back((name, event));
            return self.tell_untold(opened).await;
        }
        self.tell(name, event).await;
    }

    /// Opens the folder, and tells what waits for it.
    async fn tell_untold(&mut self, opened: &mut Option<impl FnOnce(Arc<dyn Storage>) + Send>) {
        self.open(opened).await;
        while self.open.is_some()
            && let Some((name, event)) = self.untold.pop_front()
        {
            self.tell(name, event).await;
        }
    }

    async fn tell(&mut self, name: String, event: Event) {
        let Some(storage) = self.open.as_ref().map(|open| Arc::clone(&open.storage)) else { return };
        if !self.sessions.contains_key(&name) {
            if event.ends() {
                // Whatever is not over was loaded with the folder.
                return;
            }
            match self.load(&storage, &name).await {
                Ok(session) => drop(self.sessions.insert(name.clone(), session)),
                Err(error) => {
                    return tracing::error!(session = name, %error, "the incidents of a session cannot be read");
                }
            }
        }
        let is_deleted = matches!(event, Event::Deleted);
        let now_ms = self.clock.now_ms();
        if let Some(session) = self.sessions.get_mut(&name) {
            session.take_in(event, now_ms).await;
        }
        if is_deleted && self.sessions.get(&name).is_some_and(|session| !session.recorder.is_waiting()) {
            self.sessions.remove(&name);
        }
    }

    async fn on_timer(&mut self, opened: &mut Option<impl FnOnce(Arc<dyn Storage>) + Send>) {
        if !self.untold.is_empty() {
            self.tell_untold(opened).await;
        }
        for session in self.sessions.values() {
            session.recorder.retry().await;
        }
        self.close_quiet().await;
    }

    async fn close_quiet(&mut self) {
        let now_ms = self.clock.now_ms();
        for session in self.sessions.values_mut() {
            let over = session.reports.close_quiet(now_ms);
            session.record(over).await;
        }
    }
}

impl OwnSession {
    async fn take_in(&mut self, event: Event, now_ms: i64) {
        let steps: Vec<StepRecord> = match event {
            Event::Failed { kind, text } => {
                let seen = Sighting { kind, text: &text, alert: true, counts: true };
                self.reports.report(seen, now_ms).into_iter().collect()
            }
            Event::Repaired { kind, repaired } => self.repaired(kind, repaired, now_ms),
            Event::Over { kind, text } => self.reports.close(kind, text, now_ms).into_iter().collect(),
            Event::Works => self.works(now_ms),
            Event::Deleted => self.reports.close_all("the session was deleted", now_ms),
        };
        self.record(steps).await;
    }

    /// What was found and what was done: nobody needs to act, so that the end alone is an alert.
    fn repaired(&mut self, kind: Kind, repaired: Repaired, now_ms: i64) -> Vec<StepRecord> {
        let Repaired { found, done, works } = repaired;
        let seen = Sighting { kind, text: &found, alert: false, counts: true };
        let first = self.reports.report(seen, now_ms);
        if works {
            self.reports.passes(kind);
        } else {
            self.done.insert(kind, done.clone());
        }
        let Some(first) = first else { return Vec::new() };
        let times = first.times;
        let repair = StepRecord {
            kind,
            state: IncidentState::Verifying,
            outcome: None,
            step: "mended",
            text: done,
            alert: false,
            times,
        };
        vec![first, repair]
    }

    /// Closes all that is over when the session works. Backups are no matter of the connection.
    fn works(&mut self, now_ms: i64) -> Vec<StepRecord> {
        let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Backup);
        let steps = kinds.filter_map(|kind| {
            let text = match self.done.remove(&kind) {
                Some(done) => format!("{done}; the session works"),
                None => "the session works again".to_owned(),
            };
            self.reports.close(kind, &text, now_ms)
        });
        steps.collect()
    }

    async fn record(&self, steps: Vec<StepRecord>) {
        for step in steps {
            let told = step.clone();
            self.recorder.tell(step, None).await;
            let news = IncidentNews {
                session: self.name.clone(),
                incident: self.recorder.number_of(told.kind).await,
                kind: told.kind,
                state: state_word(told.state),
                outcome: told.outcome.map(Outcome::word),
                step: told.step,
                text: told.text,
                times: told.times,
            };
            // Nobody needs to listen.
            let _ = self.news.send(news);
        }
    }
}

#[cfg(test)]
mod tests;
