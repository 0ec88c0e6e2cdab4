//! No line of the log is one that wakeeper knows.
//!
//! It may be another program's log, written in a way that is not known here, or hold too little. It says nothing for or against
//! the session. With a log that you named, this is an error, so that nobody takes it for a clean bill, also when it is empty. With
//! one that was found or a container's own, it is a remark. Known are Baileys, libsignal, whatsmeow and wakeeper, as they
//! write by themselves, through pino, pino-pretty, winston or `console.log`; behind the prefixes and in the JSON records of Docker,
//! compose, Kubernetes, journald, syslog, Heroku, CloudWatch, pm2, fluentd, Loki, Elasticsearch and Google Cloud; plain, gzip,
//! zstd or UTF-16.

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
    let says = match log.reading.lines {
        0 if !log.named => return None,
        0 => "it is empty".to_owned(),
        1 => "its one line is not one that is known here".to_owned(),
        lines => format!("none of its {lines} lines is one that is known here"),
    };
    let evidence = format!("{source}: {says}, so it says nothing of the session");
    Some(if log.named {
        Finding::new(CODE, Severity::Error, ".", evidence).repair(REPAIR)
    } else {
        Finding::new(CODE, Severity::Info, ".", evidence)
    })
}
