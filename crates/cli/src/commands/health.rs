//! `wakeeper health`, also called `check`: the session, its store, its backups, and who runs on it.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use wakeeper_containers::docker::Purpose;
use wakeeper_containers::session::ContainerReport;
use wakeeper_doctor::KnownFacts;
use wakeeper_doctor::symptoms::LogFacts;
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
    for (what, at) in health.evidence.iter().filter_map(|seen| Some((seen.name.words(), seen.at?))) {
        page.fact(what, wakeeper_model::ago(at, now_ms()));
    }
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
    let steps = health.next_steps(places, typed::log_was_piped());
    page.next(&[steps, inside].concat());
}

/// How many backups there are, and how old the newest is that gives the login back.
pub(super) fn show_backups(page: &mut Page, health: &offline::Health) {
    let (well, text) = health.about_backups(now_ms());
    let backups = if well { text } else { page.tone(Tone::Warning, &text) };
    page.fact("backups", backups);
    if let Some(from) = &health.login_from {
        page.fact("login found in", from.display().to_string());
    }
}

/// What the log shows of the session as a whole.
pub(super) fn show_log(page: &mut Page, facts: &KnownFacts) {
    for told in facts.log.iter().flat_map(LogFacts::told) {
        page.long_fact("in the log", told);
    }
}
