//! Status updates (stories): what callers can post, and for whom.

use wakeeper_model::{ChatId, MessageId, StanzaId};

use crate::outbound::outgoing::{FileBody, LinkPreview};

/// A status update to post or to delete.
#[derive(Clone, PartialEq, Eq)]
pub struct Status {
    /// `status@broadcast`.
    chat: ChatId,
    /// What.
    pub content: StatusContent,
    /// Who is to see it. Of a deletion, none means those for whom it was posted.
    pub contacts: Vec<ChatId>,
    /// The id that it gets on the wire; one is made up when there is none.
    pub id: Option<StanzaId>,
}

/// What a [`Status`] is.
#[derive(Clone, PartialEq, Eq)]
pub enum StatusContent {
    /// A text on a coloured ground.
    Text {
        /// The text.
        text: String,
        /// The colour of the ground: alpha, red, green, blue.
        background: u32,
        /// The number of the font, as WhatsApp has it.
        font: u32,
        /// What it shows of the page that it links to.
        link_preview: LinkPreview,
    },
    /// A picture.
    Image {
        /// The file.
        file: FileBody,
        /// Text under it; may be empty.
        caption: String,
    },
    /// A video.
    Video {
        /// The file.
        file: FileBody,
        /// Text under it; may be empty.
        caption: String,
        /// Make a video of it that phones play.
        convert: bool,
    },
    /// A voice note on a coloured ground.
    Voice {
        /// The file.
        file: FileBody,
        /// The colour of the ground: alpha, red, green, blue.
        background: u32,
        /// Make a voice note of it that phones play.
        convert: bool,
    },
    /// Takes an own status back.
    Delete(MessageId),
}

impl Status {
    /// `content` for `contacts`.
    #[must_use]
    pub fn new(content: StatusContent, contacts: Vec<ChatId>, id: Option<StanzaId>) -> Self {
        Self { chat: ChatId::status(), content, contacts, id }
    }

    /// `status@broadcast`.
    pub(crate) fn chat(&self) -> &ChatId {
        &self.chat
    }

    /// A short name for logs.
    pub(crate) fn name(&self) -> &'static str {
        match self.content {
            StatusContent::Text { .. } => "status text",
            StatusContent::Image { .. } => "status image",
            StatusContent::Video { .. } => "status video",
            StatusContent::Voice { .. } => "status voice",
            StatusContent::Delete(_) => "status delete",
        }
    }

    /// Its file.
    pub(crate) fn file(&self) -> Option<&FileBody> {
        match &self.content {
            StatusContent::Image { file, .. }
            | StatusContent::Video { file, .. }
            | StatusContent::Voice { file, .. } => Some(file),
            StatusContent::Text { .. } | StatusContent::Delete(_) => None,
        }
    }

    /// The text whose link is to be shown with a preview.
    pub(crate) fn linking(&self) -> Option<&str> {
        match &self.content {
            StatusContent::Text { text, link_preview: LinkPreview::Small | LinkPreview::Large, .. } => {
                Some(text)
            }
            _ => None,
        }
    }

    /// Everything that tells one request from another, but for its name and the bytes of its file.
    pub(crate) fn parts(&self) -> Vec<String> {
        let optional = |text: Option<String>| text.unwrap_or_default();
        let mut parts = vec![self.contacts.len().to_string()];
        parts.extend(self.contacts.iter().map(ToString::to_string));
        parts.push(optional(self.id.as_ref().map(ToString::to_string)));
        parts.extend(match &self.content {
            StatusContent::Text { text, background, font, link_preview } => {
                let preview = match link_preview {
                    LinkPreview::None => "false",
                    LinkPreview::Small => "true",
                    LinkPreview::Large => "large",
                };
                vec![text.clone(), background.to_string(), font.to_string(), preview.to_owned()]
            }
            StatusContent::Image { caption, file: _ } => vec![caption.clone()],
            StatusContent::Video { caption, convert, file: _ } => asked(caption.clone(), *convert),
            StatusContent::Voice { background, convert, file: _ } => asked(background.to_string(), *convert),
            StatusContent::Delete(id) => vec![id.to_string()],
        });
        if let Some(FileBody { mimetype, filename, source: _ }) = self.file() {
            parts.extend([optional(mimetype.clone()), optional(filename.clone())]);
        }
        parts
    }
}

/// With the word for `convert` only where it is asked for, so that requests without are known again by what an earlier version
/// stored.
fn asked(part: String, convert: bool) -> Vec<String> {
    std::iter::once(part).chain(convert.then(|| "convert".to_owned())).collect()
}
