//! The client's database of a session, behind a gate.
//!
//! The client keeps ratchets that moved on in memory and writes them later, also after a message that moved them could not
//! be stored. Written then, they make WhatsApp's next delivery of that message a duplicate, which the client acknowledges:
//! the message is lost. So the first write that fails, here or of the rows, closes the gate for this client's life: nothing
//! it still holds in memory reaches the disk, nothing is read, and its connection sends nothing more. What is on disk is
//! then what a killed process would have left, and a new client starts from that.
//!
//! docs/durability.md has the order of the writes, and what every point of failure leaves.

mod app_sync;
mod device;
mod duplicates;
mod gate;
mod protocol;
mod secrets;
mod signal;
mod transport;

pub(crate) use duplicates::{Ledger, Remembered};
pub(crate) use gate::{Closed, Gate};
pub(crate) use transport::GatedTransports;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use wakeeper_engine_store::sqlite::SqliteBackend;
use wakeeper_storage::disk::{DiskCause, OpenFile, settle_wal};
use whatsapp_rust::wacore::store::error::{Result, StoreError};
use whatsapp_rust::wacore::store::traits::Backend;

use gate::Passage;

/// Under this name a row is written to see whether the database takes writes, and removed again.
const PROOF: &str = "wakeeper-probe";

/// What the client's database is kept in, open as long as it is held.
pub(crate) type OpenStore = Arc<dyn Backend>;

/// A session's database, as one client sees it.
pub(crate) struct EngineStore {
    path: PathBuf,
    /// Taken out when the client is given up: the client's own tasks may hold this store for longer.
    store: RwLock<Option<OpenStore>>,
    gate: Gate,
    ledger: Option<Arc<dyn Ledger>>,
}

impl EngineStore {
    /// Opens the database at `path`, which exists, and proves that it takes writes.
    ///
    /// # Errors
    /// When it cannot be opened or written.
    pub(crate) async fn open(path: &Path, ledger: Option<Arc<dyn Ledger>>) -> Result<Arc<Self>> {
        settle_wal(path)?;
        let file = OpenFile::at(path)?;
        Self::over(Arc::new(SqliteBackend::open(path).await?), file, ledger).await
    }

    /// Puts a gate before `store`, whose file is `file`, and proves that it takes writes.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) async fn over(
        store: OpenStore,
        file: OpenFile,
        ledger: Option<Arc<dyn Ledger>>,
    ) -> Result<Arc<Self>> {
        store.put_group_metadata(PROOF, b"1").await?;
        store.delete_group_metadata(PROOF).await?;
        let path = file.path().to_owned();
        let store = RwLock::new(Some(store));
        Ok(Arc::new(Self { path, store, gate: Gate::new(file), ledger }))
    }

    /// The gate.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Ends the client's use of the database: closes the gate, waits for what is under way, and gives the connection
    /// back, so that nothing of the old client can be written after a new one began.
    pub(crate) async fn leave(&self) -> Option<OpenStore> {
        self.gate.close(Closed::Left);
        self.gate.empty().await;
        let store = self.store.write().unwrap_or_else(PoisonError::into_inner).take()?;
        // A write whose caller stopped waiting may still run; one that waits for its turn is not done any more. This is
        // answered after the one that runs.
        let _ = store.get_group_metadata(PROOF).await;
        Some(store)
    }

    /// A duplicate that no row waits for; `Ok` when it may be acknowledged.
    async fn duplicate(&self, chat: &str, sender: &str, id: &str) -> Result<()> {
        match &self.ledger {
            Some(ledger) => duplicates::judge(&**ledger, chat, sender, id).await,
            None => Ok(()),
        }
    }

    fn reading(&self) -> Result<Operation> {
        self.operation(false)
    }

    fn writing(&self) -> Result<Operation> {
        self.operation(true)
    }

    fn operation(&self, writes: bool) -> Result<Operation> {
        let passage = self.gate.enter(writes).map_err(|closed| refused(&closed))?;
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner).clone();
        let store = store.ok_or_else(|| refused(&Closed::Left))?;
        Ok(Operation { path: self.path.clone(), store, passage, writes })
    }
}

/// One operation that passed the gate.
struct Operation {
    path: PathBuf,
    store: OpenStore,
    passage: Passage,
    writes: bool,
}

impl Operation {
    fn store(&self) -> &dyn Backend {
        &*self.store
    }

    /// Hands the result on. A failure of the disk closes the gate before anybody hears of it; a success counts only
    /// while the gate is open.
    fn ended<T>(self, result: Result<T>) -> Result<T> {
        match result {
            Ok(value) => match self.passage.gate().closed_by() {
                Some(closed) => Err(refused(&closed)),
                None => Ok(value),
            },
            Err(error) => {
                if let Some(cause) = cause_of(&error, self.writes) {
                    self.passage.gate().close(Closed::disk(&self.path, cause));
                }
                Err(error)
            }
        }
    }
}

fn refused(closed: &Closed) -> StoreError {
    StoreError::Io(std::io::Error::other(closed.to_string()))
}

/// What an error says of the disk. A write that failed for an unknown reason counts as the disk's: it is not stored.
fn cause_of(error: &StoreError, writes: bool) -> Option<DiskCause> {
    let mut words = String::new();
    let mut layer: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = layer {
        words.push_str(&inner.to_string());
        words.push('\n');
        layer = inner.source();
    }
    let told = DiskCause::of_words(&words);
    match error {
        StoreError::Validation(_) | StoreError::Serialization(_) | StoreError::DeviceNotFound(_) => None,
        // Somebody else's lock harms no read: the reader hears of the failure and fails closed.
        _ if !writes => told.filter(|cause| *cause != DiskCause::Locked),
        _ => Some(told.unwrap_or(DiskCause::Failed)),
    }
}

/// The trouble that kept a database from being opened, when it is the disk's.
pub(crate) fn opening_cause(error: &StoreError) -> Option<DiskCause> {
    match error {
        StoreError::Io(error) => Some(DiskCause::of_io(error)),
        error => {
            cause_of(error, false).or_else(|| error.is_database_busy_or_locked().then_some(DiskCause::Locked))
        }
    }
}

#[cfg(test)]
mod tests;
