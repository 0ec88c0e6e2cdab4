//! `wakeeper health`: the session, its store, its backups, and who runs on it. Never changes anything.

use anyhow::Context;
use serde::Serialize;
use wakeeper_doctor::backup::{BackupInfo, Shelf};
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::source::{Limits, require_session_folder};
use wakeeper_doctor::{Options, Report, examine};
use wakeeper_engine::offline::{self, Other};
use wakeeper_model::ago;

use super::page::{Page, Tone, heading};
use super::{Console, KnownFacts, Places, examine::show_log, log};

/// What is known of a session's health.
#[derive(Debug, Serialize)]
pub struct Health {
    /// The examination of its files.
    #[serde(flatten)]
    pub report: Report,
    /// The other sessions that a gateway keeps in the folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Other>,
    /// Processes or containers that run on it.
    pub owners: Vec<String>,
    /// What its log shows, when one was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<log::Seen>,
    /// How many backups there are.
    pub backups: usize,
    /// The newest backup with a sound login.
    pub newest_sound_backup: Option<BackupInfo>,
}

/// Examines everything that belongs to a session, Baileys' or wakeeper's own.
pub async fn health_of(places: &Places, evidence: &KnownFacts, console: Console) -> anyhow::Result<Health> {
    let database = offline::session_in(&places.auth_info).await;
    let paths = places.session_paths();
    let mut health = if let Some(database) = &database {
        with_backups(offline::examine(database, &paths, evidence).await?, places, evidence)?
    } else {
        let (places, evidence) = (places.clone(), evidence.clone());
        super::container::blocking(move || health(&places, &evidence, console)).await?
    };
    health.sessions = offline::others(&paths, database.as_deref(), evidence).await?;
    health.report.healthy &= health.sessions.iter().all(|other| other.report.healthy);
    Ok(health)
}

/// Examines everything that belongs to a session of Baileys.
pub fn health(places: &Places, evidence: &KnownFacts, console: Console) -> anyhow::Result<Health> {
    require_session_folder(&places.auth_info)?;
    let progress = console.progress("examining");
    let tell = |done, total| progress.at(done, total);
    let options = Options { progress: Some(&tell), ..places.options(evidence) };
    let report = examine(&places.auth_info, &options).with_context(|| {
        format!("cannot examine {}", wakeeper_private_fs::shown(&places.auth_info).display())
    })?;
    with_backups(report, places, evidence)
}

fn with_backups(report: Report, places: &Places, evidence: &KnownFacts) -> anyhow::Result<Health> {
    let shelf = Shelf::at(&places.backups);
    let backups = shelf.list(Some(&places.label), places.passphrase.as_ref(), &Limits::default())?;
    Ok(Health {
        report,
        sessions: Vec::new(),
        owners: evidence.owners.clone(),
        log: log::summary(&evidence.symptoms),
        backups: backups.len(),
        newest_sound_backup: backups.into_iter().find(BackupInfo::may_hold_login),
    })
}

/// The page for people.
pub fn show(page: &mut Page, health: &Health, evidence: &KnownFacts, places: &Places) {
    heading(page, &health.report);
    show_backups(page, health);
    // The state of its own container is above.
    match health.owners.as_slice() {
        [] if places.container.is_some() => {}
        [] => page.fact("in use by", "nobody was seen"),
        owners => page.fact("in use by", owners.join(", ")),
    }
    show_log(page, evidence);
    page.findings(&health.report.findings);
    for other in &health.sessions {
        page.gap();
        heading(page, &other.report);
        page.findings(&other.report.findings);
    }
    page.next(&next_steps(health, places));
}

/// How many backups there are, and how old the newest is that gives the login back.
pub fn show_backups(page: &mut Page, health: &Health) {
    let backups = match (&health.newest_sound_backup, health.backups) {
        (_, 0) => page.tone(Tone::Warning, "none yet"),
        (None, count) => page.tone(Tone::Warning, &format!("{count}, none with a sound login")),
        (Some(newest), count) => {
            let doubt = if newest.credentials.is_none() { " (encrypted, not looked into)" } else { "" };
            let made = ago(newest.created_ms, super::now_ms());
            format!("{count}, the newest with a sound login made {made}{doubt}")
        }
    };
    page.fact("backups", backups);
}

fn next_steps(health: &Health, places: &Places) -> Vec<(String, &'static str)> {
    let report = &health.report;
    let mendable = report.findings.iter().filter(|finding| finding.repair.is_automatic()).count();
    let mut steps = Vec::new();
    if report.credentials == CredentialsState::Damaged && health.newest_sound_backup.is_none() {
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
