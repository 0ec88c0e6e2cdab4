//! A group's picture.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_waha::{ChatPictureResponse, Succeeded};

use super::fields::group_id;
use super::{DONE, groups};
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::{BodyWithFile, Parameters};
use crate::api::media::FileField;
use crate::api::state::Api;

/// The routes of this part of the resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(picture, set_picture, remove_picture))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct PictureParameters {
    /// Ask WhatsApp anew. It is asked anew with every request, so both values give the same answer.
    #[serde(default, rename = "refresh")]
    #[param(default = false)]
    _refresh: bool,
}

/// A picture.
#[derive(Deserialize, ToSchema)]
pub(in crate::api) struct ProfilePictureRequest {
    /// A square JPEG; WhatsApp's own apps send 640 by 640 pixels.
    pub(in crate::api) file: FileField,
}

/// Read where a group's picture can be fetched
#[utoipa::path(get, path = "/api/{session}/groups/{id}/picture", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group"), PictureParameters),
    responses((status = 200, description = "The address", body = ChatPictureResponse), Failures))]
async fn picture(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Parameters(_parameters): Parameters<PictureParameters>,
) -> Result<Json<ChatPictureResponse>, ApiError> {
    let id = group_id(&id)?;
    let url = groups(&api, &session).await?.picture(&id).await?;
    Ok(Json(ChatPictureResponse { url }))
}

/// Give a group another picture
///
/// A JPEG, which is sent as it is.
#[utoipa::path(put, path = "/api/{session}/groups/{id}/picture", tag = "groups",
    request_body = ProfilePictureRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn set_picture(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    BodyWithFile(request, sent): BodyWithFile<ProfilePictureRequest>,
) -> Result<Json<Succeeded>, ApiError> {
    let id = group_id(&id)?;
    let file = request.file.check(sent)?;
    groups(&api, &session).await?.set_picture(&id, file).await?;
    Ok(DONE)
}

/// Take a group's picture away
#[utoipa::path(delete, path = "/api/{session}/groups/{id}/picture", tag = "groups",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The group")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn remove_picture(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Succeeded>, ApiError> {
    let id = group_id(&id)?;
    groups(&api, &session).await?.remove_picture(&id).await?;
    Ok(DONE)
}
