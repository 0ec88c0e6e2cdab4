//! Sends that wait for the server's acknowledgement.
//!
//! A receiver's device can be quicker than this process: its receipt may arrive before the row of
//! the message it speaks of is stored. Such receipts wait here until the send is done.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::oneshot;

use crate::inbound::acks::Receipted;

/// What the server said of a stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledged {
    /// Seconds since 1970 by the server's clock, when it told.
    pub timestamp_s: Option<i64>,
    /// The server refused it, with this code.
    pub refused: Option<String>,
}

#[derive(Default)]
struct Waiting {
    waiter: Option<oneshot::Sender<Acknowledged>>,
    receipts: Vec<Receipted>,
}

/// The sends of one session that are under way, by stanza id.
#[derive(Default)]
pub(crate) struct Inflight {
    sends: Mutex<HashMap<String, Waiting>>,
}

impl Inflight {
    fn sends(&self) -> MutexGuard<'_, HashMap<String, Waiting>> {
        self.sends.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A send begins; from now on receipts for it wait.
    pub(crate) fn begin(&self, id: &str) {
        self.sends().entry(id.to_owned()).or_default();
    }

    /// Waits for the acknowledgement of the attempt that follows.
    pub(crate) fn attempt(&self, id: &str) -> oneshot::Receiver<Acknowledged> {
        let (sender, receiver) = oneshot::channel();
        self.sends().entry(id.to_owned()).or_default().waiter = Some(sender);
        receiver
    }

    /// The server spoke.
    pub(crate) fn acknowledge(&self, id: &str, acknowledged: Acknowledged) {
        let waiter = self.sends().get_mut(id).and_then(|waiting| waiting.waiter.take());
        if let Some(waiter) = waiter {
            // The send may have given up on this attempt; its next one asks again.
            let _ = waiter.send(acknowledged);
        }
    }

    /// Keeps a receipt while its send is under way; gives it back when none is.
    pub(crate) fn hold(&self, receipt: Receipted) -> Option<Receipted> {
        match self.sends().get_mut(&receipt.id) {
            Some(waiting) => {
                waiting.receipts.push(receipt);
                None
            }
            None => Some(receipt),
        }
    }

    /// A send is over; gives the receipts that waited.
    pub(crate) fn end(&self, id: &str) -> Vec<Receipted> {
        self.sends().remove(id).map(|waiting| waiting.receipts).unwrap_or_default()
    }

    /// How many sends are under way.
    pub(crate) fn count(&self) -> usize {
        self.sends().len()
    }
}

#[cfg(test)]
mod tests {
    use wakeeper_model::Ack;

    use super::*;

    fn receipt(id: &str) -> Receipted {
        let with = "628111@s.whatsapp.net".parse().unwrap();
        Receipted { id: id.to_owned(), ack: Ack::Device, with, timestamp_s: 7 }
    }

    #[tokio::test]
    async fn receipts_wait_for_the_end_of_their_send() {
        let inflight = Inflight::default();
        inflight.begin("A");
        assert!(inflight.hold(receipt("A")).is_none());
        assert_eq!(inflight.hold(receipt("B")).unwrap().id, "B");
        assert_eq!(inflight.end("A").len(), 1);
        assert!(inflight.hold(receipt("A")).is_some());
    }

    #[tokio::test]
    async fn an_acknowledgement_reaches_the_newest_attempt() {
        let inflight = Inflight::default();
        inflight.begin("A");
        let first = inflight.attempt("A");
        let second = inflight.attempt("A");
        let acknowledged = Acknowledged { timestamp_s: Some(1), refused: None };
        inflight.acknowledge("A", acknowledged.clone());
        assert!(first.await.is_err());
        assert_eq!(second.await.unwrap(), acknowledged);
    }
}
