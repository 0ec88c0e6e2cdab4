//! Linking a session to a phone: QR code, pairing code.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::document::{Bytes, Failures};
use super::error::{ApiError, ErrorCode};
use super::extract::{Body, Parameters};
use super::media::{Base64File, wants_json};
use super::qr_image;
use super::state::Api;
use super::strict::NotBuilt;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(qr)).routes(routes!(request_code))
}

/// For how many milliseconds the QR code of an answer can still be scanned. Not WAHA's.
const QR_VALID: HeaderName = HeaderName::from_static("x-qr-valid-ms");

/// How the QR code is wanted.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum QrFormat {
    /// A PNG picture.
    #[default]
    Image,
    /// The text inside the QR code.
    Raw,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct QrParameters {
    /// `image` (PNG, or base64 in JSON with `Accept: application/json`) or `raw`.
    #[serde(default)]
    #[param(inline)]
    format: QrFormat,
}

/// The text inside a QR code.
#[derive(Serialize, ToSchema)]
struct QrValue {
    /// What to draw as a QR code.
    value: String,
}

/// A QR code inside JSON: the picture, or with `format=raw` its text.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum QrAnswer {
    Picture(Base64File),
    Text(QrValue),
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CodeRequest {
    /// The phone's number in international form.
    #[schema(example = "628111222333")]
    phone_number: String,
    #[serde(default, rename = "method")]
    _method: NotBuilt,
}

/// A code to type into the phone.
#[derive(Serialize, ToSchema)]
struct PairingCode {
    /// Eight characters.
    #[schema(example = "ABCD-EFGH")]
    code: String,
}

/// Read the QR code to scan
///
/// Changes every 20 to 60 seconds, so ask again until the session is `WORKING`.
#[utoipa::path(get, path = "/api/{session}/auth/qr", tag = "pairing",
    params(("session" = String, Path, description = "Name of the session"), QrParameters),
    responses((status = 200, description = "The QR code", content(
        (Bytes = "image/png"), (QrAnswer = "application/json")),
        headers(("X-QR-Valid-Ms" = u64, description = "For how many milliseconds it can still be scanned"))), Failures))]
async fn qr(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<QrParameters>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (name, _) = api.session(&session).await?;
    let (value, valid) = api.sessions.qr_code(&name).await?;
    let answer = match parameters.format {
        QrFormat::Raw => Json(QrAnswer::Text(QrValue { value })).into_response(),
        QrFormat::Image => {
            let png = qr_image::png(&value).map_err(|error| {
                tracing::error!(%error, "drawing a QR code failed");
                ApiError::new(ErrorCode::Internal, "The QR code could not be drawn")
            })?;
            if wants_json(&headers) {
                let file = Base64File { mimetype: "image/png".to_owned(), data: BASE64_STANDARD.encode(png) };
                Json(QrAnswer::Picture(file)).into_response()
            } else {
                ([(header::CONTENT_TYPE, "image/png")], png).into_response()
            }
        }
    };
    let valid = HeaderValue::from(u64::try_from(valid.as_millis()).unwrap_or(u64::MAX));
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store")), (QR_VALID, valid)], answer)
        .into_response())
}

/// Ask for a code to type into the phone instead of scanning
#[utoipa::path(post, path = "/api/{session}/auth/request-code", tag = "pairing", request_body = CodeRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The code", body = PairingCode), Failures))]
async fn request_code(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<CodeRequest>,
) -> Result<(StatusCode, Json<PairingCode>), ApiError> {
    let (name, _) = api.session(&session).await?;
    let digits: String =
        request.phone_number.chars().filter(|c| !matches!(c, '+' | ' ' | '-' | '(' | ')')).collect();
    if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiError::invalid(
            "phoneNumber: a phone number in international form has 7 to 15 digits",
        ));
    }
    let code = api.sessions.request_code(&name, &digits).await?;
    Ok((StatusCode::CREATED, Json(PairingCode { code })))
}
