//! Edits: `protocolMessage` of type `MESSAGE_EDIT` around the new content.

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::{MessageExt, wa};
use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;

use super::Incoming;

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
