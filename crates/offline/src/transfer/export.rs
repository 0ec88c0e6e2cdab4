//! Export: a session of this folder becomes one of Baileys, or of another wakeeper.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use wakeeper_doctor::backup::manifest::account_mark;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_doctor::model::Counts;
use wakeeper_doctor::source::Folder;
use wakeeper_doctor::transfer::{self as moves, LeftOut, MovedMarker};
use wakeeper_engine::EngineError;
use wakeeper_engine::folder::{Lock, SESSION_LOCK, credentials, generation};
use wakeeper_engine_store::DATABASE;
use wakeeper_engine_store::move_notes;
use wakeeper_model::SessionName;
use wakeeper_storage::{Desired, SessionRow, Storage};

use super::MoveError;

/// What an exported session is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// Baileys' folder of JSON files.
    Baileys(Version),
    /// The store of another wakeeper.
    Native,
}

/// What to export, and where to.
#[derive(Clone, Debug)]
pub struct ExportOrder {
    /// The session.
    pub session: SessionName,
    /// The folder of all sessions.
    pub auth_info_dir: PathBuf,
    /// The new folder.
    pub target: PathBuf,
    /// How it is stored there.
    pub format: ExportFormat,
    /// Now, milliseconds since 1970.
    pub now_ms: i64,
}

/// What was exported, as `wakeeper export --json` prints it.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The session that was moved out.
    pub session: SessionName,
    /// Where it lives now.
    pub to: PathBuf,
    /// How it is stored there.
    pub format: &'static str,
    /// The Baileys that reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// What came along.
    pub moved: Counts,
    /// A QR code must be scanned.
    pub needs_qr: bool,
    /// What stayed behind.
    pub left_out: Vec<LeftOut>,
}

/// Exports a session. `_lock` is that of `order.auth_info_dir`. The session is marked as moved before the new folder can be
/// started; it does not start here again.
///
/// # Errors
/// See [`MoveError`].
pub async fn export(
    order: ExportOrder,
    _lock: &Lock,
    storage: &Arc<dyn Storage>,
) -> Result<Exported, MoveError> {
    let folder = credentials::folder(&order.auth_info_dir, &order.session);
    let database = folder.join(DATABASE);
    if !database.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err(MoveError::Unknown { session: order.session, folder: order.auth_info_dir });
    }
    let _session_lock = Lock::take(&folder.join(SESSION_LOCK), format!("session {}", order.session))?;
    let ownership = storage.acquire(order.session.as_str()).await?;
    let rows = ownership.rows();
    move_notes::settle_import(&folder, &order.session)?;
    if let Some(to) = move_notes::moved_to(&folder) {
        return Err(MoveError::MovedBefore { session: order.session, to });
    }
    let reading = wakeeper_engine_store::read(&database, order.now_ms).await?;
    let opened = Folder::open(&folder).map_err(|error| EngineError::Folder {
        operation: "open",
        path: folder.clone(),
        source: std::io::Error::other(error),
    })?;
    let marker = MovedMarker {
        to: absolute(&order.target).display().to_string(),
        at_ms: order.now_ms,
        account: account_mark(&reading.session.credentials.identity.public),
        backup: None,
        within: false,
    };
    let give_up = || moves::mark_moved(&opened, &marker).map_err(std::io::Error::other);
    let mut left_out = reading.left_out;
    let written = match order.format {
        ExportFormat::Baileys(version) => {
            let files = moves::write(&reading.session, version);
            moves::install(&order.target, &files, give_up).map_err(MoveError::from)
        }
        ExportFormat::Native => {
            native(&reading.session, &order, give_up).await.map(|more| left_out.extend(more))
        }
    };
    if let Err(error) = written {
        take_back(&opened, &order.target);
        return Err(error);
    }
    generation::forget(&folder, &rows).await?;
    if let Some(row) = storage.session(order.session.as_str()).await? {
        rows.put_session(SessionRow { desired: Desired::Stopped, updated_ms: order.now_ms, ..row }).await?;
    }
    let (format, version) = match order.format {
        ExportFormat::Baileys(version) => ("baileys", Some(version)),
        ExportFormat::Native => ("native", None),
    };
    Ok(Exported {
        session: order.session,
        to: order.target,
        format,
        version,
        moved: reading.session.counts(),
        needs_qr: false,
        left_out,
    })
}

/// Writes another store. It is found under its name only after the session was given up here.
async fn native(
    session: &wakeeper_doctor::model::Session,
    order: &ExportOrder,
    give_up: impl FnOnce() -> std::io::Result<()>,
) -> Result<Vec<LeftOut>, MoveError> {
    let target = &order.target;
    let failed = |operation| move |source| EngineError::Folder { operation, path: target.clone(), source };
    credentials::create_folder(target)?;
    if std::fs::read_dir(target).map_err(failed("list"))?.next().is_some() {
        return Err(moves::PlaceError::NotEmpty { path: target.clone() }.into());
    }
    let draft = target.join(".export");
    credentials::create_folder(&draft)?;
    let written = wakeeper_engine_store::write(session, &draft, order.now_ms).await?;
    give_up().map_err(failed("mark the source of"))?;
    std::fs::rename(&written.database, target.join(DATABASE)).map_err(failed("put in place"))?;
    std::fs::remove_dir_all(&draft).map_err(failed("tidy up"))?;
    std::fs::File::open(target).and_then(|opened| opened.sync_all()).map_err(failed("sync"))?;
    Ok(written.left_out)
}

/// After a failure: when the new folder cannot be started the session stays here.
fn take_back(folder: &Folder, target: &Path) {
    if !target.join(CREDENTIALS).exists() && !target.join(DATABASE).exists() {
        // The marker may not have been written yet.
        let _ = moves::unmark_moved(folder);
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
