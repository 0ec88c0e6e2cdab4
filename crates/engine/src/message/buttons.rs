//! Messages with buttons, and presses on buttons.

use serde_json::json;
use whatsapp_rust::prelude::{MessageField, wa};
use whatsapp_rust::wacore::download::Downloadable;
use whatsapp_rust::waproto::whatsapp::message::buttons_response_message::{Response, Type};
use whatsapp_rust::waproto::whatsapp::message::interactive_message::Header;
use whatsapp_rust::waproto::whatsapp::message::interactive_message::header::Media;

use super::interactive::{self, parts_of};
use super::{Content, Kind, MediaInfo};
use crate::structured::{Button, ButtonAction, ButtonReply, Buttons};

pub(super) const KIND: Kind = Kind { names: &["buttons", "buttons_response"], read, file };

fn read(base: &wa::Message) -> Option<Content> {
    if let Some(body) = press(base) {
        return Some(Content { kind: "buttons_response", body, ..Content::default() });
    }
    let (body, media) = if let Some(message) = base.interactive_message.as_option() {
        (interactive::text(message), picture(base).map(of_picture))
    } else if let Some(message) = base.buttons_message.as_option() {
        (parts_of([&message.content_text, &message.footer_text]), None)
    } else {
        let template = base.template_message.as_option()?.hydrated_template.as_option()?;
        (parts_of([&template.hydrated_content_text, &template.hydrated_footer_text]), None)
    };
    Some(Content { kind: "buttons", body, media, ..Content::default() })
}

/// The text of the button that was pressed.
fn press(base: &wa::Message) -> Option<String> {
    if let Some(press) = base.buttons_response_message.as_option() {
        let Some(Response::SelectedDisplayText(text)) = &press.response else { return Some(String::new()) };
        return Some(text.clone());
    }
    if let Some(press) = base.template_button_reply_message.as_option() {
        return Some(press.selected_display_text.clone().unwrap_or_default());
    }
    let press = base.interactive_response_message.as_option()?;
    Some(press.body.as_option().and_then(|body| body.text.clone()).unwrap_or_default())
}

fn of_picture(image: &wa::message::ImageMessage) -> MediaInfo {
    let mimetype = image.mimetype.clone().unwrap_or_else(|| "image/jpeg".to_owned());
    MediaInfo { mimetype, filename: None }
}

fn picture(base: &wa::Message) -> Option<&wa::message::ImageMessage> {
    match base.interactive_message.as_option()?.header.as_option()?.media.as_ref()? {
        Media::ImageMessage(image) => Some(image),
        _ => None,
    }
}

fn file(base: &wa::Message) -> Option<&dyn Downloadable> {
    picture(base).map(|image| image as &dyn Downloadable)
}

/// A text with buttons under a picture, when one is given. WhatsApp shows buttons where it likes to: not every app does.
pub(crate) fn outgoing(message: &Buttons, picture: Option<wa::message::ImageMessage>) -> wa::Message {
    let buttons = message.buttons.iter().map(button).collect();
    let mut interactive = interactive::message(&message.header, &message.body, &message.footer, buttons);
    if let Some(picture) = picture {
        interactive.header = MessageField::some(Header {
            title: Some(message.header.clone()),
            has_media_attachment: Some(true),
            media: Some(Media::ImageMessage(Box::new(picture))),
            ..Default::default()
        });
    }
    wa::Message { interactive_message: MessageField::some(interactive), ..Default::default() }
}

/// The names and parameters are those of WhatsApp's own clients, as Baileys' and whatsmeow's users found them.
fn button(button: &Button) -> (&'static str, serde_json::Value) {
    let text = &button.text;
    match &button.action {
        ButtonAction::Reply(id) => ("quick_reply", json!({"display_text": text, "id": id})),
        ButtonAction::Url(url) => ("cta_url", json!({"display_text": text, "url": url, "merchant_url": url})),
        ButtonAction::Call(number) => ("cta_call", json!({"display_text": text, "phone_number": number})),
        ButtonAction::Copy(code) => ("cta_copy", json!({"display_text": text, "copy_code": code})),
    }
}

/// A press on a button.
pub(crate) fn reply(press: ButtonReply) -> wa::Message {
    wa::Message {
        buttons_response_message: MessageField::some(wa::message::ButtonsResponseMessage {
            selected_button_id: Some(press.id),
            r#type: Some(Type::DISPLAY_TEXT),
            response: Some(Response::SelectedDisplayText(press.text)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buttons() -> Buttons {
        let button = |action| Button { text: "Press".to_owned(), action };
        Buttons {
            header: "Hello".to_owned(),
            image: None,
            body: "How are you?".to_owned(),
            footer: "tell us".to_owned(),
            buttons: vec![
                button(ButtonAction::Reply("yes".to_owned())),
                button(ButtonAction::Url("https://example.org".to_owned())),
                button(ButtonAction::Call("+628111".to_owned())),
                button(ButtonAction::Copy("4321".to_owned())),
            ],
        }
    }

    #[test]
    fn buttons_are_read_as_they_were_sent() {
        let message = outgoing(&buttons(), None);
        let content = read(&message).unwrap();
        assert_eq!((content.kind, content.body.as_str()), ("buttons", "Hello\nHow are you?\ntell us"));
        assert!(content.media.is_none() && file(&message).is_none());
        let sent = interactive::buttons(message.interactive_message.as_option().unwrap()).unwrap();
        let names: Vec<_> = sent.iter().filter_map(|button| button.name.as_deref()).collect();
        assert_eq!(names, ["quick_reply", "cta_url", "cta_call", "cta_copy"]);
        for (button, value) in sent.iter().zip(["yes", "https://example.org", "+628111", "4321"]) {
            assert!(button.button_params_json.as_deref().unwrap().contains(&format!("\"{value}\"")));
        }
    }

    #[test]
    fn a_picture_above_buttons_is_a_file() {
        let picture =
            wa::message::ImageMessage { mimetype: Some("image/png".to_owned()), ..Default::default() };
        let message = outgoing(&buttons(), Some(picture));
        assert_eq!(read(&message).unwrap().media.unwrap().mimetype, "image/png");
        assert!(file(&message).is_some());
    }

    #[test]
    fn a_press_is_read_as_it_was_sent() {
        let content = read(&reply(ButtonReply { id: "yes".to_owned(), text: "Yes!".to_owned() })).unwrap();
        assert_eq!((content.kind, content.body.as_str()), ("buttons_response", "Yes!"));
    }
}
