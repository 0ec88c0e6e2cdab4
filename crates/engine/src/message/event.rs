//! Events of a group's calendar: what they are called. Answers to them are encrypted separately and not read here.

use whatsapp_rust::prelude::wa;

use super::{Content, Kind, no_file};

pub(super) const KIND: Kind = Kind { names: &["event"], read, file: no_file };

fn read(base: &wa::Message) -> Option<Content> {
    let event = base.event_message.as_option()?;
    let lines = [event.name.clone(), event.description.clone()];
    let body = lines.into_iter().flatten().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    Some(Content { kind: "event", body, ..Content::default() })
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::buffa::MessageField;

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
}
