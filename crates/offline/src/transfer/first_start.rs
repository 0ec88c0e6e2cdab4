//! A Baileys session that lies where the gateway keeps its own becomes session `default` at the first start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use wakeeper_bounded_tar::quoted;
use wakeeper_doctor::backup::manifest::account_mark;
use wakeeper_doctor::formats::baileys::credentials::Credentials;
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_doctor::json;
use wakeeper_doctor::source::{Folder, Limits};
use wakeeper_doctor::transfer::TransferError;
use wakeeper_engine::folder::{Lock, credentials};
use wakeeper_engine::{EngineError, TakeOver};
use wakeeper_engine_store::recover::Backups;
use wakeeper_engine_store::{Condition, DATABASE, move_notes};
use wakeeper_model::SessionName;
use wakeeper_storage::Storage;

use super::{ImportOrder, Imported, MoveError, import, known};

/// Takes a Baileys session over that lies in the folder, when no session of ours is linked there yet. A take-over that fails
/// is told by the session itself.
#[derive(Clone, Debug)]
pub struct FirstStart {
    /// `baileys_store.json`, which need not exist.
    pub store: Option<PathBuf>,
    /// Where its files are backed up first.
    pub backup: Backups,
}

#[async_trait]
impl TakeOver for FirstStart {
    async fn take_over(
        &self,
        folder: &Path,
        lock: &Lock,
        storage: &Arc<dyn Storage>,
        now_ms: i64,
    ) -> Result<(), EngineError> {
        let session = SessionName::default_session();
        let target = credentials::folder(folder, &session);
        move_notes::forget(&target)?;
        if !folder.join(CREDENTIALS).exists() {
            return Ok(());
        }
        let found = login_in(folder);
        let known = known::of(folder, &session, storage.as_ref()).await;
        let was = known.filter(super::Known::was_linked).and_then(|known| known.login);
        let logins = Logins { found: found.as_deref(), was: was.as_deref() };
        match to_do(folder, &session, &logins, storage.as_ref(), now_ms).await? {
            ToDo::TakeOver => {}
            ToDo::Leave(why) => {
                tracing::warn!("a Baileys session lies in {}, and is left alone: {why}", folder.display());
                return Ok(());
            }
        }
        tracing::info!(
            "a Baileys session was found in {}; taking it over as session default",
            folder.display()
        );
        let order = ImportOrder {
            source: folder.to_owned(),
            store: self.store.clone(),
            device: None,
            session: session.clone(),
            auth_info_dir: folder.to_owned(),
            backup: Some(self.backup.clone()),
            now_ms,
        };
        match import(order, lock, storage).await {
            Ok(imported) => {
                tell_of(&imported);
                Ok(())
            }
            Err(error) => not_taken_over(folder, &target, error, was.is_some()),
        }
    }
}

/// What becomes of a start whose take-over failed.
fn not_taken_over(
    folder: &Path,
    target: &Path,
    error: MoveError,
    was_linked: bool,
) -> Result<(), EngineError> {
    match error {
        // Never linked: there is nothing to take over, and a QR code is what its owner expects.
        MoveError::Source(TransferError::NoLogin { reason, .. }) => {
            tracing::info!(reason, "it holds no login; a new one starts with a QR code");
            Ok(())
        }
        // It was linked before: its own backup may give the login back, when it starts.
        error if was_linked => {
            tracing::error!("the Baileys session in {} cannot be taken over: {error}", folder.display());
            Ok(())
        }
        // A first start that has nothing else to do: whoever mounted the wrong folder hears of it at once.
        error if wakeeper_engine::folder::on_disk(folder).is_empty() => {
            Err(EngineError::FirstStart { folder: folder.to_owned(), source: Box::new(error) })
        }
        error => {
            let session = SessionName::default_session();
            tracing::error!(%session, "the Baileys session in {} cannot be taken over: {error}", folder.display());
            Ok(move_notes::leave(target, folder, error.to_string())?)
        }
    }
}

/// Says in the log what was taken over, and what was not.
fn tell_of(imported: &Imported) {
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
}

/// What becomes of a Baileys session in the gateway's folder.
enum ToDo {
    TakeOver,
    /// Nothing, and why.
    Leave(String),
}

/// The login that lies in the folder, and the one that the session had last.
struct Logins<'a> {
    found: Option<&'a str>,
    was: Option<&'a str>,
}

async fn to_do(
    folder: &Path,
    session: &SessionName,
    logins: &Logins<'_>,
    storage: &dyn Storage,
    now_ms: i64,
) -> Result<ToDo, EngineError> {
    let Logins { found, was } = *logins;
    let copy_of = |name: &SessionName| {
        ToDo::Leave(format!(
            "it is a copy of the login of session {name}. Move creds.json out of the folder, and start nothing on it: two \
             owners of one login break its encryption"
        ))
    };
    let another = |state: &str| {
        ToDo::Leave(format!(
            "session {session} {state}. `wakeeper import {} --session NAME` makes it a session of its own",
            quoted(folder)
        ))
    };
    if let Some(found) = found
        && let Some(holder) = known::holder(folder, storage, found, session).await
    {
        return Ok(copy_of(&holder));
    }
    let target = credentials::folder(folder, session);
    // One that was moved out, or whose import was cut short, is none.
    let is_away = move_notes::moved_to(&target).is_some() || move_notes::is_under_way(&target);
    let condition = wakeeper_engine_store::condition(&target.join(DATABASE)).await;
    let condition = match condition {
        Ok(condition) => condition,
        // The session tells it as well, when it starts.
        Err(error) => return Ok(ToDo::Leave(error.to_string())),
    };
    Ok(match condition {
        _ if is_away => ToDo::TakeOver,
        Condition::Sound if found.is_some() && held(&target).await.as_deref() == found => copy_of(session),
        Condition::Sound => another("is linked already"),
        _ if was.is_some() && was != found => {
            another("has another login, and its database is lost or damaged")
        }
        Condition::Missing => ToDo::TakeOver,
        // Out of the way, so that the folder's marker of an earlier move leads nowhere. The note of the login stays.
        _ => {
            credentials::move_aside(&target, &format!("damaged-{now_ms}"), false)?;
            ToDo::TakeOver
        }
    })
}

/// Which login a folder of Baileys holds, when that can be read.
fn login_in(folder: &Path) -> Option<String> {
    let text = Folder::open(folder).ok()?.read(CREDENTIALS, &Limits::default()).ok()?;
    let credentials = Credentials::read(&json::parse(&text).ok()?);
    credentials.identity_public().map(account_mark)
}

/// Which login a session's database holds.
async fn held(folder: &Path) -> Option<String> {
    let marked = wakeeper_engine_store::generation::marked(&folder.join(DATABASE)).await.ok()?;
    marked.identity.map(|identity| account_mark(&identity))
}
