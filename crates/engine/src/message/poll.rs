//! Polls: the question; votes are encrypted separately and not read here.

use whatsapp_rust::prelude::wa;

use super::{Content, Kind, no_file};

pub(super) const KIND: Kind = Kind { names: &["poll"], read, file: no_file };

fn read(base: &wa::Message) -> Option<Content> {
    let poll = base
        .poll_creation_message
        .as_option()
        .or_else(|| base.poll_creation_message_v2.as_option())
        .or_else(|| base.poll_creation_message_v3.as_option())?;
    Some(Content { kind: "poll", body: poll.name.clone().unwrap_or_default(), ..Content::default() })
}
