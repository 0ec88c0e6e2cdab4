//! Sends to channels. Nothing in a channel is encrypted, and edits, deletions and reactions have stanzas of their own.
//!
//! The stanzas are those of WhatsApp Web as whatsapp-rust 0.7.0 (`send/mod.rs`, `build_newsletter_edit_node`), whatsmeow
//! (`sendNewsletter`) and Baileys 7 (`Socket/newsletter.js`) send them: an edit and a deletion go out under the id of the post
//! that they change, and a reaction names the post by the server's number.

use wakeeper_model::{ChatId, ChatKind};
use whatsapp_rust::prelude::{MessageExt, MessageField, wa};
use whatsapp_rust::send::{SendError as ClientError, SendOptions};
use whatsapp_rust::wacore::send::{media_type_from_message, stanza_type_from_message};
use whatsapp_rust::waproto::codec;
use whatsapp_rust::{Client, Jid, NodeBuilder};

use super::composer::PreparedMessage;
use super::error::SendError;
use super::outgoing::{Delete, Edit, Mentions, Outgoing};
use crate::life::state::SessionState;
use crate::message::{self, Incoming, media_part};
use crate::structured::Structure;

/// `edit` of an edited post, of a deleted one, and of a reaction that is taken back.
const EDIT: &str = "3";
const REVOKE: &str = "8";
const UNREACT: &str = "7";

/// Refuses what channels do not have, by its name.
pub(super) fn refuse_unfit(outgoing: &Outgoing) -> Result<(), SendError> {
    if outgoing.chat().kind() != ChatKind::Channel {
        return Ok(());
    }
    let refused = |reason: &str| Err(SendError::InvalidRequest(reason.to_owned()));
    let nobody = |mentions: &Mentions| mentions.people.is_empty() && !mentions.all;
    match outgoing {
        Outgoing::Text(text) if text.reply_to.is_some() => refused(ANSWERS_NONE),
        Outgoing::Media(media) if media.reply_to.is_some() => refused(ANSWERS_NONE),
        Outgoing::Structured(one) if one.reply_to.is_some() => refused(ANSWERS_NONE),
        Outgoing::Text(text) if !nobody(&text.mentions) => refused(MENTIONS_NOBODY),
        Outgoing::Media(media) if !nobody(&media.mentions) => refused(MENTIONS_NOBODY),
        Outgoing::Edit(edit) if !nobody(&edit.mentions) => refused(MENTIONS_NOBODY),
        Outgoing::Typing(_) => refused("chatId: in a channel nobody is shown to be typing"),
        Outgoing::Structured(one) => match &one.content {
            Structure::Vote(_) => refused(
                "chatId: votes in polls of channels are not supported by this version: how WhatsApp takes them is not known",
            ),
            Structure::Link(link) if link.image.is_some() && link.large => {
                refused("linkPreviewHighQuality: in channels a preview has a small picture only")
            }
            Structure::Poll(_) | Structure::Sticker(_) | Structure::Link(_) | Structure::Forward(_) => Ok(()),
            _ => refused("chatId: this kind of message cannot be sent to a channel"),
        },
        _ => Ok(()),
    }
}

const ANSWERS_NONE: &str = "reply_to: posts of channels answer none";
const MENTIONS_NOBODY: &str = "mentions: posts of channels mention nobody";

/// What a post leaves out of a message: keys of files, which are not encrypted, and secrets.
pub(super) fn in_the_open(message: &mut wa::Message) {
    message.message_context_info = MessageField::default();
    macro_rules! open {
        ($($field:ident),*) => {
            $(if let Some(part) = message.$field.as_option_mut() {
                part.media_key = None;
                part.media_key_timestamp = None;
                part.file_enc_sha256 = None;
            })*
        };
    }
    open!(image_message, video_message, ptv_message, audio_message, document_message, sticker_message);
}

/// A message that is passed on to a channel must not hold a file: that one is encrypted, and its key is not known there.
pub(super) fn refuse_sealed_file(message: &wa::Message) -> Result<(), SendError> {
    match media_part(message) {
        Some(part) if part.media_key().is_some() => Err(SendError::InvalidRequest(
            "messageId: a message with a file cannot be forwarded to a channel; send the file itself"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The id under which a send goes out and is acknowledged.
pub(super) fn wire_id(prepared: &PreparedMessage, id: &str) -> String {
    let target = match message::read(&prepared.message) {
        Incoming::Edit { target, .. } | Incoming::Revoke { target }
            if prepared.chat.kind() == ChatKind::Channel =>
        {
            target.id.clone()
        }
        _ => None,
    };
    target.unwrap_or_else(|| id.to_owned())
}

/// Which post a request concerns, as far as that is known before it is composed: a post, its edits and its deletion go out under
/// one id, and what WhatsApp answers names that id alone, so they go out one after the other.
pub(super) fn post_of(outgoing: &Outgoing) -> Option<String> {
    let chat = outgoing.chat();
    if chat.kind() != ChatKind::Channel {
        return None;
    }
    match outgoing {
        Outgoing::Edit(Edit { message, .. }) | Outgoing::Delete(Delete { message }) => {
            Some(post_name(chat, &message.stanza_id))
        }
        _ => outgoing.id().map(|id| post_name(chat, &id.to_string())),
    }
}

/// The same for a send that is composed.
pub(super) fn post(prepared: &PreparedMessage, id: &str) -> Option<String> {
    let in_channel = prepared.chat.kind() == ChatKind::Channel;
    in_channel.then(|| post_name(&prepared.chat, &wire_id(prepared, id)))
}

fn post_name(chat: &ChatId, id: &str) -> String {
    format!("{chat} {id}")
}

/// Hands a send to WhatsApp.
pub(super) async fn hand_over(
    client: &Client,
    state: &SessionState,
    to: &Jid,
    prepared: &PreparedMessage,
    id: &str,
) -> Result<(), ClientError> {
    let none = || ClientError::InvalidRequest("no such post".to_owned());
    let stanza = NodeBuilder::new("message").attr("to", to);
    let stanza = match message::read(&prepared.message) {
        Incoming::Edit { target, message, .. } => {
            let after = message.get_base_message();
            let mut plain = NodeBuilder::new("plaintext");
            if let Some(kind) = media_type_from_message(after) {
                plain = plain.attr("mediatype", kind);
            }
            stanza
                .attr("id", target.id.as_deref().ok_or_else(none)?)
                .attr("type", stanza_type_from_message(after))
                .attr("edit", EDIT)
                .children([plain.bytes(codec::message_to_vec(after)).build()])
        }
        Incoming::Revoke { target } => stanza
            .attr("id", target.id.as_deref().ok_or_else(none)?)
            .attr("type", "text")
            .attr("edit", REVOKE)
            .children([NodeBuilder::new("plaintext").bytes(Vec::new()).build()]),
        Incoming::Reaction { target, emoji } => {
            let post = target.id.as_deref().ok_or_else(none)?;
            let number = state.post_numbers().find(client, to, post).await?.ok_or_else(none)?;
            let stanza = stanza.attr("id", id).attr("type", "reaction").attr("server_id", number);
            if emoji.is_empty() {
                stanza.attr("edit", UNREACT).children([NodeBuilder::new("reaction").build()])
            } else {
                stanza.children([NodeBuilder::new("reaction").attr("code", emoji).build()])
            }
        }
        _ => {
            let options = SendOptions::default().with_message_id(id);
            let message = prepared.message.clone();
            return client.send_message_with_options(to.clone(), message, options).await.map(drop);
        }
    };
    Ok(client.send_node(stanza.build()).await?)
}
