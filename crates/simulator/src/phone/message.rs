//! What messages say: the kinds that a simulated person sends and reads.

mod build;
mod read;

pub use build::{Frame, Uploaded, build};
pub use read::{read, unwrap};

use std::fmt;

use serde::{Deserialize, Serialize};

use super::media::MediaKind;

/// A message to be sent.
#[derive(Clone)]
pub struct Outgoing {
    /// What it says.
    pub body: Body,
    /// Id of the message that it answers; it must be in the phone's own log.
    pub reply_to: Option<String>,
    /// JIDs that are mentioned; the text should name them as `@<number>`.
    pub mentions: Vec<String>,
}

impl Outgoing {
    /// A message with nothing but its body.
    pub fn new(body: Body) -> Self {
        Self { body, reply_to: None, mentions: Vec::new() }
    }

    /// A plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Body::Text(text.into()))
    }
}

/// What a message says.
#[derive(Clone)]
pub enum Body {
    /// A text.
    Text(String),
    /// A file of any kind.
    Media(MediaBody),
    /// A reaction; an empty emoji takes the earlier one back.
    Reaction {
        /// The message that is reacted to.
        target: Target,
        /// The emoji.
        emoji: String,
    },
    /// A new text for a message that this account sent.
    Edit {
        /// The message that is changed.
        target: Target,
        /// Its new text or caption.
        text: String,
    },
    /// Takes a message back for everyone.
    Revoke {
        /// The message that is taken back.
        target: Target,
    },
}

/// A file to be sent.
#[derive(Clone)]
pub struct MediaBody {
    /// What it is shown as.
    pub kind: MediaKind,
    /// Audio only: a voice note.
    pub voice: bool,
    /// The plain file.
    pub data: Vec<u8>,
    /// MIME type; a usual one for the kind when there is none.
    pub mimetype: Option<String>,
    /// Text below it.
    pub caption: Option<String>,
    /// Name of the file, for documents.
    pub filename: Option<String>,
}

/// Names another message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its id.
    pub id: String,
    /// Was it sent by the account that sends the reference?
    pub from_me: bool,
    /// In groups: who sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
}

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A text.
    Text,
    /// A picture.
    Image,
    /// A film.
    Video,
    /// Sound that is not a voice note.
    Audio,
    /// A voice note.
    Voice,
    /// Any file.
    Document,
    /// A sticker.
    Sticker,
    /// A reaction to another message.
    Reaction,
    /// A new text for another message.
    Edit,
    /// Takes another message back.
    Revoke,
    /// Something between the devices of one account (app-state keys, history).
    Protocol,
    /// Something that a simulated person does not read.
    Other,
}

/// The message that an answer quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    /// Its id.
    pub id: String,
    /// Who sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// Its text or caption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a media message tells about its file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// How the keys are derived.
    pub kind: MediaKind,
    /// MIME type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mimetype: Option<String>,
    /// Name of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Length of the plain file in bytes.
    pub length: u64,
    /// SHA-256 of the plain file, in hex.
    pub sha256: String,
    /// Where the encrypted file is.
    #[serde(skip)]
    pub direct_path: String,
    /// Key from which the others are derived.
    #[serde(skip)]
    pub media_key: Vec<u8>,
    /// SHA-256 of the encrypted file.
    #[serde(skip)]
    pub enc_sha256: Vec<u8>,
    /// SHA-256 of the plain file.
    #[serde(skip)]
    pub plain_sha256: Vec<u8>,
}

impl fmt::Debug for MediaInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaInfo")
            .field("kind", &self.kind)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// A message as a simulated person reads it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Decoded {
    /// What kind of message it is.
    pub kind: Kind,
    /// Text, caption, or the new text of an edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Quoted>,
    /// JIDs that it mentions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    /// Its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaInfo>,
    /// The message that a reaction, edit or revocation is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The emoji of a reaction; empty when it is taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
}

impl Decoded {
    /// Nothing but a kind.
    pub fn of(kind: Kind) -> Self {
        Self { kind, text: None, quoted: None, mentions: Vec::new(), media: None, target: None, emoji: None }
    }
}

impl fmt::Debug for Decoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded").field("kind", &self.kind).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
