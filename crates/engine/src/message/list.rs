//! Menus and the answers to them. Sent as WhatsApp's present apps show them, as an interactive message with one
//! `single_select` button; the older form is read too.

use serde_json::json;
use whatsapp_rust::prelude::{MessageField, wa};

use super::interactive::{self, parts_of};
use super::{Content, Kind, no_file};
use crate::structured::List;

pub(super) const KIND: Kind = Kind { names: &["list", "list_response"], read, file: no_file };

/// The name of the button of a menu.
const BUTTON: &str = "single_select";

fn read(base: &wa::Message) -> Option<Content> {
    if let Some(answer) = base.list_response_message.as_option() {
        let body = answer.title.clone().unwrap_or_default();
        return Some(Content { kind: "list_response", body, ..Content::default() });
    }
    let body = if let Some(list) = base.list_message.as_option() {
        parts_of([&list.title, &list.description, &list.footer_text])
    } else {
        let message = base.interactive_message.as_option()?;
        if interactive::buttons(message)?.first()?.name.as_deref() != Some(BUTTON) {
            return None;
        }
        interactive::text(message)
    };
    Some(Content { kind: "list", body, ..Content::default() })
}

/// A menu.
pub(crate) fn outgoing(list: &List) -> wa::Message {
    let sections: Vec<_> = list
        .sections
        .iter()
        .map(|section| {
            let rows: Vec<_> = section
                .rows
                .iter()
                .map(|row| {
                    json!({"header": "", "title": row.title, "description": row.description, "id": row.id})
                })
                .collect();
            json!({"title": section.title, "rows": rows})
        })
        .collect();
    let button = (BUTTON, json!({"title": list.button, "sections": sections}));
    // A menu without a text is not shown.
    let body = if list.description.is_empty() { &list.title } else { &list.description };
    let title = if list.description.is_empty() { "" } else { &list.title };
    let message = interactive::message(title, body, &list.footer, vec![button]);
    wa::Message { interactive_message: MessageField::some(message), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structured::{Row, Section};

    fn list(description: &str) -> List {
        let row =
            |id: &str| Row { title: format!("row {id}"), description: String::new(), id: id.to_owned() };
        List {
            title: "Menu".to_owned(),
            description: description.to_owned(),
            footer: "today".to_owned(),
            button: "Open".to_owned(),
            sections: vec![Section { title: "Food".to_owned(), rows: vec![row("1"), row("2")] }],
        }
    }

    #[test]
    fn a_menu_is_read_as_it_was_sent() {
        let content = read(&outgoing(&list("Choose"))).unwrap();
        assert_eq!((content.kind, content.body.as_str()), ("list", "Menu\nChoose\ntoday"));
        assert_eq!(read(&outgoing(&list(""))).unwrap().body, "Menu\ntoday");
        let message = outgoing(&list("Choose"));
        let buttons = interactive::buttons(message.interactive_message.as_option().unwrap()).unwrap();
        let parameters: serde_json::Value =
            serde_json::from_str(buttons[0].button_params_json.as_deref().unwrap()).unwrap();
        assert_eq!(parameters["title"], "Open");
        assert_eq!(parameters["sections"][0]["rows"][1]["id"], "2");
    }

    #[test]
    fn the_older_form_and_an_answer_are_read() {
        let older = wa::Message {
            list_message: MessageField::some(wa::message::ListMessage {
                title: Some("Menu".to_owned()),
                description: Some("Choose".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(read(&older).unwrap().body, "Menu\nChoose");
        let answer = wa::Message {
            list_response_message: MessageField::some(wa::message::ListResponseMessage {
                title: Some("row 1".to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let content = read(&answer).unwrap();
        assert_eq!((content.kind, content.body.as_str()), ("list_response", "row 1"));
    }
}
