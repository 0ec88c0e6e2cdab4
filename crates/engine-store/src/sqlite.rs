//! Our own store for the client: whatsapp-rust's schema in one SQLite file, behind one writer.
//!
//! whatsapp-rust's own store commits every call by itself, and its client reads Signal rows outside of its lock: a read that
//! began before a write can be handed on after it, and a ratchet goes backwards. Here every call goes through one queue per
//! store ([`queue`]). What waits is done together: reads first, then all writes in one commit, and a write is answered only
//! after the commit that holds it. So a read never shows what is older than a write that was answered, and no write runs
//! before a read that came first. What is left is the way back to the caller; [`row_reads`] looks after that. What need not be on
//! the disk by itself waits for a commit that others need: secrets of messages ([`secrets`]) and messages that came in
//! ([`parked`]).
//!
//! The schema and its migrations stay whatsapp-rust's ([`open`]), and so do the encodings: a database can be opened by either
//! store at any time, one after the other.

mod app_sync;
mod device;
mod device_row;
mod error;
mod faults;
mod open;
mod parked;
mod protocol;
mod queue;
mod row_reads;
mod secrets;
mod signal;
mod statement;
mod wire;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use whatsapp_rust::wacore::store::error::{Result, StoreError};

pub use error::SqliteError;
pub use faults::{Fault, Faults};

use faults::NoFaults;
use parked::Parked;
use queue::{Kind, Queue};
use row_reads::RowReads;

/// whatsapp-rust can keep several logins in one file. Ours has one, under the number that its own store uses.
const DEVICE: i32 = 1;

/// A session's database, open.
///
/// It is closed when the last handle is dropped. A caller that got the answer to the last call may drop its handle and move
/// the file.
pub struct SqliteBackend {
    path: PathBuf,
    queue: Queue,
    row_reads: Arc<RowReads>,
    parked: Arc<Parked>,
}

impl SqliteBackend {
    /// Opens the database at `path`, which exists (it may be empty), and brings it to the client's newest schema.
    ///
    /// # Errors
    /// When it cannot be opened or brought up to date.
    pub async fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, Arc::new(NoFaults)).await
    }

    /// The same, with faults on purpose: for tests.
    ///
    /// # Errors
    /// When it cannot be opened or brought up to date.
    pub async fn open_with(path: &Path, faults: Arc<dyn Faults>) -> Result<Self> {
        let connection = open::open(path).await?;
        let parked = Arc::new(Parked::default());
        Ok(Self {
            path: path.to_owned(),
            queue: Queue::new(connection, Arc::clone(&parked), faults),
            row_reads: Arc::new(RowReads::default()),
            parked,
        })
    }

    /// Runs what only reads.
    async fn read<T, F>(&self, operation: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.queue.call(Kind::Read, operation, work).await.map_err(failed)
    }

    /// Runs what writes; answers when it is on the disk. `work` may run twice: when something else of its group failed, the
    /// group is taken back and done again.
    async fn write<T, F>(&self, operation: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.queue.call(Kind::Write, operation, work).await.map_err(failed)
    }

    /// The same for a caller that can wait a moment: what it writes joins a commit that others need.
    async fn write_patiently<T, F>(&self, operation: &'static str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        self.queue.call(Kind::Patient, operation, work).await.map_err(failed)
    }
}

/// Brings the database at `path` to the client's newest schema, by the opening that the client has. It is closed when this
/// returns.
pub(crate) async fn migrate(path: &Path) -> Result<()> {
    open::open(path).await.map(drop)
}

fn failed(error: SqliteError) -> StoreError {
    StoreError::Database(Box::new(error))
}
