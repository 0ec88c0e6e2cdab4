//! Sends that are with the client just now, as their rows keep them.
//!
//! The client stores each message before it sends it, for devices that ask for it once more. The row of the send, which was
//! on the disk before, says the same: what is in it is not stored a second time, and is read from there when somebody asks.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The sends of one session, by stanza id.
#[derive(Debug, Default)]
pub(crate) struct HandedOver {
    protos: Mutex<HashMap<String, Vec<u8>>>,
}

/// One send that is with the client; it is over when this goes.
pub(crate) struct Handing<'a> {
    all: &'a HandedOver,
    id: String,
}

impl HandedOver {
    fn protos(&self) -> MutexGuard<'_, HashMap<String, Vec<u8>>> {
        self.protos.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A send whose row is on the disk is handed over. One id is under way once: see [`super::Outbound::deliver`].
    pub(crate) fn begin(&self, id: &str, proto: Vec<u8>) -> Handing<'_> {
        self.protos().insert(id.to_owned(), proto);
        Handing { all: self, id: id.to_owned() }
    }

    /// Whether the row of a send under this id keeps exactly this message.
    pub(crate) fn keeps(&self, id: &str, message: &[u8]) -> bool {
        self.protos().get(id).is_some_and(|proto| proto == message)
    }
}

impl Drop for Handing<'_> {
    fn drop(&mut self) {
        self.all.protos().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_message_under_the_same_id_is_kept_while_it_is_under_way() {
        let all = HandedOver::default();
        let handing = all.begin("A", b"message".to_vec());
        assert!(all.keeps("A", b"message"));
        assert!(!all.keeps("A", b"with a stamp"), "the client sends something else than the row has");
        assert!(!all.keeps("B", b"message"));
        drop(handing);
        assert!(!all.keeps("A", b"message"));
    }
}
