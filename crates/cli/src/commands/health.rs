//! `wakeeper health`, also called `check`: the session, its store, its backups, and who runs on it.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use wakeeper_containers::docker::Purpose;
use wakeeper_containers::session::ContainerReport;
use wakeeper_doctor::examine::{CredentialsState, Format};
use wakeeper_doctor::{KnownFacts, symptoms};
use wakeeper_engine::offline;
use wakeeper_model::{ago, plural};
use wakeeper_terminal::{Page, Tone};

use crate::chosen::{FactFlags, Places, TargetFlags, now_ms, show_container};
use crate::output::{console, heading, show_findings};

use super::verdict;

/// Check a session, its store and its backups, and say what to do; never changes anything
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper health\n  wakeeper health --data-dir /srv/bot\n  \
    wakeeper health --container my-whatsapp-api\n  \
    wakeeper health --data-dir /srv/bot --log /srv/bot/logs/app.log\n\n\
    Exit code 1 when a finding of severity error exists.")]
pub struct Health {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    facts: FactFlags,
    #[command(flatten)]
    target: TargetFlags,
}

/// The report on a session, in a container or not.
#[derive(Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<ContainerReport>,
    #[serde(flatten)]
    session: offline::Health,
}

impl Health {
    /// Examines and reports.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let console = console(self.json);
        let (target, _) = self.target.resolve()?;
        let mut session = target.present().await?.open(&self.facts, Purpose::Read).await?;
        let facts = session.with_backups();
        let examined = offline::health(&session.places, &facts, console.progress("examining")).await?;
        let report = Report { container: session.container.take(), session: examined };
        console.show(&report, |page| {
            if let Some(container) = &report.container {
                show_container(page, container);
            }
            show(page, &report.session, &facts, &session.places);
        })?;
        let well = report.container.as_ref().is_none_or(|container| container.well);
        Ok(verdict(report.session.report.healthy && well))
    }
}

fn show(page: &mut Page, health: &offline::Health, facts: &KnownFacts, places: &Places) {
    heading(page, &health.report);
    show_backups(page, health);
    // The state of its own container is above.
    match health.owners.as_slice() {
        [] if places.container.is_some() => {}
        [] => page.fact("in use by", "nobody was seen"),
        owners => page.fact("in use by", owners.join(", ")),
    }
    show_log(page, facts);
    show_findings(page, &health.report.findings);
    for other in &health.sessions {
        page.gap();
        heading(page, &other.report);
        show_findings(page, &other.report.findings);
    }
    page.next(&next_steps(health, places));
}

/// How many backups there are, and how old the newest is that gives the login back.
pub(super) fn show_backups(page: &mut Page, health: &offline::Health) {
    let backups = match (&health.newest_sound_backup, health.backups) {
        (_, 0) => page.tone(Tone::Warning, "none yet"),
        (None, count) => page.tone(Tone::Warning, &format!("{count}, none with a sound login")),
        (Some(newest), count) => {
            let doubt = if newest.credentials.is_none() { " (encrypted, not looked into)" } else { "" };
            let made = ago(newest.created_ms, now_ms());
            format!("{count}, the newest with a sound login made {made}{doubt}")
        }
    };
    page.fact("backups", backups);
}

/// What the log shows of the session as a whole.
pub(super) fn show_log(page: &mut Page, facts: &KnownFacts) {
    for seen in symptoms::summary(&facts.symptoms) {
        if let Some(meaning) = seen.meaning {
            page.fact("in the log", format!("{} × {}: {meaning}", seen.lines, symptoms::word(seen.class)));
        }
    }
    if !facts.peer_failures.is_empty() {
        let failing = plural(facts.peer_failures.len(), "contact device");
        page.fact("in the log", format!("messages of {failing} could not be decrypted (Bad MAC)"));
    }
}

fn next_steps(health: &offline::Health, places: &Places) -> Vec<(String, &'static str)> {
    let report = &health.report;
    let mendable = report.findings.iter().filter(|finding| finding.repair.is_automatic()).count();
    let mut steps = Vec::new();
    // No backup goes back into a store of whatsmeow by itself: its findings say what to do.
    let is_ours = report.format != Format::Whatsmeow;
    if is_ours && report.credentials == CredentialsState::Damaged && health.newest_sound_backup.is_none() {
        steps.push((
            places.command("restore ARCHIVE"),
            "the login is damaged and no backup here holds a sound one: look for a copy elsewhere first",
        ));
    } else if !report.healthy && mendable > 0 {
        if !health.owners.is_empty() {
            steps.push(("stop what runs on it".to_owned(), "files are never mended under a running gateway"));
        }
        steps.push((places.command("clean --dry-run"), "shows what would be mended"));
        steps.push((
            places.command("clean"),
            "mends it; a verified backup is made first, and the login is kept",
        ));
    } else if report.healthy && mendable > 0 {
        steps.push((places.command("clean"), "optional: mends the warnings"));
    }
    if health.backups == 0 && report.credentials == CredentialsState::Sound {
        steps.push((places.command("backup create"), "there is no backup of this login yet"));
    }
    steps
}
