//! What is wrong with the sessions of a gateway's folder: what its rows, its notes and its databases tell of them.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wakeeper_doctor::backup::account_in;
use wakeeper_doctor::examine::{CredentialsState, NativeView, native_report};
use wakeeper_doctor::findings::{
    is_of_no_login, native_login_lost, older_copy, older_copy_settled, repair_unfinished,
};
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_doctor::source::EntryKind;
use wakeeper_doctor::{Finding, KnownFacts, Options, Report, Severity};
use wakeeper_engine_store::Examined;
use wakeeper_model::{SessionName, ago};
use wakeeper_private_fs::shown;

use super::paths::{Owner, SessionPaths, database_in, file_name, is_containers};
use super::under_way::{self, Left, NOTE};
use super::whatsmeow::{home_of, store_in};
use super::{OfflineError, Older, older_but};
use crate::transfer::{Known, known};
use wakeeper_engine::folder::generation::Doubt;

/// How long it is told that an older copy was noticed and dealt with, milliseconds.
const TOLD_FOR_MS: i64 = 7 * 86_400_000;

/// What lies where a session's database should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing.
    Missing,
    /// A database without a login.
    Unlinked,
    /// Something that cannot be used.
    Damaged,
    /// A sound database with this login.
    Sound(String),
}

/// Another session of the same folder.
#[derive(Debug, Clone, Serialize)]
pub struct Other {
    /// Its name.
    pub session: String,
    /// The examination of its database.
    #[serde(flatten)]
    pub report: Report,
}

/// The sessions that a gateway keeps, or kept, in the folder. Of a folder that a container can write to nothing is told:
/// SQLite opens by path.
pub(super) async fn sessions(auth_info: &Path) -> Vec<Known> {
    if is_containers(auth_info) { Vec::new() } else { known(auth_info).await }
}

/// The database of the session that a folder means, which is gone when only rows and notes tell of it; `None` where Baileys'
/// files are what is meant.
pub async fn session_in(auth_info: &Path) -> Option<PathBuf> {
    if let Some(database) = database_in(auth_info) {
        return Some(database);
    }
    if auth_info.join(CREDENTIALS).symlink_metadata().is_ok() {
        return None;
    }
    let default = SessionName::default_session();
    let known = sessions(auth_info).await.into_iter().find(|known| known.session == default);
    known.filter(Known::was_linked).map(|known| known.database())
}

/// What is known of the session of a database, when it is a gateway's.
pub(super) async fn known_of(database: &Path) -> Option<Known> {
    let auth_info = database.parent()?.parent()?.parent()?;
    known(auth_info).await.into_iter().find(|known| known.database() == database)
}

/// The mark of the login of the session that a folder means, which tells its backups from those of others of its name.
pub async fn account(paths: &SessionPaths) -> Option<String> {
    match session_in(&paths.auth_info).await {
        Some(_) if is_containers(&paths.auth_info) => None,
        Some(database) => known_of(&database).await?.login,
        None => account_in(&paths.auth_info),
    }
}

/// Where the session lies that a folder means, as its backups tell it apart: of a store of whatsmeow that is the database.
pub fn home(paths: &SessionPaths) -> PathBuf {
    match store_in(&paths.auth_info) {
        Ok(Some(store)) => home_of(&store, paths),
        _ => paths.home.clone(),
    }
}

/// Looks at a database without opening it where it is.
///
/// # Errors
/// When it cannot be looked at, which says nothing of its state.
pub(super) async fn state(database: &Path, paths: &SessionPaths) -> Result<State, OfflineError> {
    if database.symlink_metadata().is_err() {
        return Ok(State::Missing);
    }
    let options = Options::at(paths.now_ms());
    let examined = wakeeper_engine_store::examine(database, &options, &paths.copies).await?;
    Ok(match (examined.report.credentials, examined.login()) {
        (CredentialsState::Sound, Some(login)) => State::Sound(login),
        (CredentialsState::Missing, _) => State::Unlinked,
        (CredentialsState::Sound | CredentialsState::Damaged, _) => State::Damaged,
    })
}

/// A session that was looked at once.
pub(super) struct Looked {
    /// What was found, also by what lies beside the database.
    pub report: Report,
    /// The database, from which a repair is planned and a backup made; `None` when there is none.
    pub examined: Option<Examined>,
    /// What an earlier repair left.
    pub left: Left,
}

/// Examines a session. What its backups, and a person, tell of it is taken into account.
///
/// # Errors
/// When it cannot be looked at.
pub(super) async fn look(
    database: &Path,
    paths: &SessionPaths,
    facts: &KnownFacts,
) -> Result<Looked, OfflineError> {
    let now_ms = paths.now_ms();
    let options = facts.options(now_ms);
    let mut examined = None;
    let mut report = if database.symlink_metadata().is_ok() {
        let looked_at = wakeeper_engine_store::examine(database, &options, &paths.copies).await;
        let looked_at =
            looked_at.map_err(|reason| OfflineError::Examine { path: shown(database), reason })?;
        examined.insert(looked_at).report.clone()
    } else {
        absent(database, &options)
    };
    if let Some(lost) = lost(database, &report).await {
        report.findings.retain(|finding| !is_of_no_login(finding.code));
        report.findings.insert(0, lost);
        (report.credentials, report.healthy) = (CredentialsState::Damaged, false);
    }
    let left = under_way::left(database, examined.as_ref(), paths.is_copy);
    // Of a damaged one, nothing is told by what it carries; nor by a copy of a container's.
    let told = report.credentials == CredentialsState::Sound && !paths.is_copy;
    if let Some(owner) = Owner::of(database).filter(|_| told) {
        // The interrupted repair itself changed the database; that is made up for when it is settled.
        let by_repair = matches!(&left, Left::Unfinished(note) if !note.in_doubt);
        let explained = by_repair.then_some(Doubt::ChangedSince);
        let older = older_but(&owner.auth_info, &owner.session, paths.witnesses.clone(), explained).await;
        report.findings.extend(copies(database, older, now_ms));
    }
    if matches!(left, Left::Unfinished(_)) {
        report.findings.push(repair_unfinished(NOTE));
    }
    report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report.healthy = report.findings.iter().all(|finding| finding.severity != Severity::Error);
    report.path = shown(&report.path);
    Ok(Looked { report, examined, left })
}

/// The report on a database that is not there.
fn absent(database: &Path, options: &Options<'_>) -> Report {
    let view = NativeView {
        path: database.to_owned(),
        file: file_name(database),
        kind: EntryKind::File,
        problems: Vec::new(),
        unreadable: None,
        session: None,
        unread: &[],
        moved: None,
        mode: 0o600,
    };
    native_report(&view, options)
}

/// What is found of older copies.
fn copies(database: &Path, older: Older, now_ms: i64) -> Vec<Finding> {
    let file = file_name(database);
    if let Some(doubts) = older.doubts {
        return vec![older_copy(&file, doubts)];
    }
    let recent = older.renewed.filter(|(at_ms, _)| now_ms - at_ms < TOLD_FOR_MS);
    let settled = recent.map(|(at_ms, because)| {
        let when = ago(at_ms, now_ms);
        older_copy_settled(&file, format!("new keys for sending were agreed {when}, because {because}"))
    });
    settled.into_iter().collect()
}

/// What is found of a session that was linked and has no login any more.
async fn lost(database: &Path, report: &Report) -> Option<Finding> {
    if report.credentials != CredentialsState::Missing {
        return None;
    }
    let known = known_of(database).await.filter(Known::was_linked)?;
    let what = match database.symlink_metadata() {
        Err(_) => "is missing",
        Ok(file) if file.len() == 0 => "is empty",
        Ok(_) => "holds no login",
    };
    let file = file_name(database);
    let evidence = format!("{file} {what}, though session {} was linked: its login is lost", known.session);
    Some(native_login_lost(&file, evidence))
}

/// Examines the other sessions of the folder that have a database, or a login.
///
/// # Errors
/// When one cannot be looked at.
pub(super) async fn others(
    paths: &SessionPaths,
    main: Option<&Path>,
    facts: &KnownFacts,
) -> Result<Vec<Other>, OfflineError> {
    let facts = KnownFacts { version: facts.version, ..KnownFacts::default() };
    let mut others = Vec::new();
    for known in sessions(&paths.auth_info).await {
        let database = known.database();
        let is_there = database.symlink_metadata().is_ok() || known.was_linked();
        if main == Some(database.as_path()) || !is_there {
            continue;
        }
        let report = look(&database, paths, &facts).await?.report;
        others.push(Other { session: known.session.to_string(), report });
    }
    Ok(others)
}

/// The errors of other sessions, by the paths of their databases in the folder.
pub(super) fn errors(others: &[Other]) -> Vec<Finding> {
    let of = |other: &Other| {
        let errors = other.report.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let name = other.session.clone();
        errors
            .map(|finding| Finding { path: format!("sessions/{name}/{}", finding.path), ..finding.clone() })
            .collect::<Vec<_>>()
    };
    others.iter().flat_map(of).collect()
}
