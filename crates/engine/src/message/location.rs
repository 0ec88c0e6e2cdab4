//! Places, fixed and live.

use whatsapp_rust::prelude::{MessageField, wa};

use super::{Content, Kind, Place, no_file};
use crate::structured::Location;

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

/// A place.
pub(crate) fn outgoing(place: Location) -> wa::Message {
    wa::Message {
        location_message: MessageField::some(wa::message::LocationMessage {
            degrees_latitude: Some(place.latitude),
            degrees_longitude: Some(place.longitude),
            name: Some(place.title).filter(|title| !title.is_empty()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_sent() {
        let place = |title: &str| Location { latitude: -6.2, longitude: 106.8, title: title.to_owned() };
        let content = read(&outgoing(place("Monas"))).unwrap();
        let there = content.location.unwrap();
        assert_eq!((there.latitude, there.longitude), (-6.2, 106.8));
        assert_eq!((content.kind, there.description.as_deref()), ("location", Some("Monas")));
        assert_eq!(read(&outgoing(place(""))).unwrap().location.unwrap().description, None);
    }
}
