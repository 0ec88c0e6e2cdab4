//! Examining one folder or backup, whoever it belongs to.

use std::path::Path;

use anyhow::Context;
use wakeeper_doctor::secret::Passphrase;
use wakeeper_doctor::symptoms;
use wakeeper_doctor::{Options, Report, examine};

use super::page::{self, Page};
use super::{Console, KnownFacts, now_ms};

/// Examines a session folder or a backup. Never writes.
pub fn examine_path(
    path: &Path,
    store: Option<&Path>,
    evidence: &KnownFacts,
    passphrase: Option<&Passphrase>,
    console: Console,
) -> anyhow::Result<Report> {
    let progress = console.progress("examining");
    let options =
        Options { store, passphrase, progress: Some(progress.as_ref()), ..evidence.options(now_ms()) };
    examine(path, &options).with_context(|| format!("cannot examine {}", path.display()))
}

/// The report for people.
pub fn show(page: &mut Page, report: &Report, evidence: &KnownFacts) {
    page::heading(page, report);
    show_log(page, evidence);
    page.findings(&report.findings);
}

/// What the log shows of the session as a whole.
pub fn show_log(page: &mut Page, evidence: &KnownFacts) {
    for seen in symptoms::summary(&evidence.symptoms) {
        if let Some(meaning) = seen.meaning {
            page.fact("in the log", format!("{} × {}: {meaning}", seen.lines, symptoms::word(seen.class)));
        }
    }
    if !evidence.troubles.is_empty() {
        let failing = page::plural(evidence.troubles.len(), "contact device");
        page.fact("in the log", format!("messages of {failing} could not be decrypted (Bad MAC)"));
    }
}
