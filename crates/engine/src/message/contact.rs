//! Contact cards.

use whatsapp_rust::prelude::{MessageField, wa};

use super::{Content, Kind, no_file};
use crate::structured::Card;

pub(super) const KIND: Kind = Kind { names: &["contact", "contacts"], read, file: no_file };

fn read(base: &wa::Message) -> Option<Content> {
    if let Some(contact) = base.contact_message.as_option() {
        return Some(Content {
            kind: "contact",
            body: contact.display_name.clone().unwrap_or_default(),
            vcards: contact.vcard.iter().cloned().collect(),
            ..Content::default()
        });
    }
    let list = base.contacts_array_message.as_option()?;
    Some(Content {
        kind: "contacts",
        body: list.display_name.clone().unwrap_or_default(),
        vcards: list.contacts.iter().filter_map(|contact| contact.vcard.clone()).collect(),
        ..Content::default()
    })
}

/// One card, or several in one message.
pub(crate) fn outgoing(mut cards: Vec<Card>) -> wa::Message {
    let message = |card: Card| wa::message::ContactMessage {
        display_name: Some(card.name),
        vcard: Some(card.vcard),
        ..Default::default()
    };
    if cards.len() == 1
        && let Some(card) = cards.pop()
    {
        return wa::Message { contact_message: MessageField::some(message(card)), ..Default::default() };
    }
    let display_name = Some(format!("{} contacts", cards.len()));
    let contacts = cards.into_iter().map(message).collect();
    wa::Message {
        contacts_array_message: MessageField::some(wa::message::ContactsArrayMessage {
            display_name,
            contacts,
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_read_as_they_were_sent() {
        let card =
            |name: &str| Card { name: name.to_owned(), vcard: format!("BEGIN:VCARD\nFN:{name}\nEND:VCARD") };
        let one = read(&outgoing(vec![card("Ann")])).unwrap();
        assert_eq!((one.kind, one.body.as_str()), ("contact", "Ann"));
        assert_eq!(one.vcards, [card("Ann").vcard]);
        let two = read(&outgoing(vec![card("Ann"), card("Ben")])).unwrap();
        assert_eq!((two.kind, two.body.as_str()), ("contacts", "2 contacts"));
        assert_eq!(two.vcards, [card("Ann").vcard, card("Ben").vcard]);
    }
}
