//! What became of webhooks' events: the last deliveries, a test event, and dead letters, which no attempt delivered.

mod deliveries;
mod test_event;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_delivery::webhook::{self, WhichLetters};

use super::document::Failures;
use super::error::{ApiError, ErrorCode};
use super::extract::{OptionalBody, Parameters};
use super::paging::{List, Page};
use super::state::Api;

/// Most dead letters in one answer, and in one replay.
const MOST_DEAD_LETTERS: u32 = 1_000;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(replay))
        .merge(deliveries::router())
        .merge(test_event::router())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// How many to answer at most, 1 to 1000.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: u32,
    /// Only those after this `id`: the last one of the page before.
    #[serde(default)]
    after: i64,
    /// Only those behind the page that gave this in its header `X-Next-Cursor`; instead of `after`.
    cursor: Option<String>,
}

fn default_limit() -> u32 {
    100
}

/// An event that was given up.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadLetter {
    /// Its number; grows in the order of the events.
    id: i64,
    /// The event's id, as receivers know it.
    #[schema(example = "evt_01h455vb4pex5vsknk084sn02q")]
    event_id: String,
    /// The event's name.
    event: String,
    /// Which webhook: a stable digest of its address.
    subscription: String,
    /// When the event happened, in milliseconds since 1970.
    timestamp: i64,
    /// Attempts that were made.
    attempts: u32,
    /// Why it was given up.
    reason: String,
    /// When it was given up, in milliseconds since 1970.
    given_up: i64,
    /// The body that was not delivered.
    body: Value,
}

impl From<webhook::DeadLetter> for DeadLetter {
    fn from(letter: webhook::DeadLetter) -> Self {
        Self {
            id: letter.id,
            event_id: letter.event_id,
            event: letter.event,
            subscription: letter.subscription,
            timestamp: letter.timestamp_ms,
            attempts: letter.attempts,
            reason: letter.reason,
            given_up: letter.given_up_ms,
            // What is no JSON is shown as the text that it is.
            body: serde_json::from_str(&letter.body).unwrap_or(Value::String(letter.body)),
        }
    }
}

/// Which dead letters to deliver again; without anything, all of the session.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
struct ReplayRequest {
    /// Only this event.
    event_id: Option<String>,
    /// Only this webhook.
    subscription: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Replayed {
    /// How many deliveries will be tried again.
    replayed: usize,
}

/// List dead letters, oldest first
#[utoipa::path(get, path = "/api/sessions/{session}/webhooks/dead-letters", tag = "webhooks",
    params(("session" = String, Path, description = "Name of the session"), ListParameters),
    responses((status = 200, description = "The dead letters", body = Vec<DeadLetter>,
        headers(("X-Next-Cursor" = String, description = "The `cursor` of the next page; left out with the last one"),
            ("Link" = String, description = "The same as an address relative to this one, `rel=\"next\"`"))),
        Failures))]
async fn list(
    State(api): State<Api>,
    Path(session): Path<String>,
    RawQuery(raw): RawQuery,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Page<DeadLetter>, ApiError> {
    let (name, _) = api.session(&session).await?;
    if !(1..=MOST_DEAD_LETTERS).contains(&parameters.limit) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST_DEAD_LETTERS}")));
    }
    let list = List::of(&["dead letters", name.as_str()]);
    let after = match &parameters.cursor {
        Some(cursor) => list.place(cursor, |id| id.parse().ok())?,
        None => parameters.after,
    };
    let limit = parameters.limit as usize;
    // One more tells whether this page is the last.
    let query = WhichLetters {
        session: Some(name.as_str().to_owned()),
        after,
        limit: parameters.limit + 1,
        ..WhichLetters::default()
    };
    let mut letters = api.webhooks.dead_letters(query).await?;
    let more = letters.len() > limit;
    letters.truncate(limit);
    let next = letters.last().filter(|_| more).map(|last| list.cursor(&last.id.to_string()));
    Ok(Page::new(letters.into_iter().map(DeadLetter::from).collect(), next, raw.as_deref()))
}

/// Deliver dead letters again
///
/// They get all their attempts again, under the same event ids.
#[utoipa::path(post, path = "/api/sessions/{session}/webhooks/dead-letters/replay", tag = "webhooks",
    request_body(content = Option<ReplayRequest>),
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "They are on their way", body = Replayed), Failures))]
async fn replay(
    State(api): State<Api>,
    Path(session): Path<String>,
    OptionalBody(request): OptionalBody<ReplayRequest>,
) -> Result<(axum::http::StatusCode, Json<Replayed>), ApiError> {
    let (name, _) = api.session(&session).await?;
    let one_event = request.event_id.is_some();
    let query = WhichLetters {
        session: Some(name.as_str().to_owned()),
        subscription: request.subscription,
        event_id: request.event_id,
        after: 0,
        limit: MOST_DEAD_LETTERS,
    };
    let replayed = api.webhooks.replay(query).await?;
    if one_event && replayed == 0 {
        return Err(ApiError::new(ErrorCode::DeadLetterNotFound, "There is no such dead letter"));
    }
    Ok((axum::http::StatusCode::CREATED, Json(Replayed { replayed })))
}
