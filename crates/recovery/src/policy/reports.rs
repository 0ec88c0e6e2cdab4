//! Incidents that no program may cure: they are told, once, and end when their cause does.

use std::collections::{BTreeMap, VecDeque};

use wakeeper_doctor::symptoms::Class;
use wakeeper_storage::IncidentState;

use super::{Decision, Policy, StepRecord};
use crate::kind::{Kind, Outcome};

/// What was reported and did not come again for so long is over.
const QUIET_MS: i64 = 600_000;
/// So many takeovers within [`QUIET_MS`] are no accident.
const TAKEOVERS: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Reports {
    /// Open ones, and when their cause was last seen.
    open: BTreeMap<Kind, i64>,
    takeovers: VecDeque<i64>,
}

impl Reports {
    pub(super) fn resume(&mut self, kind: Kind, now_ms: i64) {
        self.open.insert(kind, now_ms);
    }

    pub(super) fn is_open(&self, kind: Kind) -> bool {
        self.open.contains_key(&kind)
    }

    pub(super) fn next_wake_ms(&self) -> Option<i64> {
        self.open.iter().filter(|(kind, _)| ends_by_silence(**kind)).map(|(_, seen)| seen + QUIET_MS).min()
    }
}

fn ends_by_silence(kind: Kind) -> bool {
    matches!(kind, Kind::TwoOwners | Kind::Disk)
}

impl Policy {
    /// WhatsApp's own words about the login.
    pub(super) fn refused(&mut self, class: Class, status: Option<u16>, at_ms: i64, now_ms: i64) {
        match (class, status) {
            (Class::LoggedOut, _) | (Class::ConnectFailure, Some(401)) => self.report(
                Kind::LoggedOut,
                "the phone removed this device, or WhatsApp refuses it (401): it must be linked again; nothing is removed",
                now_ms,
            ),
            (Class::ConnectFailure, Some(402 | 403 | 406)) => self.report(
                Kind::Refused,
                "WhatsApp restricts or banned the account; removing anything would not help and nothing is removed",
                now_ms,
            ),
            (Class::ConnectFailure, Some(405)) => self.report(
                Kind::Refused,
                "WhatsApp refuses the client's version: update the gateway",
                now_ms,
            ),
            (Class::ConflictReplaced, _) => {
                let takeovers = &mut self.reports.takeovers;
                takeovers.retain(|at| *at > at_ms - QUIET_MS);
                takeovers.push_back(at_ms);
                if takeovers.len() > TAKEOVERS {
                    takeovers.pop_front();
                }
                if takeovers.len() >= TAKEOVERS {
                    self.report(
                        Kind::TwoOwners,
                        "another connection takes this login over again and again (440): two processes use it; stop \
                         all but one. Nothing is repaired meanwhile",
                        now_ms,
                    );
                }
            }
            _ => {}
        }
    }

    pub(super) fn report(&mut self, kind: Kind, text: &str, now_ms: i64) {
        if self.reports.open.insert(kind, now_ms).is_none() {
            self.out.push(Decision::Record(StepRecord {
                kind,
                state: IncidentState::Open,
                outcome: None,
                step: "opened",
                text: text.to_owned(),
                alert: true,
            }));
        }
    }

    pub(super) fn close_report(&mut self, kind: Kind, text: &str) {
        if self.reports.open.remove(&kind).is_some() {
            self.out.push(Decision::Record(StepRecord {
                kind,
                state: IncidentState::Closed,
                outcome: Some(Outcome::Ceased),
                step: "closed",
                text: text.to_owned(),
                alert: true,
            }));
        }
    }

    pub(super) fn close_quiet_reports(&mut self, now_ms: i64) {
        let quiet = |(kind, seen): (&Kind, &i64)| {
            (ends_by_silence(*kind) && now_ms - seen >= QUIET_MS).then_some(*kind)
        };
        let kinds: Vec<_> = self.reports.open.iter().filter_map(quiet).collect();
        for kind in kinds {
            self.close_report(kind, "it was not seen again for ten minutes");
        }
    }
}
