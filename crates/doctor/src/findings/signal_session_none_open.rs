//! No Signal session with a device is open.
//!
//! Under Baileys 6 this *blocks sending*: the file's existence counts as a session, and encrypting then fails with
//! `No open session` until the file is gone. Baileys 7 negotiates a new one by itself, so there it is only
//! mentioned.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Severity, Subject};
use crate::formats::baileys::Version;

pub(crate) const CODE: Code = Code("signal_session_none_open");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let (severity, repair) = match view.version {
        Some(Version::V6) => (Severity::Error, Repair::RemoveFile),
        _ => (Severity::Info, Repair::None),
    };
    view.state
        .signal_sessions
        .iter()
        .filter(|(_, facts)| facts.sessions > 0 && facts.open_created.is_none())
        .map(|(address, facts)| {
            let evidence = format!("all {} sessions are archived", facts.sessions);
            let subject = Subject::SignalSession(address.clone());
            Finding::new(CODE, severity, subject, evidence).repair(repair.clone()).peer(Some(address))
        })
        .collect()
}
