//! Messages that are passed on.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::structured::Structure;
use wakeeper_waha::Message;

use super::addressed::Addressed;
use super::default_session;
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::naming;
use crate::api::state::{Api, field};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(forward))
}

/// A message to pass on.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MessageForwardRequest)]
struct ForwardRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// Id of a stored message, of any chat; the part that its sender chose is enough.
    #[schema(example = "false_628111222444@c.us_3EB0C767D097B7C7C045")]
    message_id: String,
    /// The id that the new message gets; one is made up without it.
    id: Option<String>,
}

/// Forward a message
///
/// Its file is not sent again: it stays where it lies on WhatsApp's servers.
#[utoipa::path(post, path = "/api/forwardMessage", tag = "sending", request_body = ForwardRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn forward(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<ForwardRequest>,
) -> Result<Response, ApiError> {
    let ForwardRequest { session, chat_id, message_id, id } = request;
    let message = naming::message(&api, &session, None, field("messageId", &message_id)?).await?;
    let addressed = Addressed { session, chat_id, reply_to: None, id };
    addressed.send(&api, &headers, Structure::Forward(message)).await
}
