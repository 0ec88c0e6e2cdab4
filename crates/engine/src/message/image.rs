//! Pictures.

use whatsapp_rust::prelude::wa;
use whatsapp_rust::wacore::download::Downloadable;

use super::{Content, Kind, MediaInfo};

pub(super) const KIND: Kind = Kind { names: &["image"], read, file: part };

fn read(base: &wa::Message) -> Option<Content> {
    let image = base.image_message.as_option()?;
    Some(Content {
        kind: "image",
        body: image.caption.clone().unwrap_or_default(),
        media: Some(MediaInfo {
            mimetype: image.mimetype.clone().unwrap_or_else(|| "image/jpeg".to_owned()),
            filename: None,
        }),
        ..Content::default()
    })
}

fn part(base: &wa::Message) -> Option<&dyn Downloadable> {
    base.image_message.as_option().map(|image| image as &dyn Downloadable)
}
