//! Messages: what a simulated person sends, reads and waits for.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Body, ControlError};
use crate::phone::log::Entry;
use crate::phone::media::MediaKind;
use crate::phone::message::{Body as MessageBody, MediaBody, Outgoing};
use crate::phone::{PhoneError, Typing};
use crate::simulator::Simulator;

/// Longest wait for messages, in milliseconds.
const LONGEST_WAIT: u64 = 120_000;

pub(super) fn router() -> Router<Simulator> {
    Router::new()
        .route("/sim/phones/{number}/send", post(send))
        .route("/sim/phones/{number}/inbox", get(inbox))
        .route("/sim/phones/{number}/messages/{id}", get(message))
        .route("/sim/phones/{number}/messages/{id}/media", get(media))
        .route("/sim/phones/{number}/read", post(read))
        .route("/sim/phones/{number}/react", post(react))
        .route("/sim/phones/{number}/edit", post(edit))
        .route("/sim/phones/{number}/revoke", post(revoke))
        .route("/sim/phones/{number}/typing", post(typing))
}

/// A message to send: exactly one of `text`, `image`, `video`, `voice`, `audio`, `file`,
/// `sticker`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    to: String,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    image: Option<File>,
    #[serde(default)]
    video: Option<File>,
    #[serde(default)]
    voice: Option<File>,
    #[serde(default)]
    audio: Option<File>,
    #[serde(default, alias = "document")]
    file: Option<File>,
    #[serde(default)]
    sticker: Option<File>,
    #[serde(default)]
    reply_to: Option<String>,
    #[serde(default)]
    mentions: Vec<String>,
}

/// A file, in base64.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: String,
    #[serde(default)]
    mimetype: Option<String>,
    #[serde(default)]
    caption: Option<String>,
    #[serde(default)]
    filename: Option<String>,
}

impl Send {
    fn outgoing(self) -> Result<Outgoing, ControlError> {
        let files = [
            (self.image, MediaKind::Image, false),
            (self.video, MediaKind::Video, false),
            (self.voice, MediaKind::Audio, true),
            (self.audio, MediaKind::Audio, false),
            (self.file, MediaKind::Document, false),
            (self.sticker, MediaKind::Sticker, false),
        ];
        let mut bodies: Vec<MessageBody> = self.text.into_iter().map(MessageBody::Text).collect();
        for (file, kind, voice) in files {
            let Some(file) = file else { continue };
            let data =
                STANDARD.decode(&file.data).map_err(|_| ControlError::Value("the file is not base64"))?;
            bodies.push(MessageBody::Media(MediaBody {
                kind,
                voice,
                data,
                mimetype: file.mimetype,
                caption: file.caption,
                filename: file.filename,
            }));
        }
        match (bodies.pop(), bodies.is_empty()) {
            (Some(body), true) => Ok(Outgoing { body, reply_to: self.reply_to, mentions: self.mentions }),
            _ => Err(ControlError::Value(
                "exactly one of text, image, video, voice, audio, file and sticker is expected",
            )),
        }
    }
}

async fn send(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(mut send): Body<Send>,
) -> Result<Json<Value>, ControlError> {
    let phone = simulator.phone(&number)?;
    let (to, id) = (std::mem::take(&mut send.to), send.id.take());
    let outgoing = send.outgoing()?;
    let id = match id {
        Some(id) => phone.send_as(&to, &outgoing, id).await?,
        None => phone.send(&to, &outgoing).await?,
    };
    Ok(Json(json!({ "id": id })))
}

/// Which messages, and how long to wait for them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only messages after this position.
    #[serde(default)]
    since: u64,
    /// Wait until there are this many.
    #[serde(default)]
    count: Option<usize>,
    /// Wait no longer than this; 0 answers at once.
    #[serde(default)]
    wait_ms: u64,
    /// Only messages of this chat (number or JID).
    #[serde(default)]
    chat: Option<String>,
    /// Also those that this phone sent itself.
    #[serde(default)]
    all: bool,
}

impl Wanted {
    fn wants(&self, entry: &Entry) -> bool {
        let in_chat = |chat: &String| entry.chat == *chat || entry.chat.split('@').next() == Some(chat);
        (self.all || !entry.by_phone) && self.chat.as_ref().is_none_or(in_chat)
    }
}

async fn inbox(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, ControlError> {
    let phone = simulator.phone(&number)?;
    let count = wanted.count.unwrap_or(1);
    let patience = Duration::from_millis(wanted.wait_ms.min(LONGEST_WAIT));
    if !patience.is_zero() {
        let enough = |phone: &crate::phone::Phone| {
            let found = phone.messages(wanted.since, |entry| wanted.wants(entry));
            (found.len() >= count).then_some(())
        };
        // When the time is over the answer is what there is.
        let _ = phone.wait(patience, enough).await;
    }
    let messages = phone.messages(wanted.since, |entry| wanted.wants(entry));
    let last = messages.last().map_or(wanted.since, |entry| entry.seq);
    Ok(Json(json!({ "messages": messages, "last": last })))
}

async fn message(
    State(simulator): State<Simulator>,
    Path((number, id)): Path<(String, String)>,
) -> Result<Json<Entry>, ControlError> {
    let entry = simulator.phone(&number)?.message(&id).ok_or(PhoneError::UnknownMessage)?;
    Ok(Json(entry))
}

async fn media(
    State(simulator): State<Simulator>,
    Path((number, id)): Path<(String, String)>,
) -> Result<Response, ControlError> {
    let phone = simulator.phone(&number)?;
    let mimetype = phone
        .message(&id)
        .and_then(|entry| entry.content.media?.mimetype)
        .filter(|mimetype| mimetype.parse::<header::HeaderValue>().is_ok())
        .unwrap_or_else(|| "application/octet-stream".to_owned());
    let data = phone.media(&id)?;
    Ok(([(header::CONTENT_TYPE, mimetype)], data).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    /// Which messages; all of them when none is named.
    #[serde(default)]
    ids: Vec<String>,
    /// From now on, send a read receipt for everything that arrives?
    #[serde(default)]
    auto: Option<bool>,
}

async fn read(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(read): Body<Read>,
) -> Result<Json<Value>, ControlError> {
    let phone = simulator.phone(&number)?;
    if let Some(auto) = read.auto {
        phone.set_auto_read(auto);
    }
    Ok(Json(json!({ "read": phone.read(&read.ids) })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct React {
    id: String,
    emoji: String,
}

async fn react(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(react): Body<React>,
) -> Result<Json<Value>, ControlError> {
    let id = simulator.phone(&number)?.react(&react.id, &react.emoji).await?;
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    id: String,
    text: String,
}

async fn edit(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(edit): Body<Edit>,
) -> Result<Json<Value>, ControlError> {
    let id = simulator.phone(&number)?.edit(&edit.id, &edit.text).await?;
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    id: String,
}

async fn revoke(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(revoke): Body<Revoke>,
) -> Result<Json<Value>, ControlError> {
    let id = simulator.phone(&number)?.revoke(&revoke.id).await?;
    Ok(Json(json!({ "id": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Types {
    to: String,
    #[serde(default)]
    state: Option<Typing>,
}

async fn typing(
    State(simulator): State<Simulator>,
    Path(number): Path<String>,
    Body(types): Body<Types>,
) -> Result<Json<Value>, ControlError> {
    simulator.phone(&number)?.typing(&types.to, types.state.unwrap_or(Typing::Composing))?;
    Ok(Json(json!({ "sent": true })))
}
