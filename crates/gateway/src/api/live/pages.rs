//! The log of events, page by page.

use axum::extract::{RawQuery, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{WishParameters, places};
use crate::api::access::Asking;
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Parameters;
use crate::api::paging::Page;
use crate::api::state::Api;

/// Most events in one answer; bodies may be long.
const MOST: u32 = 500;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(log))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct LogParameters {
    /// Only events of this session; `*`, or nothing, for all that the key is good for.
    #[param(example = "default")]
    session: Option<String>,
    /// Only events of these names: given more than once, or separated by commas; `*`, or nothing, for all.
    #[serde(default)]
    events: Vec<String>,
    /// How many to answer at most, 1 to 500; one that has two names counts once.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 500)]
    limit: u32,
    /// Only those behind the page that gave this in its header `X-Next-Cursor`, or behind the `id` of a stream. Without it the
    /// oldest that are stored.
    cursor: Option<String>,
    /// The same by an event's id, `evt_...`.
    after: Option<String>,
}

fn default_limit() -> u32 {
    100
}

/// What a webhook would be sent.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
struct EventBody(Value);

/// List stored events, the oldest first
///
/// Those that a receiver of webhooks or a live stream asked for are stored for a day. The header `X-Next-Cursor` is always there,
/// because more may come.
#[utoipa::path(get, path = "/api/events/log", tag = "events", params(LogParameters),
    responses((status = 200, description = "The events", body = Vec<EventBody>,
        headers(("X-Next-Cursor" = String, description = "The `cursor` of what comes next"),
            ("Link" = String, description = "The same as an address relative to this one, `rel=\"next\"`"))),
        Failures))]
async fn log(
    State(api): State<Api>,
    Asking(caller): Asking,
    RawQuery(raw): RawQuery,
    Parameters(asked): Parameters<LogParameters>,
) -> Result<Page<EventBody>, ApiError> {
    if !(1..=MOST).contains(&asked.limit) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST}")));
    }
    let streams = api.webhooks.streams();
    let after = match (asked.cursor, asked.after) {
        (Some(_), Some(_)) => return Err(ApiError::invalid("after: give cursor or after, not both")),
        (Some(cursor), None) => places().place(&cursor, |place| place.parse().ok())?,
        (None, Some(id)) => streams
            .position(&id)
            .await?
            .ok_or_else(|| ApiError::invalid("after: no event of that id is stored any more"))?,
        (None, None) => 0,
    };
    let wish = WishParameters { session: asked.session, events: asked.events }.wish(&api, &caller).await?;
    let page = streams.page(&wish, after, asked.limit).await?;
    let next = places().cursor(&page.upto.to_string());
    // What is no JSON is shown as the text that it is.
    let body = |text: String| EventBody(serde_json::from_str(&text).unwrap_or(Value::String(text)));
    let events = page.events.into_iter().map(|told| body(told.body)).collect();
    Ok(Page::new(events, Some(next), raw.as_deref()))
}
