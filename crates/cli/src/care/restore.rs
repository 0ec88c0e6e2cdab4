//! `wakeeper restore`: what was given back, for people.

use wakeeper_doctor::restore::Restored;

use super::Places;
use super::page::{Page, Tone, plural};

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
