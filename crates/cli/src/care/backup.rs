//! `wakeeper backup`: creating, listing, verifying and pruning.

use std::path::PathBuf;

use anyhow::{Context, bail};
use wakeeper_doctor::Options;
use wakeeper_doctor::backup::retention::Pruned;
use wakeeper_doctor::backup::{self, BackupInfo, Created, Retention, Shelf, Verified};
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::source::Limits;
use wakeeper_model::ago;
use wakeeper_private_fs::shown;

use super::page::{Page, Tone, plural, size};
use super::{KnownFacts, Places};

/// What a new backup is, for people.
pub fn show_created(page: &mut Page, created: &Created) {
    let manifest = &created.manifest;
    if created.unchanged {
        page.line(format!("Nothing changed since the newest backup {}.", shown(&created.path).display()));
    } else {
        page.line(page.tone(Tone::Good, &format!("Backed up to {}", shown(&created.path).display())));
    }
    page.fact("holds", plural(manifest.files.len(), "file"));
    page.fact("login", login_word(Some(manifest.credentials)));
    for left_out in &manifest.left_out {
        page.fact("left out", format!("{}: {}", left_out.name, left_out.reason));
    }
}

/// The backups of a session, newest first; of all sessions in the backup folder when `all`.
pub fn list(places: &Places, all: bool) -> anyhow::Result<Vec<BackupInfo>> {
    let label = (!all).then_some(places.label.as_str());
    Ok(Shelf::at(&places.backups).list(label, places.passphrase.as_ref(), &Limits::default())?)
}

/// The list for people.
pub fn show_list(page: &mut Page, backups: &[BackupInfo], places: &Places) {
    if backups.is_empty() {
        page.line(format!("No backups in {}.", shown(&places.backups).display()));
        page.next(&[(places.command("backup create"), "makes one")]);
        return;
    }
    let now = super::now_ms();
    for backup in backups {
        page.line(shown(&backup.path).display().to_string());
        page.fact("made", ago(backup.created_ms, now));
        page.fact("restores", restores(backup));
        page.fact("size", size(backup.size));
    }
    page.next(&[(places.command("backup verify"), "restores the newest into memory and examines it")]);
}

fn restores(backup: &BackupInfo) -> String {
    if let Some(problem) = &backup.problem {
        return format!("nothing: {problem}");
    }
    let encrypted = if backup.encrypted { ", encrypted" } else { "" };
    match backup.credentials {
        None => "unknown: it is encrypted, give BACKUP_PASSPHRASE to look into it".to_owned(),
        state => format!(
            "{} login, {}, {} of Signal sessions{encrypted}",
            login_word(state),
            plural(backup.files.unwrap_or(0), "file"),
            plural(backup.signal_sessions.unwrap_or(0), "record"),
        ),
    }
}

fn login_word(state: Option<CredentialsState>) -> &'static str {
    match state {
        Some(CredentialsState::Sound) => "sound",
        Some(CredentialsState::Damaged) => "damaged",
        Some(CredentialsState::Missing) => "no",
        None => "unknown",
    }
}

/// Restores one backup, or all, into memory and examines the result.
pub fn verify(places: &Places, which: &Which, evidence: &KnownFacts) -> anyhow::Result<Vec<Verified>> {
    // Where the session lies now says nothing about a backup.
    let options = Options { store: None, on_mount: None, owners: &[], ..places.options(evidence) };
    let paths = which.paths(places)?;
    paths.iter().map(|path| Ok(backup::verify(path, &options)?)).collect()
}

/// Which backups are meant.
#[derive(Debug, Clone)]
pub enum Which {
    /// The newest one.
    Newest,
    /// All of the session.
    All,
    /// This archive.
    Archive(PathBuf),
}

impl Which {
    fn paths(&self, places: &Places) -> anyhow::Result<Vec<PathBuf>> {
        let archives = || Shelf::at(&places.backups).archives(Some(&places.label));
        Ok(match self {
            Self::Archive(path) => vec![Shelf::at(&places.backups).file_named(path)],
            Self::All => archives()?.into_iter().map(|(path, ..)| path).collect(),
            Self::Newest => match archives()?.into_iter().next() {
                Some((path, ..)) => vec![path],
                None => bail!(
                    "there is no backup of {} in {}; `{}` makes one",
                    places.label,
                    shown(&places.backups).display(),
                    places.command("backup create")
                ),
            },
        })
    }
}

/// The result of a verification, for people.
pub fn show_verified(page: &mut Page, verified: &[Verified]) {
    for one in verified {
        let report = &one.report;
        let verdict = if report.healthy {
            page.tone(Tone::Good, "sound")
        } else {
            page.tone(Tone::Bad, "complete, but what it holds is not healthy")
        };
        page.line(format!("{}: {verdict}", shown(&one.path).display()));
        let hashes = plural(one.manifest.files.len(), "file");
        page.fact("compared", format!("{hashes}, every SHA-256 is what the manifest says"));
        page.fact("login", login_word(Some(report.credentials)));
        if !report.healthy {
            page.findings(&report.findings);
        }
    }
}

/// Removes backups that the retention does not keep.
pub fn prune(places: &Places, policy: &Retention, dry_run: bool) -> anyhow::Result<Pruned> {
    let shelf = Shelf::at(&places.backups);
    backup::prune(&shelf, &places.label, policy, places.passphrase.as_ref(), dry_run)
        .with_context(|| format!("cannot prune {}", shown(&places.backups).display()))
}

/// What pruning did, for people.
pub fn show_pruned(page: &mut Page, pruned: &Pruned, dry_run: bool) {
    let verb = if dry_run { "would be removed" } else { "removed" };
    for path in &pruned.removed {
        page.line(format!("{verb}: {}", path.display()));
    }
    let removed = plural(pruned.removed.len(), "backup");
    page.line(format!("{removed} {verb}, {} kept, {} freed", pruned.kept.len(), size(pruned.freed)));
}
