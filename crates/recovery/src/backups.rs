//! Sessions are backed up on a schedule, and backups that nobody needs any more are removed.
//!
//! `wakeeper serve` does it for its own sessions, `wakeeper monitor` for those of the Baileys containers it watches. What
//! runs on a session goes on running: a copy that changed while it was made is made again.

mod schedule;
mod store;
mod target;

pub use store::{BackupStore, Checked, StoreError, Which};
pub use target::{BackupOutcome, BackupTarget, BackupTargets};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wakeeper_model::plural;

use crate::clock::Clock;
use crate::kind::Kind;
use crate::own_sessions::IncidentLog;
use crate::session::SessionError;
use schedule::Schedule;

/// Sessions that are new are noticed after so long at the latest.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// Keeps all sessions backed up.
pub struct BackupKeeper<S> {
    targets: S,
    every: Duration,
    clock: Arc<dyn Clock>,
    schedules: BTreeMap<String, Schedule>,
    record: BackupRecord,
    incidents: IncidentLog,
}

/// What became of the backups of a process, for whoever asks; cheap to clone.
#[derive(Clone, Default)]
pub struct BackupRecord(Arc<Mutex<BTreeMap<String, Kept>>>);

/// The backups of one session.
#[derive(Clone, Copy, Default)]
struct Kept {
    /// When it was last found to be backed up as it is.
    last_ms: Option<i64>,
    failing: bool,
}

impl BackupRecord {
    fn put(&self, session: &str, kept: Kept) {
        self.lock().insert(session.to_owned(), kept);
    }

    fn last_ms(&self, session: &str) -> Option<i64> {
        self.lock().get(session)?.last_ms
    }

    /// When a session was last backed up, and how many cannot be. No names and no paths: anybody may ask.
    pub fn evidence(&self) -> Value {
        let all = self.lock();
        json!({
            "lastBackup": all.values().filter_map(|kept| kept.last_ms).max(),
            "failing": all.values().filter(|kept| kept.failing).count(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: BackupTargets> BackupKeeper<S> {
    /// Backups of these sessions; nothing happens before [`Self::run`].
    pub fn new(targets: S, every: Duration, clock: Arc<dyn Clock>) -> Self {
        metrics::describe_counter!("wakeeper_backups_total", "Scheduled backups, by session and result");
        metrics::describe_gauge!(
            "wakeeper_backup_last_success_timestamp_seconds",
            "When a session was last found to be backed up as it is"
        );
        let (schedules, record) = (BTreeMap::new(), BackupRecord::default());
        Self { targets, every, clock, schedules, record, incidents: IncidentLog::default() }
    }

    /// Backups that fail are told to `incidents`, and that they work again.
    #[must_use]
    pub fn telling(self, incidents: IncidentLog) -> Self {
        Self { incidents, ..self }
    }

    /// What becomes of the backups.
    pub fn record(&self) -> BackupRecord {
        self.record.clone()
    }

    /// Keeps everything backed up until `stop`. A backup that has begun is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let wait = self.round().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Backs up what is due, one session after the other. Answers how long nothing will be.
    async fn round(&mut self) -> Duration {
        let sessions = self.targets.all().await;
        let is_there = |name: &str| sessions.iter().any(|session| session.name() == name);
        self.schedules.retain(|name, _| is_there(name));
        self.record.lock().retain(|name, _| is_there(name));
        for session in &sessions {
            let name = session.name();
            if !self.schedules.contains_key(name) {
                let newest_ms = session.newest_ms().await;
                self.record.put(name, Kept { last_ms: newest_ms, failing: false });
                let schedule = Schedule::new(self.every, newest_ms, self.clock.now_ms());
                self.schedules.insert(name.to_owned(), schedule);
            }
            let Some(schedule) = self.schedules.get_mut(name) else { continue };
            if schedule.is_due(self.clock.now_ms()) {
                let result = session.back_up().await;
                tell_incidents(&self.incidents, name, &result);
                tell(name, &result, schedule, self.clock.now_ms(), &self.record);
            }
        }
        let now_ms = self.clock.now_ms();
        self.schedules
            .values()
            .map(|schedule| schedule.wait(now_ms))
            .min()
            .unwrap_or(POLL_INTERVAL)
            .min(POLL_INTERVAL)
    }
}

/// An interval, as people say it.
pub fn time(every: Duration) -> String {
    match every.as_secs() {
        seconds if seconds > 0 && seconds % 3600 == 0 => plural((seconds / 3600) as usize, "hour"),
        seconds if seconds > 0 && seconds % 60 == 0 => plural((seconds / 60) as usize, "minute"),
        seconds => plural(seconds as usize, "second"),
    }
}

/// A backup that fails names files, and files are named after contacts: what it said stands in the log alone.
fn tell_incidents(incidents: &IncidentLog, name: &str, result: &Result<BackupOutcome, SessionError>) {
    match result {
        Err(_) => {
            let text = "the scheduled backup failed; the log says why. It is tried again";
            incidents.failed(name, Kind::Backup, text.to_owned());
        }
        Ok(BackupOutcome::Made { .. } | BackupOutcome::Unchanged) => {
            incidents.over(name, Kind::Backup, "scheduled backups work again");
        }
        Ok(BackupOutcome::Nothing(_)) => {}
    }
}

/// Says what became of a backup, and when the next one is due.
fn tell(
    name: &str,
    result: &Result<BackupOutcome, SessionError>,
    schedule: &mut Schedule,
    now_ms: i64,
    record: &BackupRecord,
) {
    let word = match result {
        Ok(BackupOutcome::Made { path, files, errors, pruned }) => {
            let removed = match pruned {
                0 => String::new(),
                count => format!("; {} removed", plural(*count, "old backup")),
            };
            let shown = path.display();
            tracing::info!(session = name, "backed up to {shown}, {}{removed}", plural(*files, "file"));
            if *errors > 0 {
                tracing::warn!(
                    session = name,
                    "the session had {} when it was backed up; the last backup without any is kept. `wakeeper health` \
                     says what is wrong",
                    plural(*errors, "error")
                );
            }
            "made"
        }
        Ok(BackupOutcome::Unchanged) => {
            tracing::debug!(session = name, "nothing changed since its newest backup");
            "unchanged"
        }
        Ok(BackupOutcome::Nothing(why)) => {
            tracing::debug!(session = name, "it is not backed up: {why}");
            schedule.postpone(now_ms);
            return;
        }
        Err(error) => {
            let wait = schedule.failed(now_ms);
            tracing::error!(
                session = name,
                "the scheduled backup failed, trying again in {} s: {error}",
                wait.as_secs()
            );
            record.put(name, Kept { last_ms: record.last_ms(name), failing: true });
            count(name, "failed");
            return;
        }
    };
    if schedule.done(now_ms) {
        tracing::info!(session = name, "scheduled backups work again");
    }
    record.put(name, Kept { last_ms: Some(now_ms), failing: false });
    metrics::gauge!("wakeeper_backup_last_success_timestamp_seconds", "session" => name.to_owned())
        .set((now_ms / 1000) as f64);
    count(name, word);
}

fn count(session: &str, result: &'static str) {
    metrics::counter!("wakeeper_backups_total", "session" => session.to_owned(), "result" => result)
        .increment(1);
}

#[cfg(test)]
mod tests;
