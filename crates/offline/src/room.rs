//! Whether there is a place for the login of a backup in a folder of sessions.

use std::path::Path;

use wakeeper_doctor::backup::{Login, login_in};
use wakeeper_doctor::source::Limits;
use wakeeper_model::SessionName;
use wakeeper_private_fs::shown;

use super::OfflineError;
use super::health::{State, sessions, state};
use super::paths::SessionPaths;

/// Whether there is a place for a login in a folder.
#[derive(Debug)]
pub enum Room {
    /// No session of a gateway is in the way.
    Free,
    /// What is left of this session makes room.
    Occupied(SessionName),
    /// The login is there; and how to insist.
    NotNeeded(String),
}

/// Looks whether the login of an archive may be restored into the folder.
///
/// # Errors
/// When a session is in the way that is not to be replaced, or cannot be looked at.
pub async fn room_for(paths: &SessionPaths, archive: &Path) -> Result<Room, OfflineError> {
    let sessions = sessions(&paths.auth_info).await;
    if sessions.is_empty() {
        return Ok(Room::Free);
    }
    let read = login_in(archive, paths.backups.passphrase.as_ref(), &Limits::default());
    // What is wrong with it is told by the restore itself, which changes nothing then.
    let Ok(Login { mark: Some(login), number, sound: true }) = read else { return Ok(Room::Free) };
    let default = SessionName::default_session();
    let mut room = Room::Free;
    for known in sessions.into_iter().filter(|known| known.moved.is_none()) {
        let state = state(&known.database(), paths).await?;
        let holds = match &state {
            State::Sound(holds) => Some(holds),
            _ => known.login.as_ref(),
        };
        let is_it = holds == Some(&login);
        // Where no login is known, its number may be.
        let is_another = match holds {
            Some(_) => !is_it,
            None => known.number.is_some() && number.is_some() && known.number != number,
        };
        let session = known.session;
        match state {
            State::Sound(_) if is_it => {
                return Ok(Room::NotNeeded(format!(
                    "Session {session} has this very login, and it is sound: there is nothing to restore. To start again from \
                     the backup all the same, stop the gateway, move {} to another place, and run the same command again.",
                    shown(&known.folder).display()
                )));
            }
            _ if session != default && is_it => {
                let import = (paths.command)(&format!("import NEW_FOLDER --session {session}"));
                return Err(OfflineError::OtherSession { session, archive: shown(archive), import });
            }
            _ if session == default && is_another => {
                let import = (paths.command)("import NEW_FOLDER --session NAME");
                return Err(OfflineError::OtherLogin { session, archive: shown(archive), import });
            }
            State::Missing => {}
            _ if session == default => room = Room::Occupied(session),
            _ => {}
        }
    }
    Ok(room)
}
