//! Posts of channels that come in. An edit and a deletion come under the id of the post that they change, and say so in an
//! attribute of the stanza; here they become what they are in other chats.

use std::sync::Arc;

use whatsapp_rust::prelude::{InboundMessage, wa};
use whatsapp_rust::wacore::types::message::EditAttribute;
use whatsapp_rust::wacore_binary::JidExt as _;

use crate::life::state::SessionState;
use crate::message::{edit_message, revoke_message};

/// What came in, with an id of its own when it changes a post. What is in no channel stays as it is.
pub(super) fn read(state: &SessionState, inbound: &InboundMessage) -> InboundMessage {
    let info = &inbound.info;
    let channel = &info.source.chat;
    if !channel.is_newsletter() {
        return inbound.clone();
    }
    let number = u64::try_from(info.server_id).unwrap_or(0);
    state.post_numbers().learn(&channel.to_string(), &info.id, number);
    // Whoever changes a post owns it.
    let key = wa::MessageKey {
        remote_jid: Some(channel.to_string()),
        from_me: Some(true),
        id: Some(info.id.clone()),
        participant: None,
    };
    let time = info.timestamp.timestamp();
    let (message, id) = match info.edit {
        EditAttribute::AdminEdit => {
            let content = wa::Message::clone(&inbound.message);
            (edit_message(key, content, time.saturating_mul(1000)), format!("{}-E{time}", info.id))
        }
        EditAttribute::AdminRevoke => (revoke_message(key), format!("{}-D", info.id)),
        _ => return inbound.clone(),
    };
    let mut info = (**info).clone();
    info.id = id;
    InboundMessage::builder().message(Arc::new(message)).info(Arc::new(info)).build()
}
