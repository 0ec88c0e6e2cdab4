//! A Baileys session that lies where the gateway keeps its own becomes session `default` at the first start.

use std::path::Path;
use std::sync::Arc;

use wakeeper_native::DATABASE;
use wakeeper_session::transfer::TransferError;
use wakeeper_storage::Storage;

use super::{BackupPlace, ImportOrder, MoveError, import};
use crate::engine::lock::Lock;
use crate::engine::{EngineConfig, EngineError, credentials};
use crate::model::SessionName;

/// Imports what Baileys left in the folder, when no session of ours is linked there yet.
pub(crate) async fn at_first_start(
    config: &EngineConfig,
    lock: &Lock,
    storage: &Arc<dyn Storage>,
    now_ms: i64,
) -> Result<(), EngineError> {
    let Some(place) = &config.first_start else { return Ok(()) };
    let folder = &config.auth_info_dir;
    if !folder.join("creds.json").exists() {
        return Ok(());
    }
    let session = SessionName::default_session();
    if is_linked(folder, &session, now_ms).await {
        tracing::warn!(
            "a Baileys session lies in {}, beside session default, which is linked already: it is left alone. \
             `wakeeper import {} --session NAME` takes it over",
            folder.display(),
            folder.display()
        );
        return Ok(());
    }
    tracing::info!("a Baileys session was found in {}; taking it over as session default", folder.display());
    let order = ImportOrder {
        source: folder.clone(),
        store: place.store.clone(),
        session,
        auth_info_dir: folder.clone(),
        backup: Some(BackupPlace::clone(&place.backup)),
        now_ms,
    };
    match import(order, lock, storage).await {
        Ok(imported) => {
            let backup = imported.backup.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
            tracing::info!(
                backup,
                pre_keys = imported.moved.pre_keys,
                signal_sessions = imported.moved.signal_sessions,
                sender_keys = imported.moved.sender_keys,
                messages = imported.store.messages,
                left_out = imported.left_out.len(),
                "the Baileys session is session default now: no new QR code is needed. Its files are in the backup and are \
                 marked as moved; do not start Baileys on them again"
            );
            for left_out in &imported.left_out {
                tracing::info!(path = left_out.path, reason = left_out.reason, "left behind");
            }
            Ok(())
        }
        // Never linked: there is nothing to take over, and a QR code is what its owner expects.
        Err(MoveError::Source(TransferError::NoLogin { reason, .. })) => {
            tracing::info!(reason, "it holds no login; a new one starts with a QR code");
            Ok(())
        }
        Err(error) => Err(EngineError::FirstStart { folder: folder.clone(), source: Box::new(error) }),
    }
}

async fn is_linked(auth_info: &Path, session: &SessionName, now_ms: i64) -> bool {
    let folder = credentials::folder(auth_info, session);
    let database = folder.join(DATABASE);
    // One that was moved out, or whose import was cut short, is none.
    let here =
        database.is_file() && super::moved_to(&folder).is_none() && !folder.join("import.json").exists();
    here && wakeeper_native::read(&database, now_ms).await.is_ok()
}
