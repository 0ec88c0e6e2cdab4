//! `wakeeper restore`: gives a backup's content back, after a backup of what is there.

use std::path::{Path, PathBuf};

use anyhow::bail;
use wakeeper_session::backup::Shelf;
use wakeeper_session::examine::CredentialsState;
use wakeeper_session::restore::{RestoreOptions, Restored, What, restore};
use wakeeper_session::source::Limits;

use super::backup::named;
use super::page::{Page, Tone, plural};
use super::{Evidence, Places};

/// Restores an archive, or the newest one that holds a sound login. Whatever runs on the session must be stopped.
pub fn run(
    places: &Places,
    archive: Option<&Path>,
    what: What<'_>,
    dry_run: bool,
    evidence: &Evidence,
) -> anyhow::Result<Restored> {
    let archive = match archive {
        Some(path) => named(path, places),
        None => newest_sound(places)?,
    };
    let how = RestoreOptions { what, dry_run, shelf: &places.backups, label: &places.label };
    let options = evidence.options(places);
    Ok(restore(&archive, &places.auth_info, &options, &how)?)
}

fn newest_sound(places: &Places) -> anyhow::Result<PathBuf> {
    let backups = Shelf::at(&places.backups).list(
        Some(&places.label),
        places.passphrase.as_ref(),
        &Limits::default(),
    )?;
    let locked = backups.iter().filter(|backup| backup.encrypted && backup.credentials.is_none()).count();
    match backups.into_iter().find(|backup| backup.credentials == Some(CredentialsState::Sound)) {
        Some(backup) => Ok(backup.path),
        None if locked > 0 => bail!(
            "no backup in {} can be read without a passphrase; give BACKUP_PASSPHRASE or name an archive",
            wakeeper_private_fs::shown(&places.backups).display()
        ),
        None => bail!(
            "no backup of {} with a sound login in {}; name an archive to use another one",
            places.label,
            wakeeper_private_fs::shown(&places.backups).display()
        ),
    }
}

/// What was, or would be, restored, for people.
pub fn show(page: &mut Page, restored: &Restored, dry_run: bool, places: &Places) {
    let from = restored.from.display();
    if dry_run {
        page.line(page.tone(Tone::Strong, &format!("From {from}; nothing was changed:")));
    } else if restored.applied {
        page.line(page.tone(Tone::Good, &format!("Restored from {from}")));
    } else {
        page.line(format!("Compared with {from}"));
    }
    let would = if dry_run { "would be " } else { "" };
    for (verb, names) in [("written", &restored.written), ("removed", &restored.removed)] {
        if !names.is_empty() {
            page.fact(&format!("{would}{verb}"), sample(names));
        }
    }
    if let Some(backup) = &restored.backup {
        page.fact("before that", format!("backed up to {}", backup.display()));
    }
    for note in &restored.notes {
        page.line(page.tone(Tone::Warning, note));
    }
    let wanted = !restored.written.is_empty() || !restored.removed.is_empty();
    if dry_run && wanted {
        page.next(&[("the same command without --dry-run".to_owned(), "restores it")]);
    } else if dry_run {
        page.next(&[(places.command("health"), "checks the whole session")]);
    } else if restored.login_kept {
        page.line("The login is sound: no new QR code is needed.");
        page.next(&[(places.command("health"), "checks the whole session")]);
    } else {
        page.line(page.tone(Tone::Bad, "The login is not sound."));
        page.next(&[(places.command("health"), "says why")]);
    }
}

/// The first names, and how many there are.
fn sample(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0..=SHOWN => shown,
        count => format!("{} such as {shown}", plural(count, "file")),
    }
}
