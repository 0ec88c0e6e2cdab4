//! Stickers.

use whatsapp_rust::prelude::{MessageField, wa};
use whatsapp_rust::upload::UploadResponse;
use whatsapp_rust::wacore::download::Downloadable;

use super::{Content, Kind, MediaInfo};

pub(super) const KIND: Kind = Kind { names: &["sticker"], read, file: part };

fn read(base: &wa::Message) -> Option<Content> {
    let sticker = base.sticker_message.as_option()?;
    Some(Content {
        kind: "sticker",
        media: Some(MediaInfo {
            mimetype: sticker.mimetype.clone().unwrap_or_else(|| "image/webp".to_owned()),
            filename: None,
        }),
        ..Content::default()
    })
}

fn part(base: &wa::Message) -> Option<&dyn Downloadable> {
    base.sticker_message.as_option().map(|sticker| sticker as &dyn Downloadable)
}

/// Is this a WebP file? (RFC 9649, section 2.3)
pub(crate) fn is_webp(file: &[u8]) -> bool {
    file.get(..4) == Some(b"RIFF") && file.get(8..12) == Some(b"WEBP")
}

/// A sticker whose WebP file is uploaded.
pub(crate) fn outgoing(uploaded: UploadResponse, animated: bool) -> wa::Message {
    wa::Message {
        sticker_message: MessageField::some(wa::message::StickerMessage {
            url: Some(uploaded.url),
            direct_path: Some(uploaded.direct_path),
            media_key: Some(uploaded.media_key.to_vec()),
            file_sha256: Some(uploaded.file_sha256.to_vec()),
            file_enc_sha256: Some(uploaded.file_enc_sha256.to_vec()),
            file_length: Some(uploaded.file_length),
            media_key_timestamp: Some(uploaded.media_key_timestamp),
            mimetype: Some("image/webp".to_owned()),
            is_animated: Some(animated),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sticker_is_told_by_its_first_bytes() {
        assert!(is_webp(b"RIFF\x1a\0\0\0WEBPVP8L"));
        for other in [&b"RIFF\x1a\0\0\0WAVEfmt "[..], b"\x89PNG\r\n\x1a\n\0\0\0\0", b"RIFF", b""] {
            assert!(!is_webp(other), "{other:?}");
        }
    }
}
