//! Reads of Signal rows, until their callers have the answer.
//!
//! The queue puts reads and writes in order, but an answer is on its way to its caller for a while: its task has to run. In
//! that time the row can be written and the write answered, and the client's cache can have dropped the row. Then the client
//! takes the older ratchet for the newest and uses its keys a second time (whatsapp-rust 0.7.0,
//! `wacore/src/store/signal_cache.rs`: rows that are not cached are read outside of its lock). So each read of such a row is
//! known here from its beginning to the moment at which its caller takes the answer; one whose row was written meanwhile
//! reads again. No write ever waits for a reader: one that its caller does not take up would hold up all writes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The tables of Signal rows, by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Identities,
    Sessions,
    SenderKeys,
}

/// All reads of Signal rows that are under way.
#[derive(Default)]
pub(super) struct RowReads([Mutex<HashMap<String, Vec<Arc<AtomicBool>>>>; 3]);

impl RowReads {
    /// A read of the row of `address` begins.
    pub(super) fn begin(self: &Arc<Self>, table: Table, address: &str) -> RowRead {
        let overtaken = Arc::new(AtomicBool::new(false));
        self.of(table).entry(address.to_owned()).or_default().push(Arc::clone(&overtaken));
        RowRead { all: Arc::clone(self), table, address: address.to_owned(), overtaken }
    }

    /// The row of `address` was written; it may not be on the disk yet.
    pub(super) fn written(&self, table: Table, address: &str) {
        for read in self.of(table).get(address).into_iter().flatten() {
            read.store(true, Ordering::SeqCst);
        }
    }

    fn of(&self, table: Table) -> MutexGuard<'_, HashMap<String, Vec<Arc<AtomicBool>>>> {
        self.0[table as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One read that is under way.
pub(super) struct RowRead {
    all: Arc<RowReads>,
    table: Table,
    address: String,
    overtaken: Arc<AtomicBool>,
}

impl RowRead {
    /// What to call at the moment at which the row is looked at: only what is written after it counts.
    pub(super) fn looks(&self) -> impl Fn() + Send + 'static {
        let overtaken = Arc::clone(&self.overtaken);
        move || overtaken.store(false, Ordering::SeqCst)
    }

    /// Whether the row was written since it was looked at.
    pub(super) fn was_overtaken(&self) -> bool {
        self.overtaken.load(Ordering::SeqCst)
    }
}

impl Drop for RowRead {
    fn drop(&mut self) {
        let mut reads = self.all.of(self.table);
        if let Some(of_row) = reads.get_mut(&self.address) {
            of_row.retain(|other| !Arc::ptr_eq(other, &self.overtaken));
            if of_row.is_empty() {
                reads.remove(&self.address);
            }
        }
    }
}
