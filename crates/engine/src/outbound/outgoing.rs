//! What callers ask to be sent.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use wakeeper_model::{ChatId, MessageId, StanzaId};
use wakeeper_waha::Payload;

use crate::media::spool::Spooled;
use crate::status::Status;
use crate::structured::Structured;

/// Something to send. `Debug` shows no text, number or file.
#[derive(Clone, PartialEq)]
pub enum Outgoing {
    /// A text.
    Text(Text),
    /// A picture, video, voice note or any other file.
    Media(Media),
    /// A reaction to a message; empty takes it back.
    Reaction(Reaction),
    /// A new text for an own message.
    Edit(Edit),
    /// Deletes a message for everyone.
    Delete(Delete),
    /// A place, cards, a poll, a vote or whatever else has a structure of its own.
    Structured(Structured),
    /// A status update, or its deletion.
    Status(Status),
    /// Marks messages as read.
    Seen(Seen),
    /// Shows or hides "typing".
    Typing(Typing),
}

/// A text message.
#[derive(Clone, PartialEq, Eq)]
pub struct Text {
    /// To whom.
    pub chat: ChatId,
    /// What.
    pub text: String,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// Whom it mentions.
    pub mentions: Mentions,
    /// The id that it gets on the wire; one is made up when there is none.
    pub id: Option<StanzaId>,
    /// What it shows of the page that it links to.
    pub link_preview: LinkPreview,
}

/// What a text shows of the page that it links to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkPreview {
    /// Nothing.
    #[default]
    None,
    /// Its title, its description and a small picture.
    Small,
    /// The same, and a large picture, which is uploaded.
    Large,
}

/// Whom a message mentions.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// These people, by phone number or LID.
    pub people: Vec<ChatId>,
    /// Everybody in the group.
    pub all: bool,
}

impl From<Vec<ChatId>> for Mentions {
    fn from(people: Vec<ChatId>) -> Self {
        Self { people, all: false }
    }
}

/// Which kind of message carries a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Any file.
    File,
    /// A voice note.
    Voice,
    /// A video; `as_note` makes it a round video note.
    Video {
        /// Round video note.
        as_note: bool,
    },
}

/// A message with a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    /// To whom.
    pub chat: ChatId,
    /// As what.
    pub kind: MediaKind,
    /// The file.
    pub file: FileBody,
    /// Text under it; voice notes have none.
    pub caption: Option<String>,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// Whom it mentions in the caption.
    pub mentions: Mentions,
    /// Make a voice note or a video of it that phones play.
    pub convert: bool,
}

/// A file to send.
#[derive(Clone, PartialEq, Eq)]
pub struct FileBody {
    /// Where it is.
    pub source: MediaSource,
    /// What it is, for example `image/jpeg`; told by the server of the URL, or by the kind, when absent.
    pub mimetype: Option<String>,
    /// The name receivers see on documents.
    pub filename: Option<String>,
}

/// Where a file to send is.
#[derive(Clone, PartialEq, Eq)]
pub enum MediaSource {
    /// To be fetched by `http` or `https`.
    Url(String),
    /// Came with the request.
    Data(Bytes),
    /// Came with the request and lies on disk.
    Spooled(Arc<Spooled>),
}

/// A reaction.
#[derive(Clone, PartialEq, Eq)]
pub struct Reaction {
    /// To which message.
    pub message: MessageId,
    /// One emoji; empty takes the reaction back.
    pub emoji: String,
}

/// An edit.
#[derive(Clone, PartialEq, Eq)]
pub struct Edit {
    /// Of which own message.
    pub message: MessageId,
    /// The new text or caption.
    pub text: String,
    /// Whom it mentions.
    pub mentions: Mentions,
    /// What it shows of the page that it links to.
    pub link_preview: LinkPreview,
}

/// A deletion for everyone.
#[derive(Clone, PartialEq, Eq)]
pub struct Delete {
    /// Of which message.
    pub message: MessageId,
}

/// Read receipts.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// In which chat.
    pub chat: ChatId,
    /// Of which messages; none given means every unread one that is known.
    pub messages: Vec<MessageId>,
    /// Whose, in groups, when `messages` does not tell.
    pub participant: Option<ChatId>,
}

/// Typing shown to the other side.
#[derive(Clone, PartialEq, Eq)]
pub struct Typing {
    /// In which chat.
    pub chat: ChatId,
    /// Typing, or no more.
    pub typing: bool,
}

impl Outgoing {
    /// The chat it goes to.
    #[must_use]
    pub fn chat(&self) -> &ChatId {
        match self {
            Self::Text(text) => &text.chat,
            Self::Media(media) => &media.chat,
            Self::Reaction(reaction) => &reaction.message.chat,
            Self::Edit(edit) => &edit.message.chat,
            Self::Delete(delete) => &delete.message.chat,
            Self::Structured(structured) => &structured.chat,
            Self::Status(status) => status.chat(),
            Self::Seen(seen) => &seen.chat,
            Self::Typing(typing) => &typing.chat,
        }
    }

    /// The id on the wire that its caller chose.
    pub(crate) fn id(&self) -> Option<&StanzaId> {
        match self {
            Self::Text(text) => text.id.as_ref(),
            Self::Structured(structured) => structured.id.as_ref(),
            Self::Status(status) => status.id.as_ref(),
            _ => None,
        }
    }

    /// Has it a file?
    pub(crate) fn has_file(&self) -> bool {
        match self {
            Self::Media(_) => true,
            Self::Structured(structured) => structured.file().is_some(),
            Self::Status(status) => status.file().is_some(),
            _ => false,
        }
    }

    /// A short name for logs, for example `text`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Media(media) => match media.kind {
                MediaKind::Image => "image",
                MediaKind::File => "file",
                MediaKind::Voice => "voice",
                MediaKind::Video { .. } => "video",
            },
            Self::Reaction(_) => "reaction",
            Self::Edit(_) => "edit",
            Self::Delete(_) => "delete",
            Self::Structured(structured) => structured.name(),
            Self::Status(status) => status.name(),
            Self::Seen(_) => "seen",
            Self::Typing(_) => "typing",
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outgoing({} to {:?})", self.name(), self.chat())
    }
}

/// The answer to a send.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    /// The message, as WAHA's answer shows it: the payload that `message.any` carries too. `None` for what is no message
    /// (seen, typing).
    pub payload: Option<Payload>,
    /// It had been sent before under the same key, and this is the stored answer.
    pub replayed: bool,
}

/// The caller's own name for one send; the same key never sends twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

/// Why a text is not an [`IdempotencyKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to 255 printable ASCII characters")]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = IdempotencyKeyError;

    fn from_str(text: &str) -> Result<Self, IdempotencyKeyError> {
        let good = (1..=255).contains(&text.len()) && text.bytes().all(|b| (0x20..0x7f).contains(&b));
        if good { Ok(Self(text.to_owned())) } else { Err(IdempotencyKeyError) }
    }
}
