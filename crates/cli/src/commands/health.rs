//! `wakeeper health`, also called `check`: the session, its store, its backups, and who runs on it.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use wakeeper_containers::docker::Purpose;
use wakeeper_containers::session::ContainerReport;
use wakeeper_doctor::KnownFacts;
use wakeeper_doctor::examine::{CredentialsState, Format};
use wakeeper_doctor::symptoms::LogFacts;
use wakeeper_model::ago;
use wakeeper_offline as offline;
use wakeeper_terminal::{Console, Page, Tone, typed};

use crate::chosen::{FactFlags, Places, SessionsFlag, TargetFlags, now_ms, show_container, show_log_read};
use crate::output::{console, heading, show_findings};

use super::verdict;

/// Check a session, its store and its backups, and say what to do; never changes anything
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper health\n  wakeeper health --data-dir /srv/bot\n  \
    wakeeper health --container my-whatsapp-api\n  \
    wakeeper health --data-dir /srv/bot --log /srv/bot/logs/app.log\n\n\
    Exit code 1 when a finding of severity error exists: also when you name a log of another program.")]
pub struct Health {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    facts: FactFlags,
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    sessions: SessionsFlag,
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
        self.sessions.each(self.target.clone(), console, |flags| self.one(flags, console)).await
    }

    async fn one(&self, flags: TargetFlags, console: Console) -> anyhow::Result<ExitCode> {
        let (target, _) = flags.existing()?;
        let mut session = target.present().await?.open(&self.facts.looking_beside(), Purpose::Read).await?;
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
    match (health.owners.as_slice(), &health.unseen) {
        ([], _) if places.container.is_some() => {}
        ([], None) => page.fact("in use by", "no running program was found"),
        ([], Some(unseen)) => page.fact("in use by", format!("no running program was found, but {unseen}")),
        (owners, _) => page.fact("in use by", owners.join(", ")),
    }
    show_log(page, facts);
    show_findings(page, &health.report.findings);
    for other in &health.sessions {
        page.gap();
        heading(page, &other.report);
        show_findings(page, &other.report.findings);
    }
    page.gap();
    show_log_read(page, facts, &places.auth_info);
    let inside = places.sessions_inside("health");
    page.next(&[next_steps(health, places), inside].concat());
}

/// How many backups there are, and how old the newest is that gives the login back.
pub(super) fn show_backups(page: &mut Page, health: &offline::Health) {
    let backups = match (&health.newest_sound_backup, health.backups) {
        (_, 0) => page.tone(Tone::Warning, "none yet"),
        (None, count) => page.tone(Tone::Warning, &format!("{count}, none with a login that is OK")),
        (Some(newest), count) => {
            let doubt = if newest.credentials.is_none() { " (encrypted, not looked into)" } else { "" };
            let made = ago(newest.created_ms, now_ms());
            format!("{count}, the newest with a login that is OK made {made}{doubt}")
        }
    };
    page.fact("backups", backups);
}

/// What the log shows of the session as a whole.
pub(super) fn show_log(page: &mut Page, facts: &KnownFacts) {
    for told in facts.log.iter().flat_map(LogFacts::told) {
        page.fact("in the log", told);
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
            "look for a copy of the login elsewhere".to_owned(),
            "it is damaged, and no backup here has it; `restore ARCHIVE` gives it back",
        ));
    } else if !report.healthy && mendable > 0 {
        if !health.owners.is_empty() {
            steps.push(("stop what runs on it".to_owned(), "nothing is repaired while it runs"));
        }
        if typed::log_was_piped() {
            steps.push(("pipe the log in again".to_owned(), "for each of these commands"));
        }
        steps.push((places.command("clean --dry-run"), "shows what would be repaired"));
        steps.push((places.command("clean"), "repairs it after a verified backup; the login is kept"));
    } else if report.healthy && mendable > 0 {
        steps.push((places.command("clean"), "optional: repairs what the warnings are about"));
    }
    if health.backups == 0 && report.credentials == CredentialsState::Sound {
        steps.push((places.command("backup create"), "there is no backup of this login yet"));
    }
    steps
}
