//! Places.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::structured::{Location, Structure};
use wakeeper_waha::Message;

use super::addressed::{Addressed, bounded};
use super::default_session;
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::state::Api;

/// Longest title, in characters.
const LONGEST_TITLE: usize = 1_000;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send_location))
}

/// A place to send.
#[derive(Deserialize, ToSchema)]
#[schema(as = MessageLocationRequest)]
struct LocationRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[serde(rename = "chatId")]
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// Degrees north, -90 to 90.
    #[schema(example = -6.1754)]
    latitude: f64,
    /// Degrees east, -180 to 180.
    #[schema(example = 106.8272)]
    longitude: f64,
    /// What the place is called.
    #[schema(example = "Monas")]
    title: Option<String>,
    /// Id of the message it answers; the part that its sender chose is enough.
    reply_to: Option<String>,
    /// The id that the message gets; one is made up without it.
    id: Option<String>,
}

/// Send a place
#[utoipa::path(post, path = "/api/sendLocation", tag = "sending", request_body = LocationRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_location(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<LocationRequest>,
) -> Result<Response, ApiError> {
    let LocationRequest { session, chat_id, latitude, longitude, title, reply_to, id } = request;
    for (name, degrees, most) in [("latitude", latitude, 90.0), ("longitude", longitude, 180.0)] {
        if !(-most..=most).contains(&degrees) {
            return Err(ApiError::invalid(format!("{name}: degrees from -{most} to {most}")));
        }
    }
    let title = bounded("title", title.unwrap_or_default(), LONGEST_TITLE)?;
    let place = Structure::Location(Location { latitude, longitude, title });
    Addressed { session, chat_id, reply_to, id }.send(&api, &headers, place).await
}
