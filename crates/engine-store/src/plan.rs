//! Which rows of a store should go: chosen from the parts of the session, like those of any other.

use std::collections::{BTreeMap, BTreeSet};

use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::finding::Subject;
use wakeeper_doctor::findings::codes::ROW_UNREADABLE;
use wakeeper_doctor::findings::is_told_by_more;
use wakeeper_doctor::repair::{Action, Extent, ratchets, stale};
use wakeeper_doctor::state::Devices;
use wakeeper_doctor::{Code, Repair, SessionState};

use crate::examine::Examined;
use crate::repair::{Unwanted, can_go, memory_of};

/// Parts of a session that should go.
#[derive(Debug, Default)]
pub struct RowPlan {
    /// The parts.
    pub rows: BTreeSet<Subject>,
    /// Devices that leave the list of those who have our sender key of a group.
    pub devices: BTreeMap<String, Vec<Devices>>,
    /// What a person reads of it, a step each.
    pub actions: Vec<Action>,
}

impl RowPlan {
    /// What goes.
    pub fn unwanted(&self) -> Unwanted {
        Unwanted { parts: self.rows.clone(), devices: self.devices.clone() }
    }
}

impl Examined {
    /// Plans which rows are taken out of the store. Pure: it asks only what was seen. `now_ms` is the present time,
    /// milliseconds since 1970.
    pub fn plan(&self, extent: Extent, now_ms: i64) -> RowPlan {
        let mut plan = Planning { file: self.file(), plan: RowPlan::default() };
        let is_sound = self.report.credentials == CredentialsState::Sound;
        let Some(reading) = self.reading.as_ref().filter(|_| is_sound) else { return plan.plan };
        let told = self.report.findings.iter().filter(|finding| is_told_by_more(finding.code));
        for finding in told {
            match (&finding.repair, &finding.subject) {
                (Repair::RemoveFile, subject) => {
                    plan.take_out(subject, Some(finding.code), words_of(subject));
                }
                (Repair::ForgetDevices { devices }, Subject::SenderKeyMemory(group)) => {
                    plan.forget(group, devices, finding.code);
                }
                _ => {}
            }
        }
        let state = SessionState::of(&reading.session);
        let removals = match extent {
            Extent::Stale => stale(&state, now_ms),
            Extent::Ratchets => ratchets(&state),
            Extent::Damaged | Extent::Everything => Vec::new(),
        };
        for (subject, why) in &removals {
            let (what, _) = words_of(subject);
            plan.take_out(subject, None, (what, why));
        }
        for subject in &reading.damaged {
            let what = match subject {
                Subject::SenderKey(_) => "a damaged sender key",
                Subject::SignalSession(_) => "damaged Signal sessions",
                _ => "a damaged pre-key",
            };
            plan.take_out_damaged(subject, what);
        }
        plan.done()
    }
}

/// A plan in the making.
struct Planning {
    /// The database's name, where every row is.
    file: String,
    plan: RowPlan,
}

impl Planning {
    fn take_out(&mut self, subject: &Subject, code: Option<Code>, (what, why): (&str, &str)) {
        let peer = subject.peer().map(ToString::to_string);
        self.add(subject, peer, code, format!("{what}: {why}"));
    }

    fn take_out_damaged(&mut self, subject: &Subject, what: &str) {
        let description = format!("{what}: made anew when it is needed");
        self.add(subject, None, Some(ROW_UNREADABLE), description);
    }

    fn forget(&mut self, group: &str, devices: &[Devices], code: Code) {
        self.plan.devices.entry(group.to_owned()).or_default().extend_from_slice(devices);
        self.plan.actions.push(Action {
            repair: Repair::ForgetDevices { devices: devices.to_vec() }.word(),
            path: self.file.clone(),
            peer: devices.first().map(|devices| devices.user.clone()),
            code: Some(code),
            description: format!("who has our sender key of {group}: {TOLD_AGAIN}"),
            freed: 0,
        });
    }

    /// A list that goes as a whole needs nobody taken off it.
    fn done(mut self) -> RowPlan {
        let RowPlan { rows, devices, .. } = &mut self.plan;
        devices.retain(|group, _| !rows.contains(&Subject::SenderKeyMemory(group.clone())));
        self.plan
    }

    /// One step for each row, whatever the reasons are.
    fn add(&mut self, subject: &Subject, peer: Option<String>, code: Option<Code>, description: String) {
        if !can_go(subject) || !self.plan.rows.insert(subject.clone()) {
            return;
        }
        // Whoever knows a sender key that is gone must be told the next one.
        self.plan.rows.extend(memory_of(subject));
        self.plan.actions.push(Action {
            repair: Repair::RemoveFile.word(),
            path: self.file.clone(),
            peer,
            code,
            description,
            freed: 0,
        });
    }
}

/// What comes of devices that leave a list.
const TOLD_AGAIN: &str = "these devices are told it again with the next message";

/// What a row is, and what comes after it.
fn words_of(subject: &Subject) -> (&'static str, &'static str) {
    match subject {
        Subject::SignalSession(_) => ("Signal sessions", "made anew with the next message"),
        Subject::SenderKey(_) => ("our own sender key", "made anew with the next message to the group"),
        Subject::SenderKeyMemory(_) => ("who has our sender key", "all members are told the next one"),
        _ => ("a pre-key", "WhatsApp has newer ones"),
    }
}
