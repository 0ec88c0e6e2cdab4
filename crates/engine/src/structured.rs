//! What callers can send that has a structure of its own: places, cards, polls and votes, messages passed on, stickers,
//! links with a preview, lists, buttons and their answers.

mod vcard;

pub use vcard::CardError;

use wakeeper_model::{ChatId, MessageId, StanzaId};

use crate::outbound::outgoing::FileBody;

/// A message with a structure of its own.
#[derive(Clone, PartialEq)]
pub struct Structured {
    /// To whom.
    pub chat: ChatId,
    /// What.
    pub content: Structure,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// The id that it gets on the wire; one is made up when there is none.
    pub id: Option<StanzaId>,
}

/// What a [`Structured`] message is.
#[derive(Clone, PartialEq)]
pub enum Structure {
    /// A place on earth.
    Location(Location),
    /// Contact cards, one at least.
    Contacts(Vec<Card>),
    /// A question with answers to choose from.
    Poll(Poll),
    /// A choice in a poll.
    Vote(Vote),
    /// An event of the calendar.
    Event(Event),
    /// A stored message, passed on.
    Forward(MessageId),
    /// A picture without a frame: WebP, or made into it.
    Sticker(FileBody),
    /// A text whose link has a preview.
    Link(Link),
    /// A menu with one button that opens it.
    List(List),
    /// A text with buttons.
    Buttons(Buttons),
    /// A press on a button.
    ButtonReply(ButtonReply),
    /// A message pinned in its chat, or no more.
    Pin(Pin),
}

/// A place on earth.
#[derive(Clone, PartialEq)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// What it is called; may be empty.
    pub title: String,
}

/// A contact card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The name that is shown.
    pub name: String,
    /// The card as a vCard text.
    pub vcard: String,
}

/// A question with answers to choose from.
#[derive(Clone, PartialEq, Eq)]
pub struct Poll {
    /// The question.
    pub name: String,
    /// The answers, each one once.
    pub options: Vec<String>,
    /// More than one may be chosen.
    pub multiple: bool,
}

/// A choice in a poll.
#[derive(Clone, PartialEq, Eq)]
pub struct Vote {
    /// Which poll.
    pub poll: MessageId,
    /// The chosen answers by their texts; none takes the vote back.
    pub options: Vec<String>,
}

/// An event of the calendar.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is called.
    pub name: String,
    /// What is said of it.
    pub description: Option<String>,
    /// When it begins, in seconds since 1970.
    pub start_s: i64,
    /// When it ends, in seconds since 1970.
    pub end_s: Option<i64>,
    /// What the place is called where it is.
    pub place: Option<String>,
    /// Those who come may bring others along.
    pub guests: bool,
}

/// A text whose link has a preview.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// The text; the link stands in it.
    pub text: String,
    /// The link.
    pub url: String,
    /// The title of the page.
    pub title: String,
    /// What the page is about; may be empty.
    pub description: String,
    /// A picture of it.
    pub image: Option<FileBody>,
    /// The picture is uploaded and shown large; without, it goes inside the message.
    pub large: bool,
}

/// A menu.
#[derive(Clone, PartialEq, Eq)]
pub struct List {
    /// Its title.
    pub title: String,
    /// The text under it; may be empty.
    pub description: String,
    /// The small text at the end; may be empty.
    pub footer: String,
    /// The text of the button that opens it.
    pub button: String,
    /// Its parts.
    pub sections: Vec<Section>,
}

/// A part of a menu.
#[derive(Clone, PartialEq, Eq)]
pub struct Section {
    /// Its title.
    pub title: String,
    /// What can be chosen.
    pub rows: Vec<Row>,
}

/// A row of a menu.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Its text.
    pub title: String,
    /// The text under it; may be empty.
    pub description: String,
    /// What the answer names it by.
    pub id: String,
}

/// A text with buttons.
#[derive(Clone, PartialEq, Eq)]
pub struct Buttons {
    /// The title; may be empty.
    pub header: String,
    /// A picture above it.
    pub image: Option<FileBody>,
    /// The text.
    pub body: String,
    /// The small text at the end; may be empty.
    pub footer: String,
    /// The buttons.
    pub buttons: Vec<Button>,
}

/// A button.
#[derive(Clone, PartialEq, Eq)]
pub struct Button {
    /// Its text.
    pub text: String,
    /// What it does.
    pub action: ButtonAction,
}

/// What a button does.
#[derive(Clone, PartialEq, Eq)]
pub enum ButtonAction {
    /// Answers, with this id.
    Reply(String),
    /// Opens this address.
    Url(String),
    /// Calls this number.
    Call(String),
    /// Copies this text.
    Copy(String),
}

/// A press on a button.
#[derive(Clone, PartialEq, Eq)]
pub struct ButtonReply {
    /// The button's id.
    pub id: String,
    /// The button's text.
    pub text: String,
}

/// A message pinned in its chat, or no more.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin {
    /// Which message.
    pub message: MessageId,
    /// For so long; `None` unpins it.
    pub seconds: Option<u32>,
}

impl Structured {
    /// A short name for logs.
    pub(crate) fn name(&self) -> &'static str {
        match &self.content {
            Structure::Location(_) => "location",
            Structure::Contacts(_) => "contacts",
            Structure::Poll(_) => "poll",
            Structure::Vote(_) => "vote",
            Structure::Event(_) => "event",
            Structure::Forward(_) => "forward",
            Structure::Sticker(_) => "sticker",
            Structure::Link(_) => "link",
            Structure::List(_) => "list",
            Structure::Buttons(_) => "buttons",
            Structure::ButtonReply(_) => "button reply",
            Structure::Pin(_) => "pin",
        }
    }

    /// Its file.
    pub(crate) fn file(&self) -> Option<&FileBody> {
        match &self.content {
            Structure::Sticker(file) => Some(file),
            Structure::Link(link) => link.image.as_ref(),
            Structure::Buttons(buttons) => buttons.image.as_ref(),
            _ => None,
        }
    }

    /// Everything that tells one request from another, but for its name, its chat and the bytes of its file.
    pub(crate) fn parts(&self) -> Vec<String> {
        let optional = |id: Option<String>| id.unwrap_or_default();
        let mut parts = vec![
            optional(self.reply_to.as_ref().map(ToString::to_string)),
            optional(self.id.as_ref().map(ToString::to_string)),
        ];
        parts.extend(self.content.parts());
        if let Some(FileBody { mimetype, filename, source: _ }) = self.file() {
            parts.extend([optional(mimetype.clone()), optional(filename.clone())]);
        }
        parts
    }
}

impl Structure {
    /// Every field is named here, so that a new one is not forgotten. A list begins with its length.
    fn parts(&self) -> Vec<String> {
        match self {
            Self::Location(Location { latitude, longitude, title }) => {
                vec![latitude.to_string(), longitude.to_string(), title.clone()]
            }
            Self::Contacts(cards) => list(cards, |Card { name, vcard }| vec![name.clone(), vcard.clone()]),
            Self::Poll(Poll { name, options, multiple }) => {
                let mut parts = vec![name.clone(), multiple.to_string()];
                parts.extend(list(options, |option| vec![option.clone()]));
                parts
            }
            Self::Vote(Vote { poll, options }) => {
                let mut parts = vec![poll.to_string()];
                parts.extend(list(options, |option| vec![option.clone()]));
                parts
            }
            Self::Event(Event { name, description, start_s, end_s, place, guests }) => vec![
                name.clone(),
                format!("{description:?}"),
                start_s.to_string(),
                format!("{end_s:?}"),
                format!("{place:?}"),
                guests.to_string(),
            ],
            Self::Forward(message) => vec![message.to_string()],
            Self::Sticker(_) => Vec::new(),
            Self::Link(Link { text, url, title, description, image, large }) => {
                let flags = [image.is_some().to_string(), large.to_string()];
                [text, url, title, description].into_iter().cloned().chain(flags).collect()
            }
            Self::List(List { title, description, footer, button, sections }) => {
                let mut parts: Vec<_> = [title, description, footer, button].into_iter().cloned().collect();
                parts.extend(list(sections, Section::parts));
                parts
            }
            Self::Buttons(Buttons { header, image, body, footer, buttons }) => {
                let mut parts =
                    vec![header.clone(), body.clone(), footer.clone(), image.is_some().to_string()];
                parts.extend(list(buttons, Button::parts));
                parts
            }
            Self::ButtonReply(ButtonReply { id, text }) => vec![id.clone(), text.clone()],
            Self::Pin(Pin { message, seconds }) => vec![message.to_string(), format!("{seconds:?}")],
        }
    }
}

impl Section {
    fn parts(&self) -> Vec<String> {
        let Self { title, rows } = self;
        let mut parts = vec![title.clone()];
        parts.extend(list(rows, |Row { title, description, id }| {
            vec![title.clone(), description.clone(), id.clone()]
        }));
        parts
    }
}

impl Button {
    fn parts(&self) -> Vec<String> {
        let Self { text, action } = self;
        let (kind, value) = match action {
            ButtonAction::Reply(id) => ("reply", id),
            ButtonAction::Url(url) => ("url", url),
            ButtonAction::Call(number) => ("call", number),
            ButtonAction::Copy(code) => ("copy", code),
        };
        vec![text.clone(), kind.to_owned(), value.clone()]
    }
}

fn list<T>(items: &[T], parts: impl Fn(&T) -> Vec<String>) -> Vec<String> {
    let mut all = vec![items.len().to_string()];
    all.extend(items.iter().flat_map(parts));
    all
}

#[cfg(test)]
mod tests;
