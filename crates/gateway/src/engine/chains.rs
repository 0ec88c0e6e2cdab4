//! Which of our sending chains moved on in this run: see [`wakeeper_native::chains`] for why they do.
//!
//! A chain moves on when its record is read first, in memory. It is in the database as soon as the client stores the record,
//! and only then it is noted that it moved: whatever is lost in between, it moves on from the same place again.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wakeeper_native::chains::{Chain, Epoch, Moved, advance};
use whatsapp_rust::bytes::Bytes;

/// The sending chains of one session.
#[derive(Debug, Default)]
pub(super) struct Chains {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    epoch: Epoch,
    /// Moved on in memory; their records are not stored yet.
    pending: HashMap<Chain, Moved>,
    /// Stored since the run began: they moved on, or were made in this run.
    settled: HashSet<Chain>,
    /// Moved on and stored, which the database is to be told.
    unstored: Vec<(Chain, Moved)>,
}

impl Chains {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run begins.
    pub(super) fn begin(&self, epoch: Epoch) {
        *self.inner() = Inner { epoch, ..Inner::default() };
    }

    /// The record to work with, for one that was read.
    pub(super) fn loaded(&self, chain: Chain, record: Bytes) -> Bytes {
        let mut inner = self.inner();
        if inner.epoch.number == 0 || inner.settled.contains(&chain) {
            return record;
        }
        let last = inner.epoch.moved.get(&chain).copied();
        match advance(&chain, &record, inner.epoch.number, last) {
            Some(advanced) => {
                inner.pending.insert(chain, advanced.moved);
                advanced.record.into()
            }
            None => record,
        }
    }

    /// A record was stored.
    pub(super) fn stored(&self, chain: Chain) {
        let mut inner = self.inner();
        if inner.epoch.number == 0 || inner.settled.contains(&chain) {
            return;
        }
        if let Some(moved) = inner.pending.remove(&chain) {
            inner.unstored.push((chain.clone(), moved));
        }
        inner.settled.insert(chain);
    }

    /// Takes what the database is to be told.
    pub(super) fn take_unstored(&self) -> Vec<(Chain, Moved)> {
        std::mem::take(&mut self.inner().unstored)
    }

    /// Puts back what could not be stored.
    pub(super) fn not_stored(&self, mut moved: Vec<(Chain, Moved)>) {
        let mut inner = self.inner();
        moved.append(&mut inner.unstored);
        inner.unstored = moved;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whatsapp_rust::wacore::libsignal::protocol::{
        SenderChainKeyComponents, SenderKeyRecord, SenderKeyRecordComponents, SenderKeyStateComponents,
        SenderSigningKeyComponents,
    };

    fn record() -> Bytes {
        let state = SenderKeyStateComponents {
            key_id: 1,
            chain_key: SenderChainKeyComponents { iteration: 5, seed: vec![1; 32] },
            signing_key: SenderSigningKeyComponents {
                public: [&[5_u8][..], &[9; 32]].concat(),
                private: Some(vec![3; 32]),
            },
            message_keys: Vec::new(),
        };
        let record = SenderKeyRecord::from_components(SenderKeyRecordComponents { states: vec![state] });
        record.unwrap().serialize().unwrap().into()
    }

    fn chain() -> Chain {
        Chain::SenderKey("group::me".to_owned())
    }

    #[test]
    fn a_chain_is_noted_as_moved_only_after_its_record_was_stored() {
        let chains = Chains::default();
        chains.begin(Epoch { number: 2, ..Epoch::default() });
        let first = chains.loaded(chain(), record());
        assert_ne!(first, record());
        // Read again without having been stored: from the same place to the same place.
        assert_eq!(chains.loaded(chain(), record()), first);
        assert!(chains.take_unstored().is_empty());
        chains.stored(chain());
        assert_eq!(chains.loaded(chain(), first.clone()), first, "it moves on once");
        let told = chains.take_unstored();
        assert_eq!(told.len(), 1);
        chains.not_stored(told);
        assert_eq!(chains.take_unstored().len(), 1);
    }

    #[test]
    fn a_chain_that_was_made_in_this_run_stays() {
        let chains = Chains::default();
        chains.begin(Epoch { number: 2, ..Epoch::default() });
        chains.stored(chain());
        assert_eq!(chains.loaded(chain(), record()), record());
        assert!(chains.take_unstored().is_empty());
    }

    #[test]
    fn without_an_upload_nothing_moves() {
        let chains = Chains::default();
        chains.begin(Epoch::default());
        assert_eq!(chains.loaded(chain(), record()), record());
    }
}
