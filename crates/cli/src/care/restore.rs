//! `wakeeper restore`: gives a backup's content back, after a backup of what is there.

use std::path::{Path, PathBuf};

use anyhow::bail;
use wakeeper_doctor::backup::{Login, Shelf, login_in};
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::restore::{RestoreOptions, Restored, What, restore};
use wakeeper_doctor::source::Limits;
use wakeeper_engine::offline;
use wakeeper_model::SessionName;

use super::backup::named;
use super::gateway::{self, State};
use super::page::{Page, Tone, plural};
use super::{Evidence, Places, now_ms};

/// So many archives that say that their login is sound are read to their ends.
const LOOKED_INTO: usize = 16;
/// So many that were passed over are told.
const TOLD: usize = 8;

/// Restores an archive, or the newest one that holds a sound login. Whatever runs on the session must be stopped.
///
/// # Errors
/// When nothing may be restored, or it fails.
pub async fn run_of(
    places: &Places,
    archive: Option<&Path>,
    what: What<'_>,
    dry_run: bool,
    evidence: &Evidence,
) -> anyhow::Result<Restored> {
    let Chosen { archive, passed } = match archive {
        Some(path) => Chosen { archive: named(path, places), passed: Vec::new() },
        None => newest_sound(places)?,
    };
    let mut notes: Vec<String> = passed;
    match room(places, &archive).await? {
        Room::Free => {}
        Room::NotNeeded(why) => {
            notes.push(why);
            return Ok(nothing(&archive, notes));
        }
        Room::Occupied(session) if dry_run => {
            notes.push(format!("What is left of session {session} would be moved aside first."));
        }
        Room::Occupied(session) => {
            let name = format!("damaged-{}", now_ms());
            let aside = offline::set_login_aside(&places.auth_info, &session, &name)?;
            let aside = wakeeper_private_fs::shown(&aside);
            notes.push(format!("What was left of session {session} is kept in {}.", aside.display()));
        }
    }
    let mut restored = run(places, &archive, what, dry_run, evidence)?;
    if restored.applied && !gateway::sessions(places).await.is_empty() {
        notes.push("The gateway takes the login over when it starts.".to_owned());
    }
    notes.append(&mut restored.notes);
    Ok(Restored { notes, ..restored })
}

/// Restores an archive into the folder of Baileys' files.
///
/// # Errors
/// When nothing may be restored, or it fails.
pub fn run(
    places: &Places,
    archive: &Path,
    what: What<'_>,
    dry_run: bool,
    evidence: &Evidence,
) -> anyhow::Result<Restored> {
    let how =
        RestoreOptions { what, dry_run, shelf: &places.backups, label: &places.label, makes_room: true };
    Ok(restore(archive, &places.auth_info, &evidence.options(places), &how)?)
}

/// Whether there is a place for a login in a folder.
enum Room {
    /// No session of a gateway is in the way.
    Free,
    /// What is left of this session makes room.
    Occupied(SessionName),
    /// The login is there; and how to insist.
    NotNeeded(String),
}

async fn room(places: &Places, archive: &Path) -> anyhow::Result<Room> {
    let sessions = gateway::sessions(places).await;
    if sessions.is_empty() {
        return Ok(Room::Free);
    }
    let read = login_in(archive, places.passphrase.as_ref(), &Limits::default());
    // What is wrong with it is told by the restore itself, which changes nothing then.
    let Ok(Login { mark: Some(login), sound: true }) = read else { return Ok(Room::Free) };
    let default = SessionName::default_session();
    let mut room = Room::Free;
    for known in sessions.into_iter().filter(|known| known.moved.is_none()) {
        let state = gateway::state(&known.database()).await?;
        let holds = match &state {
            State::Sound(holds) => Some(holds),
            _ => known.login.as_ref(),
        };
        let is_it = holds == Some(&login);
        let (session, folder) = (&known.session, wakeeper_private_fs::shown(&known.folder));
        match state {
            State::Sound(_) if is_it => {
                return Ok(Room::NotNeeded(format!(
                    "Session {session} has this very login, and it is sound: there is nothing to restore. To start again from \
                     the backup all the same, stop the gateway, move {} to another place, and run the same command again.",
                    folder.display()
                )));
            }
            _ if *session != default && is_it => bail!(
                "the backup is of session {session}, which is not the default one. Restore it into a folder of its own, and \
                 import that: wakeeper restore {} --auth-info-dir NEW_FOLDER; {}",
                wakeeper_private_fs::shown(archive).display(),
                places.command(&format!("import NEW_FOLDER --session {session}"))
            ),
            _ if *session == default && holds.is_some() && !is_it => bail!(
                "the backup is of another login than session {session} has or had. Restore it into a folder of its own, and \
                 import that: wakeeper restore {} --auth-info-dir NEW_FOLDER; {}",
                wakeeper_private_fs::shown(archive).display(),
                places.command("import NEW_FOLDER --session NAME")
            ),
            State::Missing => {}
            _ if *session == default => room = Room::Occupied(known.session),
            _ => {}
        }
    }
    Ok(room)
}

fn nothing(archive: &Path, notes: Vec<String>) -> Restored {
    Restored {
        from: wakeeper_private_fs::shown(archive),
        backup: None,
        written: Vec::new(),
        removed: Vec::new(),
        applied: false,
        login_kept: true,
        notes,
    }
}

/// The archive that is restored, and what was passed over for it.
struct Chosen {
    archive: PathBuf,
    passed: Vec<String>,
}

/// The newest backup that holds a sound login. What a manifest says of its archive is its maker's word: each is read to its
/// end, until one is what it says.
fn newest_sound(places: &Places) -> anyhow::Result<Chosen> {
    let backups = Shelf::at(&places.backups).list(
        Some(&places.label),
        places.passphrase.as_ref(),
        &Limits::default(),
    )?;
    let locked = backups.iter().filter(|backup| backup.encrypted && backup.credentials.is_none()).count();
    let mut passed = Vec::new();
    let mut read = 0;
    for backup in backups {
        let why = if let Some(problem) = backup.problem {
            problem
        } else if backup.credentials != Some(CredentialsState::Sound) || read == LOOKED_INTO {
            continue;
        } else {
            read += 1;
            match login_in(&backup.path, places.passphrase.as_ref(), &Limits::default()) {
                Ok(login) if login.sound => return Ok(Chosen { archive: backup.path, passed }),
                Ok(_) => "it holds no sound login, although it says so".to_owned(),
                Err(error) => error.to_string(),
            }
        };
        if passed.len() < TOLD {
            let shown = wakeeper_private_fs::shown(&backup.path);
            passed.push(format!("{} was passed over: {why}", shown.display()));
        }
    }
    let folder = wakeeper_private_fs::shown(&places.backups);
    let folder = folder.display();
    if !passed.is_empty() {
        bail!("no backup in {folder} can be used: {}; name an archive to use another one", passed.join("; "));
    }
    if locked > 0 {
        bail!(
            "no backup in {folder} can be read without a passphrase; give BACKUP_PASSPHRASE or name an archive"
        );
    }
    bail!("no backup of {} with a sound login in {folder}; name an archive to use another one", places.label)
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
