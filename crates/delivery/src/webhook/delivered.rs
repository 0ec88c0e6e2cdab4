//! Deliveries that arrived, of which the rows say that they are owed: it is stored soon that they are not.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wakeeper_storage::LaneKey;

/// By lane, the numbers of their rows.
#[derive(Default)]
pub(super) struct Delivered(Mutex<HashMap<LaneKey, HashSet<i64>>>);

impl Delivered {
    fn lanes(&self) -> MutexGuard<'_, HashMap<LaneKey, HashSet<i64>>> {
        // Nothing panics while it holds the lock, so a poisoned one is still whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of a lane.
    pub fn of(&self, lane: &LaneKey) -> HashSet<i64> {
        self.lanes().get(lane).cloned().unwrap_or_default()
    }

    /// These arrived. They are known until the answer is dropped.
    pub fn note(self: &Arc<Self>, lane: &LaneKey, rows: impl Iterator<Item = i64>) -> Noted {
        let rows: Vec<i64> = rows.collect();
        self.lanes().entry(lane.clone()).or_default().extend(&rows);
        Noted { all: Arc::clone(self), lane: lane.clone(), rows }
    }
}

/// Some of a lane, until the rows know of them.
pub(super) struct Noted {
    all: Arc<Delivered>,
    lane: LaneKey,
    rows: Vec<i64>,
}

impl Noted {
    /// The rows will not know of them: they are known as long as the process runs.
    pub fn keep(mut self) {
        self.rows.clear();
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let mut lanes = self.all.lanes();
        if let Some(known) = lanes.get_mut(&self.lane) {
            for row in &self.rows {
                known.remove(row);
            }
            if known.is_empty() {
                lanes.remove(&self.lane);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(chat: &str) -> LaneKey {
        LaneKey { subscription: "hook".to_owned(), session: "default".to_owned(), chat: chat.to_owned() }
    }

    #[test]
    fn what_arrived_is_known_until_it_is_stored() {
        let delivered = Arc::new(Delivered::default());
        let first = delivered.note(&lane("c"), [1, 2].into_iter());
        let second = delivered.note(&lane("c"), [3].into_iter());
        assert_eq!(delivered.of(&lane("c")), HashSet::from([1, 2, 3]));
        assert!(delivered.of(&lane("d")).is_empty());
        drop(first);
        assert_eq!(delivered.of(&lane("c")), HashSet::from([3]));
        second.keep();
        assert_eq!(delivered.of(&lane("c")), HashSet::from([3]), "what cannot be stored is not sent again");
        drop(delivered.note(&lane("d"), [4].into_iter()));
        assert_eq!(delivered.lanes().len(), 1, "nothing is left of a lane that is done");
    }
}
