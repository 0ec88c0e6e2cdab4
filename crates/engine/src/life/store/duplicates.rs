//! Duplicates of messages that are stored nowhere.
//!
//! Ratchets are shared by many messages and written for all of them at once, also for one that was decrypted a moment ago and
//! is not stored yet. When the process ends, or the disk fails, between the two, WhatsApp delivers that message again, and it
//! is a duplicate to Signal. Acknowledged as one, it would be lost: so its sender is asked for it once more.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::store::error::{Result, StoreError};

/// How often a message is asked for; its sender gives up after five.
const MAX_REPEATS: u8 = 4;
/// Messages that are remembered as asked for.
const REMEMBERED: usize = 10_000;

/// Messages by name, with a count for each. The oldest are forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<(HashMap<String, u8>, VecDeque<String>)>);

impl Remembered {
    /// Counts a message once more; answers how often that was done.
    pub(crate) fn count(&self, chat: &str, id: &str) -> u8 {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (counts, order) = &mut *inner;
        let name = name(chat, id);
        if !counts.contains_key(&name) {
            if order.len() >= REMEMBERED
                && let Some(oldest) = order.pop_front()
            {
                counts.remove(&oldest);
            }
            order.push_back(name.clone());
        }
        let count = counts.entry(name).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Whether a message was counted.
    pub(crate) fn contains(&self, chat: &str, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.contains_key(&name(chat, id))
    }
}

fn name(chat: &str, id: &str) -> String {
    format!("{chat} {id}")
}

/// Knows what is stored, and can ask for what is not. Names are as the wire has them.
#[async_trait]
pub(crate) trait Ledger: Send + Sync {
    /// Whether a message is stored, or need not be.
    ///
    /// # Errors
    /// When that cannot be said now.
    async fn knows(&self, chat: &str, sender: &str, id: &str) -> std::result::Result<bool, String>;

    /// How often a message was asked for, this time included. Outlives a connection: a stanza comes once on each.
    fn asked(&self, chat: &str, id: &str) -> u8;

    /// Whether a send to this group is repeated just now: see [`crate::outbound::group_sends`]. Asked whenever it is noted who has
    /// our sender key of the group.
    fn repeats_to(&self, group: &str) -> bool;

    /// Whether the rows keep exactly this message of ours under this id: then it need not be stored again.
    fn keeps_sent(&self, id: &str, message: &[u8]) -> bool;

    /// A message of ours as the rows keep it, for a device of this chat that asks for it once more.
    ///
    /// # Errors
    /// When that cannot be said now.
    async fn sent(&self, chat: &str, id: &str) -> std::result::Result<Option<Vec<u8>>, String>;

    /// Asks the sender to send a message again, for the `count`th time.
    async fn ask_again(&self, chat: &str, sender: &str, id: &str, count: u8);
}

/// Decides over a duplicate that no row waits for: `Ok` when it may be acknowledged.
pub(super) async fn judge(ledger: &dyn Ledger, chat: &str, sender: &str, id: &str) -> Result<()> {
    let refuse = |why: String| Err(StoreError::Io(std::io::Error::other(why)));
    match ledger.knows(chat, sender, id).await {
        Ok(true) => Ok(()),
        Err(error) => refuse(error),
        Ok(false) => {
            let count = ledger.asked(chat, id);
            if count > MAX_REPEATS {
                tracing::error!(
                    id,
                    "a message that was decrypted and not stored did not come again; it is given up"
                );
                return Ok(());
            }
            ledger.ask_again(chat, sender, id, count).await;
            refuse(
                "the message was decrypted before and is not stored; its sender was asked for it".to_owned(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    struct Fixed(std::result::Result<bool, String>, AtomicU8, Remembered);

    impl Fixed {
        fn new(answer: std::result::Result<bool, String>) -> Self {
            Self(answer, AtomicU8::new(0), Remembered::default())
        }
    }

    #[async_trait]
    impl Ledger for Fixed {
        async fn knows(&self, _: &str, _: &str, _: &str) -> std::result::Result<bool, String> {
            self.0.clone()
        }

        fn asked(&self, chat: &str, id: &str) -> u8 {
            self.2.count(chat, id)
        }

        fn repeats_to(&self, _: &str) -> bool {
            false
        }

        fn keeps_sent(&self, _: &str, _: &[u8]) -> bool {
            false
        }

        async fn sent(&self, _: &str, _: &str) -> std::result::Result<Option<Vec<u8>>, String> {
            Ok(None)
        }

        async fn ask_again(&self, _: &str, _: &str, _: &str, count: u8) {
            self.1.store(count, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn only_what_is_stored_counts_as_a_duplicate() {
        judge(&Fixed::new(Ok(true)), "c", "s", "A").await.unwrap();
        assert!(judge(&Fixed::new(Err("locked".to_owned())), "c", "s", "A").await.is_err());
        let unknown = Fixed::new(Ok(false));
        for count in 1..=MAX_REPEATS {
            assert!(judge(&unknown, "c", "s", "A").await.is_err());
            assert_eq!(unknown.1.load(Ordering::Relaxed), count);
        }
        judge(&unknown, "c", "s", "A").await.unwrap();
        assert!(judge(&unknown, "c", "s", "B").await.is_err(), "each message by itself");
    }

    #[test]
    fn the_oldest_messages_are_forgotten_first() {
        let remembered = Remembered::default();
        for n in 0..=REMEMBERED {
            assert_eq!(remembered.count("c", &n.to_string()), 1);
        }
        assert!(!remembered.contains("c", "0"));
        assert!(remembered.contains("c", "1"));
        assert!(remembered.contains("c", &REMEMBERED.to_string()));
        assert!(!remembered.contains("d", "1"), "of another chat");
    }
}
