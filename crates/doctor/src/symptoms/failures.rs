//! Messages that could not be decrypted for another cause than a broken Signal session, cause by cause.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Class, Symptom, same_device};
use crate::address::Address;
use crate::state::{SessionState, SignalFacts};

/// Contacts that are told apart, of one cause.
const PEERS: usize = 20_000;
/// Messages that are told apart, of one cause; more make no difference.
const IDS: usize = 1_000;

/// Messages that failed for one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failures {
    /// The cause.
    pub class: Class,
    /// How many different messages; of a log that tells no ids, how many lines.
    pub messages: usize,
    /// Of how many contacts' devices, as far as the log tells them.
    pub contacts: usize,
    /// There may be more messages, or more contacts: not all were told apart.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// The last of them, milliseconds since 1970, where the log tells times.
    pub last_ms: Option<i64>,
    /// The contacts.
    #[serde(skip)]
    pub peers: BTreeSet<Address>,
}

/// Why messages of a class could not be decrypted, in words; `None` for what is no such class.
pub fn cause(class: Class) -> Option<&'static str> {
    Some(match class {
        Class::NoSession => "no session",
        Class::NoSenderKey => "no sender key",
        Class::InvalidPreKey => "a pre-key that is not here",
        Class::CounterRepeat => "a message key that was used before",
        Class::SenderKeyFormat => "a sender key of another Baileys version",
        Class::UnknownFailure => "a cause that is not known here",
        _ => return None,
    })
}

impl Failures {
    /// `6 messages of 1 contact: no session`
    pub fn describe(&self) -> String {
        format!("{}: {}", self.messages(), cause(self.class).unwrap_or_default())
    }

    /// `6 messages of 1 contact`
    pub(crate) fn messages(&self) -> String {
        let messages = counted(self.messages, self.at_least, "message");
        match self.contacts {
            0 => messages,
            contacts => format!("{messages} of {}", wakeeper_model::plural(contacts, "contact")),
        }
    }

    /// Whether every Signal session with these contacts was made or used after the last failure; where no contact is told,
    /// every session that is stored.
    pub(crate) fn healed(&self, state: &SessionState) -> bool {
        let Some(last) = self.last_ms else { return false };
        let later =
            |facts: &SignalFacts| facts.used > last || facts.open_created.is_some_and(|made| made > last);
        if self.peers.is_empty() {
            return !state.signal_sessions.is_empty() && state.signal_sessions.values().all(later);
        }
        let of = |peer: &Address| {
            let mut stored = state.signal_sessions.iter();
            stored.any(|(address, facts)| same_device(state, peer, address) && later(facts))
        };
        self.peers.iter().all(of)
    }

    /// Adds what another log says of the same cause.
    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.at_least |= other.at_least;
        self.last_ms = self.last_ms.max(other.last_ms);
        self.peers.extend(other.peers);
        self.contacts = self.peers.len();
    }
}

/// `6 messages`, or `at least 1000 messages` where not all were told apart.
pub(super) fn counted(count: usize, at_least: bool, word: &str) -> String {
    format!("{}{}", if at_least { "at least " } else { "" }, wakeeper_model::plural(count, word))
}

/// Adds an item to a set that holds so many at most. `false` when it would have been one more.
pub(super) fn insert_within<T: Ord>(most: usize, set: &mut BTreeSet<T>, item: T) -> bool {
    let known = set.len() < most || set.contains(&item);
    if known {
        set.insert(item);
    }
    known
}

/// Counts the messages of one cause.
#[derive(Debug, Default)]
pub(super) struct Kind {
    ids: BTreeSet<String>,
    /// There were more of them, or more contacts, than are told apart.
    more: bool,
    lines: usize,
    peers: BTreeSet<Address>,
    last_ms: Option<i64>,
}

impl Kind {
    pub(super) fn add(&mut self, symptom: &Symptom) {
        match &symptom.message_id {
            Some(id) => self.more |= !insert_within(IDS, &mut self.ids, id.clone()),
            None => self.lines += 1,
        }
        if let Some(peer) = &symptom.peer {
            self.more |= !insert_within(PEERS, &mut self.peers, peer.clone());
        }
        self.last_ms = self.last_ms.max(symptom.at_ms);
    }

    /// What was counted, without the messages that others tell a better cause of.
    pub(super) fn failures(self, class: Class, is_told: impl Fn(&str) -> bool) -> Option<Failures> {
        let own = self.ids.iter().filter(|id| !is_told(id)).count();
        // One message is told in several lines, of which some have no id.
        let messages = if self.ids.is_empty() { self.lines } else { own };
        (messages > 0).then_some(Failures {
            class,
            messages,
            contacts: self.peers.len(),
            at_least: self.more,
            last_ms: self.last_ms,
            peers: self.peers,
        })
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.ids.contains(id)
    }
}
