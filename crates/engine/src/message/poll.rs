//! Polls: the question and its answers. Votes are messages of their own: `vote.rs`.

use whatsapp_rust::prelude::{MessageField, wa};
use whatsapp_rust::waproto::whatsapp::message::PollContentType;
use whatsapp_rust::waproto::whatsapp::message::poll_creation_message::Option as Answer;

use super::{Content, Kind, no_file};
use crate::structured::Poll;

pub(super) const KIND: Kind = Kind { names: &["poll"], read, file: no_file };

/// Bytes of the secret that votes are encrypted under.
pub(crate) const SECRET: usize = 32;

fn read(base: &wa::Message) -> Option<Content> {
    let poll = of(base)?;
    Some(Content { kind: "poll", body: poll.name.clone().unwrap_or_default(), ..Content::default() })
}

/// The poll in an unwrapped message, in whichever of its fields.
pub(super) fn of(base: &wa::Message) -> Option<&wa::message::PollCreationMessage> {
    let first = base.poll_creation_message.as_option();
    first
        .or_else(|| base.poll_creation_message_v2.as_option())
        .or_else(|| base.poll_creation_message_v3.as_option())
        .or_else(|| base.poll_creation_message_v5.as_option())
        .or_else(|| base.poll_creation_message_v6.as_option())
}

/// A poll whose votes are encrypted under `secret`.
///
/// As WhatsApp Web makes them (whatsapp-rust's `features/polls.rs`): the third version with one choice, the first with more.
pub(crate) fn outgoing(poll: Poll, secret: [u8; SECRET]) -> wa::Message {
    let choices = if poll.multiple { u32::try_from(poll.options.len()).unwrap_or(u32::MAX) } else { 1 };
    let options = poll.options.into_iter();
    let question = MessageField::some(wa::message::PollCreationMessage {
        name: Some(poll.name),
        options: options.map(|name| Answer { option_name: Some(name), option_hash: None }).collect(),
        selectable_options_count: Some(choices),
        poll_content_type: Some(PollContentType::TEXT),
        ..Default::default()
    });
    let mut message = if poll.multiple {
        wa::Message { poll_creation_message: question, ..Default::default() }
    } else {
        wa::Message { poll_creation_message_v3: question, ..Default::default() }
    };
    with_secret(&mut message, secret);
    message
}

/// Gives a poll the secret that its votes are encrypted under; what is no poll stays as it is.
pub(super) fn with_secret(message: &mut wa::Message, secret: [u8; SECRET]) {
    if of(message).is_some() {
        message.message_context_info = MessageField::some(wa::MessageContextInfo {
            message_secret: Some(secret.to_vec()),
            ..Default::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(multiple: bool) -> Poll {
        let options = ["red", "blue", "green"].map(str::to_owned).to_vec();
        Poll { name: "Which?".to_owned(), options, multiple }
    }

    #[test]
    fn a_poll_is_read_as_it_was_sent() {
        for multiple in [false, true] {
            let message = outgoing(poll(multiple), [7; SECRET]);
            let content = read(&message).unwrap();
            assert_eq!((content.kind, content.body.as_str()), ("poll", "Which?"));
            let sent = of(&message).unwrap();
            assert_eq!(sent.selectable_options_count, Some(if multiple { 3 } else { 1 }));
            let names: Vec<_> = sent.options.iter().filter_map(|answer| answer.option_name.clone()).collect();
            assert_eq!(names, poll(multiple).options);
            let info = message.message_context_info.as_option().unwrap();
            assert_eq!(info.message_secret.as_deref(), Some(&[7; SECRET][..]));
        }
        assert!(outgoing(poll(true), [7; SECRET]).poll_creation_message.is_set());
        assert!(outgoing(poll(false), [7; SECRET]).poll_creation_message_v3.is_set());
    }
}
