//! Edits: `protocolMessage` of type `MESSAGE_EDIT` around the new content.

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::{MessageExt, wa};
use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;

use super::{Incoming, context, text};

pub(super) fn read(protocol: &wa::message::ProtocolMessage) -> Option<Incoming<'_>> {
    let target = protocol.key.as_option()?;
    let message = protocol.edited_message.as_option()?;
    let content = super::content(message.get_base_message())?;
    Some(Incoming::Edit { target, content, message })
}

/// New content for the own message under `target`.
pub(crate) fn outgoing(target: wa::MessageKey, content: wa::Message, now_ms: i64) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(wa::message::ProtocolMessage {
            key: MessageField::some(target),
            r#type: Some(Type::MESSAGE_EDIT),
            edited_message: MessageField::some(content),
            timestamp_ms: Some(now_ms),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What an earlier message says after an edit: the new text, to what the old one answered. `None` when its text is not
/// where an edit could put it.
pub(crate) fn edited(before: wa::Message, edit: &wa::Message) -> Option<wa::Message> {
    let after = edit.get_base_message();
    let said = super::content(after)?;
    let before = before.into_base_message();
    if text::read(&before).is_none() {
        return captioned(before, said.body, said.mentions);
    }
    if said.kind != "text" {
        return None;
    }
    let quote = context::of(&before).filter(|context| context.stanza_id.is_some());
    let mut context = context::of(after).cloned().unwrap_or_default();
    if quote.is_none() && context.stanza_id.is_none() {
        return Some(after.clone());
    }
    let quote = quote.cloned().unwrap_or_default();
    context.stanza_id = quote.stanza_id;
    context.participant = quote.participant;
    context.quoted_message = quote.quoted_message;
    context.remote_jid = quote.remote_jid;
    let mut message = if after.extended_text_message.is_set() {
        after.clone()
    } else {
        text::outgoing(said.body, Some(wa::ContextInfo::default()))
    };
    message.set_context_info(context);
    Some(message)
}

fn captioned(mut message: wa::Message, caption: String, mentions: Vec<String>) -> Option<wa::Message> {
    let mut context = context::of(&message).cloned().unwrap_or_default();
    set_caption(&mut message, caption)?;
    context.mentioned_jid = mentions;
    message.set_context_info(context);
    Some(message)
}

/// The message with another caption that mentions these JIDs, to be sent; `None` when it has no file.
pub(crate) fn with_caption(
    before: wa::Message,
    caption: &str,
    mentioned: Vec<String>,
) -> Option<wa::Message> {
    let mut message = captioned(before.into_base_message(), caption.to_owned(), mentioned)?;
    message.message_context_info = MessageField::default();
    Some(message)
}

fn set_caption(message: &mut wa::Message, caption: String) -> Option<()> {
    let caption = Some(caption);
    if let Some(image) = message.image_message.as_option_mut() {
        image.caption = caption;
    } else if let Some(video) = message.video_message.as_option_mut() {
        video.caption = caption;
    } else if let Some(document) = message.document_message.as_option_mut() {
        document.caption = caption;
    } else {
        return None;
    }
    Some(())
}
