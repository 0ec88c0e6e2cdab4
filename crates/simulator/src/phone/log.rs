//! What a phone has sent and received, as a person sees it in the chats.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use super::message::{Decoded, Kind, Target};

/// One message in the log. Times are seconds since the Unix epoch.
#[derive(Clone, Serialize)]
pub struct Entry {
    /// Position in the log, rising from 1; `since` refers to it.
    pub seq: u64,
    /// The message's stanza id.
    pub id: String,
    /// The chat, by phone number or group.
    pub chat: String,
    /// Who sent it, by phone number.
    pub sender: String,
    /// Which of the sender's devices sent it.
    pub device: u16,
    /// Did this account send it?
    pub from_me: bool,
    /// Did this very phone send it (and not a companion)?
    pub by_phone: bool,
    /// When the server took it.
    pub timestamp: u64,
    /// The sender's name, as the stanza gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push_name: Option<String>,
    /// What it says.
    #[serde(flatten)]
    pub content: Decoded,
    /// How often it arrived and could be decrypted.
    pub copies: u32,
    /// How often it arrived and could not be decrypted.
    pub failures: u32,
    /// Was its text changed later? Then this is the new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited: Option<String>,
    /// Was it taken back?
    pub revoked: bool,
    /// Reactions by sender.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub reactions: BTreeMap<String, String>,
    /// Own messages: devices that confirmed the delivery.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub delivered: BTreeSet<String>,
    /// Own messages: devices that confirmed that it was read.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub read: BTreeSet<String>,
    /// The chat as the stanzas address it.
    #[serde(skip)]
    pub wire_chat: String,
    /// The sender's device as the stanza addressed it.
    #[serde(skip)]
    pub wire_sender: String,
    /// The encoded protobuf message.
    #[serde(skip)]
    pub proto: Arc<[u8]>,
}

/// A new message for the log.
pub struct NewEntry {
    /// See [`Entry`].
    pub id: String,
    /// See [`Entry`].
    pub chat: String,
    /// See [`Entry`].
    pub sender: String,
    /// See [`Entry`].
    pub device: u16,
    /// See [`Entry`].
    pub from_me: bool,
    /// See [`Entry`].
    pub by_phone: bool,
    /// See [`Entry`].
    pub timestamp: u64,
    /// See [`Entry`].
    pub push_name: Option<String>,
    /// See [`Entry`].
    pub content: Decoded,
    /// See [`Entry`].
    pub wire_chat: String,
    /// See [`Entry`].
    pub wire_sender: String,
    /// See [`Entry`].
    pub proto: Arc<[u8]>,
}

/// The log of one phone. It keeps the newest entries only.
pub struct Log {
    entries: VecDeque<Entry>,
    /// Entries by sender and id.
    index: HashMap<(String, String), u64>,
    /// Messages that could not be decrypted so far, by sender and id.
    failures: HashMap<(String, String), u32>,
    next: u64,
    limit: usize,
    duplicates: u64,
}

impl Log {
    /// An empty log that keeps `limit` entries.
    pub fn new(limit: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            index: HashMap::new(),
            failures: HashMap::new(),
            next: 1,
            limit: limit.max(1),
            duplicates: 0,
        }
    }

    /// Adds a message. A message that is there already is only counted; then the result is false.
    pub fn add(&mut self, new: NewEntry) -> bool {
        let key = (new.sender.clone(), new.id.clone());
        if let Some(entry) = self.index.get(&key).copied().and_then(|seq| self.at_mut(seq)) {
            entry.copies += 1;
            self.duplicates += 1;
            return false;
        }
        self.apply(&new);
        let seq = self.next;
        self.next += 1;
        let failures = self.failures.remove(&key).unwrap_or_default();
        self.index.insert(key, seq);
        self.entries.push_back(Entry {
            seq,
            id: new.id,
            chat: new.chat,
            sender: new.sender,
            device: new.device,
            from_me: new.from_me,
            by_phone: new.by_phone,
            timestamp: new.timestamp,
            push_name: new.push_name,
            content: new.content,
            copies: 1,
            failures,
            edited: None,
            revoked: false,
            reactions: BTreeMap::new(),
            delivered: BTreeSet::new(),
            read: BTreeSet::new(),
            wire_chat: new.wire_chat,
            wire_sender: new.wire_sender,
            proto: new.proto,
        });
        if self.entries.len() > self.limit
            && let Some(old) = self.entries.pop_front()
        {
            self.index.remove(&(old.sender, old.id));
        }
        true
    }

    /// Shows reactions, edits and revocations at the message that they are about.
    fn apply(&mut self, new: &NewEntry) {
        let Some(Target { id, .. }) = &new.content.target else { return };
        let kind = new.content.kind;
        let Some(entry) =
            self.entries.iter_mut().rev().find(|entry| entry.id == *id && entry.chat == new.chat)
        else {
            return;
        };
        match kind {
            Kind::Reaction => match new.content.emoji.as_deref() {
                None | Some("") => {
                    entry.reactions.remove(&new.sender);
                }
                Some(emoji) => {
                    entry.reactions.insert(new.sender.clone(), emoji.to_owned());
                }
            },
            Kind::Edit if entry.sender == new.sender => entry.edited.clone_from(&new.content.text),
            // A group's admin may take back other people's messages; the phone shows either.
            Kind::Revoke => entry.revoked = true,
            _ => {}
        }
    }

    /// Notes that a message could not be decrypted and says how often that happened.
    pub fn fail(&mut self, sender: &str, id: &str) -> u32 {
        let key = (sender.to_owned(), id.to_owned());
        if let Some(entry) = self.index.get(&key).copied().and_then(|seq| self.at_mut(seq)) {
            entry.failures += 1;
            return entry.failures;
        }
        if self.failures.len() >= self.limit {
            self.failures.clear();
        }
        let count = self.failures.entry(key).or_default();
        *count += 1;
        *count
    }

    /// Counts a second copy of a message that was decrypted before.
    pub fn duplicate(&mut self, sender: &str, id: &str) {
        self.duplicates += 1;
        let key = (sender.to_owned(), id.to_owned());
        if let Some(entry) = self.index.get(&key).copied().and_then(|seq| self.at_mut(seq)) {
            entry.copies += 1;
        }
    }

    /// The newest message with this id.
    pub fn by_id(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.id == id)
    }

    /// The newest message with this id that this account sent.
    pub fn own_mut(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().rev().find(|entry| entry.id == id && entry.from_me)
    }

    /// The messages after `since`, oldest first.
    pub fn after(&self, since: u64) -> impl Iterator<Item = &Entry> {
        let start = self.entries.partition_point(|entry| entry.seq <= since);
        self.entries.range(start..)
    }

    /// Position of the newest message.
    pub fn last(&self) -> u64 {
        self.next - 1
    }

    /// How many entries are kept, and how many second copies arrived.
    pub fn counts(&self) -> (usize, u64) {
        (self.entries.len(), self.duplicates)
    }

    /// Messages that arrived, could not be decrypted, and were not sent again successfully.
    pub fn undecrypted(&self) -> usize {
        self.failures.len()
    }

    fn at_mut(&mut self, seq: u64) -> Option<&mut Entry> {
        let first = self.entries.front()?.seq;
        self.entries.get_mut(usize::try_from(seq.checked_sub(first)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, sender: &str, content: Decoded) -> NewEntry {
        NewEntry {
            id: id.into(),
            chat: "1@s.whatsapp.net".into(),
            sender: sender.into(),
            device: 0,
            from_me: false,
            by_phone: false,
            timestamp: 1,
            push_name: None,
            content,
            wire_chat: String::new(),
            wire_sender: String::new(),
            proto: Arc::from(&b""[..]),
        }
    }

    fn about(kind: Kind, id: &str) -> Decoded {
        let target = Target { id: id.into(), from_me: false, participant: None };
        Decoded { target: Some(target), ..Decoded::of(kind) }
    }

    #[test]
    fn copies_are_counted_and_senders_told_apart() {
        let mut log = Log::new(10);
        assert!(log.add(entry("A", "x", Decoded::of(Kind::Text))));
        assert!(!log.add(entry("A", "x", Decoded::of(Kind::Text))));
        assert!(log.add(entry("A", "y", Decoded::of(Kind::Text))));
        log.duplicate("x", "A");
        let copies: Vec<_> = log.after(0).map(|entry| entry.copies).collect();
        assert_eq!(copies, [3, 1]);
        assert_eq!(log.counts(), (2, 2));
        assert_eq!(log.after(1).count(), 1);
    }

    #[test]
    fn reactions_edits_and_revocations_show_at_their_target() {
        let mut log = Log::new(10);
        log.add(entry("A", "x", Decoded::of(Kind::Text)));
        log.add(entry("B", "y", Decoded { emoji: Some("👍".into()), ..about(Kind::Reaction, "A") }));
        log.add(entry("C", "y", Decoded { text: Some("forged".into()), ..about(Kind::Edit, "A") }));
        assert_eq!(log.by_id("A").unwrap().edited, None, "only the sender may edit");
        log.add(entry("D", "x", Decoded { text: Some("new".into()), ..about(Kind::Edit, "A") }));
        log.add(entry("E", "x", about(Kind::Revoke, "A")));
        let target = log.by_id("A").unwrap();
        assert_eq!(target.reactions["y"], "👍");
        assert_eq!(target.edited.as_deref(), Some("new"));
        assert!(target.revoked);
        log.add(entry("F", "y", Decoded { emoji: Some(String::new()), ..about(Kind::Reaction, "A") }));
        assert!(log.by_id("A").unwrap().reactions.is_empty());
    }

    #[test]
    fn old_entries_leave_and_positions_stay() {
        let mut log = Log::new(3);
        for number in 0..10 {
            log.add(entry(&number.to_string(), "x", Decoded::of(Kind::Text)));
        }
        assert_eq!(log.after(0).map(|entry| entry.seq).collect::<Vec<_>>(), [8, 9, 10]);
        assert!(log.add(entry("0", "x", Decoded::of(Kind::Text))), "forgotten entries are new again");
        log.duplicate("x", "9");
        assert_eq!(log.by_id("9").unwrap().copies, 2);
    }

    #[test]
    fn failures_stay_with_the_message() {
        let mut log = Log::new(3);
        assert_eq!(log.fail("x", "A"), 1);
        assert_eq!(log.fail("x", "A"), 2);
        assert_eq!(log.undecrypted(), 1);
        log.add(entry("A", "x", Decoded::of(Kind::Text)));
        assert_eq!((log.by_id("A").unwrap().failures, log.undecrypted()), (2, 0));
    }
}
