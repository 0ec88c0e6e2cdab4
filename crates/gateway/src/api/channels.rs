//! Channels: made, listed, looked at, followed, muted and ended.
//!
//! The first request of a session that is starting waits for it, as sends do.

mod lists;
mod search;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::{ChannelName, Channels};
use wakeeper_model::{ChatId, ChatKind};
use wakeeper_waha::{Channel, ChannelMessage, ChannelRole, Succeeded};

use super::chats::download;
use super::document::Failures;
use super::error::ApiError;
use super::extract::{Body, OptionalBody, Parameters};
use super::media::FileField;
use super::state::{Api, field};

/// Longest name of a channel, in characters, as WhatsApp has it.
const LONGEST_NAME: usize = 100;
/// Longest description of a channel, in characters, as WhatsApp has it.
const LONGEST_DESCRIPTION: usize = 2_048;
/// Longest invite code, in bytes.
const LONGEST_CODE: usize = 128;
/// Most posts in one answer.
const MOST_POSTS: u32 = 1_000;

/// It was done, and there is nothing to tell of it.
const DONE: Json<Succeeded> = Json(Succeeded { success: true });

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, delete))
        .routes(routes!(preview))
        .routes(routes!(follow))
        .routes(routes!(unfollow))
        .routes(routes!(mute))
        .routes(routes!(unmute))
        .merge(search::router())
        .merge(lists::router())
}

/// The channels of the session of that name.
async fn channels(api: &Api, session: &str) -> Result<Channels, ApiError> {
    let (name, _) = api.session(session).await?;
    Ok(api.sessions.channels(&name).await?)
}

/// A channel to make.
#[derive(Deserialize, ToSchema)]
struct CreateChannelRequest {
    /// Its name.
    #[schema(example = "Channel Name")]
    name: String,
    /// What it is about.
    #[schema(example = "Channel Description")]
    description: Option<String>,
    /// A square JPEG, which is sent as it is; WhatsApp's own apps send 640 by 640 pixels.
    picture: Option<FileField>,
}

/// Which channels are listed.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum RoleFilter {
    Owner,
    Admin,
    Subscriber,
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// Only those in which the account is this.
    #[param(inline)]
    role: Option<RoleFilter>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", default)]
struct PreviewParameters {
    /// Fetch files too, so that each `media.url` serves at once.
    download_media: bool,
    /// With `downloadMedia`: only files of these types, told by their beginnings (`image/png`, or `image/`).
    download_media_mimetypes: Vec<String>,
    /// How many posts to answer at most.
    #[param(default = 10, maximum = 1000)]
    limit: u32,
}

impl Default for PreviewParameters {
    fn default() -> Self {
        Self { download_media: false, download_media_mimetypes: Vec::new(), limit: 10 }
    }
}

/// List channels
///
/// Those that the account owns or follows.
#[utoipa::path(get, path = "/api/{session}/channels", tag = "channels",
    params(("session" = String, Path, description = "Name of the session"), ListParameters),
    responses((status = 200, description = "The channels", body = Vec<Channel>), Failures))]
async fn list(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<Vec<Channel>>, ApiError> {
    let role = parameters.role.map(|role| match role {
        RoleFilter::Owner => ChannelRole::Owner,
        RoleFilter::Admin => ChannelRole::Admin,
        RoleFilter::Subscriber => ChannelRole::Subscriber,
    });
    Ok(Json(channels(&api, &session).await?.list(role).await?))
}

/// Make a channel
#[utoipa::path(post, path = "/api/{session}/channels", tag = "channels", request_body = CreateChannelRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The channel", body = Channel), Failures))]
async fn create(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<CreateChannelRequest>,
) -> Result<(StatusCode, Json<Channel>), ApiError> {
    let name = request.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(ApiError::invalid(format!("name: 1 to {LONGEST_NAME} characters")));
    }
    let description = request.description.unwrap_or_default();
    if description.chars().count() > LONGEST_DESCRIPTION {
        return Err(ApiError::invalid(format!("description: at most {LONGEST_DESCRIPTION} characters")));
    }
    let picture = request.picture.map(|picture| picture.check_named("picture", None)).transpose()?;
    let made = channels(&api, &session).await?.create(name, &description, picture).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Look at a channel
///
/// The account need not follow it.
#[utoipa::path(get, path = "/api/{session}/channels/{id}", tag = "channels",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The channel's id, or the code of its invite link")),
    responses((status = 200, description = "The channel", body = Channel), Failures))]
async fn get(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Channel>, ApiError> {
    let name = channel_name(&id)?;
    Ok(Json(channels(&api, &session).await?.get(&name).await?))
}

/// End a channel
///
/// For everybody. Only its owner can.
#[utoipa::path(delete, path = "/api/{session}/channels/{id}", tag = "channels",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The channel")),
    responses((status = 200, description = "Done", body = Succeeded), Failures))]
async fn delete(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
) -> Result<Json<Succeeded>, ApiError> {
    let id = channel_id(&id)?;
    channels(&api, &session).await?.delete(&id).await?;
    Ok(DONE)
}

/// Read the newest posts of a channel
///
/// Newest first. The account need not follow the channel. Nothing of it is stored.
#[utoipa::path(get, path = "/api/{session}/channels/{id}/messages/preview", tag = "channels",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The channel's id, or the code of its invite link"), PreviewParameters),
    responses((status = 200, description = "The posts", body = Vec<ChannelMessage>), Failures))]
async fn preview(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    Parameters(parameters): Parameters<PreviewParameters>,
) -> Result<Json<Vec<ChannelMessage>>, ApiError> {
    let name = channel_name(&id)?;
    let PreviewParameters { download_media, download_media_mimetypes, limit } = parameters;
    if !(1..=MOST_POSTS).contains(&limit) {
        return Err(ApiError::invalid(format!("limit: 1 to {MOST_POSTS}")));
    }
    let download = download(download_media, download_media_mimetypes);
    Ok(Json(channels(&api, &session).await?.preview(&name, limit, &download).await?))
}

/// Follow a channel
#[utoipa::path(post, path = "/api/{session}/channels/{id}/follow", tag = "channels",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The channel")),
    responses((status = 201, description = "Done", body = Succeeded), Failures))]
async fn follow(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    OptionalBody(super::extract::NoFields {}): OptionalBody<super::extract::NoFields>,
) -> Result<(StatusCode, Json<Succeeded>), ApiError> {
    let id = channel_id(&id)?;
    channels(&api, &session).await?.follow(&id).await?;
    Ok((StatusCode::CREATED, DONE))
}

/// Follow a channel no more
#[utoipa::path(post, path = "/api/{session}/channels/{id}/unfollow", tag = "channels",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The channel")),
    responses((status = 201, description = "Done", body = Succeeded), Failures))]
async fn unfollow(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    OptionalBody(super::extract::NoFields {}): OptionalBody<super::extract::NoFields>,
) -> Result<(StatusCode, Json<Succeeded>), ApiError> {
    let id = channel_id(&id)?;
    channels(&api, &session).await?.unfollow(&id).await?;
    Ok((StatusCode::CREATED, DONE))
}

/// Silence a channel on the account's phones
///
/// Events of its posts are told all the same; `config.ignore.channels` switches those off.
#[utoipa::path(post, path = "/api/{session}/channels/{id}/mute", tag = "channels",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The channel")),
    responses((status = 201, description = "Done", body = Succeeded), Failures))]
async fn mute(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    OptionalBody(super::extract::NoFields {}): OptionalBody<super::extract::NoFields>,
) -> Result<(StatusCode, Json<Succeeded>), ApiError> {
    let id = channel_id(&id)?;
    channels(&api, &session).await?.mute(&id, true).await?;
    Ok((StatusCode::CREATED, DONE))
}

/// Let a channel be heard again on the account's phones
#[utoipa::path(post, path = "/api/{session}/channels/{id}/unmute", tag = "channels",
    params(("session" = String, Path, description = "Name of the session"),
        ("id" = String, Path, description = "The channel")),
    responses((status = 201, description = "Done", body = Succeeded), Failures))]
async fn unmute(
    State(api): State<Api>,
    Path((session, id)): Path<(String, String)>,
    OptionalBody(super::extract::NoFields {}): OptionalBody<super::extract::NoFields>,
) -> Result<(StatusCode, Json<Succeeded>), ApiError> {
    let id = channel_id(&id)?;
    channels(&api, &session).await?.mute(&id, false).await?;
    Ok((StatusCode::CREATED, DONE))
}

/// The channel that a path names by its id.
fn channel_id(text: &str) -> Result<ChatId, ApiError> {
    let id: ChatId = field("id", text)?;
    if id.kind() == ChatKind::Channel {
        Ok(id)
    } else {
        Err(ApiError::invalid("id: a channel's id, such as 123123123@newsletter"))
    }
}

/// The channel that a path names by its id or by the code of its invite link; the whole link will do.
fn channel_name(text: &str) -> Result<ChannelName, ApiError> {
    if text.contains('@') {
        return channel_id(text).map(ChannelName::Id);
    }
    let code = text.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let good = (1..=LONGEST_CODE).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if good {
        Ok(ChannelName::Invite(code.to_owned()))
    } else {
        Err(ApiError::invalid("id: a channel's id, or the code of its invite link"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_named_by_id_code_or_link() {
        assert!(
            matches!(channel_name("123@newsletter"), Ok(ChannelName::Id(id)) if id.as_str() == "123@newsletter")
        );
        for text in
            ["0029VaA1", "https://www.whatsapp.com/channel/0029VaA1", "whatsapp.com/channel/0029VaA1/"]
        {
            assert!(
                matches!(channel_name(text), Ok(ChannelName::Invite(code)) if code == "0029VaA1"),
                "{text}"
            );
        }
        for text in ["", "628111@c.us", "a b", "@newsletter", "/"] {
            assert!(channel_name(text).is_err(), "{text}");
        }
    }
}
