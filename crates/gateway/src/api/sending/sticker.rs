//! Stickers.

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
use crate::api::extract::BodyWithFile;
use crate::api::media::FileField;
use crate::api::state::Api;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send_sticker))
}

/// A sticker to send.
#[derive(Deserialize, ToSchema)]
#[schema(as = MessageStickerRequest)]
struct StickerRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[serde(rename = "chatId")]
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// The sticker: a WebP file, still or animated, 512 by 512 pixels, or a picture or video that one is made of.
    file: FileField,
    /// Id of the message it answers; the part that its sender chose is enough.
    reply_to: Option<String>,
}

/// Send a sticker
///
/// WebP is sent as it is. Of other pictures and of videos a sticker is made: 512 by 512 pixels, six seconds at most. Needs ffmpeg.
#[utoipa::path(post, path = "/api/sendSticker", tag = "sending", request_body = StickerRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_sticker(
    State(api): State<Api>,
    headers: HeaderMap,
    BodyWithFile(request, sent): BodyWithFile<StickerRequest>,
) -> Result<Response, ApiError> {
    let StickerRequest { session, chat_id, file, reply_to } = request;
    let sticker = Structure::Sticker(file.check(sent)?);
    Addressed { session, chat_id, reply_to, id: None }.send(&api, &headers, sticker).await
}
