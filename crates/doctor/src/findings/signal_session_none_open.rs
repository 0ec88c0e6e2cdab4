//! No Signal session with a device is open.
//!
//! Up to Baileys 7.0.0-rc.4 this *blocks sending*: the file's existence counts as a session, and encrypting then fails
//! with `No open session` until the file is gone. Later ones negotiate a new one by themselves, so there it is only
//! mentioned.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Severity, Subject};

pub(crate) const CODE: Code = Code("signal_session_none_open");

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let (severity, repair) = match view.version {
        Some(version) if version.trusts_any_record() => (Severity::Error, Repair::RemoveFile),
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
