//! Status updates (stories): posted for people by their ids, and taken back.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::Outgoing;
use wakeeper_engine::status::{Status, StatusContent};
use wakeeper_model::{ChatId, NamedMessage};
use wakeeper_waha::{Message, MessageRevoked};

use super::document::Failures;
use super::error::ApiError;
use super::extract::{Body, BodyWithFile};
use super::media::FileField;
use super::naming;
use super::sending::{self, NewMessageId, check_length};
use super::state::{Api, field};

/// Most people in one request.
const MOST_CONTACTS: usize = 5_000;
/// Longest text of a status, in characters, as WhatsApp's apps have it.
const LONGEST_TEXT: usize = 700;
/// The colour of the ground that WAHA takes when none is given.
const GREEN: &str = "#38b42f";

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(text))
        .routes(routes!(image))
        .routes(routes!(voice))
        .routes(routes!(video))
        .routes(routes!(delete))
        .routes(routes!(new_message_id))
}

fn green() -> String {
    GREEN.to_owned()
}

/// A text to post.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TextStatus {
    /// The id that the status gets, as `GET /api/{session}/status/new-message-id` makes them; one is made up without it.
    id: Option<String>,
    /// Who is to see it, by phone number or LID; without any, everybody in the account's address book whom it shows its statuses to.
    #[schema(example = json!(["628111222333@c.us"]))]
    contacts: Option<Vec<String>>,
    /// The text.
    #[schema(example = "Have a look! https://github.com/")]
    text: String,
    /// The colour of the ground.
    #[serde(default = "green")]
    #[schema(default = "#38b42f")]
    background_color: String,
    /// The number of the font: 0, 1, 2, 6, 7, 8, 9 or 10.
    #[serde(default)]
    font: u32,
    /// Show title, description and picture of the page that the text links to, as when nothing is said. The gateway fetches the page
    /// then.
    link_preview: Option<bool>,
    /// Upload the picture of the preview and show it large.
    link_preview_high_quality: Option<bool>,
}

/// A picture to post.
#[derive(Deserialize, ToSchema)]
struct ImageStatus {
    /// The id that the status gets; one is made up without it.
    id: Option<String>,
    /// Who is to see it, by phone number or LID; without any, everybody in the account's address book whom it shows its statuses to.
    #[schema(example = json!(["628111222333@c.us"]))]
    contacts: Option<Vec<String>>,
    /// The file.
    file: FileField,
    /// Text under it.
    caption: Option<String>,
}

/// A voice note to post.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VoiceStatus {
    /// The id that the status gets; one is made up without it.
    id: Option<String>,
    /// Who is to see it, by phone number or LID; without any, everybody in the account's address book whom it shows its statuses to.
    #[schema(example = json!(["628111222333@c.us"]))]
    contacts: Option<Vec<String>>,
    /// The file; phones play OGG with the Opus codec.
    file: FileField,
    /// Make OGG with Opus of the file, which phones play. Needs ffmpeg.
    #[serde(default)]
    convert: bool,
    /// The colour of the ground.
    #[serde(default = "green")]
    #[schema(default = "#38b42f")]
    background_color: String,
}

/// A video to post.
#[derive(Deserialize, ToSchema)]
struct VideoStatus {
    /// The id that the status gets; one is made up without it.
    id: Option<String>,
    /// Who is to see it, by phone number or LID; without any, everybody in the account's address book whom it shows its statuses to.
    #[schema(example = json!(["628111222333@c.us"]))]
    contacts: Option<Vec<String>>,
    /// The file.
    file: FileField,
    /// Make MP4 with H.264 of the file, which phones play. Needs ffmpeg.
    #[serde(default)]
    convert: bool,
    /// Text under it.
    caption: Option<String>,
}

/// A status to take back.
#[derive(Deserialize, ToSchema)]
struct DeleteStatusRequest {
    /// The status; the part of its id that its sender chose is enough.
    #[schema(example = "3EB0A0B1C2D3E4F5A6B7")]
    id: Option<String>,
    /// From whom; those for whom it was posted, when that was through this gateway, without it.
    contacts: Option<Vec<String>>,
}

/// Post a text
#[utoipa::path(post, path = "/api/{session}/status/text", tag = "status", request_body = TextStatus,
    params(("session" = String, Path, description = "Name of the session"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The status", body = Message), Failures))]
async fn text(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    Body(request): Body<TextStatus>,
) -> Result<Response, ApiError> {
    let TextStatus { id, contacts, text, background_color, font, link_preview, link_preview_high_quality } =
        request;
    if text.is_empty() || text.chars().count() > LONGEST_TEXT {
        return Err(ApiError::invalid(format!("text: 1 to {LONGEST_TEXT} characters")));
    }
    let background = colour(&background_color)?;
    let link_preview = sending::link_preview(link_preview, link_preview_high_quality);
    let content = StatusContent::Text { text, background, font, link_preview };
    post(&api, &session, &headers, id, contacts, content).await
}

/// Post a picture
#[utoipa::path(post, path = "/api/{session}/status/image", tag = "status", request_body = ImageStatus,
    params(("session" = String, Path, description = "Name of the session"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The status", body = Message), Failures))]
async fn image(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    BodyWithFile(request, sent): BodyWithFile<ImageStatus>,
) -> Result<Response, ApiError> {
    let ImageStatus { id, contacts, file, caption } = request;
    let content = StatusContent::Image { file: file.check(sent)?, caption: checked(caption)? };
    post(&api, &session, &headers, id, contacts, content).await
}

/// Post a voice note
#[utoipa::path(post, path = "/api/{session}/status/voice", tag = "status", request_body = VoiceStatus,
    params(("session" = String, Path, description = "Name of the session"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The status", body = Message), Failures))]
async fn voice(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    BodyWithFile(request, sent): BodyWithFile<VoiceStatus>,
) -> Result<Response, ApiError> {
    let VoiceStatus { id, contacts, file, convert, background_color } = request;
    let background = colour(&background_color)?;
    let content = StatusContent::Voice { file: file.check(sent)?, background, convert };
    post(&api, &session, &headers, id, contacts, content).await
}

/// Post a video
#[utoipa::path(post, path = "/api/{session}/status/video", tag = "status", request_body = VideoStatus,
    params(("session" = String, Path, description = "Name of the session"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The status", body = Message), Failures))]
async fn video(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    BodyWithFile(request, sent): BodyWithFile<VideoStatus>,
) -> Result<Response, ApiError> {
    let VideoStatus { id, contacts, file, convert, caption } = request;
    let content = StatusContent::Video { file: file.check(sent)?, caption: checked(caption)?, convert };
    post(&api, &session, &headers, id, contacts, content).await
}

/// Take a status back
#[utoipa::path(post, path = "/api/{session}/status/delete", tag = "status",
    request_body = DeleteStatusRequest,
    params(("session" = String, Path, description = "Name of the session"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The deletion", body = MessageRevoked), Failures))]
async fn delete(
    State(api): State<Api>,
    Path(session): Path<String>,
    headers: HeaderMap,
    Body(request): Body<DeleteStatusRequest>,
) -> Result<Response, ApiError> {
    let id = request.id.filter(|id| !id.is_empty()).ok_or_else(|| ApiError::invalid("id: missing"))?;
    let named: NamedMessage = field("id", &id)?;
    let message = naming::message(&api, &session, Some(&ChatId::status()), named).await?;
    if !message.chat.is_status() {
        return Err(ApiError::invalid("id: no status").hint("messages are deleted under .../chats"));
    }
    post(&api, &session, &headers, None, request.contacts, StatusContent::Delete(message)).await
}

/// Make an id for a status
#[utoipa::path(get, path = "/api/{session}/status/new-message-id", tag = "status",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The id", body = NewMessageId), Failures))]
async fn new_message_id(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<Json<NewMessageId>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(NewMessageId { id: api.sessions.new_message_id(&name).await? }))
}

async fn post(
    api: &Api,
    session: &str,
    headers: &HeaderMap,
    id: Option<String>,
    contacts: Option<Vec<String>>,
    content: StatusContent,
) -> Result<Response, ApiError> {
    let id = id.filter(|id| !id.is_empty()).map(|id| field("id", &id)).transpose()?;
    let contacts = contacts.unwrap_or_default();
    if contacts.len() > MOST_CONTACTS {
        return Err(ApiError::invalid(format!("contacts: at most {MOST_CONTACTS}")));
    }
    let person = |(at, id): (usize, &String)| field(&format!("contacts[{at}]"), id);
    let contacts: Vec<ChatId> = contacts.iter().enumerate().map(person).collect::<Result<_, _>>()?;
    let status = Outgoing::Status(Status::new(content, contacts, id));
    sending::send(api, headers, session, status, StatusCode::CREATED).await
}

fn checked(caption: Option<String>) -> Result<String, ApiError> {
    let caption = caption.unwrap_or_default();
    check_length("caption", &caption)?;
    Ok(caption)
}

/// A colour as alpha, red, green, blue: `#38b42f`, or with alpha before it `#ff38b42f`.
fn colour(text: &str) -> Result<u32, ApiError> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let number =
        u32::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    match (digits.len(), number) {
        (6, Some(number)) => Ok(0xff00_0000 | number),
        (8, Some(number)) => Ok(number),
        _ => Err(ApiError::invalid("backgroundColor: a colour such as #38b42f")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_web_pages_write_them() {
        assert_eq!(colour("#38b42f").unwrap(), 0xff38_b42f);
        assert_eq!(colour("38B42F").unwrap(), 0xff38_b42f);
        assert_eq!(colour("#8038b42f").unwrap(), 0x8038_b42f);
        for text in ["", "#", "green", "#38b42", "#+8b42f", "#38b42fff0"] {
            assert!(colour(text).is_err(), "{text}");
        }
    }
}
