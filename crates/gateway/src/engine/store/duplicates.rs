//! Duplicates of messages that are stored nowhere.
//!
//! Ratchets are shared by many messages and written for all of them at once, also for one that was decrypted a moment ago and
//! is not stored yet. When the process ends, or the disk fails, between the two, WhatsApp delivers that message again, and it
//! is a duplicate to Signal. Acknowledged as one, it would be lost: so its sender is asked for it once more.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use whatsapp_rust::async_trait;
use whatsapp_rust::wacore::store::error::{Result, StoreError};

/// How often a message is asked for; its sender gives up after five.
const MOST: u8 = 4;
/// Messages that are remembered as asked for.
const REMEMBERED: usize = 10_000;

/// Knows what is stored, and can ask for what is not. Names are as the wire has them.
#[async_trait]
pub(in crate::engine) trait Ledger: Send + Sync {
    /// Whether a message is stored, or need not be.
    ///
    /// # Errors
    /// When that cannot be said now.
    async fn knows(&self, chat: &str, sender: &str, id: &str) -> std::result::Result<bool, String>;

    /// Asks the sender to send a message again, for the `count`th time.
    async fn ask_again(&self, chat: &str, sender: &str, id: &str, count: u8);
}

/// What was asked for.
#[derive(Default)]
pub(super) struct Asked(Mutex<HashMap<String, u8>>);

impl Asked {
    fn next(&self, id: &str) -> u8 {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= REMEMBERED {
            asked.clear();
        }
        let count = asked.entry(id.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Decides over a duplicate that no row waits for: `Ok` when it may be acknowledged.
    pub(super) async fn judge(&self, ledger: &dyn Ledger, chat: &str, sender: &str, id: &str) -> Result<()> {
        let refuse = |why: String| Err(StoreError::Io(std::io::Error::other(why)));
        match ledger.knows(chat, sender, id).await {
            Ok(true) => Ok(()),
            Err(error) => refuse(error),
            Ok(false) => {
                let count = self.next(&format!("{chat} {sender} {id}"));
                if count > MOST {
                    tracing::error!(
                        message = id,
                        "a message that was decrypted and not stored did not come again; it is given up"
                    );
                    return Ok(());
                }
                ledger.ask_again(chat, sender, id, count).await;
                refuse(
                    "the message was decrypted before and is not stored; its sender was asked for it"
                        .to_owned(),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    struct Fixed(std::result::Result<bool, String>, AtomicU8);

    #[async_trait]
    impl Ledger for Fixed {
        async fn knows(&self, _: &str, _: &str, _: &str) -> std::result::Result<bool, String> {
            self.0.clone()
        }

        async fn ask_again(&self, _: &str, _: &str, _: &str, count: u8) {
            self.1.store(count, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn only_what_is_stored_counts_as_a_duplicate() {
        let asked = Asked::default();
        let known = Fixed(Ok(true), AtomicU8::new(0));
        asked.judge(&known, "c", "s", "A").await.unwrap();
        let unsure = Fixed(Err("locked".to_owned()), AtomicU8::new(0));
        assert!(asked.judge(&unsure, "c", "s", "A").await.is_err());
        let unknown = Fixed(Ok(false), AtomicU8::new(0));
        for count in 1..=MOST {
            assert!(asked.judge(&unknown, "c", "s", "A").await.is_err());
            assert_eq!(unknown.1.load(Ordering::Relaxed), count);
        }
        asked.judge(&unknown, "c", "s", "A").await.unwrap();
        assert!(asked.judge(&unknown, "c", "s", "B").await.is_err(), "each message by itself");
    }
}
