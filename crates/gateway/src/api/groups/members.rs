//! Who is in a group, and who wants to be.

use axum::Json;
use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::MemberChange;
use wakeeper_waha::{
    GroupJoinRequest, GroupJoinRequestResult, GroupMember, GroupParticipant, ParticipantResult,
};

use super::fields::{ParticipantsRequest, group_id};
use super::groups;
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::state::Api;

/// The routes of this part of the resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(participants))
        .routes(routes!(participants_v2))
        .routes(routes!(add))
        .routes(routes!(remove))
        .routes(routes!(promote))
        .routes(routes!(demote))
        .routes(routes!(join_requests))
        .routes(routes!(approve))
        .routes(routes!(reject))
}

/// Read who is in a group
#[utoipa::path(get, path = "/api/{session}/groups/{id}/participants", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The members", body = Vec<GroupMember>), Failures))]
async fn participants(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Vec<GroupMember>>, ApiError> {
    let id = group_id(&id)?;
    Ok(Json(groups(&api, &session).await?.members(&id).await?))
}

/// Read who is in a group, the same for every engine of WAHA
#[utoipa::path(get, path = "/api/{session}/groups/{id}/participants/v2", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The members", body = Vec<GroupParticipant>), Failures))]
async fn participants_v2(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Vec<GroupParticipant>>, ApiError> {
    let id = group_id(&id)?;
    let members = groups(&api, &session).await?.members(&id).await?;
    Ok(Json(members.iter().map(GroupParticipant::from).collect()))
}

/// Add people to a group
///
/// Each has an answer of their own: whose privacy settings forbid it are not added.
#[utoipa::path(post, path = "/api/{session}/groups/{id}/participants/add", tag = "groups",
    request_body = ParticipantsRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "What came of each", body = Vec<ParticipantResult>), Failures))]
async fn add(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<ParticipantsRequest>,
) -> Result<Json<Vec<ParticipantResult>>, ApiError> {
    change(&api, (&session, &id), &request, MemberChange::Add).await
}

/// Remove people from a group
///
/// Each has an answer of their own.
#[utoipa::path(post, path = "/api/{session}/groups/{id}/participants/remove", tag = "groups",
    request_body = ParticipantsRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "What came of each", body = Vec<ParticipantResult>), Failures))]
async fn remove(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<ParticipantsRequest>,
) -> Result<Json<Vec<ParticipantResult>>, ApiError> {
    change(&api, (&session, &id), &request, MemberChange::Remove).await
}

/// Make members admins
///
/// Each has an answer of their own.
#[utoipa::path(post, path = "/api/{session}/groups/{id}/admin/promote", tag = "groups",
    request_body = ParticipantsRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "What came of each", body = Vec<ParticipantResult>), Failures))]
async fn promote(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<ParticipantsRequest>,
) -> Result<Json<Vec<ParticipantResult>>, ApiError> {
    change(&api, (&session, &id), &request, MemberChange::Promote).await
}

/// Make admins members like others
///
/// Each has an answer of their own.
#[utoipa::path(post, path = "/api/{session}/groups/{id}/admin/demote", tag = "groups",
    request_body = ParticipantsRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "What came of each", body = Vec<ParticipantResult>), Failures))]
async fn demote(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<ParticipantsRequest>,
) -> Result<Json<Vec<ParticipantResult>>, ApiError> {
    change(&api, (&session, &id), &request, MemberChange::Demote).await
}

async fn change(
    api: &Api,
    (session, id): (&str, &str),
    request: &ParticipantsRequest,
    change: MemberChange,
) -> Result<Json<Vec<ParticipantResult>>, ApiError> {
    let (id, participants) = (group_id(id)?, request.check()?);
    Ok(Json(groups(api, session).await?.change_members(&id, change, &participants).await?))
}

/// Read who waits to be let into a group
#[utoipa::path(get, path = "/api/{session}/groups/{id}/participants/join-requests", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The requests", body = Vec<GroupJoinRequest>), Failures))]
async fn join_requests(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Vec<GroupJoinRequest>>, ApiError> {
    let id = group_id(&id)?;
    Ok(Json(groups(&api, &session).await?.join_requests(&id).await?))
}

/// Let people into a group who asked for it
#[utoipa::path(post, path = "/api/{session}/groups/{id}/participants/join-requests/approve", tag = "groups",
    request_body = ParticipantsRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "What came of each", body = Vec<GroupJoinRequestResult>), Failures))]
async fn approve(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<ParticipantsRequest>,
) -> Result<Json<Vec<GroupJoinRequestResult>>, ApiError> {
    let (id, participants) = (group_id(&id)?, request.check()?);
    Ok(Json(groups(&api, &session).await?.answer_join_requests(&id, true, &participants).await?))
}

/// Do not let people into a group who asked for it
#[utoipa::path(post, path = "/api/{session}/groups/{id}/participants/join-requests/reject", tag = "groups",
    request_body = ParticipantsRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "What came of each", body = Vec<GroupJoinRequestResult>), Failures))]
async fn reject(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<ParticipantsRequest>,
) -> Result<Json<Vec<GroupJoinRequestResult>>, ApiError> {
    let (id, participants) = (group_id(&id)?, request.check()?);
    Ok(Json(groups(&api, &session).await?.answer_join_requests(&id, false, &participants).await?))
}
