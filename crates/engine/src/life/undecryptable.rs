//! Messages that could not be read, until they arrive again.
//!
//! Of one sender only so many are remembered one by one; what comes beyond that is counted, so that a contact whose every
//! message fails takes no room of others.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wakeeper_waha::{Undecryptable as Told, UndecryptableReason};
use whatsapp_rust::Jid;

use crate::address;

/// Messages that are remembered of one sender.
const OF_ONE: usize = 100;
/// Senders of whom messages are remembered; those of others are counted together.
const SENDERS: usize = 1_000;

/// What became known of a message that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is remembered, for the first time.
    New,
    /// It failed before.
    Again,
    /// There are too many: it is only counted.
    Beyond,
}

/// A message that could not be read.
pub(crate) struct Failed<'a> {
    /// Who sent it, without the device.
    pub sender: &'a str,
    /// The chat that it came in.
    pub chat: &'a str,
    /// Its stanza id.
    pub id: &'a str,
    /// Why it could not be read.
    pub reason: UndecryptableReason,
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
}

struct Entry {
    chat: String,
    reason: UndecryptableReason,
    times: u32,
    first_ms: i64,
    last_ms: i64,
}

#[derive(Default)]
struct Inner {
    senders: HashMap<String, BTreeMap<String, Entry>>,
    remembered: u64,
    beyond: u64,
}

/// Those of one session.
#[derive(Default)]
pub(crate) struct Undecryptable(Mutex<Inner>);

impl Undecryptable {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message could not be read.
    pub(crate) fn failed(&self, failed: &Failed<'_>) -> Known {
        let mut inner = self.inner();
        let is_full = inner.senders.len() >= SENDERS && !inner.senders.contains_key(failed.sender);
        let Inner { senders, remembered, beyond } = &mut *inner;
        if is_full {
            *beyond += 1;
            return Known::Beyond;
        }
        let all = senders.entry(failed.sender.to_owned()).or_default();
        if let Some(entry) = all.get_mut(failed.id) {
            (entry.times, entry.last_ms) = (entry.times.saturating_add(1), failed.now_ms);
            return Known::Again;
        }
        if all.len() >= OF_ONE {
            *beyond += 1;
            return Known::Beyond;
        }
        let entry = Entry {
            chat: failed.chat.to_owned(),
            reason: failed.reason,
            times: 1,
            first_ms: failed.now_ms,
            last_ms: failed.now_ms,
        };
        all.insert(failed.id.to_owned(), entry);
        *remembered += 1;
        Known::New
    }

    /// A message arrived. Answers whether it could not be read before.
    pub(crate) fn arrived(&self, sender: &str, id: &str) -> bool {
        let mut inner = self.inner();
        let Some(all) = inner.senders.get_mut(sender) else { return false };
        if all.remove(id).is_none() {
            return false;
        }
        if all.is_empty() {
            inner.senders.remove(sender);
        }
        inner.remembered -= 1;
        true
    }

    /// How many did not arrive again so far; those beyond what is remembered count for as long as the process runs.
    pub(crate) fn waiting(&self) -> u64 {
        let inner = self.inner();
        inner.remembered + inner.beyond
    }

    /// How many of them are remembered. Only these can be seen to arrive: those beyond never leave the count.
    pub(crate) fn remembered(&self) -> u64 {
        self.inner().remembered
    }

    /// Those that are remembered, the newest first.
    pub(crate) fn list(&self, most: usize) -> Vec<Told> {
        let inner = self.inner();
        let of = |(sender, all): (&String, &BTreeMap<String, Entry>)| {
            let sender = shown(sender);
            let told = move |(id, entry): (&String, &Entry)| Told {
                id: id.clone(),
                chat: shown(&entry.chat),
                sender: sender.clone(),
                reason: entry.reason,
                times: entry.times,
                first_at: entry.first_ms,
                last_at: entry.last_ms,
            };
            all.iter().map(told).collect::<Vec<_>>()
        };
        let mut list: Vec<Told> = inner.senders.iter().flat_map(of).collect();
        drop(inner);
        list.sort_by(|a, b| b.first_at.cmp(&a.first_at).then_with(|| a.id.cmp(&b.id)));
        list.truncate(most);
        list
    }
}

/// An address as callers know it.
fn shown(wire: &str) -> String {
    let known = wire.parse::<Jid>().ok().and_then(|jid| address::chat_id(&jid));
    known.map_or_else(|| wire.to_owned(), |id| id.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(all: &Undecryptable, sender: &str, id: &str, now_ms: i64) -> Known {
        let reason = UndecryptableReason::NotDecrypted;
        all.failed(&Failed { sender, chat: "chat", id, reason, now_ms })
    }

    #[test]
    fn a_message_waits_until_it_arrives() {
        let all = Undecryptable::default();
        assert_eq!(fails(&all, "628111@s.whatsapp.net", "A", 5), Known::New);
        assert_eq!(fails(&all, "628111@s.whatsapp.net", "A", 9), Known::Again);
        assert_eq!(fails(&all, "628222@s.whatsapp.net", "A", 7), Known::New);
        assert_eq!(all.waiting(), 2);
        let list = all.list(9);
        let told: Vec<_> = list.iter().map(|one| (one.sender.as_str(), one.times, one.last_at)).collect();
        assert_eq!(told, [("628222@c.us", 1, 7), ("628111@c.us", 2, 9)]);
        assert_eq!(all.list(1).len(), 1);
        assert!(
            all.arrived("628111@s.whatsapp.net", "A")
                && !all.arrived("628111@s.whatsapp.net", "A")
                && !all.arrived("eve", "A")
        );
        assert_eq!(all.waiting(), 1);
    }

    #[test]
    fn after_a_flood_what_is_remembered_still_tells_the_first_and_the_last() {
        let all = Undecryptable::default();
        let sender = "628111@s.whatsapp.net";
        for number in 0..=OF_ONE {
            fails(&all, sender, &format!("id {number}"), 1);
        }
        assert_eq!((all.waiting(), all.remembered()), (OF_ONE as u64 + 1, OF_ONE as u64));
        for number in 0..OF_ONE {
            assert!(all.arrived(sender, &format!("id {number}")));
        }
        assert_eq!((all.waiting(), all.remembered()), (1, 0), "all that can be seen to arrive have arrived");
        assert_eq!((fails(&all, sender, "later", 2), all.remembered()), (Known::New, 1), "the first again");
    }

    #[test]
    fn a_flood_is_counted_and_takes_a_bounded_room() {
        let all = Undecryptable::default();
        for number in 0..10_000 {
            fails(&all, "628111@s.whatsapp.net", &format!("id {number}"), number);
        }
        assert_eq!((all.waiting(), all.list(usize::MAX).len()), (10_000, OF_ONE));
        assert_eq!(fails(&all, "628222@s.whatsapp.net", "B", 1), Known::New, "others have their own room");
        for number in 0..10_000 {
            fails(&all, &format!("sender {number}"), "A", 2);
        }
        assert_eq!(all.waiting(), 20_001);
        assert_eq!(all.inner().senders.len(), SENDERS);
    }
}
