//! `contextInfo`: quotes and mentions, found inside whatever kind of message carries it.

use whatsapp_rust::prelude::{MessageExt, wa};

use super::payload::Reply;

/// The context of an unwrapped message.
pub(super) fn of(base: &wa::Message) -> Option<&wa::ContextInfo> {
    macro_rules! first_context {
        ($($field:ident),*) => {
            $(if let Some(context) = base.$field.as_option().and_then(|part| part.context_info.as_option()) {
                return Some(context);
            })*
        };
    }
    first_context!(
        extended_text_message,
        image_message,
        video_message,
        ptv_message,
        audio_message,
        document_message,
        sticker_message,
        location_message,
        live_location_message,
        contact_message,
        contacts_array_message,
        poll_creation_message,
        poll_creation_message_v2,
        poll_creation_message_v3,
        event_message,
        list_message,
        list_response_message,
        buttons_message,
        buttons_response_message,
        template_message,
        template_button_reply_message,
        interactive_message,
        interactive_response_message
    );
    None
}

/// The quote in a context, when the message is a reply.
pub(super) fn reply(context: &wa::ContextInfo) -> Option<Reply> {
    let quoted = context.quoted_message.as_option();
    let stanza_id = context.stanza_id.clone().filter(|id| !id.is_empty())?;
    let content = quoted.and_then(|quoted| super::content(quoted.get_base_message()));
    let has_media = content.as_ref().is_some_and(|content| content.media.is_some());
    let body = content.map(|content| content.body);
    Some(Reply { stanza_id, participant: context.participant.clone(), body, has_media })
}

/// The message a reply quotes.
pub(crate) struct Quote {
    /// Its stanza id.
    pub stanza_id: String,
    /// Its sender's JID on the wire.
    pub sender: String,
    /// Its content.
    pub message: wa::Message,
}

/// The context of an outgoing message that mentions these JIDs; `None` when there is nothing to say in it.
pub(crate) fn quote_context(quote: Option<Quote>, mentions: &[String]) -> Option<wa::ContextInfo> {
    if quote.is_none() && mentions.is_empty() {
        return None;
    }
    let mut context = match quote {
        Some(quote) => whatsapp_rust::proto_helpers::build_quote_context(
            quote.stanza_id,
            quote.sender,
            quote.message.get_base_message(),
        ),
        None => wa::ContextInfo::default(),
    };
    context.mentioned_jid = mentions.to_vec();
    Some(context)
}
