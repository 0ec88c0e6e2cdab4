//! WhatsApp's words about the login, and other causes that no program may repair.

use std::collections::VecDeque;

use wakeeper_doctor::symptoms::Class;

use super::{Decision, Policy};
use crate::kind::Kind;
use crate::reports::{QUIET_MS, Sighting};

/// So many takeovers within [`QUIET_MS`] are no accident.
const TAKEOVERS: usize = 2;

/// When another connection took the login over.
pub(super) type Takeovers = VecDeque<i64>;

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
                let takeovers = &mut self.takeovers;
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

    /// A line of a log is no count: one cause prints many.
    pub(super) fn report(&mut self, kind: Kind, text: &str, now_ms: i64) {
        let seen = Sighting { kind, text, alert: true, counts: false };
        self.out.extend(self.reports.report(seen, now_ms).map(Decision::Record));
    }

    pub(super) fn close_report(&mut self, kind: Kind, text: &str, now_ms: i64) {
        self.out.extend(self.reports.close(kind, text, now_ms).map(Decision::Record));
    }

    pub(super) fn close_quiet_reports(&mut self, now_ms: i64) {
        self.out.extend(self.reports.close_quiet(now_ms).into_iter().map(Decision::Record));
    }
}
