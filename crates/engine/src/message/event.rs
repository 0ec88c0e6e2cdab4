//! Events of a calendar: what they are called. Answers to them are messages of their own: `event_answer.rs`.

use whatsapp_rust::prelude::{MessageField, wa};

use super::poll::SECRET;
use super::{Content, Kind, no_file};
use crate::structured::Event;

pub(super) const KIND: Kind = Kind { names: &["event"], read, file: no_file };

fn read(base: &wa::Message) -> Option<Content> {
    let event = base.event_message.as_option()?;
    let lines = [event.name.clone(), event.description.clone()];
    let body = lines.into_iter().flatten().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    Some(Content { kind: "event", body, ..Content::default() })
}

/// An event whose answers are encrypted under `secret`.
///
/// As WhatsApp Web makes them (whatsapp-rust's `features/events.rs`): without a secret its clients refuse an event.
pub(crate) fn outgoing(event: Event, secret: [u8; SECRET]) -> wa::Message {
    let Event { name, description, start_s, end_s, place, guests } = event;
    let place = place.map(|name| wa::message::LocationMessage { name: Some(name), ..Default::default() });
    wa::Message {
        event_message: MessageField::some(wa::message::EventMessage {
            name: Some(name),
            description,
            start_time: Some(start_s),
            end_time: end_s,
            location: place.into(),
            extra_guests_allowed: Some(guests),
            is_canceled: Some(false),
            is_schedule_call: Some(false),
            ..Default::default()
        }),
        message_context_info: MessageField::some(wa::MessageContextInfo {
            message_secret: Some(secret.to_vec()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::content;

    #[test]
    fn an_event_shows_its_name_and_what_is_said_of_it() {
        let event = |description: &str| wa::Message {
            event_message: MessageField::some(wa::message::EventMessage {
                name: Some("Rehearsal".to_owned()),
                description: Some(description.to_owned()),
                join_link: Some("https://call.whatsapp.com/video/secret".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let read = content(&event("Bring the scores")).unwrap();
        assert_eq!((read.kind, read.body.as_str()), ("event", "Rehearsal\nBring the scores"));
        assert_eq!(content(&event("")).unwrap().body, "Rehearsal");
    }

    #[test]
    fn an_event_is_read_as_it_was_sent() {
        let event = Event {
            name: "Rehearsal".to_owned(),
            description: Some("Bring the scores".to_owned()),
            start_s: 1_700_000_000,
            end_s: None,
            place: Some("The old hall".to_owned()),
            guests: true,
        };
        let message = outgoing(event, [7; SECRET]);
        assert_eq!(content(&message).unwrap().body, "Rehearsal\nBring the scores");
        let sent = message.event_message.as_option().unwrap();
        assert_eq!((sent.start_time, sent.end_time), (Some(1_700_000_000), None));
        assert_eq!(sent.location.as_option().unwrap().name.as_deref(), Some("The old hall"));
        let info = message.message_context_info.as_option().unwrap();
        assert_eq!(info.message_secret.as_deref(), Some(&[7; SECRET][..]));
    }
}
