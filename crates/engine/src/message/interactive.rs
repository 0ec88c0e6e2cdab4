//! What menus and messages with buttons have in common: WhatsApp's interactive message.

use serde_json::Value;
use whatsapp_rust::prelude::{MessageField, wa};
use whatsapp_rust::waproto::whatsapp::message::interactive_message::{
    Body, Footer, Header, InteractiveMessage as Payload, NativeFlowMessage,
    native_flow_message::NativeFlowButton,
};

/// An interactive message with these buttons, each by its name and what it is made with.
pub(super) fn message(
    title: &str,
    body: &str,
    footer: &str,
    buttons: Vec<(&str, Value)>,
) -> wa::message::InteractiveMessage {
    let some = |text: &str| Some(text.to_owned());
    let button = |(name, parameters): (&str, Value)| NativeFlowButton {
        name: some(name),
        button_params_json: Some(parameters.to_string()),
    };
    let flow = NativeFlowMessage {
        buttons: buttons.into_iter().map(button).collect(),
        message_version: Some(1),
        ..Default::default()
    };
    let mut message = wa::message::InteractiveMessage {
        body: MessageField::some(Body { text: some(body) }),
        interactive_message: Some(Payload::NativeFlowMessage(Box::new(flow))),
        ..Default::default()
    };
    if !title.is_empty() {
        message.header = MessageField::some(Header { title: some(title), ..Default::default() });
    }
    if !footer.is_empty() {
        message.footer = MessageField::some(Footer { text: some(footer), ..Default::default() });
    }
    message
}

/// Its buttons; `None` when it is of a kind that has none.
pub(super) fn buttons(message: &wa::message::InteractiveMessage) -> Option<&[NativeFlowButton]> {
    match message.interactive_message.as_ref()? {
        Payload::NativeFlowMessage(flow) => Some(&flow.buttons),
        _ => None,
    }
}

/// Its title, text and footer, each on a line of its own.
pub(super) fn text(message: &wa::message::InteractiveMessage) -> String {
    let title = message.header.as_option().and_then(|header| header.title.clone());
    let body = message.body.as_option().and_then(|body| body.text.clone());
    let footer = message.footer.as_option().and_then(|footer| footer.text.clone());
    parts_of([&title, &body, &footer])
}

/// The texts that there are, each on a line of its own.
pub(super) fn parts_of<const N: usize>(texts: [&Option<String>; N]) -> String {
    let texts = texts.into_iter().flatten().filter(|text| !text.is_empty());
    texts.map(String::as_str).collect::<Vec<_>>().join("\n")
}
