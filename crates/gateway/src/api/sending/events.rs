//! Events of the calendar.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::structured::{Event, Structure};
use wakeeper_waha::Message;

use super::addressed::{Addressed, bounded, needed};
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::state::Api;

/// Longest name, in characters, as WhatsApp's apps have it.
const LONGEST_NAME: usize = 100;
/// Longest description, in characters.
const LONGEST_DESCRIPTION: usize = 2_048;
/// Longest name of a place, in characters.
const LONGEST_PLACE: usize = 1_000;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send_event))
}

/// An event to send.
#[derive(Deserialize, ToSchema)]
#[schema(as = EventMessageRequest)]
struct EventRequest {
    /// To whom.
    #[serde(rename = "chatId")]
    #[schema(example = "120363012345678901@g.us")]
    chat_id: String,
    /// Id of the message it answers; the part that its sender chose is enough.
    reply_to: Option<String>,
    /// The event.
    event: EventField,
}

/// An event of the calendar.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = EventMessage)]
struct EventField {
    /// What it is called.
    #[schema(example = "Rehearsal")]
    name: String,
    /// What is said of it.
    #[schema(example = "Bring the scores")]
    description: Option<String>,
    /// When it begins, in seconds since 1970.
    #[schema(example = 1_893_456_000)]
    start_time: i64,
    /// When it ends, in seconds since 1970.
    end_time: Option<i64>,
    /// Where it is.
    location: Option<EventPlace>,
    /// May those who come bring others along?
    extra_guests_allowed: Option<bool>,
}

/// Where an event is.
#[derive(Deserialize, ToSchema)]
#[schema(as = EventLocation)]
struct EventPlace {
    /// What the place is called.
    #[schema(example = "The old hall")]
    name: String,
}

impl EventField {
    fn check(self) -> Result<Event, ApiError> {
        let Self { name, description, start_time, end_time, location, extra_guests_allowed } = self;
        let name = needed("event.name", name, LONGEST_NAME)?;
        let description = description.filter(|text| !text.is_empty());
        let description =
            description.map(|text| bounded("event.description", text, LONGEST_DESCRIPTION)).transpose()?;
        if start_time <= 0 {
            return Err(ApiError::invalid("event.startTime: seconds since 1970"));
        }
        if end_time.is_some_and(|end| end < start_time) {
            return Err(ApiError::invalid("event.endTime: before startTime"));
        }
        let place =
            location.map(|place| needed("event.location.name", place.name, LONGEST_PLACE)).transpose()?;
        let guests = extra_guests_allowed.unwrap_or(false);
        Ok(Event { name, description, start_s: start_time, end_s: end_time, place, guests })
    }
}

/// Send an event
///
/// Who answers it is told by `event.response`.
#[utoipa::path(post, path = "/api/{session}/events", tag = "events", request_body = EventRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_event(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    Body(request): Body<EventRequest>,
) -> Result<Response, ApiError> {
    let EventRequest { chat_id, reply_to, event } = request;
    let event = Structure::Event(event.check()?);
    Addressed { session, chat_id, reply_to, id: None }.send(&api, &headers, event).await
}
