use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{
    ChatUpdate, ContactUpdate, EventRow, LabelChange, LaneKey, NewEvent, PastStep, SendState, StoredStatus,
};

/// The addresses of a message as the wire wrote them, each with its other name when that is known.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct WireKey {
    /// The chat's JID.
    pub chat: String,
    /// Its LID when `chat` is a phone number, or the reverse.
    pub chat_alt: Option<String>,
    /// The sender's JID, in groups and broadcasts.
    pub participant: Option<String>,
    /// Its other name.
    pub participant_alt: Option<String>,
}

impl fmt::Debug for WireKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WireKey").finish_non_exhaustive()
    }
}

/// What is known of a message beside its protobuf, and only where that does not say it: an imported message without one,
/// the text after some edits.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// Its text or caption; instead of the protobuf's.
    pub body: Option<String>,
    /// The type of its file.
    pub mimetype: Option<String>,
    /// The name of its file.
    pub filename: Option<String>,
    /// Who wrote the message that it answers.
    pub reply_participant: Option<String>,
    /// The text of the message that it answers.
    pub reply_body: Option<String>,
}

impl fmt::Debug for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Described").finish_non_exhaustive()
    }
}

/// One WhatsApp message: its protobuf, and what that does not hold.
///
/// Unique by `(session, chat, id, from_me, participant)`.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// The session that saw it.
    pub session: String,
    /// The chat's JID, in whatever one form the engine settles on for this chat.
    pub chat: String,
    /// The stanza id WhatsApp knows the message by.
    pub id: String,
    /// Sent by this account (from here or from another of its devices).
    pub from_me: bool,
    /// The sender inside a group, else empty.
    pub participant: String,
    /// The sender's JID.
    pub sender: String,
    /// This account's own id at the time, when it was known.
    pub account: Option<String>,
    /// WhatsApp's timestamp, Unix seconds.
    pub timestamp_s: i64,
    /// What sort of message it is, such as `text` or `image`.
    pub kind: String,
    /// -1 error, 0 pending, 1 server, 2 device, 3 read, 4 played.
    pub ack: i32,
    /// Sent through this gateway's API, not from another device.
    pub from_api: bool,
    /// The sender's own name for themselves.
    pub push_name: Option<String>,
    /// Its addresses on the wire.
    pub wire: WireKey,
    /// Of a reaction, an edit or a deletion: the id of the message that it concerns.
    pub target: Option<String>,
    /// The raw `wa.Message`; empty when there is none (see [`Described`]).
    pub proto: Vec<u8>,
    /// What the protobuf does not say.
    pub described: Described,
    /// The stanza id of the message that this one answers.
    pub reply_to: Option<String>,
    /// An edit replaced its content.
    pub edited: bool,
    /// It was deleted for everyone.
    pub revoked: bool,
    /// Kept only so that a redelivery is recognised (reactions, edits, deletes): not listed.
    pub hidden: bool,
}

impl fmt::Debug for MessageRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRow")
            .field("session", &self.session)
            .field("id", &self.id)
            .field("from_me", &self.from_me)
            .field("kind", &self.kind)
            .field("ack", &self.ack)
            .finish_non_exhaustive()
    }
}

/// Names stored messages. A chat can be known by phone number and by LID, so it need not be given:
/// a stanza id with its direction is unique enough inside a session.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageRef {
    /// The session.
    pub session: String,
    /// The stanza id.
    pub id: String,
    /// Its direction, when known.
    pub from_me: Option<bool>,
    /// Its chat, when it must match.
    pub chat: Option<String>,
}

impl fmt::Debug for MessageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageRef")
            .field("session", &self.session)
            .field("id", &self.id)
            .field("from_me", &self.from_me)
            .finish_non_exhaustive()
    }
}

/// A change of a message that is already stored. Unknown messages are left unknown.
#[derive(Clone, PartialEq, Eq)]
pub enum MessageUpdate {
    /// New content: sets `edited`.
    Edited {
        /// The message.
        target: MessageRef,
        /// Its new protobuf; `None` keeps the old one.
        proto: Option<Vec<u8>>,
        /// Its new text where the protobuf does not say it; replaces [`Described::body`].
        body: Option<String>,
    },
    /// Deleted for everyone: sets `revoked`, keeps the content.
    Revoked {
        /// The message.
        target: MessageRef,
    },
}

/// Makes events of a message's row, in the transaction that changed it. It must not wait for anything.
pub type Tell = Arc<dyn Fn(&MessageRow) -> Vec<NewEvent> + Send + Sync>;

/// One thing that happened, with the events that tell of it.
#[derive(Clone)]
pub enum Change {
    /// A message. When its key is already stored the whole change is skipped, events included.
    Message {
        /// The message's row.
        row: Box<MessageRow>,
        /// What it does to earlier messages.
        updates: Vec<MessageUpdate>,
        /// The events, if it is new.
        events: Vec<NewEvent>,
    },
    /// A receipt. Acks only rise; when the message is unknown or already there the change is skipped.
    Ack {
        /// The message.
        target: MessageRef,
        /// The new level (see [`MessageRow::ack`]).
        ack: i32,
        /// The events, if it rose.
        events: Vec<NewEvent>,
    },
    /// A receipt whose events tell of the message as it is when the receipt is stored. Acks only rise; when the message is
    /// unknown the change is skipped, and when it is already there too, unless it is told of all the same.
    Receipt {
        /// The message.
        target: MessageRef,
        /// The new level (see [`MessageRow::ack`]).
        ack: i32,
        /// Its events are told also when the ack did not rise: of a group, every member is told of.
        told_always: bool,
        /// Makes the events of the message's row, as it is with the new ack.
        tell: Tell,
    },
    /// A send moved on. Skipped when the send is unknown.
    Send {
        /// The stanza id chosen for it.
        message_id: String,
        /// Where it now is.
        state: SendState,
        /// Why it failed, when it did; `None` keeps what is stored.
        error: Option<String>,
        /// Now.
        now_ms: i64,
    },
    /// A chat changed as a whole. Skipped when it is so already, or unknown and there is nothing to keep.
    Chat(ChatUpdate),
    /// Something was learnt of a person.
    Contact(ContactUpdate),
    /// A step through the history that a phone gave. Skipped when it was done before.
    Past(Box<PastStep>),
    /// Reading a part of the history begins. Skipped when it began so often before and no step of it got done.
    PastBegun {
        /// Which part.
        part: String,
        /// How often it may.
        most: u32,
    },
    /// A part of the history is done with: nothing is kept of how far it was read.
    PastEnded {
        /// Which part.
        part: String,
    },
    /// The session's status changed.
    Status {
        /// What it is from now on.
        status: StoredStatus,
        /// The events that tell of it.
        events: Vec<NewEvent>,
    },
    /// A label changed, or a chat got or lost one. When nothing is different the change is skipped, events included.
    Label {
        /// What happened.
        change: LabelChange,
        /// The events that tell of it.
        events: Vec<NewEvent>,
    },
    /// Events that stand for themselves.
    Events(Vec<NewEvent>),
}

/// What one [`crate::OwnedRows::commit`] writes: all of it or nothing.
#[derive(Clone, Default)]
pub struct CommitBatch {
    /// Applied in order.
    pub changes: Vec<Change>,
    /// Events that no receiver asked for are not stored: only the outcome has them.
    pub only_owed: bool,
    /// Of [`crate::OwnedRows::commit_soon`]: how long it may wait for others.
    pub wait: Wait,
}

/// How long a write whose caller goes on waits for a commit that others need, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Somebody is told of it once it is stored.
    #[default]
    Moment,
    /// Nobody is told. Whoever reads it ends the wait.
    Long,
}

impl Wait {
    /// The longest that it takes.
    #[must_use]
    pub const fn at_most(self) -> Duration {
        match self {
            Self::Moment => Duration::from_millis(25),
            Self::Long => Duration::from_millis(500),
        }
    }
}

impl From<Vec<Change>> for CommitBatch {
    fn from(changes: Vec<Change>) -> Self {
        Self { changes, ..Self::default() }
    }
}

impl From<Change> for CommitBatch {
    fn from(change: Change) -> Self {
        Self { changes: vec![change], ..Self::default() }
    }
}

/// What a commit did.
#[derive(Debug, Clone, Default)]
pub struct CommitOutcome {
    /// For every change of the batch: was it applied (`true`) or skipped as a duplicate?
    pub applied: Vec<bool>,
    /// The events of the changes that were applied, in order: under each name, also those that were not stored.
    pub events: Vec<EventRow>,
    /// Lanes that got outbox rows, each once.
    pub lanes: Vec<LaneKey>,
}

/// In which order messages are listed. Those of one second keep the order of their arrival.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MessageOrder {
    /// The newest first.
    #[default]
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

/// Where a message stands in every list of its session: it keeps its place whatever is added or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessagePosition {
    /// Its time, Unix seconds.
    pub timestamp_s: i64,
    /// Which it was in the order of arrival.
    pub seq: i64,
}

/// Some messages of a list.
#[derive(Debug, Clone, Default)]
pub struct MessagePage {
    /// They, in the order that was asked for.
    pub rows: Vec<MessageRow>,
    /// Where the last of them stands, when there are more behind it.
    pub next: Option<MessagePosition>,
}

/// Which messages of a session to read.
#[derive(Clone, Default)]
pub struct MessageQuery {
    /// The chat, in every form it may be stored under. Empty means every chat of the session.
    pub chats: Vec<String>,
    /// In which order.
    pub order: MessageOrder,
    /// Only those behind this one.
    pub after: Option<MessagePosition>,
    /// At most this many.
    pub limit: u32,
    /// Skip this many first. Each of them is read; `after` costs nothing.
    pub offset: u32,
    /// Not before this, Unix seconds.
    pub from_s: Option<i64>,
    /// Not after this, Unix seconds.
    pub until_s: Option<i64>,
    /// Only this direction.
    pub from_me: Option<bool>,
    /// Only this ack level.
    pub ack: Option<i32>,
}

/// How long messages are kept. Without both, for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageRetention {
    /// Those before this go, Unix seconds.
    pub before_s: Option<i64>,
    /// The oldest go as long as the others take more than this, for each account that was linked: what they hold, and
    /// 512 bytes each for the rest.
    pub most_bytes: Option<u64>,
}

/// Messages of one account of a session that are to be forgotten, but for those that must stay: of a send whose row is kept, and
/// of a chat of which events wait for their receiver or are dead letters.
#[derive(Clone)]
pub struct OldMessages {
    pub(crate) session: String,
    /// The number that they have their session by.
    pub(crate) id: i64,
    /// Looked at up to here.
    pub(crate) behind: MessagePosition,
    /// All before this.
    pub(crate) before: MessagePosition,
    /// Chats that must stay.
    pub(crate) stay: Arc<HashSet<String>>,
}

impl fmt::Debug for OldMessages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OldMessages").field("session", &self.session).finish_non_exhaustive()
    }
}
