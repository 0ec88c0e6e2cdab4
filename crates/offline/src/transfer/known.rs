//! The sessions of a gateway's folder, whatever became of their databases: its rows and the notes beside the databases
//! tell of them too.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wakeeper_doctor::backup::manifest::account_mark;
use wakeeper_engine::folder::credentials;
use wakeeper_engine::folder::generation::{NOTE, Note};
use wakeeper_engine_store::DATABASE;
use wakeeper_engine_store::generation::marked;
use wakeeper_engine_store::move_notes;
use wakeeper_model::SessionName;
use wakeeper_private_fs::{beneath, read_own};
use wakeeper_storage::{Storage, read_sqlite};
use wakeeper_waha::Me;

/// Bytes of a note.
const LONGEST_NOTE: u64 = 64 << 10;

/// What is known of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub session: SessionName,
    /// Its folder, which may be gone.
    pub folder: PathBuf,
    /// The mark of the login that was linked last.
    pub login: Option<String>,
    /// The phone number that was linked last.
    pub number: Option<String>,
    /// Where it was moved to, when it was.
    pub moved: Option<String>,
}

impl Known {
    /// Its database, which may be gone.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// Whether it is known to have a login, and to have it here.
    #[must_use]
    pub fn was_linked(&self) -> bool {
        self.moved.is_none() && (self.login.is_some() || self.number.is_some())
    }
}

/// The sessions of a folder. Reads only; rows that cannot be read tell nothing.
pub async fn known(auth_info: &Path) -> Vec<Known> {
    let rows = auth_info.join(wakeeper_storage::ROWS_DATABASE);
    // Nothing is opened through a link: it would be another folder's.
    let is_file = rows.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    let storage = if is_file { read_sqlite(&rows).await.ok() } else { None };
    let known = known_to(auth_info, storage.as_deref()).await;
    if let Some(storage) = storage {
        storage.close().await;
    }
    known
}

/// The same, of rows that are open.
pub(super) async fn known_to(auth_info: &Path, storage: Option<&dyn Storage>) -> Vec<Known> {
    let mut names: BTreeMap<SessionName, Option<String>> = BTreeMap::new();
    for name in wakeeper_engine::folder::on_disk(auth_info).into_iter().chain(noted(auth_info)) {
        names.insert(name, None);
    }
    if let Some(storage) = storage {
        for row in storage.sessions().await.unwrap_or_default() {
            let Ok(name) = row.name.parse() else { continue };
            let me: Option<Me> = row.me_json.and_then(|text| serde_json::from_str(&text).ok());
            names.insert(name, me.and_then(|me| me.id.to_string().split('@').next().map(str::to_owned)));
        }
    }
    let mut known = Vec::new();
    for (session, number) in names {
        let folder = credentials::folder(auth_info, &session);
        // In a folder of others a link may lead to somebody else's session.
        if beneath(auth_info, &Path::new("sessions").join(session.as_str())).is_err() {
            continue;
        }
        let note = note(&folder);
        let row = match storage {
            Some(storage) => storage.generation(session.as_str()).await.ok().flatten(),
            None => None,
        };
        known.push(Known {
            moved: move_notes::moved_to(&folder),
            number: number.or_else(|| note.as_ref().and_then(|note| note.number.clone())),
            login: row.map(|row| row.login).or_else(|| note.map(|note| note.login)),
            session,
            folder,
        });
    }
    known
}

/// What is known of one session.
pub(super) async fn of(auth_info: &Path, session: &SessionName, storage: &dyn Storage) -> Option<Known> {
    known_to(auth_info, Some(storage)).await.into_iter().find(|known| known.session == *session)
}

/// The session, other than `except`, that has a login: its database holds it or, where that cannot be read, held it last.
pub(super) async fn holder(
    auth_info: &Path,
    storage: &dyn Storage,
    login: &str,
    except: &SessionName,
) -> Option<SessionName> {
    for known in known_to(auth_info, Some(storage)).await {
        if known.session == *except || known.moved.is_some() {
            continue;
        }
        let held = match held(&known.database()).await {
            Some(held) => held,
            None => known.login,
        };
        if held.as_deref() == Some(login) {
            return Some(known.session);
        }
    }
    None
}

/// The login that a database holds, if any; `None` when that cannot be told.
async fn held(database: &Path) -> Option<Option<String>> {
    let is_file = database.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    if !is_file {
        return None;
    }
    marked(database).await.ok()?.identity.map(|identity| Some(account_mark(&identity)))
}

fn note(folder: &Path) -> Option<Note> {
    serde_json::from_slice(&read_own(&folder.join(NOTE), LONGEST_NOTE).ok()?).ok()
}

/// The sessions that have a folder with a note of their login.
fn noted(auth_info: &Path) -> Vec<SessionName> {
    let items = std::fs::read_dir(auth_info.join("sessions")).into_iter().flatten().flatten();
    let names = items.filter_map(|item| item.file_name().to_str()?.parse::<SessionName>().ok());
    names.filter(|name| credentials::folder(auth_info, name).join(NOTE).exists()).collect()
}
