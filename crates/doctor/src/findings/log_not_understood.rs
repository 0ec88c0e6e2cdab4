//! No line of the log is one that wakeeper knows.
//!
//! It may be another program's log, written in a way that is not known here, or hold too little. It says nothing for or against
//! the session. With a log that you named, this is an error, so that nobody takes it for a clean bill; a warning when its lines are
//! written as a gateway's logger writes them. With one that was found or a container's own, it is a remark. An empty log is a
//! warning. Known are Baileys, libsignal, whatsmeow and wakeeper, as they
//! write by themselves, through pino, pino-pretty or `console.log`; behind the prefixes of Docker, compose, Kubernetes, journald,
//! syslog, Heroku, CloudWatch and pm2; plain, gzip, zstd or UTF-16.

use super::StateView;
use crate::finding::{Code, Finding, Repair, Severity};

pub(crate) const CODE: Code = Code("log_not_understood");

const REPAIR: Repair = Repair::Manual(
    "name the log of the gateway itself: what its container or process prints, standard error included",
);

pub(crate) fn detect(view: &StateView<'_>) -> Vec<Finding> {
    found(view).into_iter().collect()
}

fn found(view: &StateView<'_>) -> Option<Finding> {
    let log = view.options.log?;
    if log.reading.is_understood() {
        return None;
    }
    let source = log.sources.join(", ");
    let (severity, evidence) = match (log.named, log.reading.lines) {
        (true, 0) => (Severity::Warning, format!("{source} is empty")),
        (false, 0) => return None,
        (named, lines) => {
            let of = if lines == 1 {
                "its one line is not".to_owned()
            } else {
                format!("none of its {lines} lines is")
            };
            let severity = match (named, log.reading.is_of_a_logger()) {
                (true, false) => Severity::Error,
                (true, true) => Severity::Warning,
                (false, _) => Severity::Info,
            };
            (severity, format!("{source}: {of} one that is known here, so it says nothing of the session"))
        }
    };
    let finding = Finding::new(CODE, severity, ".", evidence);
    Some(if severity == Severity::Info { finding } else { finding.repair(REPAIR) })
}
