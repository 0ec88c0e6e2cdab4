//! Events as they happen: Server-Sent Events, WAHA's WebSocket, and the log that both are read from.
//!
//! The bodies are those of webhooks. What a key is not good for is not told.

mod pages;
mod socket;
mod sse;

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use wakeeper_access::Caller;
use wakeeper_delivery::streams::{Holder, Start, StreamError, Wish};
use wakeeper_delivery::webhook::check_event;

use super::error::{ApiError, ErrorCode};
use super::paging::List;
use super::state::Api;

/// All sessions, or all events, as WAHA writes it.
const ALL: &str = "*";
/// Names of events in one request.
const MOST_NAMES: usize = 100;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().merge(sse::router()).merge(pages::router()).merge(socket::router())
}

/// What to tell.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct WishParameters {
    /// Only events of this session; `*`, or nothing, for all that the key is good for.
    #[param(example = "default")]
    session: Option<String>,
    /// Only events of these names, as webhooks are subscribed to: given more than once, or separated by commas; `*`, or
    /// nothing, for all.
    events: Vec<String>,
}

impl WishParameters {
    /// What is told of that to this caller.
    async fn wish(self, api: &Api, caller: &Caller) -> Result<Wish, ApiError> {
        let named = self.session.filter(|session| session != ALL);
        let session = match named {
            Some(session) => Some(api.session(&session).await?.0.to_string()),
            None => caller.only_session().map(str::to_owned),
        };
        let names: Vec<&str> = self.events.iter().flat_map(|names| names.split(',')).map(str::trim).collect();
        if names.len() > MOST_NAMES {
            return Err(ApiError::invalid(format!("events: at most {MOST_NAMES} names")));
        }
        for name in names.iter().filter(|name| **name != ALL) {
            check_event(name).map_err(|error| ApiError::invalid(format!("events: {error}")))?;
        }
        let all = names.contains(&ALL);
        let names = names.into_iter().filter(|_| !all).map(str::to_owned).collect();
        Ok(Wish { session, names })
    }
}

/// Whose a stream of this caller is.
fn holder(caller: &Caller) -> Holder {
    caller.key_id().map_or(Holder::Administrator, |id| Holder::Key(id.to_owned()))
}

/// The list that cursors stand in: that of all events, whatever is asked of it.
fn places() -> List {
    List::of(&["events"])
}

/// The place that a reader was at: a cursor, or the id of an event.
fn start(given: Option<&str>) -> Start {
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Start::Now };
    if given.starts_with("evt_") {
        return Start::Event(given.to_owned());
    }
    // What is neither is a place that nobody knows, which is told as a gap: a browser would not come back after an error.
    places()
        .place(given, |place| place.parse().ok())
        .map_or_else(|_| Start::Event(String::new()), Start::Behind)
}

impl From<StreamError> for ApiError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::TooMany(_) | StreamError::TooManyWishes(_) => Self::overloaded(error.to_string())
                .hint("one stream can tell of several events and of all sessions"),
            StreamError::TooManyOfOne(_) => Self::new(ErrorCode::RateLimited, error.to_string())
                .retry_after(5)
                .hint("close some first; one stream can tell of several events and of all sessions"),
            StreamError::Storage(_) => Self::of_rows(&error, error.failure()),
        }
    }
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The gateway shuts down.
    ShuttingDown,
    /// The key was changed or revoked.
    KeyChanged,
    /// The rows cannot be read.
    Failed,
    /// The reader does not take anything.
    TooSlow,
    /// The reader does not answer.
    Silent,
}

impl End {
    fn as_str(self) -> &'static str {
        match self {
            Self::ShuttingDown => "shutting_down",
            Self::KeyChanged => "key_changed",
            Self::Failed => "storage_failed",
            Self::TooSlow => "too_slow",
            Self::Silent => "no_answer_to_pings",
        }
    }
}
