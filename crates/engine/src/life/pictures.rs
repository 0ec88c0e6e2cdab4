//! Where pictures of chats can be fetched: remembered for a day, because lists of chats ask for many. In memory alone.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wakeeper_model::ChatId;

/// How long an answer of WhatsApp's is good, in milliseconds. The addresses are good for some days.
const GOOD_MS: i64 = 24 * 60 * 60 * 1_000;
/// How long WhatsApp is not asked again for the picture of a chat after it gave no answer, in milliseconds.
const FAILED_MS: i64 = 60 * 1_000;
/// Chats that are remembered; the one that was asked for first goes first.
const MOST_CHATS: usize = 10_000;

struct Known {
    url: Option<String>,
    alt: Option<ChatId>,
    at_ms: i64,
}

#[derive(Default)]
struct Kept {
    /// When WhatsApp was asked in vain.
    failed: HashMap<ChatId, i64>,
    chats: HashMap<ChatId, Known>,
    order: VecDeque<ChatId>,
}

/// The addresses of one session.
#[derive(Default)]
pub(crate) struct Pictures {
    kept: Mutex<Kept>,
}

impl Pictures {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What WhatsApp answered within the last day: `Some(None)` when it shows no picture.
    #[expect(clippy::option_option, reason = "that there is no picture is an answer, too")]
    pub(crate) fn get(&self, chat: &ChatId, now_ms: i64) -> Option<Option<String>> {
        let kept = self.kept();
        let known = kept.chats.get(chat)?;
        (now_ms.saturating_sub(known.at_ms) < GOOD_MS).then(|| known.url.clone())
    }

    /// Remembers what WhatsApp answered for a chat, whose other name is `alt`.
    pub(crate) fn keep(&self, chat: ChatId, alt: Option<ChatId>, url: Option<String>, now_ms: i64) {
        let mut kept = self.kept();
        if kept.chats.insert(chat.clone(), Known { url, alt, at_ms: now_ms }).is_none() {
            kept.order.push_back(chat);
        }
        while kept.order.len() > MOST_CHATS {
            let oldest = kept.order.pop_front();
            oldest.and_then(|oldest| kept.chats.remove(&oldest));
        }
    }

    /// WhatsApp gave no answer for a chat.
    pub(crate) fn failed(&self, chat: ChatId, now_ms: i64) {
        let mut kept = self.kept();
        if kept.failed.len() >= MOST_CHATS {
            kept.failed.clear();
        }
        kept.failed.insert(chat, now_ms);
    }

    /// Whether WhatsApp gave no answer for a chat within the last minute.
    pub(crate) fn has_failed(&self, chat: &ChatId, now_ms: i64) -> bool {
        self.kept().failed.get(chat).is_some_and(|at_ms| now_ms.saturating_sub(*at_ms) < FAILED_MS)
    }

    /// Another account sees other pictures.
    pub(crate) fn clear(&self) {
        *self.kept() = Kept::default();
    }

    /// A picture changed: WhatsApp is asked anew.
    pub(crate) fn forget(&self, chat: &ChatId) {
        let mut kept = self.kept();
        let Kept { chats, order, failed } = &mut *kept;
        failed.remove(chat);
        chats.retain(|id, known| id != chat && known.alt.as_ref() != Some(chat));
        order.retain(|id| chats.contains_key(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_good_for_a_day_and_until_the_picture_changes() {
        let pictures = Pictures::default();
        let (chat, lid): (ChatId, ChatId) = ("491701000001@c.us".parse().unwrap(), "77@lid".parse().unwrap());
        assert_eq!(pictures.get(&chat, 0), None);
        pictures.keep(chat.clone(), Some(lid.clone()), Some("a".to_owned()), 0);
        assert_eq!(pictures.get(&chat, GOOD_MS - 1), Some(Some("a".to_owned())));
        assert_eq!(pictures.get(&chat, GOOD_MS), None);
        pictures.forget(&lid);
        assert_eq!(pictures.get(&chat, 1), None, "it changed under the other name");
        pictures.keep(chat.clone(), None, None, 5);
        assert_eq!(pictures.get(&chat, 6), Some(None), "that there is none is remembered as well");
    }

    #[test]
    fn a_failure_is_remembered_for_a_minute() {
        let pictures = Pictures::default();
        let chat: ChatId = "491701000001@c.us".parse().unwrap();
        pictures.failed(chat.clone(), 5);
        assert!(pictures.has_failed(&chat, 4 + FAILED_MS) && !pictures.has_failed(&chat, 5 + FAILED_MS));
        pictures.keep(chat.clone(), None, None, 5);
        pictures.clear();
        assert_eq!((pictures.get(&chat, 6), pictures.has_failed(&chat, 6)), (None, false), "another account");
    }

    #[test]
    fn no_more_than_so_many_are_remembered() {
        let pictures = Pictures::default();
        let chat = |n: usize| format!("{}@c.us", 1_000_000 + n).parse::<ChatId>().unwrap();
        for n in 0..=MOST_CHATS {
            pictures.keep(chat(n), None, None, 0);
        }
        assert_eq!((pictures.get(&chat(0), 0), pictures.get(&chat(1), 0)), (None, Some(None)));
    }
}
