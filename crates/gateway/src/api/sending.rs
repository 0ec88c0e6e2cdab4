//! Messages out: texts, files, reactions, read marks, typing; what has a structure of its own has a file each.

mod addressed;
mod buttons;
mod contacts;
mod events;
mod forward;
mod link;
mod lists;
mod location;
mod pin;
mod polls;
mod seen;
mod star;
mod sticker;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::spool::Spooled;
use wakeeper_engine::{IdempotencyKey, LinkPreview, MediaKind, Mentions, Outgoing, Reaction, Sent, Text};
use wakeeper_model::NamedMessage;
use wakeeper_waha::{Message, MessageReaction};

use super::document::{Done, Failures};
use super::error::ApiError;
use super::extract::{Body, BodyWithFile, Parameters};
use super::media::FileField;
use super::naming;
use super::state::{Api, field};

/// Header that names a send for repeats.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Header that marks an answer as the stored one of an earlier request with the same key.
pub(super) const REPLAYED: &str = "idempotency-replayed";
/// Longest text, in characters. WhatsApp's own apps cut at 65,536.
const LONGEST_TEXT: usize = 65_536;

/// The routes of this resource.
#[expect(deprecated, reason = "WAHA's older paths are served and documented as such")]
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(get_text, send_text))
        .routes(routes!(reply))
        .routes(routes!(new_message_id))
        .routes(routes!(send_image))
        .routes(routes!(send_file))
        .routes(routes!(send_voice))
        .routes(routes!(send_video))
        .routes(routes!(react))
        .merge(seen::router())
        .merge(location::router())
        .merge(events::router())
        .merge(contacts::router())
        .merge(polls::router())
        .merge(forward::router())
        .merge(sticker::router())
        .merge(link::router())
        .merge(lists::router())
        .merge(buttons::router())
        .merge(star::router())
        .merge(pin::router())
}

pub(super) fn default_session() -> String {
    "default".to_owned()
}

/// A text to send.
#[derive(Deserialize, ToSchema)]
struct TextRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[serde(rename = "chatId")]
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// What.
    #[schema(example = "Hello!")]
    text: String,
    /// Id of the message it answers; the part that its sender chose is enough.
    reply_to: Option<String>,
    /// People to mention, by chat id; their `@number` must stand in the text. In groups also `["all"]`: everybody.
    mentions: Option<Vec<String>>,
    /// The id that the message gets, as `GET /api/{session}/new-message-id` makes them; one is made up without it.
    id: Option<String>,
    /// Show title, description and picture of the page that the text links to, as when nothing is said. The gateway fetches the page
    /// then, which takes 5 seconds at most.
    #[serde(rename = "linkPreview")]
    link_preview: Option<bool>,
    /// Upload the picture of the preview and show it large.
    #[serde(rename = "linkPreviewHighQuality")]
    link_preview_high_quality: Option<bool>,
}

/// A file to send.
#[derive(Deserialize, ToSchema)]
struct MediaRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[serde(rename = "chatId")]
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// The file.
    file: FileField,
    /// Text under it; not with voice notes.
    caption: Option<String>,
    /// Id of the message it answers; the part that its sender chose is enough.
    reply_to: Option<String>,
    /// People to mention in the caption, by chat id. In groups also `["all"]`: everybody.
    mentions: Option<Vec<String>>,
    /// With videos: a round video note.
    #[serde(rename = "asNote")]
    as_note: Option<bool>,
    /// With voice notes and videos: make OGG with Opus, or MP4 with H.264, of the file, which phones play. Needs ffmpeg.
    convert: Option<bool>,
}

#[derive(Deserialize, ToSchema)]
struct ReactionRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// Id of the message to react to; the part that its sender chose is enough.
    #[serde(rename = "messageId")]
    #[schema(example = "false_628111222333@c.us_3EB0C767D097B7C7C045")]
    message_id: String,
    /// One emoji; empty takes the reaction back.
    #[schema(example = "👍")]
    reaction: String,
}

/// Send a text
#[utoipa::path(post, path = "/api/sendText", tag = "sending", request_body = TextRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_text(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<TextRequest>,
) -> Result<Response, ApiError> {
    post_text(&api, &headers, request).await
}

/// Answer a message
///
/// The older way to send a text with `reply_to`.
#[utoipa::path(post, path = "/api/reply", tag = "sending", request_body = TextRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
#[deprecated]
async fn reply(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<TextRequest>,
) -> Result<Response, ApiError> {
    post_text(&api, &headers, request).await
}

async fn post_text(api: &Api, headers: &HeaderMap, request: TextRequest) -> Result<Response, ApiError> {
    let (chat, text) = (field("chatId", &request.chat_id)?, text("text", request.text)?);
    let (mentions, id) = (mentions(request.mentions)?, request.id.map(|id| field("id", &id)).transpose()?);
    let named = reply_to(request.reply_to)?;
    let reply_to = naming::optional(api, &request.session, &chat, named).await?;
    let link_preview = link_preview(request.link_preview, request.link_preview_high_quality);
    let text = Text { chat, text, reply_to, mentions, id, link_preview };
    send(api, headers, &request.session, Outgoing::Text(text), StatusCode::CREATED).await
}

/// A text to send, in the query string.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TextParameters {
    /// Name of the session.
    #[serde(default = "default_session")]
    #[param(required = false)]
    session: String,
    /// To whom: a phone number or a chat id.
    phone: String,
    /// What.
    text: String,
}

/// Send a text
///
/// The older way, for clients that can only open an address. The text stands in logs of proxies then.
#[utoipa::path(get, path = "/api/sendText", tag = "sending", params(TextParameters),
    responses((status = 200, description = "The message", body = Message), Failures))]
#[deprecated]
async fn get_text(
    State(api): State<Api>,
    headers: HeaderMap,
    Parameters(request): Parameters<TextParameters>,
) -> Result<Response, ApiError> {
    let (chat, text) = (field("phone", &request.phone)?, text("text", request.text)?);
    let text = Text {
        chat,
        text,
        reply_to: None,
        mentions: Mentions::default(),
        id: None,
        link_preview: LinkPreview::None,
    };
    send(&api, &headers, &request.session, Outgoing::Text(text), StatusCode::OK).await
}

/// The id of a message that is not sent yet.
#[derive(Serialize, ToSchema)]
#[schema(as = NewMessageIDResponse)]
pub(super) struct NewMessageId {
    /// To be given as `id` of a send.
    #[schema(example = "3EB0A0B1C2D3E4F5A6B7")]
    pub(super) id: String,
}

/// Make an id for a message
#[utoipa::path(get, path = "/api/{session}/new-message-id", tag = "sending",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The id", body = NewMessageId), Failures))]
async fn new_message_id(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<Json<NewMessageId>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(NewMessageId { id: api.sessions.new_message_id(&name).await? }))
}

/// Send a picture
#[utoipa::path(post, path = "/api/sendImage", tag = "sending", request_body = MediaRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_image(
    State(api): State<Api>,
    headers: HeaderMap,
    BodyWithFile(request, sent): BodyWithFile<MediaRequest>,
) -> Result<Response, ApiError> {
    send_media(&api, &headers, request, sent, MediaKind::Image).await
}

/// Send any file as a document
#[utoipa::path(post, path = "/api/sendFile", tag = "sending", request_body = MediaRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_file(
    State(api): State<Api>,
    headers: HeaderMap,
    BodyWithFile(request, sent): BodyWithFile<MediaRequest>,
) -> Result<Response, ApiError> {
    send_media(&api, &headers, request, sent, MediaKind::File).await
}

/// Send a voice note
///
/// Phones play OGG with the Opus codec.
#[utoipa::path(post, path = "/api/sendVoice", tag = "sending", request_body = MediaRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_voice(
    State(api): State<Api>,
    headers: HeaderMap,
    BodyWithFile(request, sent): BodyWithFile<MediaRequest>,
) -> Result<Response, ApiError> {
    send_media(&api, &headers, request, sent, MediaKind::Voice).await
}

/// Send a video
#[utoipa::path(post, path = "/api/sendVideo", tag = "sending", request_body = MediaRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_video(
    State(api): State<Api>,
    headers: HeaderMap,
    BodyWithFile(request, sent): BodyWithFile<MediaRequest>,
) -> Result<Response, ApiError> {
    let as_note = request.as_note.unwrap_or(false);
    send_media(&api, &headers, request, sent, MediaKind::Video { as_note }).await
}

/// React to a message
#[utoipa::path(put, path = "/api/reaction", tag = "sending", request_body = ReactionRequest,
    responses((status = 200, description = "The reaction", body = MessageReaction), Failures))]
async fn react(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<ReactionRequest>,
) -> Result<Response, ApiError> {
    // The longest emoji sequences (families, flags with tags) have some 14 code points.
    if request.reaction.chars().count() > 32 {
        return Err(ApiError::invalid("reaction: one emoji, or empty to take the reaction back"));
    }
    let named = field("messageId", &request.message_id)?;
    let message = naming::message(&api, &request.session, None, named).await?;
    let reaction = Reaction { message, emoji: request.reaction };
    send(&api, &headers, &request.session, Outgoing::Reaction(reaction), StatusCode::OK).await
}

async fn send_media(
    api: &Api,
    headers: &HeaderMap,
    request: MediaRequest,
    sent: Option<Spooled>,
    kind: MediaKind,
) -> Result<Response, ApiError> {
    check_fits(&request, kind)?;
    let (chat, mentions) = (field("chatId", &request.chat_id)?, mentions(request.mentions)?);
    let (named, file) = (reply_to(request.reply_to)?, request.file.check(sent)?);
    let reply_to = naming::optional(api, &request.session, &chat, named).await?;
    let caption = request.caption.filter(|caption| !caption.is_empty());
    let convert = request.convert.unwrap_or(false);
    let media = wakeeper_engine::Media { chat, kind, file, caption, reply_to, mentions, convert };
    if let Some(caption) = &media.caption {
        check_length("caption", caption)?;
    }
    send(api, headers, &request.session, Outgoing::Media(media), StatusCode::CREATED).await
}

/// Refuses what this kind of message cannot have: dropped silently, the receiver would miss it.
fn check_fits(request: &MediaRequest, kind: MediaKind) -> Result<(), ApiError> {
    let (voice, video) = (kind == MediaKind::Voice, matches!(kind, MediaKind::Video { .. }));
    if request.as_note == Some(true) && !video {
        return Err(ApiError::invalid("asNote: only videos can be video notes"));
    }
    if voice && request.caption.as_deref().is_some_and(|caption| !caption.is_empty()) {
        return Err(
            ApiError::invalid("caption: a voice note has none").hint("send the text as a message of its own")
        );
    }
    if request.convert == Some(true) && !(voice || video) {
        return Err(ApiError::invalid("convert: only voice notes and videos can be converted"));
    }
    Ok(())
}

/// Sends and answers the message as WAHA shows it.
pub(super) async fn send(
    api: &Api,
    headers: &HeaderMap,
    session: &str,
    outgoing: Outgoing,
    status: StatusCode,
) -> Result<Response, ApiError> {
    let (name, _) = api.session(session).await?;
    let key = idempotency_key(headers)?;
    let Sent { payload, replayed } = api.sessions.send(&name, outgoing, key).await?;
    let mut response = match payload {
        Some(payload) => (status, Json(payload)).into_response(),
        None => (status, Json(Done::DONE)).into_response(),
    };
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::invalid("Idempotency-Key: given more than once"));
    }
    field("Idempotency-Key", value.to_str().unwrap_or_default()).map(Some)
}

pub(super) fn text(name: &str, text: String) -> Result<String, ApiError> {
    if text.is_empty() {
        return Err(ApiError::invalid(format!("{name}: must not be empty")));
    }
    check_length(name, &text)?;
    Ok(text)
}

pub(super) fn check_length(name: &str, text: &str) -> Result<(), ApiError> {
    if text.chars().count() > LONGEST_TEXT {
        return Err(ApiError::invalid(format!("{name}: at most {LONGEST_TEXT} characters")));
    }
    Ok(())
}

/// What a text shows of the page that it links to: as WAHA, something unless the caller says otherwise.
pub(super) fn link_preview(wanted: Option<bool>, large: Option<bool>) -> LinkPreview {
    match (wanted.unwrap_or(true), large.unwrap_or(false)) {
        (false, _) => LinkPreview::None,
        (true, false) => LinkPreview::Small,
        (true, true) => LinkPreview::Large,
    }
}

fn reply_to(id: Option<String>) -> Result<Option<NamedMessage>, ApiError> {
    id.filter(|id| !id.is_empty()).map(|id| field("reply_to", &id)).transpose()
}

pub(super) fn mentions(ids: Option<Vec<String>>) -> Result<Mentions, ApiError> {
    let mut mentions = Mentions::default();
    for id in ids.unwrap_or_default() {
        if id == "all" {
            mentions.all = true;
        } else {
            mentions.people.push(field("mentions", &id)?);
        }
    }
    Ok(mentions)
}
