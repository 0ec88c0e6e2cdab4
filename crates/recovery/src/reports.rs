//! Incidents that are told and end when their cause does. What comes and goes is one incident that counts how often.

use std::collections::BTreeMap;

use wakeeper_storage::IncidentState;

use crate::kind::{Kind, Outcome};
use crate::policy::StepRecord;

/// What was reported and did not come again for so long is over; what comes again sooner is the same incident.
pub(crate) const QUIET_MS: i64 = 600_000;

/// What is over after a time of silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Silence {
    /// Causes that only a log tells of, when no line does any more.
    #[default]
    EndsSome,
    /// Nothing whose end nobody told.
    EndsNothing,
}

/// Something that was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sighting<'a> {
    /// What went wrong.
    pub(crate) kind: Kind,
    /// What was seen, for people.
    pub(crate) text: &'a str,
    /// Somebody must hear of it.
    pub(crate) alert: bool,
    /// It happened once more; otherwise the same cause only shows again.
    pub(crate) counts: bool,
}

/// The reports about one session; at most one of a kind is open.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    silence: Silence,
    open: BTreeMap<Kind, Open>,
    /// Those that are over, and may come again.
    over: BTreeMap<Kind, Over>,
}

#[derive(Debug)]
struct Open {
    seen_ms: i64,
    times: u64,
    /// Its end was told, and it did not come again since.
    ceased: bool,
    /// Its end is believed after a time of silence only.
    comes_again: bool,
}

#[derive(Debug)]
struct Over {
    at_ms: i64,
    times: u64,
}

impl Reports {
    pub(crate) fn new(silence: Silence) -> Self {
        Self { silence, ..Self::default() }
    }

    /// An incident from before a restart; `over_ms` says when it ended.
    pub(crate) fn resume(&mut self, kind: Kind, times: u64, over_ms: Option<i64>, now_ms: i64) {
        if let Some(at_ms) = over_ms {
            self.over.insert(kind, Over { at_ms, times });
        } else {
            let open = Open { seen_ms: now_ms, times, ceased: false, comes_again: false };
            self.open.insert(kind, open);
        }
    }

    pub(crate) fn is_open(&self, kind: Kind) -> bool {
        self.open.contains_key(&kind)
    }

    pub(crate) fn next_wake_ms(&self) -> Option<i64> {
        let ending = self.open.iter().filter(|(kind, open)| self.ends_by_silence(**kind, open));
        ending.map(|(_, open)| open.seen_ms + QUIET_MS).min()
    }

    fn ends_by_silence(&self, kind: Kind, open: &Open) -> bool {
        let told_by_logs = self.silence == Silence::EndsSome && matches!(kind, Kind::TwoOwners | Kind::Disk);
        told_by_logs || (open.ceased && open.comes_again)
    }

    /// Takes in what was seen. Answers the step, where there is one to be stored: the first, when it comes again, and then
    /// ever more seldom.
    pub(crate) fn report(&mut self, seen: Sighting<'_>, now_ms: i64) -> Option<StepRecord> {
        let kind = seen.kind;
        if let Some(open) = self.open.get_mut(&kind) {
            open.seen_ms = now_ms;
            if !seen.counts && !open.ceased {
                return None;
            }
            open.comes_again |= open.ceased;
            open.ceased = false;
            open.times += 1;
            let times = open.times;
            return times.is_power_of_two().then(|| again(seen, times, false));
        }
        let before = self.over.remove(&kind).filter(|over| now_ms - over.at_ms < QUIET_MS);
        let times = before.map_or(1, |over| over.times + 1);
        let open = Open { seen_ms: now_ms, times, ceased: false, comes_again: times > 1 };
        self.open.insert(kind, open);
        if times > 1 {
            // Who heard that it is over hears that it is not.
            return Some(again(seen, times, seen.alert));
        }
        Some(step(kind, IncidentState::Open, "opened", seen.text.to_owned(), times, seen.alert))
    }

    /// Its cause is gone. What comes and goes is over after a time of silence only.
    pub(crate) fn close(&mut self, kind: Kind, text: &str, now_ms: i64) -> Option<StepRecord> {
        let open = self.open.get_mut(&kind)?;
        open.ceased = true;
        if open.comes_again { None } else { self.end(kind, text, now_ms) }
    }

    /// Its cause is gone already, and may come again at any time.
    pub(crate) fn passes(&mut self, kind: Kind) {
        if let Some(open) = self.open.get_mut(&kind) {
            open.ceased = true;
            open.comes_again = true;
        }
    }

    /// Ends what is over by silence.
    pub(crate) fn close_quiet(&mut self, now_ms: i64) -> Vec<StepRecord> {
        let quiet = |(kind, open): (&Kind, &Open)| {
            (self.ends_by_silence(*kind, open) && now_ms - open.seen_ms >= QUIET_MS).then_some(*kind)
        };
        let kinds: Vec<_> = self.open.iter().filter_map(quiet).collect();
        let end = |kind| self.end(kind, "it was not seen again for ten minutes", now_ms);
        kinds.into_iter().filter_map(end).collect()
    }

    /// Ends every incident.
    pub(crate) fn close_all(&mut self, text: &str, now_ms: i64) -> Vec<StepRecord> {
        let kinds: Vec<_> = self.open.keys().copied().collect();
        let ended = kinds.into_iter().filter_map(|kind| self.end(kind, text, now_ms));
        // Whatever was wrong was not repaired by that.
        ended.map(|step| StepRecord { outcome: Some(Outcome::Ceased), ..step }).collect()
    }

    fn end(&mut self, kind: Kind, text: &str, now_ms: i64) -> Option<StepRecord> {
        let times = self.open.remove(&kind)?.times;
        self.over.insert(kind, Over { at_ms: now_ms, times });
        let text = if times > 1 { format!("{text}; seen {times} times") } else { text.to_owned() };
        let closed = step(kind, IncidentState::Closed, "closed", text, times, true);
        Some(StepRecord { outcome: Some(kind.outcome()), ..closed })
    }
}

fn again(seen: Sighting<'_>, times: u64, alert: bool) -> StepRecord {
    let text = format!("{}; seen {times} times", seen.text);
    step(seen.kind, IncidentState::Open, "again", text, times, alert)
}

fn step(
    kind: Kind,
    state: IncidentState,
    step: &'static str,
    text: String,
    times: u64,
    alert: bool,
) -> StepRecord {
    StepRecord { kind, state, outcome: None, step, text, alert, times }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Sighting<'_> =
        Sighting { kind: Kind::LoggedOut, text: "logged out", alert: true, counts: true };

    #[test]
    fn what_comes_and_goes_is_one_incident_with_a_count() {
        let mut reports = Reports::new(Silence::EndsNothing);
        let mut steps = Vec::new();
        for second in 0..1_000 {
            steps.extend(reports.report(SEEN, second * 1_000));
            steps.extend(reports.close(SEEN.kind, "it works", second * 1_000 + 500));
        }
        let words: Vec<_> = steps.iter().map(|step| step.step).collect();
        assert_eq!(words[..3], ["opened", "closed", "again"]);
        assert!(words[2..].iter().all(|word| *word == "again") && words.len() < 14, "{words:?}");
        assert_eq!(steps.iter().filter(|step| step.alert).count(), 3, "{steps:?}");
        assert_eq!(steps.last().map(|step| step.times), Some(512));
        assert_eq!(reports.close_quiet(1_000_000), []);
        let over = reports.close_quiet(999_000 + QUIET_MS);
        assert_eq!(over.iter().map(|step| (step.step, step.times)).collect::<Vec<_>>(), [("closed", 1_000)]);
        assert!(over[0].text.contains("seen 1000 times"), "{over:?}");
        let later = 999_000 + 3 * QUIET_MS;
        assert_eq!(reports.report(SEEN, later).map(|step| step.step), Some("opened"), "another incident");
    }

    #[test]
    fn silence_alone_ends_nothing_of_which_nobody_said_so() {
        let seen = Sighting { kind: Kind::TwoOwners, ..SEEN };
        let mut own = Reports::new(Silence::EndsNothing);
        own.report(seen, 0);
        assert_eq!((own.next_wake_ms(), own.close_quiet(10 * QUIET_MS)), (None, Vec::new()));
        let mut watched = Reports::new(Silence::EndsSome);
        watched.report(seen, 0);
        assert_eq!(watched.next_wake_ms(), Some(QUIET_MS));
        assert_eq!(watched.close_quiet(QUIET_MS).len(), 1);
    }

    #[test]
    fn a_restart_forgets_neither_what_is_open_nor_what_was() {
        let mut reports = Reports::new(Silence::EndsNothing);
        reports.resume(Kind::LoggedOut, 1, None, 0);
        assert_eq!(reports.report(SEEN, 1).map(|step| (step.step, step.times)), Some(("again", 2)));
        let closed = reports.close(SEEN.kind, "it works", 2);
        assert_eq!(closed.map(|step| step.outcome), Some(Some(Outcome::Ceased)), "it went only once");
        reports.resume(Kind::Backup, 4, Some(0), 0);
        let backup = Sighting { kind: Kind::Backup, ..SEEN };
        assert_eq!(reports.report(backup, 5).map(|step| step.times), Some(5));
    }
}
