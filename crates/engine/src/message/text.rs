//! Plain texts.

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::wa;

use super::{Content, Kind, no_file};

pub(super) const KIND: Kind = Kind { names: &["text"], read, file: no_file };

pub(super) fn read(base: &wa::Message) -> Option<Content> {
    let extended = base.extended_text_message.as_option().and_then(|text| text.text.clone());
    let body = base.conversation.clone().filter(|text| !text.is_empty()).or(extended)?;
    Some(Content { kind: "text", body, ..Content::default() })
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
