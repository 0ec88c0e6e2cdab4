//! What a whole log says of a session, in bounded memory: contact by contact, and what it does not say of whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::Read;

use serde::Serialize;
use wakeeper_model::time::rfc3339;

use super::failures::{Failures, Kind, counted, insert_within};
use super::summary::{Seen, seen};
use super::{Class, PeerFailures, Reading, Symptom, cause, scan_each, word};
use crate::address::Address;

/// Contacts that are told apart; what comes of others counts as of nobody.
const PEERS: usize = 20_000;
/// Messages of one contact that are told apart; more make no difference.
const IDS: usize = 1_000;

/// Messages that failed, and the log does not say whose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unattributed {
    /// How many.
    pub messages: usize,
    /// There may be more: not all were told apart.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// The last failure, milliseconds since 1970, where the log tells times.
    pub last_ms: Option<i64>,
}

/// What one log, or several of a session, say.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LogFacts {
    /// What was read: files, standard input, a container's log.
    pub sources: Vec<String>,
    /// How much of it, and how much was understood.
    #[serde(flatten)]
    pub reading: Reading,
    /// Messages that failed, and nobody knows whose.
    pub unattributed: Option<Unattributed>,
    /// Messages that failed for other causes than a broken Signal session.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failures>,
    /// A person named the log, so that something is expected of it.
    #[serde(skip)]
    pub named: bool,
    /// The classes of what was seen.
    #[serde(skip)]
    pub seen: Vec<Seen>,
    /// Contacts whose messages fail.
    #[serde(skip)]
    pub peer_failures: Vec<PeerFailures>,
    /// There may be more such contacts: not all were told apart.
    #[serde(skip)]
    pub more_peers: bool,
}

impl Unattributed {
    /// `1 message`, `at least 1000 messages`
    pub(crate) fn describe(&self) -> String {
        counted(self.messages, self.at_least, "message")
    }
}

#[derive(Debug, Default)]
struct Tally {
    ids: BTreeSet<String>,
    /// There were more ids than are told apart.
    more: bool,
    attempts: usize,
    last_ms: Option<i64>,
    classes: BTreeSet<Class>,
}

impl Tally {
    fn add(&mut self, symptom: &Symptom) {
        if let Some(id) = symptom.message_id.as_deref().filter(|id| !self.ids.contains(*id)) {
            self.more |= !insert_within(IDS, &mut self.ids, id.to_owned());
        }
        // One failed message prints one such line, and many others: the others are not counted.
        self.attempts += usize::from(symptom.class == Class::AttemptFailed);
        self.last_ms = self.last_ms.max(symptom.at_ms);
        self.classes.insert(symptom.class);
    }

    fn messages(&self) -> usize {
        if self.ids.is_empty() { self.attempts.max(1) } else { self.ids.len() }
    }
}

/// Takes symptoms in, one by one.
#[derive(Debug, Default)]
pub struct Digest {
    classes: BTreeMap<Class, usize>,
    peers: BTreeMap<Address, Tally>,
    /// There were more contacts than are told apart.
    more_peers: bool,
    nobody: Option<Tally>,
    kinds: BTreeMap<Class, Kind>,
}

impl Digest {
    /// Takes one in.
    pub fn add(&mut self, symptom: &Symptom) {
        *self.classes.entry(symptom.class).or_default() += 1;
        if cause(symptom.class).is_some() {
            self.kinds.entry(symptom.class).or_default().add(symptom);
        }
        if !symptom.class.is_session_failure() {
            return;
        }
        match &symptom.peer {
            Some(peer) if self.peers.len() < PEERS || self.peers.contains_key(peer) => {
                self.peers.entry(peer.clone()).or_default().add(symptom);
            }
            peer => {
                self.more_peers |= peer.is_some();
                self.nobody.get_or_insert_default().add(symptom);
            }
        }
    }

    /// What they say together.
    pub fn facts(mut self, source: String, reading: Reading) -> LogFacts {
        let unattributed = self.unattributed();
        let other_failures = self.failures();
        let failures = |(peer, tally): (Address, Tally)| PeerFailures {
            peer,
            messages: tally.messages(),
            at_least: tally.more,
            last_ms: tally.last_ms,
            classes: tally.classes.into_iter().collect(),
        };
        LogFacts {
            sources: vec![source],
            reading,
            unattributed,
            failures: other_failures,
            named: false,
            seen: seen(self.classes),
            peer_failures: self.peers.into_iter().map(failures).collect(),
            more_peers: self.more_peers,
        }
    }

    /// What failed for other causes. A message that one line tells the cause of is not one of unknown cause.
    fn failures(&mut self) -> Vec<Failures> {
        let unknown = self.kinds.remove(&Class::UnknownFailure);
        let is_told = |id: &str| {
            let tallies = self.peers.values().chain(&self.nobody);
            tallies.map(|tally| &tally.ids).any(|ids| ids.contains(id))
                || self.kinds.values().any(|kind| kind.holds(id))
        };
        let unknown = unknown.and_then(|kind| kind.failures(Class::UnknownFailure, is_told));
        let known = std::mem::take(&mut self.kinds).into_iter();
        known.filter_map(|(class, kind)| kind.failures(class, |_| false)).chain(unknown).collect()
    }

    /// One message is told in several ways: where one of them names the contact, the others need not.
    fn unattributed(&self) -> Option<Unattributed> {
        let nobody = self.nobody.as_ref()?;
        let told = |id: &&String| self.peers.values().any(|peer| peer.ids.contains(*id));
        let ids = nobody.ids.iter().filter(|id| !told(id)).count();
        // Lines without a stack repeat what others count.
        let lone = usize::from(nobody.attempts == 0 && nobody.ids.is_empty() && self.peers.is_empty());
        let messages = ids.max(nobody.attempts).max(lone);
        (messages > 0).then_some(Unattributed { messages, at_least: nobody.more, last_ms: nobody.last_ms })
    }
}

impl LogFacts {
    /// Adds what another log of the same session says.
    pub fn add(&mut self, other: Self) {
        self.sources.extend(other.sources);
        self.reading.add(other.reading);
        self.more_peers |= other.more_peers;
        let mut classes: BTreeMap<Class, usize> =
            self.seen.iter().map(|seen| (seen.class, seen.lines)).collect();
        for more in &other.seen {
            *classes.entry(more.class).or_default() += more.lines;
        }
        self.seen = seen(classes);
        for more in other.peer_failures {
            match self.peer_failures.iter_mut().find(|known| known.peer == more.peer) {
                Some(known) => known.add(more),
                None => self.peer_failures.push(more),
            }
        }
        for more in other.failures {
            match self.failures.iter_mut().find(|known| known.class == more.class) {
                Some(known) => known.add(more),
                None => self.failures.push(more),
            }
        }
        self.unattributed = match (self.unattributed.take(), other.unattributed) {
            (Some(one), Some(other)) => Some(Unattributed {
                messages: one.messages + other.messages,
                at_least: one.at_least || other.at_least,
                last_ms: one.last_ms.max(other.last_ms),
            }),
            (one, other) => one.or(other),
        };
    }

    /// What it shows of the session, a line each, for people.
    pub fn told(&self) -> Vec<String> {
        let seen = self.seen.iter().filter_map(|seen| {
            let meaning = seen.meaning?;
            Some(format!("{} × {}: {meaning}", seen.lines, word(seen.class)))
        });
        let failing = (!self.peer_failures.is_empty()).then(|| {
            let failing = counted(self.peer_failures.len(), self.more_peers, "contact device");
            format!("messages of {failing} could not be decrypted (Bad MAC)")
        });
        seen.chain(failing).chain(self.failures.iter().map(Failures::describe)).collect()
    }

    /// What was read, in one line for people.
    pub fn describe(&self) -> String {
        let reading = &self.reading;
        let lines = if reading.lines == 1 { "1 line".to_owned() } else { format!("{} lines", reading.lines) };
        let mut text = format!("{}: {lines}, {} understood", self.sources.join(", "), reading.understood);
        match (reading.from_ms, reading.to_ms) {
            (Some(from), Some(to)) => {
                let _ = write!(text, ", from {} to {}", second(from), second(to));
            }
            _ if reading.lines > 0 => text.push_str(", without times"),
            _ => {}
        }
        let names = reading.stored.iter().map(|stored| stored.name());
        let names: Vec<_> = names.chain(reading.layouts.iter().map(|layout| layout.name())).collect();
        if !names.is_empty() {
            let _ = write!(text, " ({})", names.join(", "));
        }
        if reading.zone_assumed {
            text.push_str("; times without a zone are taken as UTC");
        }
        if let Some(unattributed) = &self.unattributed {
            let messages = unattributed.describe();
            let _ = write!(text, "; {messages} failed and the log does not say whose");
        }
        if let Some(why) = &reading.broke_off {
            let _ = write!(text, "; not all of it was read: {why}");
        }
        text
    }

    /// Nothing in it happened after this: failures without a time are taken to be as late as that.
    pub fn not_after(&mut self, ms: i64) {
        let untimed = self.peer_failures.iter_mut().map(|failures| &mut failures.last_ms);
        let of_nobody = self.unattributed.iter_mut().map(|failures| &mut failures.last_ms);
        let of_causes = self.failures.iter_mut().map(|failures| &mut failures.last_ms);
        untimed.chain(of_nobody).chain(of_causes).for_each(|last| {
            last.get_or_insert(ms);
        });
    }
}

/// `2026-11-27 10:00:00Z` of milliseconds since 1970.
fn second(ms: i64) -> String {
    let text = rfc3339(ms.saturating_mul(1_000_000));
    text.get(..19).map_or_else(|| text.clone(), |text| text.replace('T', " ") + "Z")
}

/// Reads a whole log.
///
/// # Errors
/// When it cannot be read, or is no kind of file that is.
pub fn read_log(reader: impl Read, source: String, now_ms: Option<i64>) -> std::io::Result<LogFacts> {
    let mut digest = Digest::default();
    let reading = scan_each(reader, now_ms, |symptom| digest.add(&symptom))?;
    Ok(digest.facts(source, reading))
}

/// Summarises symptoms contact by contact.
pub fn peer_failures(symptoms: &[Symptom]) -> Vec<PeerFailures> {
    let mut digest = Digest::default();
    for symptom in symptoms {
        digest.add(symptom);
    }
    digest.facts(String::new(), Reading::default()).peer_failures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(log: &str) -> LogFacts {
        read_log(log.as_bytes(), "log".to_owned(), None).unwrap()
    }

    const ATTEMPT: &str = "Failed to decrypt message with any known session...\nSession error:Error: Bad MAC Error: Bad MAC\n    \
        at Object.verifyMAC (/snapshot/dist/index.js)\n";

    fn told(id: &str) -> String {
        format!(
            "{{\"key\":{{\"remoteJid\":\"628111:2@s.whatsapp.net\",\"id\":\"{id}\"}},\
             \"err\":{{\"message\":\"No matching sessions found for message\"}}}}\n"
        )
    }

    #[test]
    fn what_names_nobody_is_counted_by_messages() {
        assert_eq!(facts(&ATTEMPT.repeat(4)).unattributed.unwrap().messages, 4);
        assert_eq!(facts("Error: Bad MAC\n").unattributed.unwrap().messages, 1);
        assert_eq!(facts("ready\n").unattributed, None);
    }

    #[test]
    fn a_line_that_names_the_contact_tells_it_for_those_before() {
        let log: String = (0..4).map(|n| ATTEMPT.to_owned() + &told(&format!("3EB0A{n}"))).collect();
        let facts = facts(&log);
        assert_eq!(facts.unattributed, None);
        assert_eq!(facts.peer_failures.len(), 1);
        assert_eq!(facts.peer_failures[0].messages, 4);
    }

    #[test]
    fn a_stub_of_a_message_that_is_known_is_not_counted_again() {
        let stub = |id: &str| {
            format!(
                "{{\"messages\":[{{\"key\":{{\"remoteJid\":\"628111@s.whatsapp.net\",\"id\":\"{id}\"}},\"messageStubParameters\":[\"Bad MAC\"]}}]}}\n"
            )
        };
        assert_eq!(facts(&(told("3EB0AAAA") + &stub("3EB0AAAA"))).unattributed, None);
        assert_eq!(facts(&(told("3EB0AAAA") + &stub("3EB0BBBB"))).unattributed.unwrap().messages, 1);
    }

    #[test]
    fn contacts_and_messages_are_bounded() {
        let mut digest = Digest::default();
        let symptom = |peer: u64, id: usize| Symptom {
            class: Class::BadMac,
            peer: Address::from_any(&peer.to_string()),
            message_id: Some(format!("{id:09}")),
            at_ms: None,
            status: None,
        };
        (0..PEERS as u64 + 9).for_each(|peer| digest.add(&symptom(10_000_000 + peer, peer as usize)));
        (0..2 * IDS).for_each(|id| digest.add(&symptom(10_000_000, id)));
        let facts = digest.facts(String::new(), Reading::default());
        assert_eq!(facts.peer_failures.len(), PEERS);
        assert_eq!(facts.peer_failures[0].messages, IDS);
        assert!(facts.peer_failures[0].evidence().contains("at least 1000 messages"));
        assert!(facts.peer_failures[1].evidence().contains("shows one message"));
        assert!(
            facts.told().concat().contains("messages of at least 20000 contact devices"),
            "{:?}",
            facts.told()
        );
        assert_eq!(facts.unattributed.unwrap().describe(), "9 messages");
    }

    #[test]
    fn a_bound_that_was_reached_is_no_exact_number() {
        let attempt = |class, peer: Option<&str>, id: usize| Symptom {
            class,
            peer: peer.and_then(Address::from_any),
            message_id: Some(format!("{id:09}")),
            at_ms: None,
            status: None,
        };
        let facts_of = |count: usize| {
            let mut digest = Digest::default();
            (0..count).for_each(|id| digest.add(&attempt(Class::BadMac, None, id)));
            (0..count).for_each(|id| digest.add(&attempt(Class::NoSession, Some("628111"), 10_000 + id)));
            // What was told before is nothing new.
            (0..count.min(IDS)).for_each(|id| digest.add(&attempt(Class::BadMac, None, id)));
            digest.facts("log".to_owned(), Reading::default())
        };
        let exact = facts_of(IDS);
        assert!(exact.describe().contains("; 1000 messages failed"), "{}", exact.describe());
        assert_eq!(exact.failures[0].describe(), "1000 messages of 1 contact: no session");
        let mut more = facts_of(IDS + 1);
        assert!(more.describe().contains("; at least 1000 messages failed"), "{}", more.describe());
        assert_eq!(more.failures[0].describe(), "at least 1000 messages of 1 contact: no session");
        let json = serde_json::to_value(&more).unwrap();
        assert_eq!(
            (&json["unattributed"]["at_least"], &json["failures"][0]["at_least"]),
            (&true.into(), &true.into())
        );
        assert_eq!(serde_json::to_value(&exact).unwrap()["unattributed"].get("at_least"), None);
        more.add(exact);
        assert!(more.describe().contains("; at least 2000 messages failed"), "{}", more.describe());
    }

    #[test]
    fn two_logs_of_one_session_say_it_together() {
        let mut one = facts(&told("3EB0AAAA"));
        one.add(facts(&(told("3EB0BBBB") + ATTEMPT)));
        assert_eq!((one.reading.lines, one.sources.len()), (5, 2));
        assert_eq!(one.peer_failures[0].messages, 2);
        assert_eq!(one.unattributed.unwrap().messages, 1);
    }
}
