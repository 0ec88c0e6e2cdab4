//! The sending chains of a session as its client reads and stores them: see [`wakeeper_engine_store::chains`] for why they move on.
//!
//! A chain moves on when its record is read first in a run, in memory. It is stored as soon as the client stores the record,
//! together with where it stands: whatever is lost before that moves on from the same place again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wakeeper_engine_store::chains::{ChainKind, Loaded, Position, load, with_position};
use whatsapp_rust::bytes::Bytes;

/// Where the chains of one session stand.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    epoch: u32,
    /// The records that were read or stored in this run, by kind and row.
    positions: HashMap<(ChainKind, Box<str>), Position>,
}

impl Chains {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins.
    pub(crate) fn begin(&self, epoch: u32) {
        *self.inner() = Inner { epoch, positions: HashMap::new() };
    }

    /// The record to work with, for one that was read.
    pub(crate) fn loaded(&self, kind: ChainKind, row: &str, stored: &[u8]) -> Bytes {
        let mut inner = self.inner();
        let (Loaded::AsStored(record, position) | Loaded::MovedOn(record, position)) =
            load(kind, stored, inner.epoch);
        inner.positions.insert((kind, row.into()), position);
        record.into()
    }

    /// What is to be stored for a record of the client's.
    pub(crate) fn to_store(&self, kind: ChainKind, row: &str, record: &[u8]) -> Bytes {
        let inner = self.inner();
        // One that was not read in this run was made in it.
        let made = Position { epoch: inner.epoch, ..Position::default() };
        let position = inner.positions.get(&(kind, row.into())).copied().unwrap_or(made);
        with_position(record, position).into()
    }
}
