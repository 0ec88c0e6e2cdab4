//! Room for the sends of one session: no chat takes all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Sends of one session under way at the same time.
pub(super) const MAX_IN_FLIGHT: usize = 512;

/// Who may send. A chat gets no more than it leaves to others: the first one half of all, the next one half of the rest. So
/// whoever fills it, there is room for another chat, and a chat that sends alone has more than WhatsApp is given at a time.
pub(super) struct Permits {
    all: Arc<Semaphore>,
    /// Sends under way, of chats that have some.
    chats: Mutex<HashMap<String, usize>>,
}

impl Default for Permits {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(MAX_IN_FLIGHT)), chats: Mutex::default() }
    }
}

impl Permits {
    fn chats(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        // Nothing panics while it holds the lock, so a poisoned one is still whole.
        self.chats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for one more send to a chat; nothing when the chat has its share, or there is none left.
    pub(super) fn take(self: &Arc<Self>, chat: &str) -> Option<Permit> {
        let mut chats = self.chats();
        if chats.get(chat).copied().unwrap_or_default() >= self.all.available_permits() {
            return None;
        }
        let one = Arc::clone(&self.all).try_acquire_owned().ok()?;
        *chats.entry(chat.to_owned()).or_default() += 1;
        Some(Permit { of: Arc::clone(self), chat: chat.to_owned(), _one: one })
    }
}

/// Room for one send, until it is over.
pub(super) struct Permit {
    of: Arc<Permits>,
    chat: String,
    _one: OwnedSemaphorePermit,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut chats = self.of.chats();
        if let Some(count) = chats.get_mut(&self.chat) {
            *count -= 1;
            if *count == 0 {
                chats.remove(&self.chat);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::chat_order::WINDOW;
    use super::*;

    /// As many as a chat gets.
    fn fill(permits: &Arc<Permits>, chat: &str) -> Vec<Permit> {
        std::iter::from_fn(|| permits.take(chat)).collect()
    }

    #[test]
    fn a_chat_that_takes_all_it_gets_leaves_room_for_others() {
        let permits = Arc::new(Permits::default());
        let first = fill(&permits, "first");
        assert_eq!(first.len(), MAX_IN_FLIGHT / 2);
        assert!(first.len() > WINDOW, "more than WhatsApp is given at a time");
        let second = fill(&permits, "second");
        assert_eq!(second.len(), MAX_IN_FLIGHT / 4);
        for other in 0..64 {
            assert!(permits.take(&other.to_string()).is_some(), "{other}");
        }
        drop(first);
        assert!(permits.take("first").is_some());
    }

    #[test]
    fn many_chats_may_fill_it_and_what_is_over_is_forgotten() {
        let permits = Arc::new(Permits::default());
        let taken: Vec<Permit> =
            (0..MAX_IN_FLIGHT).filter_map(|chat| permits.take(&chat.to_string())).collect();
        assert_eq!(taken.len(), MAX_IN_FLIGHT);
        assert!(permits.take("another").is_none());
        drop(taken);
        assert!(permits.chats().is_empty());
        assert!(permits.take("another").is_some());
    }
}
