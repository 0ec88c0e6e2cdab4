//! Messages cannot be decrypted, and the log does not say whose.
//!
//! A bundled program prints stacks without the contact, and `messages.upsert` names the account without its device. One or two
//! messages are a warning, three an error, unless every stored Signal session was used after the last of them: then it healed.
//! Nothing is removed on such a word. Name the contact with `--peer` where you know it, give a log that has the gateway's own
//! lines (Baileys' logger at level `error`), or let `wakeeper clean --ratchets` reset all Signal sessions; the login stays.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Severity};

pub(crate) const CODE: Code = Code("messages_failing");

/// So many messages make an error.
const MESSAGES: usize = 3;

const REPAIR: Repair = Repair::Manual(
    "name the contact with --peer, give a log with the gateway's own error lines, or reset all Signal sessions with clean --ratchets",
);

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    found(view).into_iter().collect()
}

fn found(view: &StateView<'_>) -> Option<Finding> {
    let failing = view.options.log?.unattributed.as_ref()?;
    let unhealed = view.state.signal_sessions.values().filter(|facts| {
        let newest = facts.used.max(facts.open_created.unwrap_or(i64::MIN));
        failing.last_ms.is_none_or(|failed| newest <= failed)
    });
    let severity = match (unhealed.count(), failing.messages) {
        (0, _) => Severity::Info,
        (_, MESSAGES..) => Severity::Error,
        _ => Severity::Warning,
    };
    let messages = if failing.messages == 1 { "one message".to_owned() } else { failing.describe() };
    let healed = match severity {
        Severity::Info if view.state.signal_sessions.is_empty() => "; no Signal session is stored",
        Severity::Info => "; every stored Signal session was used since",
        _ => "",
    };
    let evidence =
        format!("the log shows {messages} that could not be decrypted, and does not say whose{healed}");
    let finding = Finding::new(CODE, severity, ".", evidence);
    Some(if severity == Severity::Info { finding } else { finding.repair(REPAIR) })
}
