//! Stickers.

use whatsapp_rust::prelude::wa;
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
