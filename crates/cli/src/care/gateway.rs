//! The sessions of a gateway's folder: what its rows, its notes and its databases tell of them.

use std::path::{Path, PathBuf};

use serde::Serialize;
use wakeeper_doctor::backup::manifest::account_mark;
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::findings::native_login_lost;
use wakeeper_doctor::{Finding, Options, Report, Severity};
use wakeeper_engine::transfer::{Known, known};
use wakeeper_model::SessionName;

use super::health::{is_containers, native_database};
use super::{Evidence, Places, native, now_ms};

/// What lies where a session's database should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
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
pub async fn sessions(places: &Places) -> Vec<Known> {
    if is_containers(&places.auth_info) { Vec::new() } else { known(&places.auth_info).await }
}

/// The database of the session that the places mean, which is gone when only rows and notes tell of it; `None` where
/// Baileys' files are what is meant.
pub async fn session_of(places: &Places) -> Option<PathBuf> {
    if let Some(database) = native_database(places) {
        return Some(database);
    }
    if places.auth_info.join("creds.json").symlink_metadata().is_ok() {
        return None;
    }
    let default = SessionName::default_session();
    let known = sessions(places).await.into_iter().find(|known| known.session == default);
    known.filter(Known::was_linked).map(|known| known.database())
}

/// What is known of the session of a database, when it is a gateway's.
pub async fn known_of(database: &Path) -> Option<Known> {
    let auth_info = database.parent()?.parent()?.parent()?;
    known(auth_info).await.into_iter().find(|known| known.database() == database)
}

/// Looks at a database without opening it where it is.
///
/// # Errors
/// When it cannot be looked at, which says nothing of its state.
pub async fn state(database: &Path) -> anyhow::Result<State> {
    if database.symlink_metadata().is_err() {
        return Ok(State::Missing);
    }
    let report = wakeeper_engine_store::examine(database, &Options::at(now_ms())).await?;
    Ok(match report.credentials {
        CredentialsState::Missing => State::Unlinked,
        CredentialsState::Damaged => State::Damaged,
        CredentialsState::Sound => {
            let reading = wakeeper_engine_store::read_foreign(database, now_ms()).await?;
            State::Sound(account_mark(&reading.session.credentials.identity.public))
        }
    })
}

/// What is found of a session that was linked and has no login any more.
pub async fn lost(database: &Path, report: &Report) -> Option<Finding> {
    if report.credentials != CredentialsState::Missing {
        return None;
    }
    let known = known_of(database).await.filter(Known::was_linked)?;
    let what = match database.symlink_metadata() {
        Err(_) => "is missing",
        Ok(file) if file.len() == 0 => "is empty",
        Ok(_) => "holds no login",
    };
    let file = database.file_name().unwrap_or_default().to_string_lossy();
    let evidence = format!("{file} {what}, though session {} was linked: its login is lost", known.session);
    Some(native_login_lost(&file, evidence))
}

/// Examines the other sessions of the folder that have a database, or a login.
///
/// # Errors
/// When one cannot be looked at.
pub async fn others(places: &Places, main: Option<&Path>, evidence: &Evidence) -> anyhow::Result<Vec<Other>> {
    let evidence = Evidence { version: evidence.version, ..Evidence::default() };
    let mut others = Vec::new();
    for known in sessions(places).await {
        let database = known.database();
        let is_there = database.symlink_metadata().is_ok() || known.was_linked();
        if main == Some(database.as_path()) || !is_there {
            continue;
        }
        let report = native::examine(&database, places, &evidence).await?;
        others.push(Other { session: known.session.to_string(), report });
    }
    Ok(others)
}

/// The errors of other sessions, by the paths of their databases in the folder.
pub fn errors(others: &[Other]) -> Vec<Finding> {
    let of = |other: &Other| {
        let errors = other.report.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let name = other.session.clone();
        errors
            .map(|finding| Finding { path: format!("sessions/{name}/{}", finding.path), ..finding.clone() })
            .collect::<Vec<_>>()
    };
    others.iter().flat_map(of).collect()
}
