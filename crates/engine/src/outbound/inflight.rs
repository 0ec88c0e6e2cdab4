//! Sends that wait for the server's acknowledgement.
//!
//! A receiver's device can be quicker than this process: its receipt may arrive before the row of
//! the message it speaks of is stored. Such receipts wait here until the send is done, of all that
//! say the same the first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

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
    /// Its waiter was told what the server said.
    answered: Arc<AtomicBool>,
    receipts: Vec<Receipted>,
    /// Since when the newest attempt waits.
    since: Option<Instant>,
    over: CancellationToken,
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

    /// A send begins; from now on receipts for it wait. Gives what says that the server has answered.
    pub(crate) fn begin(&self, id: &str) -> Arc<AtomicBool> {
        Arc::clone(&self.sends().entry(id.to_owned()).or_default().answered)
    }

    /// What tells of the end of a send, while it is under way.
    pub(crate) fn end_of(&self, id: &str) -> Option<CancellationToken> {
        self.sends().get(id).map(|waiting| waiting.over.clone())
    }

    /// Waits for the acknowledgement of the attempt that follows.
    pub(crate) fn attempt(&self, id: &str) -> oneshot::Receiver<Acknowledged> {
        let (sender, receiver) = oneshot::channel();
        let mut sends = self.sends();
        let waiting = sends.entry(id.to_owned()).or_default();
        (waiting.waiter, waiting.since) = (Some(sender), Some(Instant::now()));
        receiver
    }

    /// The server spoke.
    pub(crate) fn acknowledge(&self, id: &str, acknowledged: Acknowledged) {
        let mut sends = self.sends();
        let Some(waiting) = sends.get_mut(id) else { return };
        let Some(waiter) = waiting.waiter.take() else { return };
        // Said before anybody hears of it: answers come in the order of the sends, and are stored in it.
        waiting.answered.store(true, Ordering::Release);
        // The send may have given up on this attempt; its next one asks again.
        if waiter.send(acknowledged).is_err() {
            waiting.answered.store(false, Ordering::Release);
        }
    }

    /// Keeps a receipt while its send is under way; gives it back when none is.
    pub(crate) fn hold(&self, receipt: Receipted) -> Option<Receipted> {
        match self.sends().get_mut(&receipt.id) {
            Some(waiting) => {
                // Each device sends one; each member of a group is told of.
                let says_more = |held: &Receipted| {
                    held.member != receipt.member || held.ack.number() < receipt.ack.number()
                };
                if waiting.receipts.iter().all(says_more) {
                    waiting.receipts.push(receipt);
                }
                None
            }
            None => Some(receipt),
        }
    }

    /// A send is over; gives the receipts that waited.
    pub(crate) fn end(&self, id: &str) -> Vec<Receipted> {
        let Some(waiting) = self.sends().remove(id) else { return Vec::new() };
        waiting.over.cancel();
        waiting.receipts
    }

    /// Since when the server owes an answer to an attempt: of those that somebody waits for, the longest.
    pub(crate) fn unanswered_since(&self) -> Option<Instant> {
        let sends = self.sends();
        let owed =
            sends.values().filter(|send| send.waiter.as_ref().is_some_and(|waiter| !waiter.is_closed()));
        owed.filter_map(|send| send.since).min()
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
        Receipted { id: id.to_owned(), ack: Ack::Device, member: None, timestamp_s: 7 }
    }

    #[test]
    fn of_many_receipts_that_say_the_same_one_waits() {
        let inflight = Inflight::default();
        inflight.begin("A");
        for timestamp_s in 7..1000 {
            assert!(inflight.hold(Receipted { timestamp_s, ..receipt("A") }).is_none());
        }
        assert!(inflight.hold(Receipted { ack: Ack::Read, ..receipt("A") }).is_none());
        let held = inflight.end("A");
        let acks: Vec<_> = held.iter().map(|one| (one.ack, one.timestamp_s)).collect();
        assert_eq!(acks, [(Ack::Device, 7), (Ack::Read, 7)]);
    }

    #[test]
    fn of_a_group_a_receipt_of_each_member_waits() {
        let inflight = Inflight::default();
        inflight.begin("A");
        for member in ["628111@s.whatsapp.net", "628222@s.whatsapp.net", "628111@s.whatsapp.net"] {
            let member = Some(member.parse().unwrap());
            assert!(inflight.hold(Receipted { member, ..receipt("A") }).is_none());
        }
        assert_eq!(inflight.end("A").len(), 2);
    }

    #[test]
    fn whoever_waits_for_the_end_of_a_send_hears_of_it() {
        let inflight = Inflight::default();
        assert!(inflight.end_of("A").is_none());
        inflight.begin("A");
        let over = inflight.end_of("A").unwrap();
        assert!(!over.is_cancelled());
        inflight.end("A");
        assert!(over.is_cancelled());
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

    #[tokio::test(start_paused = true)]
    async fn the_longest_unanswered_attempt_is_known_while_somebody_waits() {
        let inflight = Inflight::default();
        assert!(inflight.unanswered_since().is_none());
        let began = Instant::now();
        let _first = inflight.attempt("A");
        tokio::time::advance(std::time::Duration::from_secs(9)).await;
        let second = inflight.attempt("B");
        assert_eq!(inflight.unanswered_since(), Some(began));
        inflight.acknowledge("A", Acknowledged { timestamp_s: None, refused: None });
        assert_eq!(
            inflight.unanswered_since().map(|since| since - began),
            Some(std::time::Duration::from_secs(9))
        );
        drop(second);
        assert!(inflight.unanswered_since().is_none());
    }

    #[tokio::test]
    async fn an_acknowledgement_reaches_the_newest_attempt() {
        let inflight = Inflight::default();
        inflight.begin("A");
        let answered = inflight.begin("A");
        let first = inflight.attempt("A");
        let second = inflight.attempt("A");
        let acknowledged = Acknowledged { timestamp_s: Some(1), refused: None };
        inflight.acknowledge("A", acknowledged.clone());
        assert!(answered.load(Ordering::Acquire));
        assert!(first.await.is_err());
        assert_eq!(second.await.unwrap(), acknowledged);
    }
}
