//! The log shows messages that could not be decrypted, for a cause that is no broken Signal session.
//!
//! There was no session or no sender key for them, they used a pre-key that is not here, or a message key that was used before, or
//! a sender key of another Baileys version. Most of this heals by itself: the gateway asks the contact to send again, and a session
//! or a sender key comes with the answer. Three messages of one cause are a warning, fewer are only told. Where the cause is one
//! that is not known here, three are an error and fewer a warning: nobody can say that it heals. It is a remark once every Signal
//! session with the contacts was used after the last of them. Nothing is removed on such a word.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Severity};
use crate::symptoms::{Class, Failures, cause};

pub(crate) const CODE: Code = Code("messages_not_decrypted");

/// So many messages of one cause are told.
const MESSAGES: usize = 3;

const OF_UNKNOWN_CAUSE: Repair = Repair::Manual(
    "read these lines in the log; when one contact's messages go on failing, name the contact with --peer",
);
const OF_KNOWN_CAUSE: Repair = Repair::Manual(
    "wait for new messages of these contacts; when they go on failing, name the contact with --peer",
);

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    let failures = view.options.log.into_iter().flat_map(|log| &log.failures);
    failures.filter_map(|failures| found(view, failures)).collect()
}

fn found(view: &StateView<'_>, failures: &Failures) -> Option<Finding> {
    let is_unknown = failures.class == Class::UnknownFailure;
    let severity = match (is_unknown, failures.messages) {
        (false, ..MESSAGES) => return None,
        _ if failures.healed(view.state) => Severity::Info,
        (true, MESSAGES..) => Severity::Error,
        _ => Severity::Warning,
    };
    let since = if severity == Severity::Info { "; the Signal sessions were used since" } else { "" };
    let (messages, cause) = (failures.messages(), cause(failures.class)?);
    let evidence = format!("the log shows {messages} that could not be decrypted: {cause}{since}");
    let finding = Finding::new(CODE, severity, ".", evidence);
    Some(match (severity, is_unknown) {
        (Severity::Info, _) => finding,
        (_, true) => finding.repair(OF_UNKNOWN_CAUSE),
        (_, false) => finding.repair(OF_KNOWN_CAUSE),
    })
}
