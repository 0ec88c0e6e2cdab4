//! Messages that are pinned in their chat for everybody, and no more.

use whatsapp_rust::prelude::{MessageField, wa};
use whatsapp_rust::waproto::whatsapp::message::pin_in_chat_message::Type;

/// Pins the message under `target` for so many seconds, or unpins it. As whatsapp-rust's `send/actions.rs` makes it.
pub(crate) fn outgoing(target: wa::MessageKey, seconds: Option<u32>, now_ms: i64) -> wa::Message {
    let kind = if seconds.is_some() { Type::PIN_FOR_ALL } else { Type::UNPIN_FOR_ALL };
    wa::Message {
        pin_in_chat_message: MessageField::some(wa::message::PinInChatMessage {
            key: MessageField::some(target),
            r#type: Some(kind),
            sender_timestamp_ms: Some(now_ms),
        }),
        message_context_info: MessageField::some(wa::MessageContextInfo {
            message_add_on_duration_in_secs: Some(seconds.unwrap_or_default()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_says_how_long_it_lasts() {
        for (seconds, kind) in [(Some(86_400), Type::PIN_FOR_ALL), (None, Type::UNPIN_FOR_ALL)] {
            let message = outgoing(wa::MessageKey::default(), seconds, 7);
            assert_eq!(message.pin_in_chat_message.as_option().unwrap().r#type, Some(kind));
            let info = message.message_context_info.as_option().unwrap();
            assert_eq!(info.message_add_on_duration_in_secs, Some(seconds.unwrap_or(0)));
        }
    }
}
