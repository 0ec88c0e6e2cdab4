//! Whom the account blocked, remembered for some minutes: every look at a person asks for it. In memory alone.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long WhatsApp's answer is good, in milliseconds. Another device may change the list meanwhile.
const GOOD_MS: i64 = 3 * 60 * 1_000;

/// The block list of one session, with each name that is known.
#[derive(Default)]
pub(crate) struct Blocked(Mutex<Option<(i64, Arc<BTreeSet<String>>)>>);

impl Blocked {
    fn kept(&self) -> MutexGuard<'_, Option<(i64, Arc<BTreeSet<String>>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What WhatsApp answered within the last minutes.
    pub(crate) fn get(&self, now_ms: i64) -> Option<Arc<BTreeSet<String>>> {
        let kept = self.kept();
        let (at_ms, names) = kept.as_ref()?;
        (now_ms.saturating_sub(*at_ms) < GOOD_MS).then(|| Arc::clone(names))
    }

    /// Remembers what WhatsApp answered.
    pub(crate) fn keep(&self, names: Arc<BTreeSet<String>>, now_ms: i64) {
        *self.kept() = Some((now_ms, names));
    }

    /// The list changed, or is another account's: WhatsApp is asked anew.
    pub(crate) fn forget(&self) {
        *self.kept() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_good_for_some_minutes_and_until_it_changes() {
        let blocked = Blocked::default();
        assert_eq!(blocked.get(0), None);
        let names = Arc::new(BTreeSet::from(["1@c.us".to_owned()]));
        blocked.keep(Arc::clone(&names), 5);
        assert_eq!(blocked.get(4 + GOOD_MS), Some(names));
        assert_eq!(blocked.get(5 + GOOD_MS), None);
        blocked.forget();
        assert_eq!(blocked.get(6), None);
    }
}
