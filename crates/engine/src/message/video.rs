//! Videos and round video notes.

use whatsapp_rust::prelude::wa;
use whatsapp_rust::wacore::download::Downloadable;

use super::{Content, Kind, MediaInfo};

pub(super) const KIND: Kind = Kind { names: &["video", "video_note"], read, file: part };

fn of(base: &wa::Message) -> Option<(&wa::message::VideoMessage, &'static str)> {
    let video = base.video_message.as_option().map(|video| (video, "video"));
    video.or_else(|| base.ptv_message.as_option().map(|note| (note, "video_note")))
}

fn read(base: &wa::Message) -> Option<Content> {
    let (video, kind) = of(base)?;
    Some(Content {
        kind,
        body: video.caption.clone().unwrap_or_default(),
        media: Some(MediaInfo {
            mimetype: video.mimetype.clone().unwrap_or_else(|| "video/mp4".to_owned()),
            filename: None,
        }),
        ..Content::default()
    })
}

fn part(base: &wa::Message) -> Option<&dyn Downloadable> {
    of(base).map(|(video, _)| video as &dyn Downloadable)
}
