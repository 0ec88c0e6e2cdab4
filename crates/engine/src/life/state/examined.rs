//! What is known of a session's stored state, and who works on it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};

use wakeeper_waha::CareFinding;

use super::SessionState;

/// What an examination of a session's stored state found.
#[derive(Clone, Debug)]
pub struct Examined {
    /// When it was, milliseconds since 1970.
    pub at_ms: i64,
    /// What it found.
    pub findings: Arc<[CareFinding]>,
}

/// The right to work on a session's stored state, given back on drop.
pub(crate) struct CareTurn(Arc<AtomicBool>);

impl Drop for CareTurn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl SessionState {
    /// The right to work on the stored state; `None` while somebody else does.
    pub(crate) fn care_turn(&self) -> Option<CareTurn> {
        let free = self.cared_for.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire).is_ok();
        free.then(|| CareTurn(Arc::clone(&self.cared_for)))
    }

    /// What the newest examination found.
    pub(crate) fn examined(&self) -> Option<Examined> {
        self.newest().clone()
    }

    pub(crate) fn note_examined(&self, findings: Vec<CareFinding>) {
        *self.newest() = Some(Examined { at_ms: self.clock.now_ms(), findings: findings.into() });
    }

    /// The stored state was changed: what was found before is no longer so.
    pub(crate) fn forget_examined(&self) {
        *self.newest() = None;
    }

    fn newest(&self) -> MutexGuard<'_, Option<Examined>> {
        self.examined.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
