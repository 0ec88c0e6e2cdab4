//! What a group is called, what it is about, who may do what in it, and how one gets into it.
//!
//! Changes are answered with `true`. WAHA's documents say so of some of them and leave the others open, whose engines answer with `true` or nothing.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_waha::{
    SettingsMemberAddMode, SettingsMemberShareHistoryMode, SettingsMembershipApproval,
    SettingsSecurityChangeInfo,
};

use super::fields::group_id;
use super::groups;
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::{Body, NoFields, OptionalBody};
use crate::api::state::Api;

/// Longest description, in characters, as WhatsApp has it.
const LONGEST_DESCRIPTION: usize = 2_048;

/// The routes of this part of the resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(set_subject))
        .routes(routes!(set_description))
        .routes(routes!(invite_code))
        .routes(routes!(revoke_invite_code))
        .routes(routes!(info_admin_only, set_info_admin_only))
        .routes(routes!(messages_admin_only, set_messages_admin_only))
        .routes(routes!(member_add_mode, set_member_add_mode))
        .routes(routes!(membership_approval, set_membership_approval))
        .routes(routes!(member_share_history_mode, set_member_share_history_mode))
}

/// Another name for a group.
#[derive(Deserialize, ToSchema)]
struct SubjectRequest {
    /// The name.
    #[schema(example = "Our group")]
    subject: String,
}

/// Another description for a group.
#[derive(Deserialize, ToSchema)]
struct DescriptionRequest {
    /// The description; empty takes it away.
    #[schema(example = "What we talk about")]
    description: String,
}

/// Give a group another name
#[utoipa::path(put, path = "/api/{session}/groups/{id}/subject", tag = "groups", request_body = SubjectRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = bool, content_type = "application/json"), Failures))]
async fn set_subject(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<SubjectRequest>,
) -> Result<Json<bool>, ApiError> {
    let id = group_id(&id)?;
    let subject = super::subject("subject", request.subject)?;
    groups(&api, &session).await?.set_subject(&id, &subject).await?;
    Ok(Json(true))
}

/// Give a group another description
#[utoipa::path(put, path = "/api/{session}/groups/{id}/description", tag = "groups",
    request_body = DescriptionRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = bool, content_type = "application/json"), Failures))]
async fn set_description(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<DescriptionRequest>,
) -> Result<Json<bool>, ApiError> {
    let id = group_id(&id)?;
    if request.description.chars().count() > LONGEST_DESCRIPTION {
        return Err(ApiError::invalid(format!("description: at most {LONGEST_DESCRIPTION} characters")));
    }
    groups(&api, &session).await?.set_description(&id, &request.description).await?;
    Ok(Json(true))
}

/// Read a group's invite code
///
/// As a JSON text. Its link is `https://chat.whatsapp.com/` and the code.
#[utoipa::path(get, path = "/api/{session}/groups/{id}/invite-code", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The code", body = String, content_type = "application/json"), Failures))]
async fn invite_code(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<String>, ApiError> {
    let id = group_id(&id)?;
    Ok(Json(groups(&api, &session).await?.invite_code(&id, false).await?))
}

/// Replace a group's invite code
///
/// The former one joins nobody any more.
#[utoipa::path(post, path = "/api/{session}/groups/{id}/invite-code/revoke", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The new code", body = String, content_type = "application/json"), Failures))]
async fn revoke_invite_code(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<Json<String>, ApiError> {
    let id = group_id(&id)?;
    Ok(Json(groups(&api, &session).await?.invite_code(&id, true).await?))
}

/// Whether only admins change name, description and picture
#[utoipa::path(get, path = "/api/{session}/groups/{id}/settings/security/info-admin-only", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The setting", body = SettingsSecurityChangeInfo), Failures))]
async fn info_admin_only(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<SettingsSecurityChangeInfo>, ApiError> {
    let id = group_id(&id)?;
    let group = groups(&api, &session).await?.get(&id).await?;
    Ok(Json(SettingsSecurityChangeInfo { admins_only: group.restrict }))
}

/// Let only admins change name, description and picture, or all members
#[utoipa::path(put, path = "/api/{session}/groups/{id}/settings/security/info-admin-only", tag = "groups",
    request_body = SettingsSecurityChangeInfo,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = bool, content_type = "application/json"), Failures))]
async fn set_info_admin_only(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<SettingsSecurityChangeInfo>,
) -> Result<Json<bool>, ApiError> {
    let id = group_id(&id)?;
    groups(&api, &session).await?.set_info_admins_only(&id, request.admins_only).await?;
    Ok(Json(true))
}

/// Whether only admins write
#[utoipa::path(get, path = "/api/{session}/groups/{id}/settings/security/messages-admin-only", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The setting", body = SettingsSecurityChangeInfo), Failures))]
async fn messages_admin_only(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<SettingsSecurityChangeInfo>, ApiError> {
    let id = group_id(&id)?;
    let group = groups(&api, &session).await?.get(&id).await?;
    Ok(Json(SettingsSecurityChangeInfo { admins_only: group.announce }))
}

/// Let only admins write, or all members
#[utoipa::path(put, path = "/api/{session}/groups/{id}/settings/security/messages-admin-only", tag = "groups",
    request_body = SettingsSecurityChangeInfo,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = bool, content_type = "application/json"), Failures))]
async fn set_messages_admin_only(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<SettingsSecurityChangeInfo>,
) -> Result<Json<bool>, ApiError> {
    let id = group_id(&id)?;
    groups(&api, &session).await?.set_messages_admins_only(&id, request.admins_only).await?;
    Ok(Json(true))
}

/// Whether all members add others
#[utoipa::path(get, path = "/api/{session}/groups/{id}/settings/security/member-add-mode", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The setting", body = SettingsMemberAddMode), Failures))]
async fn member_add_mode(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<SettingsMemberAddMode>, ApiError> {
    let id = group_id(&id)?;
    let group = groups(&api, &session).await?.get(&id).await?;
    Ok(Json(SettingsMemberAddMode { members_can_add_new_member: group.members_can_add_new_member }))
}

/// Let all members add others, or only admins
#[utoipa::path(put, path = "/api/{session}/groups/{id}/settings/security/member-add-mode", tag = "groups",
    request_body = SettingsMemberAddMode,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = bool, content_type = "application/json"), Failures))]
async fn set_member_add_mode(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<SettingsMemberAddMode>,
) -> Result<Json<bool>, ApiError> {
    let id = group_id(&id)?;
    groups(&api, &session).await?.set_members_add(&id, request.members_can_add_new_member).await?;
    Ok(Json(true))
}

/// Whether an admin must approve who joins
#[utoipa::path(get, path = "/api/{session}/groups/{id}/settings/security/membership-approval", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The setting", body = SettingsMembershipApproval), Failures))]
async fn membership_approval(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<SettingsMembershipApproval>, ApiError> {
    let id = group_id(&id)?;
    let group = groups(&api, &session).await?.get(&id).await?;
    Ok(Json(SettingsMembershipApproval {
        new_members_approval_required: group.new_members_approval_required,
    }))
}

/// Have admins approve who joins, or not
#[utoipa::path(put, path = "/api/{session}/groups/{id}/settings/security/membership-approval", tag = "groups",
    request_body = SettingsMembershipApproval,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = bool, content_type = "application/json"), Failures))]
async fn set_membership_approval(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<SettingsMembershipApproval>,
) -> Result<Json<bool>, ApiError> {
    let id = group_id(&id)?;
    groups(&api, &session).await?.set_approval(&id, request.new_members_approval_required).await?;
    Ok(Json(true))
}

/// Whether all members give earlier messages to new ones
#[utoipa::path(get, path = "/api/{session}/groups/{id}/settings/security/member-share-history-mode", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "The setting", body = SettingsMemberShareHistoryMode), Failures))]
async fn member_share_history_mode(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<SettingsMemberShareHistoryMode>, ApiError> {
    let id = group_id(&id)?;
    let group = groups(&api, &session).await?.get(&id).await?;
    Ok(Json(SettingsMemberShareHistoryMode { members_can_share_history: group.members_can_share_history }))
}

/// Let all members give earlier messages to new ones, or only admins
#[utoipa::path(put, path = "/api/{session}/groups/{id}/settings/security/member-share-history-mode", tag = "groups",
    request_body = SettingsMemberShareHistoryMode,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = bool, content_type = "application/json"), Failures))]
async fn set_member_share_history_mode(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<SettingsMemberShareHistoryMode>,
) -> Result<Json<bool>, ApiError> {
    let id = group_id(&id)?;
    groups(&api, &session).await?.set_members_share_history(&id, request.members_can_share_history).await?;
    Ok(Json(true))
}
