//! Counts messages that fail, contact by contact and within bounds: one bad message prints up to forty stack traces
//! and is sent again up to five times, and a bad night prints a hundred thousand lines.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wakeeper_doctor::address::Address;
use wakeeper_doctor::symptoms::{Class, PeerFailures, Symptom};

use crate::rules::{Rules, ms};

/// Failures without a message id that are closer together are one message, tried again.
const SAME_MESSAGE_MS: i64 = 2_000;
/// Messages remembered for one contact; more make no difference.
const MESSAGES: usize = 64;
/// Contacts remembered; beyond it those that failed longest ago are forgotten.
const PEERS: usize = 512;
/// Times remembered for the session as a whole.
const TIMES: usize = 4096;

/// What a symptom weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The Signal session with the contact does not work.
    Strong,
    /// A message was not decrypted, for a reason that usually heals.
    Weak,
}

pub(crate) fn weight(class: Class) -> Option<Weight> {
    if class.is_session_failure() {
        return Some(Weight::Strong);
    }
    match class {
        Class::NoSession | Class::NoSenderKey | Class::InvalidPreKey | Class::SenderKeyFormat => {
            Some(Weight::Weak)
        }
        _ => None,
    }
}

/// One message that failed.
#[derive(Debug)]
struct Failure {
    /// Absent where the log does not tell it.
    id: Option<String>,
    at_ms: i64,
    weight: Weight,
}

#[derive(Debug, Default)]
struct PeerTally {
    messages: VecDeque<Failure>,
    /// How many of them fail because of the Signal session.
    strong: usize,
    classes: BTreeSet<Class>,
    last_ms: i64,
}

impl PeerTally {
    /// Adds a failure; whether it is a message not seen before.
    fn add(&mut self, id: Option<&str>, class: Class, weight: Weight, at_ms: i64) -> bool {
        self.classes.insert(class);
        self.last_ms = self.last_ms.max(at_ms);
        let known = match id {
            Some(id) => self.messages.iter_mut().find(|failure| failure.id.as_deref() == Some(id)),
            // Console lines of libsignal tell no id; they and the line with the id speak of the same message.
            None => {
                self.messages.iter_mut().rfind(|failure| (at_ms - failure.at_ms).abs() <= SAME_MESSAGE_MS)
            }
        };
        if let Some(failure) = known {
            if weight == Weight::Strong && failure.weight == Weight::Weak {
                failure.weight = Weight::Strong;
                self.strong += 1;
            }
            return false;
        }
        if let (Some(id), Some(nameless)) = (id, self.nameless(at_ms)) {
            nameless.id = Some(id.to_owned());
            return false;
        }
        if self.messages.len() == MESSAGES {
            self.messages.pop_front();
            self.count();
        }
        self.strong += usize::from(weight == Weight::Strong);
        self.messages.push_back(Failure { id: id.map(str::to_owned), at_ms, weight });
        true
    }

    /// A failure that was just seen and has no id yet.
    fn nameless(&mut self, at_ms: i64) -> Option<&mut Failure> {
        self.messages
            .iter_mut()
            .rfind(|failure| failure.id.is_none() && (at_ms - failure.at_ms).abs() <= SAME_MESSAGE_MS)
    }

    fn count(&mut self) {
        self.strong = self.messages.iter().filter(|failure| failure.weight == Weight::Strong).count();
    }
}

/// All contacts of a session.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    peers: BTreeMap<Option<Address>, PeerTally>,
    times: VecDeque<i64>,
    /// When the gateway has asked for the last of them again, at the pace of [`Rules::asking_ms`].
    asked_ms: Option<i64>,
}

impl Tally {
    /// Adds a symptom; whether it tells of a message not seen before. Of the session's messages those count that are
    /// within [`Rules::session_window`] of each other by the log's own time: what is read late, and all at once, did not happen at once.
    pub(crate) fn add(&mut self, symptom: &Symptom, at_ms: i64, rules: &Rules) -> bool {
        let Some(weight) = weight(symptom.class) else { return false };
        let id = symptom.message_id.as_deref();
        // One attempt prints an error for every stored session; the line before them counts for all.
        let repeats = id.is_none() && weight == Weight::Strong && symptom.class != Class::AttemptFailed;
        if repeats && let Some(peer) = self.peers.get_mut(&symptom.peer) {
            peer.classes.insert(symptom.class);
            peer.last_ms = peer.last_ms.max(at_ms);
            return false;
        }
        self.make_room(&symptom.peer);
        let peer = self.peers.entry(symptom.peer.clone()).or_default();
        let new = peer.add(id, symptom.class, weight, at_ms);
        if new {
            if self.times.len() == TIMES {
                self.times.pop_front();
            }
            self.times.push_back(at_ms);
            self.times.retain(|at| *at > at_ms - ms(rules.session_window));
            let begins_ms = self.asked_ms.map_or(at_ms, |asked| asked.max(at_ms));
            self.asked_ms = Some(begins_ms.saturating_add(rules.asking_ms()));
        }
        new
    }

    #[expect(clippy::ref_option, reason = "the key of the map")]
    fn make_room(&mut self, coming: &Option<Address>) {
        if self.peers.len() < PEERS || self.peers.contains_key(coming) {
            return;
        }
        let oldest =
            self.peers.iter().min_by_key(|(_, peer)| peer.last_ms).map(|(address, _)| address.clone());
        if let Some(oldest) = oldest {
            self.peers.remove(&oldest);
        }
    }

    /// Forgets what is older.
    pub(crate) fn prune(&mut self, peers_since_ms: i64, times_since_ms: i64) {
        self.peers.retain(|_, peer| {
            peer.messages.retain(|failure| failure.at_ms >= peers_since_ms);
            peer.count();
            !peer.messages.is_empty()
        });
        self.times.retain(|at| *at >= times_since_ms);
    }

    /// Forgets a contact: it healed, or was repaired.
    pub(crate) fn forget(&mut self, peer: &Address) {
        self.peers.remove(&Some(peer.clone()));
    }

    /// Counts the session's messages anew, and forgets contacts whose failures usually heal.
    pub(crate) fn begin_anew(&mut self) {
        self.times.clear();
        self.peers.retain(|_, peer| peer.strong > 0);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Messages of all contacts within the pruned time.
    pub(crate) fn recent(&self) -> usize {
        self.times.len()
    }

    /// Contacts with so many messages that fail because of the Signal session, and what is known of them.
    pub(crate) fn peer_failures(&self, at_least: usize) -> Vec<PeerFailures> {
        let trouble = |(address, peer): (&Option<Address>, &PeerTally)| {
            Some(PeerFailures {
                peer: address.clone()?,
                messages: peer.strong,
                at_least: peer.messages.len() == MESSAGES,
                last_ms: Some(peer.last_ms),
                classes: peer.classes.iter().copied().collect(),
            })
        };
        let over = self.peers.iter().filter(|(_, peer)| peer.strong >= at_least.max(1));
        over.filter_map(trouble).collect()
    }

    /// A message failed in this way.
    pub(crate) fn saw(&self, class: Class) -> bool {
        self.peers.values().any(|peer| peer.classes.contains(&class))
    }

    /// When the retry handshakes of all messages that failed are over, if any did.
    pub(crate) fn handshakes_end_ms(&self, rules: &Rules) -> Option<i64> {
        let newest_ms = self.newest_ms()?;
        let asked_ms = self.asked_ms.map_or(newest_ms, |asked| asked.min(newest_ms + rules.most_asking_ms()));
        Some(rules.handshake_ends_ms(newest_ms, asked_ms))
    }

    /// When the last of the remembered messages failed for the first time.
    fn newest_ms(&self) -> Option<i64> {
        self.peers.values().filter_map(|peer| peer.messages.back()).map(|failure| failure.at_ms).max()
    }

    /// No message failed, in whichever way.
    pub(crate) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }
}
