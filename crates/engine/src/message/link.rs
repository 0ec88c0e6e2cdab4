//! Texts whose link has a preview that the sender made. Received ones are texts: `text.rs` reads them.

use whatsapp_rust::prelude::{MessageField, wa};
use whatsapp_rust::upload::UploadResponse;
use whatsapp_rust::waproto::whatsapp::message::extended_text_message::PreviewType;

use crate::structured::Link;

/// The picture of a preview.
pub(crate) enum Thumbnail {
    /// JPEG, inside the message.
    Inside(Vec<u8>),
    /// Uploaded, with its width and height.
    Uploaded(Box<UploadResponse>, Option<(u32, u32)>),
}

/// A text with a preview of its link.
pub(crate) fn outgoing(link: Link, thumbnail: Option<Thumbnail>) -> wa::Message {
    let Link { text, url, title, description, image: _, large: _ } = link;
    let mut message = wa::message::ExtendedTextMessage {
        text: Some(text),
        matched_text: Some(url),
        title: Some(title),
        description: Some(description).filter(|description| !description.is_empty()),
        preview_type: Some(PreviewType::NONE),
        ..Default::default()
    };
    if let Some(thumbnail) = thumbnail {
        show(&mut message, thumbnail);
    }
    wa::Message { extended_text_message: MessageField::some(message), ..Default::default() }
}

/// Gives a preview its picture.
pub(super) fn show(message: &mut wa::message::ExtendedTextMessage, thumbnail: Thumbnail) {
    match thumbnail {
        Thumbnail::Inside(jpeg) => message.jpeg_thumbnail = Some(jpeg),
        Thumbnail::Uploaded(uploaded, size) => {
            message.thumbnail_direct_path = Some(uploaded.direct_path);
            message.thumbnail_sha256 = Some(uploaded.file_sha256.to_vec());
            message.thumbnail_enc_sha256 = Some(uploaded.file_enc_sha256.to_vec());
            message.media_key = Some(uploaded.media_key.to_vec());
            message.media_key_timestamp = Some(uploaded.media_key_timestamp);
            message.thumbnail_width = size.map(|(width, _)| width);
            message.thumbnail_height = size.map(|(_, height)| height);
        }
    }
}

/// Is this a JPEG file? (ITU-T T.81, annex B)
pub(crate) fn is_jpeg(file: &[u8]) -> bool {
    file.starts_with(&[0xff, 0xd8, 0xff])
}

/// Width and height of a JPEG picture, as its first frame header says.
pub(crate) fn jpeg_size(file: &[u8]) -> Option<(u32, u32)> {
    let two = |at: usize| Some(u32::from(u16::from_be_bytes([*file.get(at)?, *file.get(at + 1)?])));
    let mut at = 2;
    loop {
        // A marker may have any number of filling bytes before it.
        while *file.get(at)? == 0xff && *file.get(at + 1)? == 0xff {
            at += 1;
        }
        let (0xff, marker) = (*file.get(at)?, *file.get(at + 1)?) else { return None };
        // Frame headers but for the tables that have numbers among them: DHT, JPG and DAC.
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return Some((two(at + 7)?, two(at + 5)?));
        }
        at += 2 + two(at + 2)? as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link {
            text: "see https://example.org/a".to_owned(),
            url: "https://example.org/a".to_owned(),
            title: "An example".to_owned(),
            description: String::new(),
            image: None,
            large: true,
        }
    }

    #[test]
    fn a_preview_names_the_link_that_stands_in_the_text() {
        let message = outgoing(link(), Some(Thumbnail::Inside(vec![1, 2])));
        let sent = message.extended_text_message.as_option().unwrap();
        assert_eq!(sent.matched_text.as_deref(), Some("https://example.org/a"));
        assert_eq!(sent.title.as_deref(), Some("An example"));
        assert_eq!((&sent.description, &sent.jpeg_thumbnail), (&None, &Some(vec![1, 2])));
        assert_eq!(super::super::content(&message).unwrap().body, link().text);
    }

    #[test]
    fn the_size_of_a_picture_stands_in_its_frame_header() {
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xff, 0xc2, 0, 11, 8, 0, 90, 0, 160];
        assert!(is_jpeg(&jpeg));
        assert_eq!(jpeg_size(&jpeg), Some((160, 90)));
        jpeg.truncate(jpeg.len() - 1);
        assert_eq!(jpeg_size(&jpeg), None);
        assert_eq!(jpeg_size(b"\xff\xd8\xff\xe0\0\0\0\0\0"), None);
        assert!(!is_jpeg(b"\x89PNG"));
    }
}
