//! Texts as the client's protobuf has them.

use whatsapp_rust::waproto::codec;
use whatsapp_rust::waproto::whatsapp as wa;

/// The protobuf of a plain text, for messages that are known by their words alone.
#[must_use]
pub fn text_message(text: &str) -> Vec<u8> {
    codec::message_to_vec(&wa::Message { conversation: Some(text.to_owned()), ..wa::Message::default() })
}
