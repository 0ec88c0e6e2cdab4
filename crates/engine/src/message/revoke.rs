//! Deletions for everyone: `protocolMessage` of type `REVOKE`.

use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::prelude::wa;
use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;

use super::Incoming;

pub(super) fn read(protocol: &wa::message::ProtocolMessage) -> Option<Incoming<'_>> {
    if protocol.r#type != Some(Type::REVOKE) {
        return None;
    }
    protocol.key.as_option().map(|target| Incoming::Revoke { target })
}

/// Deletes the message under `target` for everyone.
pub(crate) fn outgoing(target: wa::MessageKey) -> wa::Message {
    wa::Message {
        protocol_message: MessageField::some(wa::message::ProtocolMessage {
            key: MessageField::some(target),
            r#type: Some(Type::REVOKE),
            ..Default::default()
        }),
        ..Default::default()
    }
}
