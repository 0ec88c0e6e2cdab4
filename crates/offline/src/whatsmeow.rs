//! A store of whatsmeow that a command is about: looked at and backed up. It is another gateway's, so nothing in it is repaired.

use std::path::{Path, PathBuf};

use wakeeper_doctor::backup::{CreateOptions, Created, Reason};
use wakeeper_doctor::whatsmeow::{self, Store, StoreReport};
use wakeeper_doctor::{KnownFacts, Options};

use super::paths::SessionPaths;
use super::{OfflineError, users};

/// The store that a folder of sessions means, when it holds nothing else.
pub(super) fn store_in(auth_info: &Path) -> Result<Option<PathBuf>, OfflineError> {
    Ok(whatsmeow::store_at(auth_info)?)
}

/// Where a store lies, which may be a copy of a container's.
pub(super) fn home_of(store: &Path, paths: &SessionPaths) -> PathBuf {
    match store.file_name().filter(|_| paths.auth_info.is_dir()) {
        Some(name) => paths.home.join(name),
        None => paths.home.clone(),
    }
}

/// The report on all devices of a store.
pub(super) async fn examine(
    store: PathBuf,
    paths: &SessionPaths,
    facts: &KnownFacts,
) -> Result<StoreReport, OfflineError> {
    let (now_ms, facts) = (paths.now_ms(), facts.clone());
    let work = move || whatsmeow::examine(&store, None, &facts.options(now_ms));
    Ok(tokio::task::spawn_blocking(work).await??)
}

/// Who has a store open, and who runs on its folder.
pub(super) fn owners(store: &Path, facts: &KnownFacts) -> Vec<String> {
    let mut owners = facts.owners.clone();
    owners.extend(users::of_database(store));
    owners.sort();
    owners.dedup();
    owners
}

/// Backs a store up. What runs on it may go on running.
pub(super) async fn back_up(
    store: PathBuf,
    paths: &SessionPaths,
    always: bool,
) -> Result<Created, OfflineError> {
    let paths = paths.clone();
    let work = move || {
        let passphrase = paths.backups.passphrase.as_ref();
        let how =
            CreateOptions { shelf: &paths.backups.shelf, label: &paths.backups.label, passphrase, always };
        let home = home_of(&store, &paths);
        let options = Options { passphrase, home: Some(&home), ..Options::at(paths.now_ms()) };
        Ok::<_, OfflineError>(whatsmeow::create(&Store::open(&store)?, &options, &how, Reason::ByHand)?)
    };
    tokio::task::spawn_blocking(work).await?
}
