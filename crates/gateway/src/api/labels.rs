//! Labels of chats.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_waha::{Label, LabeledChat};

use super::document::{Done, Failures};
use super::error::ApiError;
use super::extract::Body;
use super::sending::text;
use super::state::{Api, field};

/// Longest name of a label, in characters, as WhatsApp's apps have it.
const LONGEST_NAME: usize = 100;
/// Most labels that a chat can be given at once.
const MOST: usize = 100;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(update, delete))
        .routes(routes!(of_chat, set_of_chat))
        .routes(routes!(chats))
}

/// A label to make, or what becomes of one.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LabelBody {
    /// What it is called.
    #[schema(example = "Lead")]
    name: String,
    /// One of WhatsApp's 20 colours, as `#rrggbb`.
    #[schema(example = "#ff9485")]
    color_hex: Option<String>,
    /// The same by its number, 0 to 19. Without both, a new label gets the first colour, and another one keeps its own.
    #[schema(example = 0)]
    color: Option<i32>,
}

/// A label by its id.
#[derive(Deserialize, ToSchema)]
#[schema(as = LabelID)]
struct LabelId {
    /// Its id.
    #[schema(example = "1")]
    id: String,
}

/// The labels that a chat is to have.
#[derive(Deserialize, ToSchema)]
struct SetLabelsRequest {
    /// All of them; those that are not named are taken off.
    labels: Vec<LabelId>,
}

impl LabelBody {
    /// The name and the colour, when one was given.
    fn check(self) -> Result<(String, Option<i32>), ApiError> {
        let name = text("name", self.name)?;
        if name.chars().count() > LONGEST_NAME {
            return Err(ApiError::invalid(format!("name: at most {LONGEST_NAME} characters")));
        }
        let by_hex = match self.color_hex.filter(|hex| !hex.is_empty()) {
            Some(hex) => Some(Label::color_number(&hex).ok_or_else(|| {
                ApiError::invalid("colorHex: one of WhatsApp's 20 colours, such as #ff9485")
            })?),
            None => None,
        };
        match (by_hex, self.color) {
            (_, Some(number)) if !(0..Label::COLORS).contains(&number) => {
                Err(ApiError::invalid(format!("color: 0 to {}", Label::COLORS - 1)))
            }
            (Some(hex), Some(number)) if hex != number => {
                Err(ApiError::invalid("color, colorHex: two different colours; give one of them"))
            }
            (hex, number) => Ok((name, hex.or(number))),
        }
    }
}

/// List labels
#[utoipa::path(get, path = "/api/{session}/labels", tag = "labels",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The labels", body = Vec<Label>), Failures))]
async fn list(State(api): State<Api>, Path(session): Path<String>) -> Result<Json<Vec<Label>>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.labels(&name).await?))
}

/// Make a label
#[utoipa::path(post, path = "/api/{session}/labels", tag = "labels", request_body = LabelBody,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The label", body = Label), Failures))]
async fn create(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<LabelBody>,
) -> Result<(StatusCode, Json<Label>), ApiError> {
    let (name, _) = api.session(&session).await?;
    let (called, color) = request.check()?;
    let label = api.sessions.create_label(&name, called, color.unwrap_or_default()).await?;
    Ok((StatusCode::CREATED, Json(label)))
}

/// Change a label
#[utoipa::path(put, path = "/api/{session}/labels/{labelId}", tag = "labels", request_body = LabelBody,
    params(("session" = String, Path, description = "Name of the session"),
        ("labelId" = String, Path, description = "The label")),
    responses((status = 200, description = "The label", body = Label), Failures))]
async fn update(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Body(request): Body<LabelBody>,
) -> Result<Json<Label>, ApiError> {
    let (name, _) = api.session(&session).await?;
    let (called, color) = request.check()?;
    Ok(Json(api.sessions.update_label(&name, &id, called, color).await?))
}

/// Delete a label
///
/// It is taken off every chat.
#[utoipa::path(delete, path = "/api/{session}/labels/{labelId}", tag = "labels",
    params(("session" = String, Path, description = "Name of the session"),
        ("labelId" = String, Path, description = "The label")),
    responses((status = 200, description = "Done", body = Done), Failures))]
async fn delete(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Done>, ApiError> {
    let (name, _) = api.session(&session).await?;
    api.sessions.delete_label(&name, &id).await?;
    Ok(Json(Done::DONE))
}

/// List the labels of a chat
#[utoipa::path(get, path = "/api/{session}/labels/chats/{chatId}", tag = "labels",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat")),
    responses((status = 200, description = "Its labels", body = Vec<Label>), Failures))]
async fn of_chat(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
) -> Result<Json<Vec<Label>>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.chat_labels(&name, &field("chatId", &chat)?).await?))
}

/// Give a chat labels
///
/// It has these labels afterwards, and no others.
#[utoipa::path(put, path = "/api/{session}/labels/chats/{chatId}", tag = "labels", request_body = SetLabelsRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat")),
    responses((status = 200, description = "Done", body = Done), Failures))]
async fn set_of_chat(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
    Body(request): Body<SetLabelsRequest>,
) -> Result<Json<Done>, ApiError> {
    let (name, _) = api.session(&session).await?;
    if request.labels.len() > MOST {
        return Err(ApiError::invalid(format!("labels: at most {MOST}")));
    }
    let ids: Vec<String> = request.labels.into_iter().map(|label| label.id).collect();
    api.sessions.set_chat_labels(&name, &field("chatId", &chat)?, &ids).await?;
    Ok(Json(Done::DONE))
}

/// List the chats that have a label
#[utoipa::path(get, path = "/api/{session}/labels/{labelId}/chats", tag = "labels",
    params(("session" = String, Path, description = "Name of the session"),
        ("labelId" = String, Path, description = "The label")),
    responses((status = 200, description = "The chats", body = Vec<LabeledChat>), Failures))]
async fn chats(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Vec<LabeledChat>>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.labeled_chats(&name, &id).await?))
}
