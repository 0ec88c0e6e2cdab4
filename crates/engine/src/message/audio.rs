//! Voice notes and other sound.

use whatsapp_rust::prelude::wa;
use whatsapp_rust::wacore::download::Downloadable;

use super::{Content, Kind, MediaInfo};

pub(super) const KIND: Kind = Kind { names: &["audio", "voice"], read, file: part };

fn read(base: &wa::Message) -> Option<Content> {
    let audio = base.audio_message.as_option()?;
    Some(Content {
        kind: if audio.ptt == Some(true) { "voice" } else { "audio" },
        media: Some(MediaInfo {
            mimetype: audio.mimetype.clone().unwrap_or_else(|| "audio/ogg; codecs=opus".to_owned()),
            filename: None,
        }),
        ..Content::default()
    })
}

fn part(base: &wa::Message) -> Option<&dyn Downloadable> {
    base.audio_message.as_option().map(|audio| audio as &dyn Downloadable)
}
