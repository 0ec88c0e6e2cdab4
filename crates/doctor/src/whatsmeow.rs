//! Sessions in stores of whatsmeow: looked at, backed up, and handed over.
//!
//! A store holds the devices of many accounts; each is a session of its own, named by its JID. SQLite opens a private copy
//! alone (see [`copy`]); the one exception is [`give_up`], which takes a device out of the store that it moved from.

mod backup;
mod copy;
mod examine;
mod handover;
mod login;
mod moved;
mod read;
mod schema;
mod signal;
mod store;

pub use backup::{FORMAT, create, report_of_archive};
pub use examine::{DeviceReport, StoreReport, examine, examine_store};
pub use handover::{Handover, hand_over};
pub use moved::{Moved, was_given_up};
pub use read::Reading;
pub use store::Store;

use std::path::{Path, PathBuf};

use crate::formats::whatsmeow::is_store;
use crate::source::{EntryKind, Folder, Limits};

/// The newest schema of whatsmeow that is known here.
pub const SCHEMA: i64 = 15;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be read.
    #[error("cannot {action} the whatsmeow store {path}: {reason}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The store.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It is written to all the time.
    #[error(
        "the whatsmeow store {path} changes faster than it can be copied: stop the gateway that uses it, then run the \
         command again"
    )]
    Changing {
        /// The store.
        path: PathBuf,
    },
    /// Somebody wrote to it since it was read.
    #[error(
        "the whatsmeow store {path} changed since it was read, and was left as it is: stop the gateway that uses it, then \
         run the command again"
    )]
    Changed {
        /// The store.
        path: PathBuf,
    },
    /// SQLite finds it damaged.
    #[error(
        "the whatsmeow store {path} is damaged: {reason}. Put a copy of it back, or link the device again with a QR code"
    )]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// It cannot be read by what is known of whatsmeow here.
    #[error(
        "the whatsmeow store {path} has schema {schema} and can be read from schema {needs} on; this wakeeper knows \
         schema {SCHEMA}: use a newer one"
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its schema.
        schema: i64,
        /// The oldest that can read it.
        needs: i64,
    },
    /// Nobody is linked.
    #[error("the whatsmeow store {path} holds no linked device: there is no login in it")]
    NoDevice {
        /// The store.
        path: PathBuf,
    },
    /// The device is not there.
    #[error("the whatsmeow store {path} holds no device {device}; it holds {}", .known.join(", "))]
    Unknown {
        /// The store.
        path: PathBuf,
        /// Which was named.
        device: String,
        /// Those that are there.
        known: Vec<String>,
    },
    /// There are several, and none was named.
    #[error("the whatsmeow store {path} holds {} devices; choose one with --device: {}", .known.len(), .known.join(", "))]
    Several {
        /// The store.
        path: PathBuf,
        /// Those that are there.
        known: Vec<String>,
    },
    /// The login is damaged.
    #[error(
        "the login of {device} in the whatsmeow store {path} is damaged ({reason}): put a copy of the store back, or link \
         the device again with a QR code"
    )]
    Login {
        /// The store.
        path: PathBuf,
        /// Whose.
        device: String,
        /// What is wrong.
        reason: String,
    },
    /// It was moved before.
    #[error("{device} of the whatsmeow store {path} was moved to {to} already; the session lives there now")]
    Moved {
        /// The store.
        path: PathBuf,
        /// Which device.
        device: String,
        /// Where it lives.
        to: String,
    },
    /// A folder holds more than one store.
    #[error("the folder {folder} holds {} whatsmeow stores; name one: {}", .stores.len(), .stores.join(", "))]
    ManyStores {
        /// The folder.
        folder: PathBuf,
        /// Their names.
        stores: Vec<String>,
    },
}

/// The store that a path means: itself, or the only one in a folder that holds no session of Baileys. `None` when there is
/// none.
///
/// # Errors
/// When the folder holds several.
pub fn store_at(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    if !path.is_dir() {
        // A link that a person names is followed.
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        return Ok(is_store(&real).then_some(real));
    }
    if path.join(crate::formats::baileys::name::CREDENTIALS).symlink_metadata().is_ok() {
        return Ok(None);
    }
    let mut stores = stores_in(path);
    match stores.len() {
        0 | 1 => Ok(stores.pop().map(|name| path.join(name))),
        _ => Err(StoreError::ManyStores { folder: path.to_owned(), stores }),
    }
}

/// The names of the stores that lie in a folder itself.
pub fn stores_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = Folder::open(folder).and_then(|folder| folder.list(&Limits::default())) else {
        return Vec::new();
    };
    // What lies beside a database, and what Baileys keeps a hundred thousand of.
    let other =
        |name: &str| ["-wal", "-shm", "-journal", ".json"].iter().any(|ending| name.ends_with(ending));
    let files = entries.into_iter().filter(|entry| entry.kind == EntryKind::File && !other(&entry.name));
    files.map(|entry| entry.name).filter(|name| is_store(&folder.join(name))).collect()
}

/// Says what failed on a store.
fn failed<E: std::fmt::Display>(action: &'static str, path: &Path) -> impl Fn(E) -> StoreError {
    let path = path.to_owned();
    move |error| StoreError::Io { action, path: path.clone(), reason: error.to_string() }
}

/// The same of SQLite, which also finds damage.
fn sqlite(action: &'static str, path: &Path) -> impl Fn(rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    move |error| {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, OperationInterrupted};
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => {
                StoreError::Damaged { path: path.clone(), reason: format!("SQLite says: {reason}") }
            }
            Some(OperationInterrupted) => {
                let reason = "it takes more work to read than any store of whatsmeow".to_owned();
                StoreError::Damaged { path: path.clone(), reason }
            }
            _ => StoreError::Io { action, path: path.clone(), reason },
        }
    }
}
