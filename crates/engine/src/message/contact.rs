//! Contact cards.

use whatsapp_rust::prelude::wa;

use super::{Content, Kind, no_file};

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
