//! Groups: made, listed, joined, left and ended.
//!
//! The first request of a session that is starting waits for it, as sends do.

mod fields;
mod members;
mod picture;
mod settings;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::Groups;
use wakeeper_waha::{CountResponse, Group, GroupList, JoinGroupResponse, Succeeded};

pub(super) use self::picture::ProfilePictureRequest;

use self::fields::{ListParameters, ParticipantField, group_id, participants};
use super::document::Failures;
use super::error::ApiError;
use super::extract::{Body, OptionalBody, Parameters};
use super::sending::text;
use super::state::Api;

/// Longest name of a group, in characters, as WhatsApp has it.
const LONGEST_SUBJECT: usize = 100;
/// Longest invite code or link, in bytes.
const LONGEST_CODE: usize = 512;

/// It was done, and there is nothing to tell of it.
const DONE: Json<Succeeded> = Json(Succeeded { success: true });

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(join_info))
        .routes(routes!(join))
        .routes(routes!(count))
        .routes(routes!(refresh))
        .routes(routes!(get, delete))
        .routes(routes!(leave))
        .merge(picture::router())
        .merge(settings::router())
        .merge(members::router())
}

/// The groups of the session of that name.
async fn groups(api: &Api, session: &str) -> Result<Groups, ApiError> {
    let (name, _) = api.session(session).await?;
    Ok(api.sessions.groups(&name).await?)
}

/// A group to make.
#[derive(Deserialize, ToSchema)]
struct CreateGroupRequest {
    /// Its name.
    #[schema(example = "Our group")]
    name: String,
    /// Who is in it besides this account.
    participants: Vec<ParticipantField>,
}

/// The code of an invite link.
#[derive(Deserialize, ToSchema)]
struct JoinGroupRequest {
    /// The code, or the whole link.
    #[schema(example = "https://chat.whatsapp.com/1A2B3C4D5E6F7G8H9I0J1K")]
    code: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct JoinInfoParameters {
    /// The code of an invite link, or the whole link.
    code: String,
}

/// Make a group
#[utoipa::path(post, path = "/api/{session}/groups", tag = "groups", request_body = CreateGroupRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The group", body = Group), Failures))]
async fn create(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<CreateGroupRequest>,
) -> Result<(StatusCode, Json<Group>), ApiError> {
    let name = subject("name", request.name)?;
    let participants = participants(&request.participants)?;
    let group = groups(&api, &session).await?.create(&name, &participants).await?;
    Ok((StatusCode::CREATED, Json(group)))
}

/// List groups
///
/// All that the account is in, each under its id.
#[utoipa::path(get, path = "/api/{session}/groups", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"), ListParameters),
    responses((status = 200, description = "The groups", body = std::collections::BTreeMap<String, Group>), Failures))]
async fn list(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<GroupList>, ApiError> {
    Ok(Json(GroupList(groups(&api, &session).await?.list(parameters.into()).await?)))
}

/// Look at a group before joining it
#[utoipa::path(get, path = "/api/{session}/groups/join-info", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"), JoinInfoParameters),
    responses((status = 200, description = "The group, with what may be seen of it", body = Group), Failures))]
async fn join_info(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<JoinInfoParameters>,
) -> Result<Json<Group>, ApiError> {
    let code = invite_code(&parameters.code)?;
    Ok(Json(groups(&api, &session).await?.join_info(code).await?))
}

/// Join a group by its invite code
#[utoipa::path(post, path = "/api/{session}/groups/join", tag = "groups", request_body = JoinGroupRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The group", body = JoinGroupResponse), Failures))]
async fn join(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<JoinGroupRequest>,
) -> Result<Json<JoinGroupResponse>, ApiError> {
    let code = invite_code(&request.code)?;
    Ok(Json(groups(&api, &session).await?.join(code).await?))
}

/// Count groups
#[utoipa::path(get, path = "/api/{session}/groups/count", tag = "groups",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "How many groups the account is in", body = CountResponse), Failures))]
async fn count(State(api): State<Api>, Path(session): Path<String>) -> Result<Json<CountResponse>, ApiError> {
    let count = groups(&api, &session).await?.count().await?;
    Ok(Json(CountResponse { count: count as u64 }))
}

/// Ask WhatsApp for the groups anew
///
/// Groups are asked for anew with every request; this one tells whether WhatsApp answers.
#[utoipa::path(post, path = "/api/{session}/groups/refresh", tag = "groups",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn refresh(
    State(api): State<Api>,
    Path(session): Path<String>,
    OptionalBody(super::extract::NoFields {}): OptionalBody<super::extract::NoFields>,
) -> Result<Json<Succeeded>, ApiError> {
    groups(&api, &session).await?.count().await?;
    Ok(DONE)
}

/// Read a group
#[utoipa::path(get, path = "/api/{session}/groups/{id}", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The group", body = Group), Failures))]
async fn get(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Group>, ApiError> {
    let id = group_id(&id)?;
    Ok(Json(groups(&api, &session).await?.get(&id).await?))
}

/// End a group
///
/// Removes all other members, then leaves. Only an admin can.
#[utoipa::path(delete, path = "/api/{session}/groups/{id}", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn delete(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Succeeded>, ApiError> {
    let id = group_id(&id)?;
    groups(&api, &session).await?.delete(&id).await?;
    Ok(DONE)
}

/// Leave a group
#[utoipa::path(post, path = "/api/{session}/groups/{id}/leave", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn leave(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    OptionalBody(super::extract::NoFields {}): OptionalBody<super::extract::NoFields>,
) -> Result<Json<Succeeded>, ApiError> {
    let id = group_id(&id)?;
    groups(&api, &session).await?.leave(&id).await?;
    Ok(DONE)
}

/// The name of a group.
fn subject(field: &str, subject: String) -> Result<String, ApiError> {
    let subject = text(field, subject)?;
    if subject.chars().count() > LONGEST_SUBJECT {
        return Err(ApiError::invalid(format!("{field}: at most {LONGEST_SUBJECT} characters")));
    }
    Ok(subject)
}

/// The code of an invite link.
fn invite_code(code: &str) -> Result<&str, ApiError> {
    match code.trim() {
        "" => Err(ApiError::invalid("code: must not be empty")),
        code if code.len() > LONGEST_CODE => {
            Err(ApiError::invalid(format!("code: at most {LONGEST_CODE} characters")))
        }
        code => Ok(code),
    }
}
