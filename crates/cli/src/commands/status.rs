//! `wakeeper status`: the container, its session, what its log shows.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use wakeeper_containers::docker::stats::Stats;
use wakeeper_containers::docker::{Container, Purpose};
use wakeeper_doctor::findings::codes::SESSIONS_INSIDE;
use wakeeper_doctor::{Severity, symptoms};
use wakeeper_offline as offline;
use wakeeper_recovery::incidents::{Incident, last};
use wakeeper_terminal::{Console, Page, Tone, size};

use crate::chosen::{FactFlags, Target, TargetFlags, now_ms};
use crate::environment::{connect, container_flag};
use crate::output::{console, heading};

use super::{health, verdict};

/// Incidents that are shown.
const LAST_INCIDENTS: u32 = 3;
/// Lines of the log that are shown.
const LAST_LINES: u32 = 10;

/// Say how the container and its session are doing
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper status\n  wakeeper status --container my-whatsapp-api --json\n\n\
    Exit code 1 when the container does not run, is unhealthy, or its session has errors."
)]
pub struct Status {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetFlags,
}

/// Everything that is known.
#[derive(Serialize)]
struct Report {
    container: Container,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Stats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<offline::Health>,
    /// The sessions below its folder, when that holds several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<Below>,
    /// Why nothing is known of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_problem: Option<String>,
    /// What a monitor saw last.
    incidents: Vec<Incident>,
    log: Vec<String>,
}

/// One of several sessions.
#[derive(Serialize)]
struct Below {
    session: String,
    #[serde(flatten)]
    health: offline::Health,
}

impl Status {
    /// Looks at everything and reports.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let console = console(self.json);
        let (target, settings) = self.target.clone().container_or_default()?;
        let Target::Container(named) = &target else {
            super::wrong_usage("status is about a container; for a folder there is `health`")
        };
        let engine = connect().await?;
        let container = engine.find(&named.name).await?;
        let usage = if container.is_up() { engine.stats(&container.id).await.ok() } else { None };
        let log = engine.last_lines(&container, LAST_LINES).await;
        let mut monitors = vec![settings.monitor_state_dir];
        let (session, session_problem) = match examined(&target, console).await {
            Ok((health, backups)) => {
                monitors.push(backups.join("monitor"));
                (Some(health), None)
            }
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        let incidents = last(&monitors, &container.name, LAST_INCIDENTS).await;
        let sessions = match &session {
            Some(session) if session.report.findings.iter().any(|found| found.code == SESSIONS_INSIDE) => {
                below(self.target.in_container(&named.name), console).await?
            }
            _ => Vec::new(),
        };
        let sound = match sessions.as_slice() {
            [] => session.as_ref().is_none_or(|session| session.report.healthy),
            sessions => sessions.iter().all(|below| below.health.report.healthy),
        };
        let well = container.is_well() && sound;
        let report = Report {
            summary: container.summary(now_ms()),
            container,
            usage,
            session,
            sessions,
            session_problem,
            incidents,
            log,
        };
        console.show(&report, |page| show(page, &report))?;
        Ok(verdict(well))
    }
}

/// The session's health, and where it is backed up.
async fn examined(target: &Target, console: Console) -> anyhow::Result<(offline::Health, PathBuf)> {
    let session = target.open(&FactFlags::default(), Purpose::Read).await?;
    let progress = console.progress("examining");
    let health = offline::health(&session.places, &session.facts, progress).await?;
    Ok((health, session.places.backups.shelf.clone()))
}

/// The health of each session below a container's folder.
async fn below(flags: TargetFlags, console: Console) -> anyhow::Result<Vec<Below>> {
    let mut sessions = Vec::new();
    for (session, flags) in flags.each().await? {
        let (health, _) = examined(&flags.resolve()?.0, console).await?;
        sessions.push(Below { session, health });
    }
    Ok(sessions)
}

fn show(page: &mut Page, report: &Report) {
    let container = &report.container;
    let tone = if container.is_well() { Tone::Good } else { Tone::Bad };
    page.line(format!("container {}: {}", container.name, page.tone(tone, &report.summary)));
    page.fact("image", &container.image);
    page.fact("restarts", container.restarts.to_string());
    let ports =
        if container.ports.is_empty() { "none published".to_owned() } else { container.ports.join(", ") };
    page.fact("ports", ports);
    if let Some(usage) = &report.usage {
        let processor =
            usage.cpu_percent.map(|percent| format!(", processor {percent:.1} %")).unwrap_or_default();
        page.fact("uses", format!("memory {}{processor}, {} processes", size(usage.memory), usage.processes));
    }
    if let Some(error) = &container.error {
        page.fact("engine says", error);
    }
    if let Some(project) = &container.project {
        page.fact("compose", format!("project {}, service {}", project.name, project.service));
    }
    if let Some(words) = container.health_words() {
        page.fact("health check", words);
    }
    if let (true, Some(health)) = (report.sessions.is_empty(), &report.session) {
        session(page, report, health);
    } else if report.sessions.is_empty() {
        page.gap();
        page.line(page.tone(Tone::Warning, report.session_problem.as_deref().unwrap_or("no session")));
    }
    report.sessions.iter().for_each(|below| session(page, report, &below.health));
    if !report.incidents.is_empty() {
        page.gap();
        page.line(page.tone(Tone::Strong, "Last incidents:"));
        for incident in &report.incidents {
            page.line(format!("  {}", incident.line(now_ms())));
        }
    }
    page.gap();
    page.line(page.tone(Tone::Strong, "Last log lines:"));
    for line in &report.log {
        page.line(format!("  {line}"));
    }
}

fn session(page: &mut Page, report: &Report, session: &offline::Health) {
    page.gap();
    heading(page, &session.report);
    let errors = session.report.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    page.fact("findings", format!("{errors} errors of {} in all", session.report.findings.len()));
    health::show_backups(page, session);
    for seen in session.log.iter().take(5) {
        page.fact("in its log", format!("{} x {}", seen.lines, symptoms::word(seen.class)));
    }
    if errors > 0 {
        let flag = container_flag(&report.container.name);
        page.next(&[(format!("wakeeper health{flag}"), "lists what is wrong, and how it is repaired")]);
    }
}
