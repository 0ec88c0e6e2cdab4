//! The two names of people: hidden id (LID) and phone number.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_model::{ChatId, ChatKind};
use wakeeper_waha::{Count, LidToPhoneNumber};

use super::document::Failures;
use super::error::ApiError;
use super::extract::Parameters;
use super::state::{Api, field};

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(count))
        .routes(routes!(by_lid))
        .routes(routes!(by_phone_number))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
struct ListParameters {
    /// How many to answer at most.
    #[param(default = 100)]
    limit: usize,
    /// Skip so many.
    #[param(default = 0)]
    offset: usize,
}

impl Default for ListParameters {
    fn default() -> Self {
        Self { limit: 100, offset: 0 }
    }
}

/// List the people of whom both names are known, by LID
#[utoipa::path(get, path = "/api/{session}/lids", tag = "lids",
    params(("session" = String, Path, description = "Name of the session"), ListParameters),
    responses((status = 200, description = "Their names", body = Vec<LidToPhoneNumber>), Failures))]
async fn list(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<Vec<LidToPhoneNumber>>, ApiError> {
    let (name, _) = api.session(&session).await?;
    let known = api.sessions.lids(&name).await?;
    Ok(Json(known.into_iter().skip(parameters.offset).take(parameters.limit).collect()))
}

/// Count the people of whom both names are known
#[utoipa::path(get, path = "/api/{session}/lids/count", tag = "lids",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "How many", body = Count), Failures))]
async fn count(State(api): State<Api>, Path(session): Path<String>) -> Result<Json<Count>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(Count { count: api.sessions.lids(&name).await?.len() }))
}

/// Read the phone number of a hidden id
///
/// `pn` is `null` while it is unknown: WhatsApp tells no number for a hidden id.
#[utoipa::path(get, path = "/api/{session}/lids/{lid}", tag = "lids",
    params(("session" = String, Path, description = "Name of the session"),
        ("lid" = String, Path, description = "The hidden id, with or without `@lid`")),
    responses((status = 200, description = "Both names", body = LidToPhoneNumber), Failures))]
async fn by_lid(
    State(api): State<Api>,
    Path((session, lid)): Path<(String, String)>,
) -> Result<Json<LidToPhoneNumber>, ApiError> {
    let lid = if lid.contains('@') { lid } else { format!("{lid}@lid") };
    both_names(&api, &session, of_kind("lid", &lid, ChatKind::Lid)?).await
}

/// Read the hidden id of a phone number
///
/// `lid` is `null` where WhatsApp knows no such number.
#[utoipa::path(get, path = "/api/{session}/lids/pn/{phoneNumber}", tag = "lids",
    params(("session" = String, Path, description = "Name of the session"),
        ("phoneNumber" = String, Path, description = "The number, with or without `@c.us`")),
    responses((status = 200, description = "Both names", body = LidToPhoneNumber), Failures))]
async fn by_phone_number(
    State(api): State<Api>,
    Path((session, number)): Path<(String, String)>,
) -> Result<Json<LidToPhoneNumber>, ApiError> {
    both_names(&api, &session, of_kind("phoneNumber", &number, ChatKind::Phone)?).await
}

fn of_kind(name: &str, text: &str, kind: ChatKind) -> Result<ChatId, ApiError> {
    let id: ChatId = field(name, text)?;
    if id.kind() == kind {
        return Ok(id);
    }
    Err(ApiError::invalid(format!("{name}: an id of another kind")))
}

async fn both_names(api: &Api, session: &str, who: ChatId) -> Result<Json<LidToPhoneNumber>, ApiError> {
    let (name, _) = api.session(session).await?;
    Ok(Json(api.sessions.names_of(&name, &who).await?))
}
