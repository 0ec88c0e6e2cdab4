//! Documents: any file under its name.

use whatsapp_rust::prelude::wa;
use whatsapp_rust::wacore::download::Downloadable;

use super::{Content, Kind, MediaInfo};

pub(super) const KIND: Kind = Kind { names: &["document"], read, file: part };

fn read(base: &wa::Message) -> Option<Content> {
    let document = base.document_message.as_option()?;
    Some(Content {
        kind: "document",
        body: document.caption.clone().unwrap_or_default(),
        media: Some(MediaInfo {
            mimetype: document.mimetype.clone().unwrap_or_else(|| "application/octet-stream".to_owned()),
            filename: document.file_name.clone().or_else(|| document.title.clone()),
        }),
        ..Content::default()
    })
}

fn part(base: &wa::Message) -> Option<&dyn Downloadable> {
    base.document_message.as_option().map(|document| document as &dyn Downloadable)
}
