//! What was seen of people, who is there and who is writing, and what is shown of this account. Kept in memory alone, because it is old news after a restart.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wakeeper_model::ChatId;
use wakeeper_waha::{ChatPresences, OwnPresence, Presence, PresenceData};

/// Chats that are remembered; the one that was heard of first goes first.
const MOST_CHATS: usize = 1_000;
/// People who are remembered of one group.
const MOST_MEMBERS: usize = 1_024;

#[derive(Default)]
struct Seen {
    chats: HashMap<ChatId, BTreeMap<ChatId, PresenceData>>,
    order: VecDeque<ChatId>,
}

/// What was seen of people in the chats of one session.
#[derive(Default)]
pub(crate) struct Presences {
    seen: Mutex<Seen>,
    changed: Notify,
    /// This account is shown as offline, though it is connected.
    hidden: AtomicBool,
}

impl Presences {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this account is shown as while it is connected. The client says "online" at each login.
    pub(crate) fn own(&self) -> OwnPresence {
        if self.hidden.load(Ordering::Acquire) { OwnPresence::Offline } else { OwnPresence::Online }
    }

    pub(crate) fn set_own(&self, presence: OwnPresence) {
        self.hidden.store(presence == OwnPresence::Offline, Ordering::Release);
    }

    /// Notes what somebody was seen doing; answers what is known of them now.
    pub(crate) fn note(
        &self,
        chat: ChatId,
        who: ChatId,
        presence: Presence,
        last_seen: Option<i64>,
    ) -> PresenceData {
        let data = {
            let mut seen = self.seen();
            if !seen.chats.contains_key(&chat) {
                seen.order.push_back(chat.clone());
            }
            while seen.order.len() > MOST_CHATS {
                let oldest = seen.order.pop_front();
                oldest.and_then(|oldest| seen.chats.remove(&oldest));
            }
            let people = seen.chats.entry(chat).or_default();
            let before = people.get(&who).and_then(|before| before.last_seen);
            if people.len() >= MOST_MEMBERS && !people.contains_key(&who) {
                people.pop_first();
            }
            let last_seen = last_seen.or(before);
            let data = PresenceData { participant: who.clone(), last_seen, last_known_presence: presence };
            people.insert(who, data.clone());
            data
        };
        self.changed.notify_waiters();
        data
    }

    /// What was seen in a chat.
    pub(crate) fn of(&self, chat: &ChatId) -> ChatPresences {
        let seen = self.seen();
        let presences = seen.chats.get(chat).map(|people| people.values().cloned().collect());
        ChatPresences { id: chat.clone(), presences: presences.unwrap_or_default() }
    }

    /// What was seen in every chat, in the order of their ids.
    pub(crate) fn all(&self) -> Vec<ChatPresences> {
        let mut chats: Vec<ChatId> = self.seen().order.iter().cloned().collect();
        chats.sort_unstable();
        chats.iter().map(|chat| self.of(chat)).collect()
    }

    /// Waits until something was seen in a chat.
    pub(crate) async fn until_seen(&self, chat: &ChatId) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Heard of from here on, so that nothing is missed between the look and the wait.
            changed.as_mut().enable();
            if self.seen().chats.contains_key(chat) {
                return;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(text: &str) -> ChatId {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn the_newest_of_each_person_is_kept() {
        let (presences, ann) = (Presences::default(), chat("628111@c.us"));
        let _ = presences.note(ann.clone(), ann.clone(), Presence::Offline, Some(7));
        let known = presences.note(ann.clone(), ann.clone(), Presence::Typing, None);
        assert_eq!(known.last_seen, Some(7));
        let seen = presences.of(&ann);
        assert_eq!(seen.presences.len(), 1);
        assert_eq!(
            (seen.presences[0].last_known_presence, seen.presences[0].last_seen),
            (Presence::Typing, Some(7))
        );
        presences.until_seen(&ann).await;
        assert!(presences.of(&chat("628222@c.us")).presences.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let presences = Presences::default();
        for number in 0..MOST_CHATS + 10 {
            let who = chat(&format!("{}@c.us", 628_000_000 + number));
            presences.note(who.clone(), who, Presence::Online, None);
        }
        assert_eq!(presences.all().len(), MOST_CHATS);
        let group = chat("120363@g.us");
        for number in 0..MOST_MEMBERS + 10 {
            presences.note(
                group.clone(),
                chat(&format!("{}@c.us", 628_000_000 + number)),
                Presence::Typing,
                None,
            );
        }
        assert_eq!(presences.of(&group).presences.len(), MOST_MEMBERS);
    }
}
