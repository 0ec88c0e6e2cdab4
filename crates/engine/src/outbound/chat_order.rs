//! The order of one chat's sends, from their rows to WhatsApp's server and back.
//!
//! A send takes its place when its row is stored. It is handed to a connection when every send before it was handed to the same
//! one, and does not wait for their acknowledgements. When the connection is lost, all that were not acknowledged go out again in
//! their places, before any that comes after them. What WhatsApp has is stored as sent in the same order, as far as it was
//! answered.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// Sends of one chat that wait for WhatsApp's acknowledgement at the same time. What comes after them is not accepted yet, and
/// waits for room. Repeats of sends that were accepted already need none.
pub(crate) const WINDOW: usize = 64;
/// How long the answer to a send is waited for when one that came after it was answered already.
const PATIENCE: Duration = Duration::from_secs(2);
/// Chats that are remembered before those without sends are forgotten.
const CHATS: usize = 1024;

/// The chats of one session that have sends under way.
#[derive(Default)]
pub(super) struct ChatOrders(Mutex<HashMap<String, Weak<ChatOrder>>>);

impl ChatOrders {
    /// The order of a chat.
    pub(super) fn of(&self, chat: &str) -> Arc<ChatOrder> {
        let mut chats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if chats.len() >= CHATS {
            chats.retain(|_, order| order.strong_count() > 0);
        }
        if let Some(order) = chats.get(chat).and_then(Weak::upgrade) {
            return order;
        }
        let order = Arc::new(ChatOrder::default());
        chats.insert(chat.to_owned(), Arc::downgrade(&order));
        order
    }
}

/// The sends of one chat that are under way.
pub(super) struct ChatOrder {
    entrance: Arc<tokio::sync::Mutex<()>>,
    room: Arc<Semaphore>,
    queue: Mutex<Queue>,
}

impl Default for ChatOrder {
    fn default() -> Self {
        Self { entrance: Arc::default(), room: Arc::new(Semaphore::new(WINDOW)), queue: Mutex::default() }
    }
}

#[derive(Default)]
struct Queue {
    last: u64,
    /// The newest client that somebody waits for.
    client: u64,
    sends: VecDeque<Queued>,
}

/// A send that has its place.
struct Queued {
    number: u64,
    /// The client that it was handed to.
    handed_to: Option<u64>,
    /// WhatsApp has answered, and what it said is not stored yet.
    answered: Arc<AtomicBool>,
    /// It waits for those before it, to be stored after them.
    finishes: bool,
    wake: Arc<Notify>,
}

impl Queue {
    fn before(&self, number: u64) -> impl Iterator<Item = &Queued> {
        self.sends.iter().take_while(move |send| send.number < number)
    }

    fn send(&mut self, number: u64) -> Option<&mut Queued> {
        self.sends.iter_mut().find(|send| send.number == number)
    }

    /// The first that was not handed over looks again: before all that come after it.
    fn wake_next_out(&self) {
        if let Some(next) = self.sends.iter().find(|send| send.handed_to != Some(self.client)) {
            next.wake.notify_one();
        }
    }

    /// The first that waits to be stored looks again.
    fn wake_next_stored(&self) {
        if let Some(next) = self.sends.iter().find(|send| send.finishes) {
            next.wake.notify_one();
        }
    }
}

impl ChatOrder {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a new send may be stored: first come, first served, and not more than [`WINDOW`].
    pub(super) async fn enter(self: Arc<Self>) -> Entered {
        let entrance = Arc::clone(&self.entrance).lock_owned().await;
        // Nobody closes it.
        let room = Arc::clone(&self.room).acquire_owned().await.ok();
        Entered { order: self, room, _entrance: entrance }
    }

    /// The next place, for a send whose row is stored. `answered` is set when WhatsApp answers.
    pub(super) fn place(
        self: Arc<Self>,
        answered: Arc<AtomicBool>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Place {
        let wake = Arc::new(Notify::new());
        let number = {
            let mut queue = self.queue();
            queue.last += 1;
            let number = queue.last;
            let (answered, wake) = (Arc::clone(&answered), Arc::clone(&wake));
            queue.sends.push_back(Queued { number, handed_to: None, answered, finishes: false, wake });
            number
        };
        Place { order: self, number, answered, wake, _room: room }
    }
}

/// Who is next to store a send of the chat.
pub(super) struct Entered {
    order: Arc<ChatOrder>,
    room: Option<OwnedSemaphorePermit>,
    _entrance: OwnedMutexGuard<()>,
}

impl Entered {
    /// The row is stored: the send takes its place, and the next one may be stored.
    pub(super) fn stored(self, answered: Arc<AtomicBool>) -> Place {
        self.order.place(answered, self.room)
    }
}

/// The place of a send, until it is over.
pub(super) struct Place {
    order: Arc<ChatOrder>,
    number: u64,
    answered: Arc<AtomicBool>,
    wake: Arc<Notify>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Waits until every send before this one was handed to this client. Nobody after it is handed over until
    /// [`Self::handed_to`].
    pub(super) async fn turn(&self, client: u64) {
        loop {
            {
                let mut queue = self.order.queue();
                queue.client = queue.client.max(client);
                self.answered.store(false, Ordering::Release);
                if let Some(send) = queue.send(self.number) {
                    (send.handed_to, send.finishes) = (None, false);
                }
                queue.wake_next_stored();
                if queue.before(self.number).all(|send| send.handed_to == Some(client)) {
                    return;
                }
            }
            self.wake.notified().await;
        }
    }

    /// This client has it: the next one may follow.
    pub(super) fn handed_to(&self, client: u64) {
        let mut queue = self.order.queue();
        if let Some(send) = queue.send(self.number) {
            send.handed_to = Some(client);
        }
        queue.wake_next_out();
    }

    /// WhatsApp has answered. Waits until those before this one that the same client handed over are stored, too: WhatsApp
    /// answers in their order, but the client may tell of it in another one. What is not answered after [`PATIENCE`] is not waited
    /// for.
    pub(super) async fn stored_before(&self, client: u64) {
        let is_answered = |send: &Queued| send.answered.load(Ordering::Acquire);
        let all = self.none_before(|send| is_answered(send) || send.handed_to == Some(client));
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            self.none_before(is_answered).await;
        }
    }

    /// Waits until none of those before this one is such.
    async fn none_before(&self, is_such: impl Fn(&Queued) -> bool) {
        loop {
            {
                let mut queue = self.order.queue();
                if let Some(send) = queue.send(self.number) {
                    send.finishes = true;
                }
                if !queue.before(self.number).any(&is_such) {
                    return;
                }
            }
            self.wake.notified().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queue = self.order.queue();
        queue.sends.retain(|send| send.number != self.number);
        queue.wake_next_out();
        queue.wake_next_stored();
    }
}

#[cfg(test)]
mod tests;
