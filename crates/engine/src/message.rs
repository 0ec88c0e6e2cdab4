//! Message kinds, one file and one name in the list below each: what a decrypted `wa.Message` means, what callers see of it, and
//! how outgoing messages are built. Pure: no client, no storage but the words of its rows, no clock.

mod context;
mod edit;
mod event_answer;
mod forward;
mod interactive;
mod link;
mod payload;
mod pin;
mod reaction;
mod revoke;
mod vote;

pub(crate) use buttons::{outgoing as buttons_message, reply as button_reply_message};
pub(crate) use contact::outgoing as contact_message;
pub(crate) use context::{Quote, quote_context};
pub(crate) use edit::{edited, outgoing as edit_message, with_caption};
pub(crate) use event::outgoing as event_message;
pub(crate) use event_answer::opened as event_answer;
pub(crate) use forward::outgoing as forwarded_message;
pub(crate) use link::{Thumbnail, is_jpeg, jpeg_size, outgoing as link_message};
pub(crate) use list::outgoing as list_message;
pub(crate) use location::outgoing as location_message;
pub(crate) use payload::{
    Facts, Reply, ack_payload, edited_payload, event_response_payload, message_payload, reaction_payload,
    revoked_payload, vote_payload,
};
pub(crate) use pin::outgoing as pin_message;
pub(crate) use poll::outgoing as poll_message;
pub(crate) use reaction::outgoing as reaction_message;
pub(crate) use revoke::outgoing as revoke_message;
pub(crate) use sticker::{is_webp, outgoing as sticker_message};
pub(crate) use text::{Preview, outgoing as text_message, with_preview};
pub(crate) use vote::{Ballot, VoteError, chosen, outgoing as vote_message};

pub(crate) use wakeeper_storage::WireKey;
use whatsapp_rust::prelude::{MessageExt, MessageField, wa};
use whatsapp_rust::wacore::download::Downloadable;

/// What a decrypted message means to people.
#[derive(Debug)]
pub(crate) enum Incoming<'a> {
    /// A message of its own.
    Message(Content),
    /// A reaction to another message; empty text takes it back.
    Reaction {
        /// The message reacted to.
        target: &'a wa::MessageKey,
        /// The emoji.
        emoji: String,
    },
    /// New content for an earlier message.
    Edit {
        /// The message edited.
        target: &'a wa::MessageKey,
        /// What it says now.
        content: Content,
        /// The new protobuf.
        message: &'a wa::Message,
    },
    /// A choice in a poll.
    Vote {
        /// The poll's message.
        target: &'a wa::MessageKey,
        /// The choice, encrypted.
        vote: &'a wa::message::PollEncValue,
    },
    /// An answer to an event.
    EventAnswer {
        /// The event's message.
        target: &'a wa::MessageKey,
        /// The answer, encrypted.
        answer: &'a wa::message::EncEventResponseMessage,
    },
    /// An earlier message was deleted for everyone.
    Revoke {
        /// The message deleted.
        target: &'a wa::MessageKey,
    },
    /// Protocol traffic that no person sees.
    Nothing,
}

/// What a message says, free of who sent it to whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Content {
    /// Its kind, for example `text` or `image`.
    pub kind: &'static str,
    /// Text or caption.
    pub body: String,
    /// The file it carries.
    pub media: Option<MediaInfo>,
    /// A place.
    pub location: Option<Place>,
    /// Contact cards.
    pub vcards: Vec<String>,
    /// The message it answers.
    pub reply: Option<Reply>,
    /// Who is mentioned, as JIDs of the wire.
    pub mentions: Vec<String>,
}

/// The file of a message, as its sender described it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaInfo {
    /// For example `image/jpeg`.
    pub mimetype: String,
    /// A document's name.
    pub filename: Option<String>,
}

/// A place on earth.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Place {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// Its sender goes on telling where they are.
    pub live: bool,
    /// Its name.
    pub name: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// A page about it.
    pub url: Option<String>,
    /// Name or address, or what was written to it.
    pub description: Option<String>,
}

/// A kind of message, or several that are read alike: what its file says of it.
struct Kind {
    /// As `_data.type` shows them.
    names: &'static [&'static str],
    /// Reads an unwrapped message; `None` when it is of another kind.
    read: fn(&wa::Message) -> Option<Content>,
    /// The file that it carries.
    file: fn(&wa::Message) -> Option<&dyn Downloadable>,
}

/// What kinds without a file have for [`Kind::file`].
fn no_file(_: &wa::Message) -> Option<&dyn Downloadable> {
    None
}

macro_rules! kinds {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*

        /// Every kind, in the order in which a message is tried.
        const KINDS: &[Kind] = &[$($name::KIND),*];
    };
}

kinds! { text, image, video, audio, document, sticker, location, contact, poll, event, list, buttons }

/// The kind of that name; `unknown` for every other one.
pub(crate) fn kind(name: &str) -> &'static str {
    let names = KINDS.iter().flat_map(|kind| kind.names);
    names.copied().find(|kind| *kind == name).unwrap_or("unknown")
}

/// Reads what a decrypted message means.
pub(crate) fn read(message: &wa::Message) -> Incoming<'_> {
    let base = message.get_base_message();
    if let Some(reaction) = reaction::read(base) {
        return reaction;
    }
    if let Some(vote) = vote::read(base) {
        return vote;
    }
    if let Some(answer) = event_answer::read(base) {
        return answer;
    }
    if let Some(protocol) = base.protocol_message.as_option() {
        return revoke::read(protocol).or_else(|| edit::read(protocol)).unwrap_or(Incoming::Nothing);
    }
    content(base).map_or(Incoming::Nothing, Incoming::Message)
}

/// Reads the content of an unwrapped message; `None` when it has none that people see.
pub(crate) fn content(base: &wa::Message) -> Option<Content> {
    let mut content = KINDS.iter().find_map(|kind| (kind.read)(base)).or_else(|| unknown(base))?;
    if let Some(context) = context::of(base) {
        content.reply = context::reply(context);
        content.mentions.clone_from(&context.mentioned_jid);
    }
    Some(content)
}

/// A message of a kind this version does not know is still a message; keys and housekeeping are not.
fn unknown(base: &wa::Message) -> Option<Content> {
    let mut rest = base.clone();
    rest.sender_key_distribution_message = MessageField::default();
    rest.fast_ratchet_key_sender_key_distribution_message = MessageField::default();
    rest.message_context_info = MessageField::default();
    rest.device_sent_message = MessageField::default();
    rest.keep_in_chat_message = MessageField::default();
    rest.pin_in_chat_message = MessageField::default();
    rest.poll_update_message = MessageField::default();
    rest.enc_reaction_message = MessageField::default();
    rest.enc_event_response_message = MessageField::default();
    rest.secret_encrypted_message = MessageField::default();
    rest.sticker_sync_rmr_message = MessageField::default();
    rest.message_history_bundle = MessageField::default();
    (rest != wa::Message::default()).then(|| Content { kind: "unknown", ..Content::default() })
}

/// The downloadable part of a stored message.
pub(crate) fn media_part(message: &wa::Message) -> Option<&dyn Downloadable> {
    let base = message.get_base_message();
    KINDS.iter().find_map(|kind| (kind.file)(base))
}

#[cfg(test)]
mod tests;
