//! What came and waits for its session: receipts, messages outside of WhatsApp's queue and changes of groups, to be stored, and who came and went.
//!
//! The client's events cannot wait. So each receipt is kept as what it says of a message, the same once, and whoever hands over
//! more than there is room for is told, and ends the connection that it came on. What was handed over is kept in any case.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wakeeper_model::Ack;
use whatsapp_rust::Jid;
use whatsapp_rust::prelude::Event;

use crate::inbound::acks::Receipted;
use crate::inbound::labels::LabelJob;
use crate::inbound::notes::HeardNote;

/// Messages whose receipts wait.
const MESSAGES: usize = 10_000;
/// Receipts that wait: of a group, every member has some.
const RECEIPTS: usize = 200_000;
/// Batches of messages, and changes of groups, that wait.
const BATCHES: usize = 1_000;
/// Messages that wait and cannot be read. They have room of their own, and take none of the others'.
const NOTICES: usize = BATCHES / 4;
/// Changes of labels that wait: as many as a first login may bring.
const LABELS: usize = 250_000;
/// Sights of people that wait: beyond these the oldest is forgotten, because a newer one says more.
const PRESENCES: usize = 1_000;
/// Notes on chats and people that wait.
const NOTES: usize = 200_000;

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Room {
    /// Yes.
    Left,
    /// Too much waits already.
    Full,
}

/// What is to be stored together.
#[derive(Default)]
pub(crate) struct Batch {
    pub receipts: Vec<Receipted>,
    /// Messages and changes of groups, which WhatsApp does not send again.
    pub untold: Vec<Arc<Event>>,
    pub presences: Vec<Arc<Event>>,
    /// Changes of labels, in the order in which WhatsApp has them.
    pub labels: Vec<LabelJob>,
    /// What was told of chats and people.
    pub notes: Vec<HeardNote>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.receipts.is_empty()
            && self.untold.is_empty()
            && self.presences.is_empty()
            && self.labels.is_empty()
            && self.notes.is_empty()
    }
}

/// A message by its stanza id, with one member of its group.
type Way = (String, Option<Jid>);

#[derive(Default)]
struct Waiting {
    /// In the order of their first receipts.
    order: VecDeque<Way>,
    /// How many of these each message has.
    messages: HashMap<String, usize>,
    /// How far each got, with the time of each step.
    receipts: HashMap<Way, Vec<(Ack, i64)>>,
    untold: VecDeque<Arc<Event>>,
    /// So many of these are of messages that cannot be read.
    notices: usize,
    presences: VecDeque<Arc<Event>>,
    labels: VecDeque<LabelJob>,
    notes: VecDeque<HeardNote>,
}

impl Waiting {
    fn add(&mut self, receipt: Receipted) {
        let Receipted { id, ack, member, timestamp_s } = receipt;
        let way = (id, member);
        let steps = self.receipts.entry(way.clone()).or_default();
        if steps.is_empty() {
            *self.messages.entry(way.0.clone()).or_default() += 1;
            self.order.push_back(way);
        }
        if steps.iter().all(|(known, _)| known.number() < ack.number()) {
            steps.push((ack, timestamp_s));
        }
    }

    fn take(&mut self, most: usize) -> Batch {
        let mut receipts = Vec::new();
        while receipts.len() < most
            && let Some(way) = self.order.pop_front()
        {
            if let Some(more) = self.messages.get_mut(&way.0) {
                *more -= 1;
                if *more == 0 {
                    self.messages.remove(&way.0);
                }
            }
            for (ack, timestamp_s) in self.receipts.remove(&way).unwrap_or_default() {
                let (id, member) = way.clone();
                receipts.push(Receipted { id, ack, member, timestamp_s });
            }
        }
        let (untold, presences) = (self.untold.drain(..).collect(), self.presences.drain(..).collect());
        self.notices = 0;
        let (labels, notes) = (self.labels.drain(..).collect(), self.notes.drain(..).collect());
        Batch { receipts, untold, presences, labels, notes }
    }
}

/// What waits to be stored of one session.
#[derive(Default)]
pub(crate) struct Jobs {
    waiting: Mutex<Waiting>,
    more: Notify,
}

impl Jobs {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Own messages got further.
    pub(crate) fn receipts(&self, receipts: impl IntoIterator<Item = Receipted>) -> Room {
        let mut waiting = self.waiting();
        receipts.into_iter().for_each(|receipt| waiting.add(receipt));
        let full = waiting.messages.len() > MESSAGES || waiting.order.len() > RECEIPTS;
        drop(waiting);
        self.more.notify_one();
        if full { Room::Full } else { Room::Left }
    }

    /// Receipts that waited for their send. They are taken whoever else waits: the client has acknowledged them.
    pub(crate) fn held(&self, receipts: Vec<Receipted>) {
        if !receipts.is_empty() {
            let _ = self.receipts(receipts);
        }
    }

    /// Messages that the durability hook did not see (channels, recovered placeholders), or that cannot be read, and changes of groups.
    pub(crate) fn event(&self, event: Arc<Event>) -> Room {
        let mut waiting = self.waiting();
        waiting.untold.push_back(event);
        let full = waiting.untold.len() - waiting.notices > BATCHES;
        drop(waiting);
        self.more.notify_one();
        if full { Room::Full } else { Room::Left }
    }

    /// A message came that cannot be read. Beyond what there is room for it is not told of: whoever makes many of them must neither end
    /// the connection nor take the room of others. The session's health counts them all the same.
    pub(crate) fn notice(&self, event: Arc<Event>) {
        let mut waiting = self.waiting();
        if waiting.notices == NOTICES {
            tracing::warn!("too many messages cannot be read; some are not told of");
            return;
        }
        waiting.notices += 1;
        waiting.untold.push_back(event);
        drop(waiting);
        self.more.notify_one();
    }

    /// A label was changed: by another device, or by this one just now.
    pub(crate) fn label(&self, job: LabelJob) -> Room {
        let mut waiting = self.waiting();
        waiting.labels.push_back(job);
        let full = waiting.labels.len() > LABELS;
        drop(waiting);
        self.more.notify_one();
        if full { Room::Full } else { Room::Left }
    }

    /// Somebody came, went or began to write.
    pub(crate) fn presence(&self, event: Arc<Event>) {
        let mut waiting = self.waiting();
        if waiting.presences.len() == PRESENCES {
            waiting.presences.pop_front();
        }
        waiting.presences.push_back(event);
        drop(waiting);
        self.more.notify_one();
    }

    /// Something was learnt of a chat or a person.
    pub(crate) fn note(&self, note: HeardNote) {
        let mut waiting = self.waiting();
        if waiting.notes.len() == NOTES {
            // The address book of a new device comes at once, and more than that is none.
            tracing::error!("too much was told of chats and people; some of it is not kept");
            return;
        }
        waiting.notes.push_back(note);
        drop(waiting);
        self.more.notify_one();
    }

    /// What is to be stored next, with about so many receipts. The session's worker alone asks.
    pub(crate) async fn next(&self, most: usize) -> Batch {
        loop {
            let batch = self.waiting().take(most);
            if !batch.is_empty() {
                return batch;
            }
            self.more.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use whatsapp_rust::wacore::types::events::StreamReplaced;

    use super::*;

    fn receipt(id: usize, ack: Ack) -> Receipted {
        Receipted { id: id.to_string(), ack, member: None, timestamp_s: 7 }
    }

    fn next(jobs: &Jobs) -> Vec<(String, Ack)> {
        let batch = jobs.next(usize::MAX).now_or_never().unwrap_or_default();
        batch.receipts.into_iter().map(|one| (one.id, one.ack)).collect()
    }

    #[test]
    fn what_says_the_same_waits_once_and_each_step_is_kept() {
        let jobs = Jobs::default();
        for _ in 0..1_000 {
            for id in [1, 2] {
                assert_eq!(jobs.receipts([receipt(id, Ack::Device)]), Room::Left);
            }
        }
        jobs.held(vec![receipt(1, Ack::Read), receipt(1, Ack::Device)]);
        let expected = [("1", Ack::Device), ("1", Ack::Read), ("2", Ack::Device)];
        assert_eq!(next(&jobs), expected.map(|(id, ack)| (id.to_owned(), ack)));
        assert!(next(&jobs).is_empty());
    }

    #[test]
    fn whoever_brings_too_much_is_told_and_nothing_is_lost() {
        let jobs = Jobs::default();
        for id in 0..MESSAGES {
            assert_eq!(jobs.receipts([receipt(id, Ack::Device)]), Room::Left);
        }
        assert_eq!(jobs.receipts([receipt(MESSAGES, Ack::Device)]), Room::Full);
        assert_eq!(next(&jobs).len(), MESSAGES + 1);
        assert_eq!(jobs.receipts([receipt(0, Ack::Device)]), Room::Left);
    }

    #[test]
    fn a_large_group_is_one_message() {
        let jobs = Jobs::default();
        for member in 0..=MESSAGES {
            let member = Some(format!("{member}@lid").parse().unwrap());
            assert_eq!(jobs.receipts([Receipted { member, ..receipt(1, Ack::Device) }]), Room::Left);
        }
        assert_eq!(next(&jobs).len(), MESSAGES + 1);
    }

    #[test]
    fn what_cannot_be_read_takes_no_room_of_others() {
        let jobs = Jobs::default();
        // Which event it is does not matter here.
        let event = || Arc::new(Event::StreamReplaced(StreamReplaced::builder().build()));
        for _ in 0..2 {
            (0..2 * BATCHES).for_each(|_| jobs.notice(event()));
            for _ in 0..BATCHES {
                assert_eq!(jobs.event(event()), Room::Left);
            }
            assert_eq!(jobs.event(event()), Room::Full);
            let batch = jobs.next(usize::MAX).now_or_never().unwrap();
            assert_eq!(batch.untold.len(), NOTICES + BATCHES + 1);
        }
    }
}
