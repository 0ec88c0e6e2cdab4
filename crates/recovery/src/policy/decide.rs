//! From evidence to a repair, and from a repair to the evidence that it helped.

use wakeeper_doctor::symptoms::{Class, PeerFailures};
use wakeeper_model::plural;
use wakeeper_storage::IncidentState;

use super::case::{Case, Phase};
use super::{Decision, LOOK_AGAIN_MS, PastRepair, Policy, REPAIRS, RepairResult};
use crate::kind::{Kind, Outcome};
use crate::ladder::Rung;
use crate::rules::ms;
use crate::session::{Examined, Order, RepairReport};

/// An hour, for counting repairs.
const HOUR_MS: i64 = 3_600_000;
/// While something else stands in the way of a repair, it is asked again so often.
const HINDERED_MS: i64 = 60_000;
/// How often a verification may be prolonged while a contact is still negotiating.
const PROLONGED: u32 = 3;
/// Repairs of an incident before something else is tried.
const STATE_REPAIRS: usize = 2;

impl Policy {
    pub(super) fn advance_case(&mut self, phase: Phase, now_ms: i64) {
        match phase {
            Phase::Waiting(until) | Phase::CoolingDown(until) if now_ms >= until && self.asked.is_none() => {
                if let Some(later) = self.still_asking_until_ms(now_ms) {
                    return self.enter(Phase::Waiting(later));
                }
                let peer_failures = self.concerned();
                self.enter(Phase::Looking);
                self.look(peer_failures, now_ms);
            }
            Phase::Verifying(_) if self.fails_again() => {
                self.not_verified("messages fail again after the repair", now_ms);
            }
            Phase::Verifying(until) if now_ms >= until && self.asked.is_none() => {
                let peer_failures = self.tally.peer_failures(1);
                self.enter(Phase::Confirming);
                self.look(peer_failures, now_ms);
            }
            Phase::LeftAlone | Phase::Reported
                if self.asked.is_none() && now_ms - self.glanced_ms >= LOOK_AGAIN_MS =>
            {
                let peer_failures = self.tally.peer_failures(1);
                self.look(peer_failures, now_ms);
            }
            _ => {}
        }
    }

    fn enter(&mut self, phase: Phase) {
        if let Some(case) = &mut self.case {
            case.phase = phase;
        }
    }

    /// Messages that failed meanwhile have retry handshakes of their own: what the gateway has not asked for when it is
    /// stopped is lost. `None` when there is none to wait for, or it was waited for long enough.
    fn still_asking_until_ms(&mut self, now_ms: i64) -> Option<i64> {
        let end_ms = self.tally.handshakes_end_ms(&self.rules).filter(|end| *end > now_ms)?;
        let most_ms = self.rules.most_asking_ms().max(ms(self.rules.handshake));
        let latest_ms = *self.case.as_mut()?.latest_wait_ms.get_or_insert(now_ms + most_ms);
        Some(end_ms.min(latest_ms)).filter(|until| *until > now_ms)
    }

    /// Contacts that the incident is about: those over their threshold, or all that fail when the session is.
    fn concerned(&self) -> Vec<PeerFailures> {
        if self.case.as_ref().is_some_and(|case| case.severe) {
            let mut peer_failures = self.tally.peer_failures(1);
            peer_failures.retain(|trouble| !self.given_up.contains_key(&trouble.peer));
            return peer_failures;
        }
        self.suspects()
    }

    fn fails_again(&self) -> bool {
        self.is_over_session_threshold() || !self.suspects().is_empty()
    }

    pub(super) fn looked(&mut self, look: Result<Examined, String>, now_ms: i64) {
        let asked = self.asked.take().unwrap_or_default();
        self.glanced_ms = now_ms;
        let phase = self.case.as_ref().map(|case| case.phase);
        let mut look = match look {
            Ok(look) => look,
            Err(reason) => return self.cannot_look(phase, &reason, now_ms),
        };
        if now_ms >= self.calm_until_ms && self.tally.saw(Class::InvalidPreKey) {
            look.pre_keys_are_asked_for();
        }
        // Newer than the last failure: the contact healed, whatever its messages looked like.
        for trouble in &asked {
            if !look.failing.contains(&trouble.peer)
                && look.used_ms.get(&trouble.peer).copied() > trouble.last_ms
            {
                self.tally.forget(&trouble.peer);
                self.given_up.remove(&trouble.peer);
            }
        }
        match phase {
            None => self.glanced(&look, now_ms),
            Some(Phase::Looking) => self.decide(look, &asked, now_ms),
            Some(Phase::Confirming) => self.confirm(&look, &asked, now_ms),
            Some(Phase::LeftAlone | Phase::Reported) if look.rung().is_none() => {
                for trouble in &asked {
                    self.tally.forget(&trouble.peer);
                }
                self.tally.begin_anew();
                self.close_case(Outcome::Healed, &format!("{}: it is over", look.describe()));
            }
            _ => {}
        }
    }

    /// No incident is open. Damage that no message failed of may be a file in the moment of its write: it is one when it is still
    /// there after a while.
    fn glanced(&mut self, look: &Examined, now_ms: i64) {
        if look.damage().next().is_none() {
            self.damaged_since_ms = None;
            return;
        }
        let since_ms = *self.damaged_since_ms.get_or_insert(now_ms);
        if self.tally.is_empty() && now_ms - since_ms < self.written_ms() {
            self.wants_glance = true;
            return;
        }
        let severe = self.is_over_session_threshold();
        self.open(severe, &look.describe(), now_ms);
    }

    fn cannot_look(&mut self, phase: Option<Phase>, reason: &str, now_ms: i64) {
        if matches!(phase, Some(Phase::Looking | Phase::Confirming)) {
            let first = self.case.as_mut().is_some_and(|case| !std::mem::replace(&mut case.alerted, true));
            self.enter(Phase::CoolingDown(now_ms + HINDERED_MS));
            if first {
                let text = format!("the stored state cannot be examined: {reason}");
                self.tell_case("examination_failed", &text, IncidentState::Open, true);
            }
        }
    }

    /// Chooses the lowest rung that fits and has not failed.
    fn decide(&mut self, look: Examined, asked: &[PeerFailures], now_ms: i64) {
        let Some(rung) = look.rung() else {
            return self.nothing_to_repair(&look, asked, now_ms);
        };
        self.tell_case("examined", &look.describe(), IncidentState::Open, false);
        if !self.may_repair {
            let text =
                format!("repairs are switched off or impossible here; wakeeper would {}", rung.describe());
            return self.leave(Phase::Reported, "reported", &text);
        }
        if self.reports.is_open(Kind::TwoOwners) || self.reports.is_open(Kind::LoggedOut) {
            let first = self.case.as_mut().is_some_and(|case| !std::mem::replace(&mut case.hindered, true));
            self.enter(Phase::CoolingDown(now_ms + HINDERED_MS));
            if first {
                let text = "nothing is repaired while the login itself is in trouble";
                self.tell_case("hindered", text, IncidentState::Open, false);
            }
            return;
        }
        let earliest = self.earliest_repair_ms();
        if now_ms < earliest {
            let seconds = (earliest - now_ms) / 1000;
            self.enter(Phase::CoolingDown(earliest));
            return self.tell_case(
                "cooling_down",
                &format!("the next repair waits {seconds} s"),
                IncidentState::Open,
                false,
            );
        }
        self.choose(look, rung, asked);
    }

    /// The files show no damage: it healed, or what fails lies elsewhere and another look would show the same.
    fn nothing_to_repair(&mut self, look: &Examined, asked: &[PeerFailures], now_ms: i64) {
        for trouble in asked {
            self.tally.forget(&trouble.peer);
        }
        self.tally.begin_anew();
        let repaired = self.case.as_ref().is_some_and(|case| case.repaired_ms.is_some());
        let healed = asked.iter().any(|trouble| look.used_ms.contains_key(&trouble.peer));
        let outcome = match (repaired, healed) {
            (true, _) => Outcome::Recovered,
            (false, true) => Outcome::Healed,
            (false, false) => {
                self.calm_until_ms = now_ms + LOOK_AGAIN_MS;
                Outcome::NothingFound
            }
        };
        self.close_case(outcome, &look.describe());
    }

    fn choose(&mut self, look: Examined, rung: Rung, asked: &[PeerFailures]) {
        let tries = self.rules.tries;
        let Some(case) = &mut self.case else { return };
        let exhausted = case.tries >= tries;
        let may_reset = self.rules.full_reset && !case.reset && (case.severe || look.login_damaged());
        let order = if !exhausted && case.state_repairs < STATE_REPAIRS {
            self.repair(&look, rung, asked)
        } else if !exhausted && !case.restarted && !look.login_damaged() {
            Some(Order { rung: Rung::Restart, peer_failures: Vec::new() })
        } else if may_reset {
            Some(Order { rung: Rung::FullReset, peer_failures: Vec::new() })
        } else {
            None
        };
        let Some(order) = order else { return self.give_up(&look) };
        let alert = order.rung == Rung::FullReset;
        if let Some(case) = &mut self.case {
            case.phase = Phase::Repairing(order.rung);
            case.look = Some(look);
            case.alerted |= alert;
        }
        self.tell_case("curing", order.rung.describe(), IncidentState::Repairing, alert);
        self.out.push(Decision::Repair(order));
    }

    /// A repair, without the contacts that repairs did not help. Where the root of the trouble is found, single Signal
    /// sessions are spared.
    fn repair(&mut self, look: &Examined, rung: Rung, asked: &[PeerFailures]) -> Option<Order> {
        if rung >= Rung::PreKeys {
            return Some(Order { rung, peer_failures: Vec::new() });
        }
        let mut peer_failures: Vec<_> =
            asked.iter().filter(|trouble| look.failing.contains(&trouble.peer)).cloned().collect();
        peer_failures.retain(|trouble| {
            self.repairs.iter().filter(|repair| repair.peers.contains(&trouble.peer)).count()
                < self.rules.tries
        });
        (rung > Rung::SignalSession || !peer_failures.is_empty()).then_some(Order { rung, peer_failures })
    }

    /// Contacts that nothing helped are left alone, and the rest of the session is cared for as before. A session that
    /// nothing helped is left alone as a whole.
    fn give_up(&mut self, look: &Examined) {
        let (severe, tries) = self.case.as_ref().map_or((false, 0), |case| (case.severe, case.tries));
        if !severe && look.damage().next().is_none() {
            for peer in &look.failing {
                self.given_up.insert(peer.clone(), self.glanced_ms);
                self.tally.forget(peer);
            }
            if let Some(case) = &mut self.case {
                case.alerted = true;
            }
            let text = "the repairs did not help for good; the contacts concerned are left alone for a day, or until \
                        somebody restarts the gateway";
            return self.close_case(Outcome::GaveUp, text);
        }
        let text = match tries {
            0 => "nothing that wakeeper may do would help; a person must decide".to_owned(),
            tries => format!(
                "{} did not help; the session is left alone until somebody acts",
                plural(tries, "repair")
            ),
        };
        self.leave(Phase::LeftAlone, "gave_up", &format!("{text} ({})", look.describe()));
    }

    fn leave(&mut self, phase: Phase, step: &'static str, text: &str) {
        let state = if phase == Phase::LeftAlone { IncidentState::LeftAlone } else { IncidentState::Open };
        let first = self.case.as_ref().is_some_and(|case| case.phase != phase);
        if let Some(case) = &mut self.case {
            case.alerted = true;
        }
        self.enter(phase);
        if first {
            self.tell_case(step, text, state, true);
        }
    }

    fn earliest_repair_ms(&self) -> i64 {
        let Some(last) = self.repairs.back().map(|repair| repair.at_ms) else { return i64::MIN };
        let recent = self.repairs.iter().filter(|repair| repair.at_ms > last - HOUR_MS).count();
        last + ms(self.rules.cool_down_after(recent))
    }

    pub(super) fn repaired(&mut self, repaired: RepairResult, now_ms: i64) {
        let Some(case) = &mut self.case else { return };
        let Phase::Repairing(rung) = case.phase else { return };
        match rung {
            Rung::Restart => case.restarted = true,
            Rung::FullReset => case.reset = true,
            _ => case.state_repairs += 1,
        }
        match repaired {
            RepairResult::NothingToDo { notes } => self.nothing_to_do(&notes, now_ms),
            RepairResult::Failed { reason } => {
                self.remember_repair(Vec::new(), now_ms);
                self.not_verified(&format!("the repair failed: {reason}"), now_ms);
            }
            RepairResult::Done { stopped_ms, report } => {
                let peers =
                    case.look.take().map(|look| look.failing.into_iter().collect()).unwrap_or_default();
                self.remember_repair(if rung < Rung::PreKeys { peers } else { Vec::new() }, now_ms);
                self.ignored_before_ms = stopped_ms;
                self.tally.clear();
                if let Some(case) = &mut self.case {
                    case.repaired_ms = Some(now_ms);
                    case.latest_wait_ms = None;
                    case.prolonged = 0;
                }
                self.enter(Phase::Verifying(now_ms + ms(self.rules.verify)));
                self.tell_case("cured", &describe(&report, rung), IncidentState::Verifying, false);
            }
        }
    }

    /// The plan was empty. It healed a moment ago, or no program can repair it.
    fn nothing_to_do(&mut self, notes: &[String], now_ms: i64) {
        let text = if notes.is_empty() { "there is nothing to repair".to_owned() } else { notes.join(" ") };
        self.tell_case("nothing_to_mend", &text, IncidentState::Open, false);
        let Some(case) = &mut self.case else { return };
        match case.look.take() {
            Some(look) if look.login_damaged() => {
                case.state_repairs = STATE_REPAIRS;
                self.choose(look, Rung::Credentials, &[]);
            }
            Some(look) if look.is_only_missing_pre_keys() => self.bear(now_ms),
            _ => case.phase = Phase::CoolingDown(now_ms + ms(self.rules.handshake)),
        }
    }

    /// Nothing can be repaired, and nothing is lost by it.
    fn bear(&mut self, now_ms: i64) {
        self.tally.begin_anew();
        self.calm_until_ms = now_ms + LOOK_AGAIN_MS;
        let text = "no backup holds the missing pre-keys; the contacts' first messages are sent once more";
        self.close_case(Outcome::NothingFound, text);
    }

    fn remember_repair(&mut self, peers: Vec<wakeeper_doctor::address::Address>, now_ms: i64) {
        if let Some(case) = &mut self.case {
            case.tries += 1;
        }
        if self.repairs.len() == REPAIRS {
            self.repairs.pop_front();
        }
        self.repairs.push_back(PastRepair { at_ms: now_ms, peers });
    }

    /// A repair counts when an examination after it finds nothing and no message fails.
    fn confirm(&mut self, look: &Examined, asked: &[PeerFailures], now_ms: i64) {
        let Some(case) = &mut self.case else { return };
        let negotiating = !self.tally.peer_failures(1).is_empty();
        let sound = look.damage().next().is_none();
        let may_wait = case.prolonged < PROLONGED;
        if sound && look.failing.is_empty() && !(negotiating && may_wait) {
            let renewed =
                asked.iter().any(|trouble| look.used_ms.get(&trouble.peer).copied() > case.repaired_ms);
            let outcome = if case.reset { Outcome::Reset } else { Outcome::Recovered };
            let what = match (renewed, negotiating) {
                (true, _) => "a contact agreed new keys since",
                (false, true) => "a contact still agrees new keys",
                (false, false) => "no message failed",
            };
            let watched = case.repaired_ms.map_or(0, |repaired| (now_ms - repaired) / 1000);
            let text = format!("{}; watched for {watched} s after the repair: {what}", look.describe());
            return self.close_case(outcome, &text);
        }
        if sound && may_wait {
            case.prolonged += 1;
            let until = now_ms + ms(self.rules.handshake);
            return self.enter(Phase::Verifying(until));
        }
        self.not_verified(&format!("the check after the repair did not pass: {}", look.describe()), now_ms);
    }

    fn not_verified(&mut self, text: &str, now_ms: i64) {
        let tries = self.case.as_ref().map_or(0, |case: &Case| case.tries);
        let until = self.earliest_repair_ms().max(now_ms + ms(self.rules.handshake));
        self.enter(Phase::CoolingDown(until));
        let text = format!("{text}; try {tries} of {}", self.rules.tries);
        self.tell_case("not_verified", &text, IncidentState::Open, false);
    }
}

fn describe(report: &RepairReport, rung: Rung) -> String {
    if rung == Rung::Restart {
        return "restarted; nothing was changed".to_owned();
    }
    let login = if report.login_kept { "the login was kept" } else { "a new QR code is needed" };
    let backup = if report.backup.is_some() { " after a verified backup" } else { "" };
    format!("{} carried out{backup}; {login}", plural(report.plan.len(), "step"))
}
