//! Texts whose link has a preview that the caller made.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::FileBody;
use wakeeper_engine::structured::{Link, Structure};
use wakeeper_waha::Message;

use super::addressed::{Addressed, bounded, needed};
use super::{default_session, text};
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::media::{FileField, check_url};
use crate::api::state::Api;

/// Longest title of a preview, in characters.
const LONGEST_TITLE: usize = 1_000;
/// Longest description and link, in characters.
const LONGEST_TEXT: usize = 4_000;

#[expect(deprecated, reason = "WAHA's older paths are served and documented as such")]
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send_link)).routes(routes!(send_plain_link))
}

/// A text with a preview of the link in it.
#[derive(Deserialize, ToSchema)]
#[schema(as = MessageLinkCustomPreviewRequest)]
struct LinkRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[serde(rename = "chatId")]
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// The text; `preview.url` must stand in it.
    #[schema(example = "Look at https://github.com/")]
    text: String,
    /// Id of the message it answers; the part that its sender chose is enough.
    reply_to: Option<String>,
    /// The picture is uploaded and shown large, as when nothing is said; with `false` it goes inside the message, made smaller
    /// where it has more than 65,536 bytes.
    #[serde(rename = "linkPreviewHighQuality")]
    large: Option<bool>,
    /// The preview.
    preview: PreviewField,
}

/// A preview of a link.
#[derive(Deserialize, ToSchema)]
#[schema(as = LinkPreviewData)]
struct PreviewField {
    /// A picture; of what is no JPEG one is made by ffmpeg.
    image: Option<PictureField>,
    /// The link, as it stands in the text.
    #[schema(example = "https://github.com/")]
    url: String,
    /// The title.
    #[schema(example = "Your title")]
    title: String,
    /// The text under the title.
    #[schema(example = "Check this out, amazing!")]
    description: Option<String>,
}

/// The picture of a preview: one of `url` and `data`, or nothing.
#[derive(Deserialize, ToSchema)]
#[schema(as = FileURL)]
struct PictureField {
    /// Where to fetch it, `http` or `https`.
    url: Option<String>,
    /// The picture in base64.
    data: Option<String>,
}

impl PictureField {
    fn check(self) -> Result<Option<FileBody>, ApiError> {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        match (said(self.url), said(self.data)) {
            (None, None) => Ok(None),
            (url, data) => FileField::of(url, data).check_named("preview.image", None).map(Some),
        }
    }
}

/// Send a text with a preview of your own
#[utoipa::path(post, path = "/api/send/link-custom-preview", tag = "sending", request_body = LinkRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_link(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<LinkRequest>,
) -> Result<Response, ApiError> {
    let LinkRequest { session, chat_id, text: body, reply_to, large, preview } = request;
    let PreviewField { image, url, title, description } = preview;
    let link = Link {
        text: text("text", body)?,
        url: check_url("preview.url", needed("preview.url", url, LONGEST_TEXT)?)?,
        title: needed("preview.title", title, LONGEST_TITLE)?,
        description: bounded("preview.description", description.unwrap_or_default(), LONGEST_TEXT)?,
        image: image.map(PictureField::check).transpose()?.flatten(),
        large: large.unwrap_or(true),
    };
    if !link.text.contains(&link.url) {
        return Err(ApiError::invalid("text: the link preview.url must stand in it")
            .hint("phones show a preview only beside its link"));
    }
    Addressed { session, chat_id, reply_to, id: None }.send(&api, &headers, Structure::Link(link)).await
}

/// A link to send under a title.
#[derive(Deserialize, ToSchema)]
#[schema(as = MessageLinkPreviewRequest)]
struct PlainLinkRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[serde(rename = "chatId")]
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// The link.
    #[schema(example = "https://github.com/")]
    url: String,
    /// The title.
    #[schema(example = "Your title")]
    title: String,
    /// The id that the message gets; one is made up without it.
    id: Option<String>,
}

/// Send a link under a title
///
/// The older way; `POST /api/send/link-custom-preview` does more.
#[utoipa::path(post, path = "/api/sendLinkPreview", tag = "sending", request_body = PlainLinkRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
#[deprecated]
async fn send_plain_link(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<PlainLinkRequest>,
) -> Result<Response, ApiError> {
    let PlainLinkRequest { session, chat_id, url, title, id } = request;
    let url = check_url("url", needed("url", url, LONGEST_TEXT)?)?;
    let title = needed("title", title, LONGEST_TITLE)?;
    let text = format!("{title}\n{url}");
    let link = Link { text, url, title, description: String::new(), image: None, large: false };
    Addressed { session, chat_id, reply_to: None, id }.send(&api, &headers, Structure::Link(link)).await
}
