//! Reading a `Message` as a person sees it.

use waproto::whatsapp as wa;

use super::{Decoded, Kind, MediaInfo, Quoted, Target};
use crate::phone::media::MediaKind;

/// Takes a message out of the wrappers that clients put around it.
pub fn unwrap(message: wa::Message) -> wa::Message {
    let mut message = message;
    // Real messages are wrapped two or three times at most; the limit stops a hostile one.
    for _ in 0..8 {
        let inner = [
            &mut message.ephemeral_message,
            &mut message.view_once_message,
            &mut message.view_once_message_v2,
            &mut message.view_once_message_v2_extension,
            &mut message.document_with_caption_message,
            &mut message.edited_message,
        ]
        .into_iter()
        .find_map(|wrapper| wrapper.as_option_mut().and_then(|wrapper| wrapper.message.take()));
        match inner {
            Some(inner) => message = inner,
            None => break,
        }
    }
    message
}

/// Reads an unwrapped message.
pub fn read(message: &wa::Message) -> Decoded {
    if let Some(reaction) = message.reaction_message.as_option() {
        let mut decoded = Decoded::of(Kind::Reaction);
        decoded.emoji = Some(reaction.text.clone().unwrap_or_default());
        decoded.target = reaction.key.as_option().map(target);
        return decoded;
    }
    if let Some(protocol) = message.protocol_message.as_option() {
        return read_protocol(protocol);
    }
    if let Some(media) = read_media(message) {
        return media;
    }
    let mut decoded = Decoded::of(Kind::Text);
    if let Some(text) = message.extended_text_message.as_option() {
        decoded.text.clone_from(&text.text);
        context(&mut decoded, text.context_info.as_option());
    } else if let Some(text) = &message.conversation {
        decoded.text = Some(text.clone());
    } else {
        decoded.kind = Kind::Other;
    }
    decoded
}

fn read_protocol(protocol: &wa::message::ProtocolMessage) -> Decoded {
    use wa::message::protocol_message::Type;
    let kind = match protocol.r#type {
        // Type 0 is the default, so an absent type with a key is a revocation too.
        Some(Type::REVOKE) => Kind::Revoke,
        None if protocol.key.is_set() => Kind::Revoke,
        Some(Type::MESSAGE_EDIT) => Kind::Edit,
        _ => Kind::Protocol,
    };
    let mut decoded = Decoded::of(kind);
    if kind != Kind::Protocol {
        decoded.target = protocol.key.as_option().map(target);
    }
    if kind == Kind::Edit
        && let Some(edited) = protocol.edited_message.as_option()
    {
        let edited = read(&unwrap(edited.clone()));
        decoded.text = edited.text;
        decoded.mentions = edited.mentions;
    }
    decoded
}

fn read_media(message: &wa::Message) -> Option<Decoded> {
    /// The fields that every kind of media message has under the same names.
    macro_rules! media {
        ($kind:expr, $media_kind:expr, $part:expr) => {{
            let part = $part;
            let mut decoded = Decoded::of($kind);
            decoded.media = Some(MediaInfo {
                kind: $media_kind,
                mimetype: part.mimetype.clone(),
                filename: None,
                length: part.file_length.unwrap_or_default(),
                sha256: hex(part.file_sha256.as_deref().unwrap_or_default()),
                direct_path: part.direct_path.clone().or_else(|| part.url.clone()).unwrap_or_default(),
                media_key: part.media_key.clone().unwrap_or_default(),
                enc_sha256: part.file_enc_sha256.clone().unwrap_or_default(),
                plain_sha256: part.file_sha256.clone().unwrap_or_default(),
            });
            context(&mut decoded, part.context_info.as_option());
            decoded
        }};
    }
    if let Some(image) = message.image_message.as_option() {
        let mut decoded = media!(Kind::Image, MediaKind::Image, image);
        decoded.text.clone_from(&image.caption);
        return Some(decoded);
    }
    if let Some(video) = message.video_message.as_option() {
        let mut decoded = media!(Kind::Video, MediaKind::Video, video);
        decoded.text.clone_from(&video.caption);
        return Some(decoded);
    }
    if let Some(audio) = message.audio_message.as_option() {
        let kind = if audio.ptt == Some(true) { Kind::Voice } else { Kind::Audio };
        return Some(media!(kind, MediaKind::Audio, audio));
    }
    if let Some(document) = message.document_message.as_option() {
        let mut decoded = media!(Kind::Document, MediaKind::Document, document);
        decoded.text.clone_from(&document.caption);
        if let Some(media) = &mut decoded.media {
            media.filename.clone_from(&document.file_name);
        }
        return Some(decoded);
    }
    let sticker = message.sticker_message.as_option()?;
    Some(media!(Kind::Sticker, MediaKind::Sticker, sticker))
}

fn context(decoded: &mut Decoded, context: Option<&wa::ContextInfo>) {
    let Some(context) = context else { return };
    decoded.mentions.clone_from(&context.mentioned_jid);
    if let Some(id) = &context.stanza_id {
        decoded.quoted = Some(Quoted {
            id: id.clone(),
            participant: context.participant.clone(),
            text: context.quoted_message.as_option().and_then(|quoted| read(&unwrap(quoted.clone())).text),
        });
    }
}

fn target(key: &wa::MessageKey) -> Target {
    Target {
        id: key.id.clone().unwrap_or_default(),
        from_me: key.from_me.unwrap_or_default(),
        participant: key.participant.clone().filter(|participant| !participant.is_empty()),
    }
}

/// Lower-case hex.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
