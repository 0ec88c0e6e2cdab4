//! Reactions.

use whatsapp_rust::prelude::wa;

use super::Incoming;

pub(super) fn read(base: &wa::Message) -> Option<Incoming<'_>> {
    let reaction = base.reaction_message.as_option()?;
    Some(match reaction.key.as_option() {
        Some(target) => Incoming::Reaction { target, emoji: reaction.text.clone().unwrap_or_default() },
        None => Incoming::Nothing,
    })
}

/// A reaction to the message under `target`; an empty `emoji` takes an earlier one back.
pub(crate) fn outgoing(target: wa::MessageKey, emoji: &str, now_ms: i64) -> wa::Message {
    whatsapp_rust::proto_helpers::build_reaction_message(target, emoji, now_ms)
}
