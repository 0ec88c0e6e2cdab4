//! Server-Sent Events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_access::Caller;
use wakeeper_delivery::streams::Stream;

use super::{End, WishParameters, holder, places, start};
use crate::api::access::Asking;
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Parameters;
use crate::api::state::Api;

/// Where a browser writes the last `id` that it saw.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A line is sent at least so often, so that nothing on the way takes the connection for dead.
const ALIVE: Duration = Duration::from_secs(15);
/// How often the key is looked at.
const KEY_CHECK: Duration = Duration::from_secs(5);
/// When whoever was cut off is to come back.
const RETRY: Duration = Duration::from_secs(3);

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(events))
}

#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct StreamParameters {
    /// Only events of this session; `*`, or nothing, for all that the key is good for.
    #[param(example = "default")]
    session: Option<String>,
    /// Only events of these names, as webhooks are subscribed to: given more than once, or separated by commas; `*`, or
    /// nothing, for all.
    events: Vec<String>,
    /// For clients that cannot set the header `Last-Event-ID`.
    #[serde(rename = "lastEventId")]
    last_event_id: Option<String>,
}

/// Hear of events as they happen
///
/// Server-Sent Events: `event` is the event's name, `data` the body that a webhook would be sent, `id` the place to resume behind,
/// given back in `Last-Event-ID`; an event's own id (`evt_...`) is taken there, too. An event `stream.gap` says that events may be
/// missing, `stream.end` why the stream ends. What a stream asked for is stored for an hour after it ended.
#[utoipa::path(get, path = "/api/events", tag = "events", params(StreamParameters,
    ("Last-Event-ID" = Option<String>, Header, description = "Resume behind this `id`, or this event")),
    responses((status = 200, description = "The events", body = String, content_type = "text/event-stream"), Failures))]
async fn events(
    State(api): State<Api>,
    Asking(caller): Asking,
    headers: HeaderMap,
    Parameters(asked): Parameters<StreamParameters>,
) -> Result<Response, ApiError> {
    let StreamParameters { session, events, last_event_id } = asked;
    let given = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).or(last_event_id.as_deref());
    let start = start(given);
    let wish = WishParameters { session, events }.wish(&api, &caller).await?;
    let stream = api.webhooks.streams().open(wish, start, &holder(&caller)).await?;
    let telling = Telling { stream: Some(stream), caller, began: false };
    let events = stream::unfold(telling, |mut telling| async move {
        let event = telling.next().await?;
        Some((Ok::<_, Infallible>(event), telling))
    });
    let answer = Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE));
    // A proxy that collects answers would hold events back.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(([unbuffered, (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], answer).into_response())
}

/// A stream on its way to its reader.
struct Telling {
    /// Until the end was told.
    stream: Option<Stream>,
    caller: Caller,
    began: bool,
}

impl Telling {
    async fn next(&mut self) -> Option<Event> {
        let stream = self.stream.as_mut()?;
        if !self.began {
            self.began = true;
            return Some(beginning(stream));
        }
        let end = loop {
            let next = tokio::select! {
                next = stream.next() => next,
                () = tokio::time::sleep(KEY_CHECK) => {
                    if self.caller.is_current() { continue }
                    break End::KeyChanged;
                }
            };
            match next {
                // Also between events that follow each other without a pause.
                Ok(Some(_)) if !self.caller.is_current() => break End::KeyChanged,
                Ok(Some(told)) => {
                    let id = places().cursor(&told.position.to_string());
                    // A body is one line of JSON; what an earlier version kept in another way must not end the stream.
                    let body = told.body.replace('\r', " ");
                    return Some(Event::default().id(id).event(told.name).data(body));
                }
                Ok(None) => break End::ShuttingDown,
                Err(error) => {
                    tracing::warn!(%error, "a live stream ends");
                    break End::Failed;
                }
            }
        };
        self.stream = None;
        Some(Event::default().event("stream.end").data(json!({"reason": end.as_str()}).to_string()))
    }
}

/// The place that the stream is at, before anything happened: whoever is cut off then comes back to it.
fn beginning(stream: &Stream) -> Event {
    let event = Event::default().retry(RETRY).id(places().cursor(&stream.position().to_string()));
    if !stream.gap() {
        return event.comment("events follow as they happen");
    }
    let reason = "events between the place that was asked for and this one may be missing";
    event.event("stream.gap").data(json!({ "reason": reason }).to_string())
}
