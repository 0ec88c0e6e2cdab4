//! Messages to a person and to a group.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use wakeeper_engine::{
    FileBody, GroupQuery, LinkPreview, Media, MediaKind, MediaSource, Mentions, Outgoing, Sent, Text,
};
use wakeeper_model::ChatId;

use super::body::Fields;
use super::{OldApp, Refusal, session};
use crate::api::error::ApiError;
use crate::api::media::check_url;
use crate::api::sending::text;

/// `POST /send-message`: `number`, `message`, a file `image` or `imageUrl`.
pub(super) async fn to_person(State(app): State<OldApp>, mut fields: Fields) -> Result<Json<Value>, Refusal> {
    let image = image(&mut fields)?;
    let message = fields.text("message");
    let mut wrong = Vec::new();
    let number = fields.text("number");
    if number.is_none() {
        wrong.push(("number", "a phone number is needed"));
    }
    if message.is_none() && image.is_none() {
        wrong.push(("message", "a text is needed"));
    }
    if !wrong.is_empty() {
        return Err(Refusal::Fields(wrong));
    }
    let (name, chat) = (session()?, app.number(&number.unwrap_or_default())?);
    let found = app.api.sessions.number_exists(&name, &chat).await.map_err(ApiError::from)?;
    if !found.number_exists {
        return Err(Refusal::Wrong("The number is not registered".to_owned()));
    }
    send(&app, chat, message, image.map(|file| (MediaKind::Image, file)), Mentions::default()).await
}

/// `POST /send-group-message`: `id` or `name`, `message`, a file `image` or `document`, `mention`.
pub(super) async fn to_group(State(app): State<OldApp>, mut fields: Fields) -> Result<Json<Value>, Refusal> {
    let document = fields.file("document").map(|file| (MediaKind::File, file));
    let file = image(&mut fields)?.map(|file| (MediaKind::Image, file)).or(document);
    let message = fields.text("message");
    if message.is_none() && file.is_none() {
        return Err(Refusal::Fields(vec![("message", "a text is needed")]));
    }
    let chat = match (fields.text("id"), fields.text("name")) {
        (Some(id), _) => group_id(&id)?,
        (None, Some(name)) => by_name(&app, &name).await?,
        (None, None) => return Err(Refusal::Wrong("Invalid value, you can use `id` or `name`".to_owned())),
    };
    let people =
        fields.list("mention").iter().map(|number| app.number(number)).collect::<Result<Vec<_>, _>>()?;
    send(&app, chat, message, file, people.into()).await
}

/// The picture that came with the request, or is at an address.
fn image(fields: &mut Fields) -> Result<Option<FileBody>, Refusal> {
    if let Some(file) = fields.file("image") {
        return Ok(Some(file));
    }
    let Some(url) = fields.text("imageUrl") else { return Ok(None) };
    let source = MediaSource::Url(check_url("imageUrl", url)?);
    Ok(Some(FileBody { source, mimetype: None, filename: None }))
}

fn group_id(id: &str) -> Result<ChatId, Refusal> {
    let id = if id.contains('@') { id.to_owned() } else { format!("{id}@g.us") };
    let chat = id.parse::<ChatId>().ok().filter(ChatId::is_group);
    chat.ok_or_else(|| Refusal::Fields(vec![("id", "the id of a group, such as 120363000000000001@g.us")]))
}

async fn by_name(app: &OldApp, name: &str) -> Result<ChatId, Refusal> {
    let groups = app.api.sessions.groups(&session()?).await.map_err(ApiError::from)?;
    let query = GroupQuery { without_participants: true, ..GroupQuery::default() };
    let mut named = groups.list(query).await.map_err(ApiError::from)?.into_iter();
    let mut named = named.by_ref().filter(|group| group.subject == name);
    match (named.next(), named.next()) {
        (Some(group), None) => group_id(&group.id.to_string()),
        (None, _) => Err(Refusal::Wrong(format!("No group found with name: {name}"))),
        (Some(_), Some(_)) => {
            Err(Refusal::Wrong(format!("Several groups have the name {name}: give the id of one")))
        }
    }
}

async fn send(
    app: &OldApp,
    chat: ChatId,
    message: Option<String>,
    file: Option<(MediaKind, FileBody)>,
    mentions: Mentions,
) -> Result<Json<Value>, Refusal> {
    let message = message.map(|message| text("message", message)).transpose()?;
    let outgoing = match file {
        Some((kind, file)) => Outgoing::Media(Media {
            chat,
            kind,
            file,
            caption: message,
            reply_to: None,
            mentions,
            convert: false,
        }),
        None => Outgoing::Text(Text {
            chat,
            text: message.unwrap_or_default(),
            reply_to: None,
            mentions,
            id: None,
            link_preview: LinkPreview::None,
        }),
    };
    let sent = app.api.sessions.send(&session()?, outgoing, None).await;
    let Sent { payload, .. } = sent.map_err(ApiError::from)?;
    Ok(Json(json!({"status": true, "response": payload})))
}
