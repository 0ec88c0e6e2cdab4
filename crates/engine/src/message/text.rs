//! Plain texts.

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::wa;

use super::link::{Thumbnail, show};
use super::{Content, Kind, no_file};

pub(super) const KIND: Kind = Kind { names: &["text"], read, file: no_file };

pub(super) fn read(base: &wa::Message) -> Option<Content> {
    let extended = base.extended_text_message.as_option().and_then(|text| text.text.clone());
    let body = base.conversation.clone().filter(|text| !text.is_empty()).or(extended)?;
    Some(Content { kind: "text", body, ..Content::default() })
}

/// What a text shows of the page that it links to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preview {
    /// The link, as it stands in the text.
    pub link: String,
    /// The page's title.
    pub title: String,
    /// What it says of itself.
    pub description: Option<String>,
    /// Its picture, a small JPEG.
    pub picture: Option<Vec<u8>>,
}

/// A text message with a preview of the page that it links to, and its large picture; extended form.
pub(crate) fn with_preview(message: wa::Message, preview: Preview, large: Option<Thumbnail>) -> wa::Message {
    let mut message = match message.conversation {
        Some(text) => outgoing(text, Some(wa::ContextInfo::default())),
        None => message,
    };
    if let Some(extended) = message.extended_text_message.as_option_mut() {
        extended.matched_text = Some(preview.link);
        extended.title = Some(preview.title);
        extended.description = preview.description;
        extended.jpeg_thumbnail = preview.picture;
        if let Some(large) = large {
            show(extended, large);
        }
    }
    message
}

/// A text message. Extended form when it quotes or mentions, since a bare text cannot.
pub(crate) fn outgoing(text: String, context: Option<wa::ContextInfo>) -> wa::Message {
    match context {
        None => wa::Message { conversation: Some(text), ..Default::default() },
        Some(context) => wa::Message {
            extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
                text: Some(text),
                context_info: MessageField::some(context),
                ..Default::default()
            }),
            ..Default::default()
        },
    }
}
