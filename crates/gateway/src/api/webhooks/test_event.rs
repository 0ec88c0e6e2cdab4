//! A test event for a webhook.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_delivery::webhook::{TestError, Tested};
use wakeeper_waha::{EventName, SessionInfo, SessionStatusBody, WebhookConfig};

use crate::api::document::Failures;
use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::OptionalBody;
use crate::api::state::Api;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(test))
}

/// Where to send a test event.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
struct WebhookTestRequest {
    /// The address of one of the session's webhooks, which is signed and has the headers as its events do, or another address. Not
    /// needed where the session has one webhook.
    #[schema(example = "https://example.com/whatsapp")]
    url: Option<String>,
}

/// What a test event came to.
#[derive(Serialize, ToSchema)]
struct WebhookTested {
    /// The status of the receiver's answer; left out when none came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 200)]
    status: Option<u16>,
    /// Why it was not taken; left out when it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
    /// How long it took.
    #[schema(example = 41)]
    milliseconds: u64,
}

/// Send a test event to a webhook
///
/// A `session.status` with the status that the session has, sent at once and once, to where webhooks may go. What the receiver answers
/// is told and shows among the last deliveries; a test event is no dead letter.
#[utoipa::path(post, path = "/api/sessions/{session}/webhooks/test", tag = "webhooks",
    request_body(content = Option<WebhookTestRequest>),
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "It was sent, whatever the receiver said", body = WebhookTested), Failures))]
async fn test(
    State(api): State<Api>,
    Path(session): Path<String>,
    OptionalBody(request): OptionalBody<WebhookTestRequest>,
) -> Result<(StatusCode, Json<WebhookTested>), ApiError> {
    let (name, info) = api.session(&session).await?;
    let webhook = wanted(&info, request.url)?;
    let payload = SessionStatusBody {
        name: name.clone(),
        status: info.status,
        statuses: info.statuses,
        data: None,
        reason: info.reason,
    };
    let tested = api.webhooks.test(&name, &webhook, EventName::SessionStatus, &payload).await;
    let Tested { status, error, milliseconds } = tested.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(WebhookTested { status, error, milliseconds })))
}

/// The webhook of that address, as it is set or as it is shown.
fn wanted(info: &SessionInfo, url: Option<String>) -> Result<WebhookConfig, ApiError> {
    let webhooks = &info.config.webhooks;
    let Some(url) = url else {
        return match webhooks.as_slice() {
            [only] => Ok(only.clone()),
            _ => {
                Err(ApiError::invalid(format!("url: the session has {} webhooks; name one", webhooks.len())))
            }
        };
    };
    let known = webhooks.iter().find(|webhook| webhook.url == url || webhook.shown_url() == url);
    Ok(known.cloned().unwrap_or_else(|| WebhookConfig {
        url,
        events: vec!["*".to_owned()],
        hmac: None,
        retries: None,
        custom_headers: None,
    }))
}

fn refused(error: TestError) -> ApiError {
    match error {
        TestError::Config(error) => ApiError::invalid(error.to_string()),
        TestError::Body(error) => {
            tracing::error!(%error, "a test event cannot be written");
            ApiError::new(ErrorCode::Internal, "The test event could not be written")
        }
    }
}
