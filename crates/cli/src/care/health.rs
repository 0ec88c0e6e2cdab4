//! `wakeeper health`: the session, its store, its backups, and who runs on it. Never changes anything.

use wakeeper_doctor::examine::CredentialsState;
use wakeeper_engine::offline::Health;
use wakeeper_model::ago;

use super::page::{Page, Tone, heading};
use super::{KnownFacts, Places, examine::show_log};

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
