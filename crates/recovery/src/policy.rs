//! The policy: a state machine without clock, disk or network. Symptoms and the time go in, decisions come out.
//!
//! Failing messages open one incident, however many lines they print. The incident first waits for the retry
//! handshake; then the stored state is examined, and only evidence decides: a contact whose Signal session is newer
//! than its last failure has healed. What is left is repaired on the lowest rung of the [ladder](crate::ladder) that
//! fits, verified, and repaired on the next one when it did not help. Repairs of one session keep a distance that doubles,
//! and end after a few tries, aloud.

mod case;
mod decide;
mod reports;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use wakeeper_doctor::address::Address;
use wakeeper_doctor::symptoms::{Class, PeerFailures, Symptom};
use wakeeper_model::plural;
use wakeeper_storage::IncidentState;

use crate::kind::{Kind, Outcome};
use crate::reports::Reports;
use crate::rules::{Rules, ms};
use crate::session::{Examined, Order, RepairReport};
use crate::tally::{Tally, weight};
use case::{Case, Phase};
use reports::Takeovers;

/// One contact's failure may have been healed by a re-key that names no contact, if it is no older than this.
const REKEY_MS: i64 = 60_000;
/// An incident that nobody repairs is looked at so often, to see whether it is over.
const LOOK_AGAIN_MS: i64 = 600_000;
/// The least time between two examinations when something new was seen.
const GLANCE_SOON_MS: i64 = 5_000;
/// A file that looks damaged is looked at again after so long.
const WRITTEN_MS: i64 = 5_000;
/// Old failures are forgotten so often.
const PRUNE_MS: i64 = 500;
/// Repairs remembered.
const REPAIRS: usize = 256;

/// What the policy is told.
#[derive(Debug, Clone)]
pub enum Input {
    /// A line of the log, classified.
    Symptom(Symptom),
    /// Somebody else than this policy started the gateway.
    Started,
    /// The gateway ended, and not because of this policy.
    Ended {
        /// Its exit code.
        code: Option<i64>,
        /// Memory ran out.
        out_of_memory: bool,
    },
    /// The gateway's own health check changed its mind.
    Health {
        /// What it says.
        well: bool,
    },
    /// The examination that was asked for.
    Looked(Result<Examined, String>),
    /// The repair that was asked for.
    Repaired(RepairResult),
    /// Time has passed.
    Tick,
}

/// What came of a repair.
#[derive(Debug, Clone)]
pub enum RepairResult {
    /// It was carried out, and the gateway is well again.
    Done {
        /// When the gateway stood still; symptoms before it are history.
        stopped_ms: i64,
        /// What was changed.
        report: RepairReport,
    },
    /// A plan made beforehand was empty: nothing was stopped and nothing changed.
    NothingToDo {
        /// What a person should know.
        notes: Vec<String>,
    },
    /// It failed; the gateway may have been stopped and started.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What the policy wants done.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Examine the session in the light of these failures, and tell [`Input::Looked`].
    Examine(Vec<PeerFailures>),
    /// Carry this out, and tell [`Input::Repaired`].
    Repair(Order),
    /// Store this.
    Record(StepRecord),
}

/// A step to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRecord {
    /// The incident's kind; at most one of a kind is open.
    pub kind: Kind,
    /// Where the incident is now.
    pub state: IncidentState,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What happened, as a stable word.
    pub step: &'static str,
    /// What happened, for people. Names no contact.
    pub text: String,
    /// Somebody must hear of it.
    pub alert: bool,
    /// How often it was seen.
    pub times: u64,
}

/// A repair that was carried out.
#[derive(Debug, Clone)]
pub struct PastRepair {
    /// When it ended, milliseconds since 1970.
    pub at_ms: i64,
    /// Contacts whose Signal sessions were given up.
    pub peers: Vec<Address>,
}

/// What is known from before a restart.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// Repairs within [`Rules::memory`], oldest first.
    pub repairs: Vec<PastRepair>,
    /// Incidents that are not over, and the last of each kind that is.
    pub incidents: Vec<PastIncident>,
}

/// An incident from before a restart.
#[derive(Debug, Clone, Copy)]
pub struct PastIncident {
    /// Its kind.
    pub kind: Kind,
    /// Where it was.
    pub state: IncidentState,
    /// When it began, milliseconds since 1970.
    pub opened_ms: i64,
    /// When it ended.
    pub closed_ms: Option<i64>,
    /// How often it was seen.
    pub times: u64,
}

/// The policy for one session.
#[derive(Debug)]
pub struct Policy {
    rules: Rules,
    /// Targeted repairs are allowed and possible.
    may_repair: bool,
    tally: Tally,
    case: Option<Case>,
    reports: Reports,
    takeovers: Takeovers,
    repairs: VecDeque<PastRepair>,
    /// Contacts that repairs did not help, and since when they are left alone.
    given_up: BTreeMap<Address, i64>,
    /// Contacts of the examination in flight, with their last failures.
    asked: Option<Vec<PeerFailures>>,
    glanced_ms: i64,
    pruned_ms: i64,
    wants_glance: bool,
    ignored_before_ms: i64,
    /// Failures that left no trace in the files are not looked into again before.
    calm_until_ms: i64,
    /// Since when the files look damaged, while no incident is open.
    damaged_since_ms: Option<i64>,
    out: Vec<Decision>,
}

impl Policy {
    /// A policy for a session that can, or cannot, be repaired.
    pub fn new(rules: Rules, can_repair: bool) -> Self {
        Self {
            may_repair: rules.repair && can_repair,
            rules,
            tally: Tally::default(),
            case: None,
            reports: Reports::default(),
            takeovers: Takeovers::new(),
            repairs: VecDeque::new(),
            given_up: BTreeMap::new(),
            asked: None,
            glanced_ms: i64::MIN / 4,
            pruned_ms: i64::MIN / 4,
            wants_glance: false,
            ignored_before_ms: i64::MIN,
            calm_until_ms: i64::MIN,
            damaged_since_ms: None,
            out: Vec::new(),
        }
    }

    /// Goes on where another process stopped: no incident is forgotten, and no repair comes sooner for it.
    pub fn resume(&mut self, past: Past, now_ms: i64) {
        self.repairs = past.repairs.into();
        self.ignored_before_ms = self.repairs.back().map_or(i64::MIN, |repair| repair.at_ms);
        for PastIncident { kind, state, opened_ms, closed_ms, times } in past.incidents {
            if kind != Kind::State {
                self.reports.resume(kind, times, closed_ms, now_ms);
                continue;
            }
            if closed_ms.is_some() {
                continue;
            }
            let phase = match state {
                IncidentState::LeftAlone => Phase::LeftAlone,
                _ => Phase::Waiting(now_ms + ms(self.rules.handshake)),
            };
            let tries = self.repairs.iter().filter(|repair| repair.at_ms >= opened_ms).count();
            self.case = Some(Case { tries, ..Case::new(phase) });
        }
    }

    /// Takes something in and answers what is to be done.
    pub fn handle(&mut self, input: Input, now_ms: i64) -> Vec<Decision> {
        if !self.rules.watch {
            return Vec::new();
        }
        match input {
            Input::Symptom(symptom) => self.symptom(&symptom, now_ms),
            Input::Started => self.started(now_ms),
            Input::Ended { code, out_of_memory } => self.ended(code, out_of_memory, now_ms),
            Input::Health { well: false } => self.report(Kind::Gateway, "its health check fails", now_ms),
            Input::Health { well: true } => {
                self.close_report(Kind::Gateway, "its health check passes", now_ms);
            }
            Input::Looked(look) => self.looked(look, now_ms),
            Input::Repaired(repaired) => self.repaired(repaired, now_ms),
            Input::Tick => {}
        }
        self.advance(now_ms);
        std::mem::take(&mut self.out)
    }

    /// When the policy wants to be woken at the latest; `None` when only a symptom can change anything.
    pub fn next_wake_ms(&self) -> Option<i64> {
        let glance =
            (self.asked.is_none() && self.case.is_none() && (self.wants_glance || !self.tally.is_empty()))
                .then(|| self.glanced_ms + self.glance_every_ms());
        let case = self.case.as_ref().and_then(|case| match case.phase {
            Phase::Waiting(until) | Phase::Verifying(until) | Phase::CoolingDown(until) => Some(until),
            Phase::LeftAlone | Phase::Reported if self.asked.is_none() => {
                Some(self.glanced_ms + LOOK_AGAIN_MS)
            }
            _ => None,
        });
        [glance, case, self.reports.next_wake_ms()].into_iter().flatten().min()
    }

    /// Messages and contacts that the incident about the stored state concerns so far.
    pub fn extent(&self) -> Option<(u64, Vec<Address>)> {
        self.case.as_ref().map(|case| (case.messages, case.peers.iter().cloned().collect()))
    }

    fn symptom(&mut self, symptom: &Symptom, now_ms: i64) {
        let at_ms = symptom.at_ms.unwrap_or(now_ms).min(now_ms);
        if at_ms < self.ignored_before_ms {
            return;
        }
        if weight(symptom.class).is_some() {
            if symptom.peer.as_ref().is_some_and(|peer| self.given_up.contains_key(peer)) {
                return;
            }
            let new = self.tally.add(symptom, at_ms, &self.rules);
            self.wants_glance |= new;
            if let Some(case) = self.case.as_mut().filter(|_| new) {
                case.note(symptom.peer.as_ref());
            }
            return;
        }
        match symptom.class {
            Class::RekeyIn => self.rekeyed(at_ms),
            Class::ClosedSessionHit | Class::QrEmitted | Class::RowQuarantined | Class::CredentialsTorn => {
                self.wants_glance = true;
            }
            Class::StorageFault => {
                self.wants_glance = true;
                self.report(
                    Kind::Disk,
                    "its log shows a full disk, missing permissions or a torn file",
                    now_ms,
                );
            }
            Class::ConnectionOpen => {
                self.close_report(Kind::LoggedOut, "the connection is open", now_ms);
                self.close_report(Kind::Refused, "the connection is open", now_ms);
            }
            _ => self.refused(symptom.class, symptom.status, at_ms, now_ms),
        }
    }

    /// A contact negotiated anew. The line names none: when one contact failed a moment ago it was that one, else the
    /// files must tell.
    fn rekeyed(&mut self, at_ms: i64) {
        let recent: Vec<_> = self
            .tally
            .peer_failures(1)
            .into_iter()
            .filter(|trouble| trouble.last_ms >= Some(at_ms - REKEY_MS))
            .collect();
        match recent.as_slice() {
            [only] => self.tally.forget(&only.peer),
            [] => {}
            _ => self.wants_glance = true,
        }
    }

    fn started(&mut self, now_ms: i64) {
        self.close_report(Kind::Gateway, "it was started", now_ms);
        self.given_up.clear();
        // A power cut or an old copy shows in the files before any message fails.
        self.wants_glance = true;
        let wait = now_ms + ms(self.rules.handshake);
        let left = self.case.as_mut().filter(|case| matches!(case.phase, Phase::LeftAlone | Phase::Reported));
        if let Some(case) = left {
            *case = Case { phase: Phase::Waiting(wait), ..case.afresh() };
            self.tally.clear();
            self.tell_case(
                "resumed",
                "somebody started the gateway; watching anew",
                IncidentState::Open,
                false,
            );
        }
    }

    fn ended(&mut self, code: Option<i64>, out_of_memory: bool, now_ms: i64) {
        // 0, SIGKILL and SIGTERM: somebody stopped it.
        match code {
            _ if out_of_memory => {
                self.report(Kind::Gateway, "memory ran out and the kernel ended it", now_ms);
            }
            Some(0 | 137 | 143) | None => {}
            Some(code) => self.report(Kind::Gateway, &format!("it ended with exit code {code}"), now_ms),
        }
    }

    fn advance(&mut self, now_ms: i64) {
        // Not for every line of a burst.
        if (now_ms - self.pruned_ms).abs() >= PRUNE_MS {
            self.pruned_ms = now_ms;
            self.tally.prune(now_ms - ms(self.rules.peer_window), now_ms - ms(self.rules.session_window));
        }
        let forgotten = now_ms - ms(self.rules.memory);
        self.repairs.retain(|repair| repair.at_ms >= forgotten);
        self.given_up.retain(|_, since| *since >= forgotten);
        self.close_quiet_reports(now_ms);
        let over = self.is_over_session_threshold();
        match self.case.as_mut() {
            None => self.open_or_glance(now_ms),
            Some(case) => {
                case.severe |= over;
                let phase = case.phase;
                self.advance_case(phase, now_ms);
            }
        }
    }

    /// News are looked into soon: damage in the files is repaired without waiting for a threshold.
    fn glance_every_ms(&self) -> i64 {
        let usual = ms(self.rules.glance_every);
        if self.wants_glance { usual.min(GLANCE_SOON_MS) } else { usual }
    }

    fn is_over_session_threshold(&self) -> bool {
        self.tally.recent() >= self.rules.session_errors
    }

    /// Contacts over their threshold that are not given up.
    fn suspects(&self) -> Vec<PeerFailures> {
        let mut peer_failures = self.tally.peer_failures(self.rules.peer_messages);
        peer_failures.retain(|trouble| !self.given_up.contains_key(&trouble.peer));
        peer_failures
    }

    fn open_or_glance(&mut self, now_ms: i64) {
        let suspects = self.suspects();
        let severe = self.is_over_session_threshold();
        if (!suspects.is_empty() || severe) && now_ms >= self.calm_until_ms {
            let text = match (severe, suspects.len()) {
                (true, _) => format!(
                    "{} messages failed within {} s",
                    self.tally.recent(),
                    self.rules.session_window.as_secs()
                ),
                (false, contacts) => format!(
                    "messages of {} cannot be decrypted, {} or more each",
                    plural(contacts, "contact"),
                    self.rules.peer_messages
                ),
            };
            return self.open(severe, &text, now_ms);
        }
        let due = now_ms - self.glanced_ms >= self.glance_every_ms();
        if due && self.asked.is_none() && (self.wants_glance || !self.tally.is_empty()) {
            let peer_failures = self.tally.peer_failures(1);
            self.look(peer_failures, now_ms);
        }
    }

    fn open(&mut self, severe: bool, text: &str, now_ms: i64) {
        let until = self.earliest_end_of_handshake_ms(now_ms);
        self.damaged_since_ms = None;
        let mut case = Case::new(Phase::Waiting(until));
        case.severe = severe;
        for trouble in self.tally.peer_failures(1) {
            case.peers.insert(trouble.peer);
            case.messages += trouble.messages as u64;
        }
        self.case = Some(case);
        let text = match (until - now_ms) / 1000 {
            0 => text.to_owned(),
            seconds => format!("{text}; waiting {seconds} s for the retry handshake"),
        };
        self.tell_case("opened", &text, IncidentState::Open, false);
    }

    /// The handshake's time counts from the last message that failed for the first time. Where none failed there is
    /// none to wait for, but a file that looks torn may just be written.
    fn earliest_end_of_handshake_ms(&self, now_ms: i64) -> i64 {
        let written = (self.damaged_since_ms.unwrap_or(now_ms) + self.written_ms()).max(now_ms);
        self.tally.handshakes_end_ms(&self.rules).map_or(written, |end| written.max(end))
    }

    /// How long a file that looks damaged may just be written.
    fn written_ms(&self) -> i64 {
        ms(self.rules.handshake).min(WRITTEN_MS)
    }

    fn look(&mut self, peer_failures: Vec<PeerFailures>, now_ms: i64) {
        self.wants_glance = false;
        self.glanced_ms = now_ms;
        self.asked = Some(peer_failures.clone());
        self.out.push(Decision::Examine(peer_failures));
    }

    fn tell_case(&mut self, step: &'static str, text: &str, state: IncidentState, alert: bool) {
        let text = text.to_owned();
        self.out.push(Decision::Record(StepRecord {
            kind: Kind::State,
            state,
            outcome: None,
            step,
            text,
            alert,
            times: 1,
        }));
    }

    fn close_case(&mut self, outcome: Outcome, text: &str) {
        let alert = self.case.take().is_some_and(|case| case.alerted || case.tries > 0);
        self.out.push(Decision::Record(StepRecord {
            kind: Kind::State,
            state: IncidentState::Closed,
            outcome: Some(outcome),
            step: "closed",
            text: text.to_owned(),
            alert,
            times: 1,
        }));
    }
}
