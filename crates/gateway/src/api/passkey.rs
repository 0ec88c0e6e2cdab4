//! Linking a session whose phone asks for the account's passkey.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_waha::{PasskeyAssertion, PasskeyAssertionData, PasskeyChallenge, PasskeyConfirmation};

use super::document::{Done, Failures};
use super::error::ApiError;
use super::extract::{Body, NoFields, OptionalBody};
use super::state::Api;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(challenge))
        .routes(routes!(answer))
        .routes(routes!(confirmation))
        .routes(routes!(confirm))
}

/// What the passkey answered, as `navigator.credentials.get` gives it.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PasskeyAssertionRequest {
    /// The passkey's id.
    id: String,
    /// The same.
    raw_id: String,
    /// `public-key`.
    #[serde(rename = "type")]
    #[schema(example = "public-key")]
    kind: String,
    /// The answer itself; bytes are base64url without padding.
    response: PasskeyAssertionData,
    /// `platform` or `cross-platform`, as the browser's `toJSON` has it. WhatsApp is not told of it, and needs no such thing.
    #[serde(default, rename = "authenticatorAttachment")]
    #[schema(nullable = false, example = "cross-platform")]
    _attachment: Option<String>,
    /// What extensions answered, as the browser's `toJSON` has it. WhatsApp is not told of it, and needs no such thing.
    #[serde(default, rename = "clientExtensionResults")]
    #[schema(value_type = Option<Object>, nullable = false)]
    _extensions: Option<Map<String, Value>>,
}

/// Read what the account's passkey is to sign
///
/// The session is `PASSKEY_REQUIRED`. A passkey signs this only on WhatsApp's own page, `https://web.whatsapp.com`.
#[utoipa::path(get, path = "/api/{session}/auth/passkey/challenge", tag = "pairing",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "What is to be signed", body = PasskeyChallenge), Failures))]
async fn challenge(State(api): State<Api>, Path(session): Path<String>) -> Result<Response, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(unstored(Json(api.sessions.passkey_challenge(&name).await?)))
}

/// Answer with the account's passkey
///
/// Then the session is `PASSKEY_CONFIRMATION_REQUIRED`.
#[utoipa::path(post, path = "/api/{session}/auth/passkey", tag = "pairing", request_body = PasskeyAssertionRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "WhatsApp took it", body = Done), Failures))]
async fn answer(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<PasskeyAssertionRequest>,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    let (name, _) = api.session(&session).await?;
    let PasskeyAssertionRequest { id, raw_id, kind, response, .. } = request;
    api.sessions.answer_passkey(&name, &PasskeyAssertion { id, raw_id, kind, response }).await?;
    Ok((StatusCode::CREATED, Json(Done::DONE)))
}

/// Read the code to compare with the phone's
#[utoipa::path(get, path = "/api/{session}/auth/passkey/confirmation", tag = "pairing",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The code", body = PasskeyConfirmation), Failures))]
async fn confirmation(State(api): State<Api>, Path(session): Path<String>) -> Result<Response, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(unstored(Json(api.sessions.passkey_code(&name).await?)))
}

/// Say that the phone shows the same code
///
/// It links the session. When the codes differ, somebody else may be linked: stop the session instead.
#[utoipa::path(post, path = "/api/{session}/auth/passkey/confirm", tag = "pairing",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "Done", body = Done), Failures))]
async fn confirm(
    State(api): State<Api>,
    Path(session): Path<String>,
    OptionalBody(NoFields {}): OptionalBody<NoFields>,
) -> Result<(StatusCode, Json<Done>), ApiError> {
    let (name, _) = api.session(&session).await?;
    api.sessions.confirm_passkey(&name).await?;
    Ok((StatusCode::CREATED, Json(Done::DONE)))
}

/// It is good once: nobody on the way keeps it.
fn unstored(answer: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], answer).into_response()
}
