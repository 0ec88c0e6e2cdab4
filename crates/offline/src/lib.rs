//! Sessions that no gateway has open: what is wrong with them, repairs, and backups given back.

mod advice;
mod aside;
pub mod backups;
mod error;
mod evidence;
mod folder;
mod health;
pub mod keys;
pub mod live;
mod paths;
pub mod preflight;
mod repair;
mod restore;
mod room;
pub mod transfer;
mod under_way;
pub mod users;
mod whatsmeow;

pub use advice::{Step, way_out};
pub use error::OfflineError;
pub use folder::{Health, Progress, back_up, health, repair};
pub use health::{Other, account, home, session_in};
pub use paths::{SessionPaths, database_in};
pub use repair::{Hold, RepairOrder};
pub use restore::restore;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wakeeper_model::SessionName;
use wakeeper_storage::{Desired, SessionRow, Storage, read_sqlite};
use wakeeper_waha::Me;

use wakeeper_engine::EngineError;
use wakeeper_engine::folder::{credentials, generation, remove_folder};

/// What tells that a session's databases are older copies, or were put back.
#[derive(Debug, Default)]
pub struct Older {
    /// What does not fit together now, in one sentence; `None` when it all does.
    pub doubts: Option<String>,
    /// When the sending chains were last negotiated anew (milliseconds since 1970), and why.
    pub renewed: Option<(i64, String)>,
}

/// Looks whether a session's databases are older copies. Reads only; nothing is told of what cannot be read.
pub async fn older(auth_info: &Path, session: &SessionName, state_dir: Option<PathBuf>) -> Older {
    older_but(auth_info, session, state_dir, None).await
}

/// The same, but for a doubt that is explained.
async fn older_but(
    auth_info: &Path,
    session: &SessionName,
    state_dir: Option<PathBuf>,
    explained: Option<generation::Doubt>,
) -> Older {
    let places = generation::Places {
        session: session.clone(),
        folder: credentials::folder(auth_info, session),
        rows: auth_info.join(wakeeper_storage::ROWS_DATABASE),
        witnesses: state_dir,
    };
    let Ok(storage) = read_sqlite(&places.rows).await else { return Older::default() };
    let row = storage.generation(session.as_str()).await;
    let told = generation::Told::before_opening(&places);
    let doubts = generation::doubts(&places, storage.as_ref(), &told).await;
    storage.close().await;
    // Rows of an older wakeeper, or damaged ones, say nothing.
    let (Ok(row), Ok(mut doubts)) = (row, doubts) else { return Older::default() };
    doubts.retain(|doubt| Some(*doubt) != explained);
    Older {
        doubts: generation::sentence(&doubts),
        renewed: row.and_then(|row| Some((row.renewed_ms?, row.renewed_because.unwrap_or_default()))),
    }
}

/// Notes that a session's database was changed on purpose, by whoever found no doubt about it before.
///
/// # Errors
/// When the note cannot be written; the next start negotiates sending chains anew then.
pub fn changed_on_purpose(auth_info: &Path, session: &SessionName) -> std::io::Result<()> {
    let folder = credentials::folder(auth_info, session);
    let Some(note) = generation::Note::read(&folder).filter(|note| note.engine_changed.is_some()) else {
        return Ok(());
    };
    let engine_changed = generation::changed(&folder.join(wakeeper_engine_store::DATABASE));
    generation::Note { engine_changed, ..note }.write(&folder)
}

/// Where a session of a folder of sessions is kept.
pub fn session_folder(auth_info: &Path, session: &SessionName) -> PathBuf {
    credentials::folder(auth_info, session)
}

/// The phone number that a session was linked to last, as far as the gateway's rows can be read.
pub async fn number(auth_info: &Path, session: &SessionName) -> Option<String> {
    let storage = read_sqlite(auth_info.join(wakeeper_storage::ROWS_DATABASE)).await.ok()?;
    let row = storage.session(session.as_str()).await;
    storage.close().await;
    let me: Me = serde_json::from_str(&row.ok()??.me_json?).ok()?;
    let id = me.id.to_string();
    id.split('@').next().map(str::to_owned)
}

/// Moves a session's login and Signal state aside, into a folder of that name beside them, so that the session can be
/// linked or imported anew. Answers where it went.
///
/// # Errors
/// When a file cannot be moved.
pub fn set_login_aside(auth_info: &Path, session: &SessionName, name: &str) -> Result<PathBuf, EngineError> {
    credentials::set_aside_as(&credentials::folder(auth_info, session), name)
}

/// Forgets a session's login, and all that it sent and received. Its settings stay, and it asks for a QR code when a gateway
/// starts next.
///
/// # Errors
/// When rows or folder cannot be removed; the same call finishes it.
pub async fn forget(
    auth_info: &Path,
    session: &SessionName,
    storage: &Arc<dyn Storage>,
    now_ms: i64,
) -> Result<(), EngineError> {
    if let Some(row) = storage.session(session.as_str()).await? {
        storage.delete_session(session.as_str()).await?;
        let row = SessionRow { desired: Desired::Started, updated_ms: now_ms, me_json: None, ..row };
        storage.acquire(session.as_str()).await?.rows().put_session(row).await?;
    }
    remove_folder(&credentials::folder(auth_info, session))
}
