//! The account's own profile: its name, what it says of itself, its picture.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_waha::{Profile, Succeeded};

use super::document::Failures;
use super::error::ApiError;
use super::extract::{Body, BodyWithFile};
use super::groups::ProfilePictureRequest;
use super::sending::text;
use super::state::Api;

/// Longest name, in characters, as WhatsApp's apps have it.
const LONGEST_NAME: usize = 25;
/// Longest text that an account says of itself, in characters, as WhatsApp's apps have it.
const LONGEST_STATUS: usize = 139;

/// It was done, and there is nothing to tell of it.
const DONE: Json<Succeeded> = Json(Succeeded { success: true });

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(profile))
        .routes(routes!(set_name))
        .routes(routes!(set_status))
        .routes(routes!(set_picture, remove_picture))
}

/// Another name.
#[derive(Deserialize, ToSchema)]
struct ProfileNameRequest {
    /// What others see.
    #[schema(example = "My new name")]
    name: String,
}

/// What the account says of itself.
#[derive(Deserialize, ToSchema)]
struct ProfileStatusRequest {
    /// The text; an empty one takes it away.
    #[schema(example = "🎉 Hey there! I am using WhatsApp 🎉")]
    status: String,
}

/// Read the account's profile
#[utoipa::path(get, path = "/api/{session}/profile", tag = "profile",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The profile", body = Profile), Failures))]
async fn profile(State(api): State<Api>, Path(session): Path<String>) -> Result<Json<Profile>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.profile(&name).await?))
}

/// Change the account's name
#[utoipa::path(put, path = "/api/{session}/profile/name", tag = "profile", request_body = ProfileNameRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn set_name(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<ProfileNameRequest>,
) -> Result<Json<Succeeded>, ApiError> {
    let (name, _) = api.session(&session).await?;
    let text = text("name", request.name)?;
    at_most("name", &text, LONGEST_NAME)?;
    api.sessions.set_profile_name(&name, &text).await?;
    Ok(DONE)
}

/// Change what the account says of itself
///
/// The text beside its name ("About"); stories are another thing.
#[utoipa::path(put, path = "/api/{session}/profile/status", tag = "profile", request_body = ProfileStatusRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn set_status(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<ProfileStatusRequest>,
) -> Result<Json<Succeeded>, ApiError> {
    let (name, _) = api.session(&session).await?;
    at_most("status", &request.status, LONGEST_STATUS)?;
    api.sessions.set_profile_status(&name, &request.status).await?;
    Ok(DONE)
}

/// Give the account another picture
///
/// A JPEG, which is sent as it is.
#[utoipa::path(put, path = "/api/{session}/profile/picture", tag = "profile",
    request_body = ProfilePictureRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn set_picture(
    State(api): State<Api>,
    Path(session): Path<String>,
    BodyWithFile(request, sent): BodyWithFile<ProfilePictureRequest>,
) -> Result<Json<Succeeded>, ApiError> {
    let (name, _) = api.session(&session).await?;
    let file = request.file.check(sent)?;
    api.sessions.set_profile_picture(&name, file).await?;
    Ok(DONE)
}

/// Take the account's picture away
#[utoipa::path(delete, path = "/api/{session}/profile/picture", tag = "profile",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn remove_picture(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<Json<Succeeded>, ApiError> {
    let (name, _) = api.session(&session).await?;
    api.sessions.remove_profile_picture(&name).await?;
    Ok(DONE)
}

fn at_most(name: &str, text: &str, most: usize) -> Result<(), ApiError> {
    if text.chars().count() <= most {
        Ok(())
    } else {
        Err(ApiError::invalid(format!("{name}: at most {most} characters")))
    }
}
