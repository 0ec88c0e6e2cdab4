//! What went wrong, what was done about it, and how that was verified: the rows that `wakeeper incidents` shows.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_recovery::Incident;
use wakeeper_recovery::incidents::{ReadError, Which};

use super::access;
use super::document::Failures;
use super::error::{ApiError, ErrorCode};
use super::extract::Parameters;
use super::paging::{List, Page};
use super::state::Api;

/// Most incidents in one answer.
const MOST_INCIDENTS: u32 = 1_000;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}

/// Whether an incident is over.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Standing {
    /// It is not.
    Open,
    /// It is.
    Closed,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Only of this session.
    session: Option<String>,
    /// Only those that are not over, or only those that are.
    #[param(inline)]
    state: Option<Standing>,
    /// How many to answer at most, 1 to 1000.
    #[serde(default = "default_limit")]
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: u32,
    /// Only those behind the page that gave this in its header `X-Next-Cursor`.
    cursor: Option<String>,
}

fn default_limit() -> u32 {
    100
}

/// List incidents, newest first
///
/// Of this gateway's sessions, and of those that a monitor watches which keeps its incidents in the same folder. A key that is
/// limited to one session sees those of its own.
#[utoipa::path(get, path = "/api/incidents", tag = "care", params(ListParameters),
    responses((status = 200, description = "The incidents, without their steps", body = Vec<Incident>,
        headers(("X-Next-Cursor" = String, description = "The `cursor` of the next page; left out with the last one"),
            ("Link" = String, description = "The same as an address relative to this one, `rel=\"next\"`"))),
        Failures))]
async fn list(
    State(api): State<Api>,
    RawQuery(raw): RawQuery,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Page<Incident>, ApiError> {
    let ListParameters { session, state, limit, cursor } = parameters;
    if !(1..=MOST_INCIDENTS).contains(&limit) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST_INCIDENTS}")));
    }
    if let Some(session) = &session {
        access::reaches(session)?;
    }
    let only = access::only_session();
    let words = [session.as_deref().unwrap_or("*"), state.map_or("*", Standing::word)];
    let list = List::of(&["incidents", words[0], words[1]]);
    let before = cursor.map(|cursor| list.place(&cursor, |id| id.parse().ok())).transpose()?;
    let Some(incidents) = &api.incidents else { return Ok(Page::new(Vec::new(), None, raw.as_deref())) };
    let which = Which {
        own: only.is_some(),
        session: only.or(session),
        open: state.map(|state| state == Standing::Open),
        before,
        // One more tells whether this page is the last.
        limit: limit + 1,
    };
    let mut found = incidents.list(&which).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|last| list.cursor(&last.id.to_string()));
    Ok(Page::new(found, next, raw.as_deref()))
}

impl Standing {
    fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Read an incident with all its steps
#[utoipa::path(get, path = "/api/incidents/{id}", tag = "care",
    params(("id" = i64, Path, description = "The incident's number")),
    responses((status = 200, description = "The incident", body = Incident), Failures))]
async fn read(State(api): State<Api>, Path(id): Path<String>) -> Result<Json<Incident>, ApiError> {
    let none = || {
        ApiError::new(ErrorCode::IncidentNotFound, "There is no such incident")
            .hint("GET /api/incidents lists them")
    };
    let id: i64 = id.parse().map_err(|_| none())?;
    let incidents = api.incidents.as_ref().ok_or_else(none)?;
    let only = access::only_session();
    incidents.one(id, only.as_deref()).await?.map(Json).ok_or_else(none)
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        Self::of_rows(&error, Some(error.failure()))
    }
}
