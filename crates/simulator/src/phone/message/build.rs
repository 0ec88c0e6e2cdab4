//! Making a `Message` from what a person wants to say.

use buffa::MessageField;
use waproto::whatsapp as wa;

use super::{Body, MediaBody, Outgoing, Target};
use crate::media::MediaLocation;
use crate::phone::media::{EncryptedMedia, MediaKind};

/// An uploaded file, ready to be put into a message.
pub struct Uploaded<'a> {
    /// Keys and hashes.
    pub encrypted: &'a EncryptedMedia,
    /// Where it is.
    pub location: &'a MediaLocation,
    /// Seconds since the Unix epoch.
    pub timestamp: i64,
}

/// What the message is built into.
pub struct Frame<'a> {
    /// The chat, as it is addressed.
    pub chat: &'a str,
    /// Milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// Who sent the quoted message, and the message.
    pub quoted: Option<(String, String, wa::Message)>,
    /// Secret of this message, from which add-ons (newer edits, polls) are encrypted.
    pub secret: [u8; 32],
}

/// Makes the protobuf message. `uploaded` is needed for media and ignored otherwise.
pub fn build(outgoing: &Outgoing, frame: &Frame<'_>, uploaded: Option<&Uploaded<'_>>) -> wa::Message {
    let mut message = match &outgoing.body {
        Body::Text(text) => text_message(outgoing, text, frame),
        Body::Media(media) => media_message(outgoing, media, frame, uploaded),
        Body::Reaction { target, emoji } => wa::Message {
            reaction_message: MessageField::some(wa::message::ReactionMessage {
                key: MessageField::some(key(target, frame.chat)),
                text: Some(emoji.clone()),
                sender_timestamp_ms: Some(frame.timestamp_ms),
                ..Default::default()
            }),
            ..Default::default()
        },
        Body::Edit { target, text } => protocol(wa::message::ProtocolMessage {
            key: MessageField::some(key(target, frame.chat)),
            r#type: Some(wa::message::protocol_message::Type::MESSAGE_EDIT),
            edited_message: MessageField::some(wa::Message {
                extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
                    text: Some(text.clone()),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            timestamp_ms: Some(frame.timestamp_ms),
            ..Default::default()
        }),
        Body::Revoke { target } => protocol(wa::message::ProtocolMessage {
            key: MessageField::some(key(target, frame.chat)),
            r#type: Some(wa::message::protocol_message::Type::REVOKE),
            ..Default::default()
        }),
    };
    if matches!(outgoing.body, Body::Text(_) | Body::Media(_)) {
        message.message_context_info = MessageField::some(wa::MessageContextInfo {
            message_secret: Some(frame.secret.to_vec()),
            ..Default::default()
        });
    }
    message
}

fn protocol(protocol: wa::message::ProtocolMessage) -> wa::Message {
    wa::Message { protocol_message: MessageField::some(protocol), ..Default::default() }
}

fn key(target: &Target, chat: &str) -> wa::MessageKey {
    wa::MessageKey {
        remote_jid: Some(chat.to_owned()),
        from_me: Some(target.from_me),
        id: Some(target.id.clone()),
        participant: target.participant.clone(),
    }
}

fn text_message(outgoing: &Outgoing, text: &str, frame: &Frame<'_>) -> wa::Message {
    let context_info = context(outgoing, frame);
    if context_info.is_unset() {
        return wa::Message { conversation: Some(text.to_owned()), ..Default::default() };
    }
    wa::Message {
        extended_text_message: MessageField::some(wa::message::ExtendedTextMessage {
            text: Some(text.to_owned()),
            context_info,
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn context(outgoing: &Outgoing, frame: &Frame<'_>) -> MessageField<wa::ContextInfo> {
    if outgoing.mentions.is_empty() && frame.quoted.is_none() {
        return MessageField::none();
    }
    let mut context = wa::ContextInfo { mentioned_jid: outgoing.mentions.clone(), ..Default::default() };
    if let Some((id, participant, message)) = &frame.quoted {
        context.stanza_id = Some(id.clone());
        context.participant = Some(participant.clone());
        context.quoted_message = MessageField::some(message.clone());
    }
    MessageField::some(context)
}

fn media_message(
    outgoing: &Outgoing,
    media: &MediaBody,
    frame: &Frame<'_>,
    uploaded: Option<&Uploaded<'_>>,
) -> wa::Message {
    /// Fills the fields that every kind of media message has under the same names.
    macro_rules! part {
        ($type:ident { $($field:ident: $value:expr),* $(,)? }) => {{
            let mut part = wa::message::$type {
                mimetype: Some(mimetype(media)),
                file_length: Some(media.data.len() as u64),
                context_info: context(outgoing, frame),
                $($field: $value,)*
                ..Default::default()
            };
            if let Some(uploaded) = uploaded {
                part.url = Some(uploaded.location.url.clone());
                part.direct_path = Some(uploaded.location.direct_path.clone());
                part.media_key = Some(uploaded.encrypted.media_key.to_vec());
                part.file_sha256 = Some(uploaded.encrypted.sha256.to_vec());
                part.file_enc_sha256 = Some(uploaded.encrypted.enc_sha256.to_vec());
                part.media_key_timestamp = Some(uploaded.timestamp);
            }
            MessageField::some(part)
        }};
    }
    let mut message = wa::Message::default();
    match media.kind {
        MediaKind::Image => message.image_message = part!(ImageMessage { caption: media.caption.clone() }),
        MediaKind::Video => message.video_message = part!(VideoMessage { caption: media.caption.clone() }),
        MediaKind::Audio => message.audio_message = part!(AudioMessage { ptt: Some(media.voice) }),
        MediaKind::Document => {
            message.document_message = part!(DocumentMessage {
                caption: media.caption.clone(),
                file_name: Some(media.filename.clone().unwrap_or_else(|| "file".to_owned())),
            });
        }
        MediaKind::Sticker => message.sticker_message = part!(StickerMessage {}),
    }
    message
}

fn mimetype(media: &MediaBody) -> String {
    media.mimetype.clone().unwrap_or_else(|| {
        match media.kind {
            MediaKind::Image => "image/jpeg",
            MediaKind::Video => "video/mp4",
            MediaKind::Audio if media.voice => "audio/ogg; codecs=opus",
            MediaKind::Audio => "audio/mpeg",
            MediaKind::Document => "application/octet-stream",
            MediaKind::Sticker => "image/webp",
        }
        .to_owned()
    })
}
