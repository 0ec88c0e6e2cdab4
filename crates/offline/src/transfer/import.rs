//! Import: a session of Baileys, or of another wakeeper, becomes one of this folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::model::{Counts, Session};
use wakeeper_doctor::transfer::{self as moves, LeftOut};
use wakeeper_engine::folder::{Lock, SESSION_LOCK, credentials};
use wakeeper_engine_store::move_notes::{self, Pending};
use wakeeper_engine_store::recover::Backups;
use wakeeper_engine_store::{Condition, DATABASE};
use wakeeper_model::{ChatId, SessionName};
use wakeeper_storage::{Desired, OwnedRows, SessionRow, Storage};
use wakeeper_waha::{Me, SessionConfig};

use super::messages::{self, StoreImport};
use super::source::{Source, SourceFormat};
use super::{MoveError, known};

/// What to import, and as what.
#[derive(Clone, Debug)]
pub struct ImportOrder {
    /// The folder that the session comes from.
    pub source: PathBuf,
    /// `baileys_store.json`, when there is one.
    pub store: Option<PathBuf>,
    /// Which device of a whatsmeow store, where it holds several.
    pub device: Option<String>,
    /// What the session will be called.
    pub session: SessionName,
    /// The folder of all sessions.
    pub auth_info_dir: PathBuf,
    /// Where the source is backed up first.
    pub backup: Option<Backups>,
    /// Now, milliseconds since 1970.
    pub now_ms: i64,
}

/// What was imported, as `wakeeper import --json` prints it.
#[derive(Debug, Serialize)]
pub struct Imported {
    /// The session's name here.
    pub session: SessionName,
    /// Where it came from.
    pub from: PathBuf,
    /// What it was stored as.
    pub format: SourceFormat,
    /// The Baileys that wrote it, where that shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The backup of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<PathBuf>,
    /// What came along.
    pub moved: Counts,
    /// What came out of the store.
    pub store: StoreImport,
    /// A QR code must be scanned.
    pub needs_qr: bool,
    /// What stayed behind.
    pub left_out: Vec<LeftOut>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Imports a session. `_lock` is that of `order.auth_info_dir`. The source is marked as moved; either all of it happens or
/// nothing.
///
/// # Errors
/// See [`MoveError`]; the source is as it was then.
pub async fn import(
    order: ImportOrder,
    _lock: &Lock,
    storage: &Arc<dyn Storage>,
) -> Result<Imported, MoveError> {
    let folder = credentials::folder(&order.auth_info_dir, &order.session);
    credentials::create_folder(&folder)?;
    if same(&order.source, &folder) {
        return Err(MoveError::Itself { path: folder, session: order.session });
    }
    let _session_lock = Lock::take(&folder.join(SESSION_LOCK), format!("session {}", order.session))?;
    let ownership = storage.acquire(order.session.as_str()).await?;
    move_notes::settle_import(&folder, &order.session)?;
    let (from, chats, backup) = (order.source.clone(), order.store.clone(), order.backup.clone());
    let mut source = Source::open(from, chats, backup, order.device.clone(), order.now_ms).await?;
    let account = source.account();
    let storage_now = storage.as_ref();
    if let Some(other) = known::holder(&order.auth_info_dir, storage_now, &account, &order.session).await {
        return Err(MoveError::Twice { path: order.source, other });
    }
    make_room(&folder, &order, &account, storage_now).await?;
    // Of an earlier move: it would tell that this one is over.
    moves::forget_move_within(&source.folder, Some(wakeeper_engine_store::DATABASE))?;
    Pending { source: absolute(&order.source), account: source.account() }.leave(&folder)?;
    let known = storage.session(order.session.as_str()).await?;
    let is_known = known.is_some();
    let written = bring_in(&folder, &order, &mut source, known, &ownership.rows()).await;
    // Once it is given up it is ours: a crash before the note is gone is finished at the next start.
    let given_up = written.and_then(|written| {
        let to = absolute(&folder);
        let within = to.starts_with(absolute(&order.source));
        source.give_up(to.display().to_string(), within, order.now_ms)?;
        Ok(written)
    });
    let (left_out, store) = match given_up {
        Ok(written) => written,
        Err(error) => {
            // Should that fail too, the note is settled at the next start.
            move_notes::settle_import(&folder, &order.session)?;
            if !is_known {
                drop(ownership);
                storage.delete_session(order.session.as_str()).await?;
            }
            return Err(error);
        }
    };
    move_notes::done(&folder)?;
    move_notes::forget(&folder)?;
    source.session.unite_addresses();
    Ok(Imported {
        session: order.session,
        from: order.source,
        format: source.format,
        version: source.version,
        backup: source.backup.clone(),
        moved: source.session.counts(),
        store,
        needs_qr: false,
        left_out,
        notes: std::mem::take(&mut source.notes),
    })
}

/// Writes the store, the session's row and its messages.
async fn bring_in(
    folder: &Path,
    order: &ImportOrder,
    source: &mut Source,
    known: Option<SessionRow>,
    rows: &OwnedRows,
) -> Result<(Vec<LeftOut>, StoreImport), MoveError> {
    let written = wakeeper_engine_store::write(&source.session, folder, order.now_ms).await?;
    let mut left_out = std::mem::take(&mut source.left_out);
    left_out.extend(written.left_out);
    put_row(order, &source.session, known, rows).await?;
    let mut store = StoreImport::default();
    if let Some(path) = order.store.as_deref().filter(|path| path.is_file()) {
        match messages::import(path, &order.session, &source.session, rows).await {
            Ok(imported) => store = imported,
            // It is only for display: no reason to keep a session from moving.
            Err(error) => source.notes.push(format!("{} was not imported: {error}", path.display())),
        }
    }
    Ok((left_out, store))
}

/// Makes sure that no linked session is in the way. One that was moved out, or never linked, is set aside, and so is a
/// damaged database of the same login.
async fn make_room(
    folder: &Path,
    order: &ImportOrder,
    account: &str,
    storage: &dyn Storage,
) -> Result<(), MoveError> {
    let aside = match wakeeper_engine_store::condition(&folder.join(DATABASE)).await? {
        Condition::Missing => return Ok(()),
        Condition::Sound if move_notes::moved_to(folder).is_none() => {
            return Err(MoveError::Occupied(order.session.clone()));
        }
        Condition::Damaged(_) if move_notes::moved_to(folder).is_none() => {
            let known = known::of(&order.auth_info_dir, &order.session, storage).await;
            if known.and_then(|known| known.login).is_some_and(|login| login != account) {
                let (session, path) = (order.session.clone(), order.source.clone());
                return Err(MoveError::DamagedOther { session, path });
            }
            "damaged"
        }
        _ => "before-import",
    };
    let aside = credentials::set_aside_as(folder, &format!("{aside}-{}", order.now_ms))?;
    tracing::info!(session = %order.session, kept = %aside.display(), "what was there before is kept aside");
    Ok(())
}

async fn put_row(
    order: &ImportOrder,
    session: &Session,
    known: Option<SessionRow>,
    rows: &OwnedRows,
) -> Result<(), MoveError> {
    let name = order.session.as_str();
    let me = me(session).and_then(|me| serde_json::to_string(&me).ok());
    let row = match known {
        Some(row) => SessionRow { desired: Desired::Started, updated_ms: order.now_ms, me_json: me, ..row },
        None => SessionRow {
            name: name.to_owned(),
            config_json: serde_json::to_string(&SessionConfig::default()).unwrap_or_else(|_| "{}".to_owned()),
            desired: Desired::Started,
            created_ms: order.now_ms,
            updated_ms: order.now_ms,
            me_json: me,
            status: None,
        },
    };
    Ok(rows.put_session(row).await?)
}

/// Who the session is, as callers see it.
fn me(session: &Session) -> Option<Me> {
    let me = &session.credentials.me;
    let chat = |user: &str, server: &str| format!("{user}@{server}").parse::<ChatId>().ok();
    Some(Me {
        id: chat(&me.phone.user, "c.us")?,
        lid: me.lid.as_ref().and_then(|lid| chat(&lid.user, "lid")),
        jid: me.phone.to_string(),
        push_name: me.name.clone(),
    })
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn same(one: &Path, other: &Path) -> bool {
    absolute(one) == absolute(other)
}
