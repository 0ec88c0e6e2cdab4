//! Contacts: who is on WhatsApp, what they show, who is blocked.

mod list;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_model::{ChatId, ChatKind};
use wakeeper_waha::{About, NumberExists, ProfilePicture};

use super::document::{Done, Failures};
use super::error::ApiError;
use super::extract::{Body, Parameters};
use super::sending::default_session;
use super::state::{Api, field};

/// The routes of this resource.
#[expect(deprecated, reason = "WAHA's older paths are served and documented as such")]
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(check_exists))
        .routes(routes!(check_number_status))
        .routes(routes!(about))
        .routes(routes!(picture))
        .routes(routes!(block))
        .routes(routes!(unblock))
        .routes(routes!(save))
        .merge(list::router())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct NumberParameters {
    /// A phone number in international form, or a chat id.
    #[param(example = "628111222333")]
    phone: String,
    /// Name of the session.
    #[serde(default = "default_session")]
    #[param(required = false)]
    session: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct ContactParameters {
    /// A chat id, or a phone number in international form.
    #[param(example = "628111222333@c.us")]
    contact_id: String,
    /// Name of the session.
    #[serde(default = "default_session")]
    #[param(required = false)]
    session: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct PictureParameters {
    /// A chat id, or a phone number in international form.
    #[param(example = "628111222333@c.us")]
    contact_id: String,
    /// Ask WhatsApp, whatever was answered before. It is always asked.
    #[serde(default, rename = "refresh")]
    _refresh: bool,
    /// Name of the session.
    #[serde(default = "default_session")]
    #[param(required = false)]
    session: String,
}

/// Somebody to block, or to let write again.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ContactRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// A chat id, or a phone number in international form.
    #[schema(example = "628111222333@c.us")]
    contact_id: String,
}

/// A name for the address book.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ContactUpdateBody)]
struct ContactNames {
    /// The first name.
    #[schema(example = "Ann")]
    first_name: String,
    /// The last name; may be empty.
    #[serde(default)]
    #[schema(example = "Lee")]
    last_name: String,
}

/// Somebody: groups and channels show and are other things.
fn person(name: &str, text: &str) -> Result<ChatId, ApiError> {
    // As people write it: +62 811-1222-333.
    let bare: String = text.chars().filter(|letter| !" -().+".contains(*letter)).collect();
    let is_number = !bare.is_empty() && bare.bytes().all(|letter| letter.is_ascii_digit());
    let who: ChatId = field(name, if is_number { &bare } else { text })?;
    match who.kind() {
        ChatKind::Phone | ChatKind::Lid => Ok(who),
        _ => Err(ApiError::invalid(format!("{name}: a person's chat id, or their phone number"))),
    }
}

async fn number_exists(api: &Api, asked: &NumberParameters) -> Result<Json<NumberExists>, ApiError> {
    let (name, _) = api.session(&asked.session).await?;
    Ok(Json(api.sessions.number_exists(&name, &person("phone", &asked.phone)?).await?))
}

/// Check whether a number is on WhatsApp
#[utoipa::path(get, path = "/api/contacts/check-exists", tag = "contacts", params(NumberParameters),
    responses((status = 200, description = "Whether it is", body = NumberExists), Failures))]
async fn check_exists(
    State(api): State<Api>,
    Parameters(asked): Parameters<NumberParameters>,
) -> Result<Json<NumberExists>, ApiError> {
    number_exists(&api, &asked).await
}

/// Check whether a number is on WhatsApp
///
/// The older path of `GET /api/contacts/check-exists`.
#[utoipa::path(get, path = "/api/checkNumberStatus", tag = "contacts", params(NumberParameters),
    responses((status = 200, description = "Whether it is", body = NumberExists), Failures))]
#[deprecated]
async fn check_number_status(
    State(api): State<Api>,
    Parameters(asked): Parameters<NumberParameters>,
) -> Result<Json<NumberExists>, ApiError> {
    number_exists(&api, &asked).await
}

/// Read what a person wrote about themselves
#[utoipa::path(get, path = "/api/contacts/about", tag = "contacts", params(ContactParameters),
    responses((status = 200, description = "What they wrote", body = About), Failures))]
async fn about(
    State(api): State<Api>,
    Parameters(asked): Parameters<ContactParameters>,
) -> Result<Json<About>, ApiError> {
    let (name, _) = api.session(&asked.session).await?;
    Ok(Json(api.sessions.about(&name, &person("contactId", &asked.contact_id)?).await?))
}

/// Read the address of a person's or a group's picture
#[utoipa::path(get, path = "/api/contacts/profile-picture", tag = "contacts", params(PictureParameters),
    responses((status = 200, description = "The address", body = ProfilePicture), Failures))]
async fn picture(
    State(api): State<Api>,
    Parameters(asked): Parameters<PictureParameters>,
) -> Result<Json<ProfilePicture>, ApiError> {
    let (name, _) = api.session(&asked.session).await?;
    Ok(Json(api.sessions.profile_picture(&name, &field("contactId", &asked.contact_id)?).await?))
}

async fn set_blocked(
    api: &Api,
    request: &ContactRequest,
    blocked: bool,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    let (name, _) = api.session(&request.session).await?;
    api.sessions.block(&name, &person("contactId", &request.contact_id)?, blocked).await?;
    Ok((StatusCode::CREATED, Json(Done::DONE)))
}

/// Block a person
#[utoipa::path(post, path = "/api/contacts/block", tag = "contacts", request_body = ContactRequest,
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn block(
    State(api): State<Api>,
    Body(request): Body<ContactRequest>,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    set_blocked(&api, &request, true).await
}

/// Let a blocked person write again
#[utoipa::path(post, path = "/api/contacts/unblock", tag = "contacts", request_body = ContactRequest,
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn unblock(
    State(api): State<Api>,
    Body(request): Body<ContactRequest>,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    set_blocked(&api, &request, false).await
}

/// Write a name into the address book of the account's phone
#[utoipa::path(put, path = "/api/{session}/contacts/{chatId}", tag = "contacts", request_body = ContactNames,
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The person's chat id, or their phone number")),
    responses((status = 200, description = "Done", body = Done), Failures))]
async fn save(
    State(api): State<Api>,
    Path((session, who)): Path<(String, String)>,
    Body(names): Body<ContactNames>,
) -> Result<Json<Done>, ApiError> {
    let (name, _) = api.session(&session).await?;
    if names.first_name.trim().is_empty() {
        return Err(ApiError::invalid("firstName: must not be empty"));
    }
    let who = person("chatId", &who)?;
    api.sessions.save_contact(&name, &who, names.first_name, &names.last_name).await?;
    Ok(Json(Done::DONE))
}
