//! Places, fixed and live.

use whatsapp_rust::prelude::wa;

use super::{Content, Kind, Place, no_file};

pub(super) const KIND: Kind = Kind { names: &["location", "live_location"], read, file: no_file };

fn read(base: &wa::Message) -> Option<Content> {
    if let Some(place) = base.location_message.as_option() {
        let location = Place {
            latitude: place.degrees_latitude.unwrap_or_default(),
            longitude: place.degrees_longitude.unwrap_or_default(),
            live: place.is_live.unwrap_or(false),
            name: place.name.clone(),
            address: place.address.clone(),
            url: place.url.clone(),
            description: place.name.clone().or_else(|| place.address.clone()),
        };
        let body = place.comment.clone().unwrap_or_default();
        return Some(Content { kind: "location", body, location: Some(location), ..Content::default() });
    }
    let live = base.live_location_message.as_option()?;
    let location = Place {
        latitude: live.degrees_latitude.unwrap_or_default(),
        longitude: live.degrees_longitude.unwrap_or_default(),
        live: true,
        name: None,
        address: None,
        url: None,
        description: live.caption.clone(),
    };
    let body = live.caption.clone().unwrap_or_default();
    Some(Content { kind: "live_location", body, location: Some(location), ..Content::default() })
}
