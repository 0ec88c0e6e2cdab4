//! Lists of stored messages.

use axum::extract::{Path, RawQuery, State};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::{Download, MessageOrder, MessagePosition, MessageQuery};
use wakeeper_model::{Ack, ChatId};
use wakeeper_waha::Message;

use super::auth::API_KEY_HEADER;
use super::document::Failures;
use super::error::ApiError;
use super::extract::Parameters;
use super::paging::{List, Page};
use super::sending::default_session;
use super::state::{Api, field};
use super::{pairs, strict};

/// Most messages in one answer.
const MOST_MESSAGES: u32 = 1_000;
/// Names every chat of a session in the place of one.
pub(super) const ALL_CHATS: &str = "all";

/// The routes of this resource.
#[expect(deprecated, reason = "WAHA's older paths are served and documented as such")]
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(messages)).routes(routes!(messages_by_query))
}

/// Where the older path has session and chat.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct OlderParameters {
    /// The chat, or `all`.
    #[param(example = "628111222333@c.us")]
    chat_id: String,
    /// Name of the session.
    #[serde(default = "default_session")]
    #[param(required = false)]
    session: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MessageParameters {
    /// How many to answer at most, 1 to 1000.
    #[serde(default = "default_limit")]
    #[param(default = 10, minimum = 1, maximum = 1000)]
    limit: u32,
    /// Skip so many first. A long list is read faster with `cursor`.
    #[serde(default)]
    offset: u32,
    /// Only those behind the page that gave this in its header `X-Next-Cursor`.
    cursor: Option<String>,
    /// By the time of the messages, whichever of its two names is given.
    #[serde(default, rename = "sortBy")]
    #[param(inline)]
    _sort_by: SortBy,
    /// The newest first, or the oldest.
    #[serde(default, rename = "sortOrder")]
    #[param(inline)]
    sort_order: SortOrder,
    /// Those under the other addresses of the chat (phone number, LID) too. Default: `true`.
    merge: Option<bool>,
    /// Fetch the files too, so that their `media.url` serves at once.
    #[serde(default, rename = "downloadMedia")]
    download_media: bool,
    /// Of the files, only those of these types, told by their beginnings, such as `image/`.
    #[serde(default, rename = "downloadMediaMimetypes")]
    download_mimetypes: Vec<String>,
    /// Not older than this, in seconds since 1970.
    #[serde(rename = "filter.timestamp.gte")]
    since: Option<i64>,
    /// Not newer than this, in seconds since 1970.
    #[serde(rename = "filter.timestamp.lte")]
    until: Option<i64>,
    /// Only own messages, or only those of others.
    #[serde(rename = "filter.fromMe")]
    from_me: Option<bool>,
    /// Only those that got exactly so far.
    #[serde(rename = "filter.ack")]
    #[param(inline)]
    ack: Option<AckName>,
}

pub(super) fn default_limit() -> u32 {
    MessageQuery::default().limit
}

/// What messages are sorted by: WAHA has two names for their time.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
enum SortBy {
    #[default]
    #[serde(rename = "timestamp")]
    Timestamp,
    #[serde(rename = "messageTimestamp")]
    MessageTimestamp,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SortOrder {
    #[default]
    Desc,
    Asc,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum AckName {
    Error,
    Pending,
    Server,
    Device,
    Read,
    Played,
}

impl From<AckName> for Ack {
    fn from(name: AckName) -> Self {
        match name {
            AckName::Error => Self::Error,
            AckName::Pending => Self::Pending,
            AckName::Server => Self::Server,
            AckName::Device => Self::Device,
            AckName::Read => Self::Read,
            AckName::Played => Self::Played,
        }
    }
}

/// Read stored messages
///
/// The newest first, unless `sortOrder` says otherwise; `all` in the place of the chat reads those of every chat. What is left
/// of a long list is read page by page: with the `cursor` that the page before gave, which stays good whatever comes and goes.
#[utoipa::path(get, path = "/api/{session}/chats/{chatId}/messages", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The chat, or `all`"), MessageParameters),
    responses((status = 200, description = "The messages", body = Vec<Message>,
        headers(("X-Next-Cursor" = String, description = "The `cursor` of the next page; left out with the last one"),
            ("Link" = String, description = "The same as an address relative to this one, `rel=\"next\"`"))),
        Failures))]
async fn messages(
    State(api): State<Api>,
    Path((session, chat)): Path<(String, String)>,
    RawQuery(raw): RawQuery,
    Parameters(parameters): Parameters<MessageParameters>,
) -> Result<Page<Message>, ApiError> {
    page(&api, &session, &chat, raw.as_deref(), parameters).await
}

/// Read stored messages
///
/// The older path of `GET /api/{session}/chats/{chatId}/messages`.
#[utoipa::path(get, path = "/api/messages", tag = "chats", params(OlderParameters, MessageParameters),
    responses((status = 200, description = "The messages", body = Vec<Message>,
        headers(("X-Next-Cursor" = String, description = "The `cursor` of the next page; left out with the last one"),
            ("Link" = String, description = "The same as an address relative to this one, `rel=\"next\"`"))),
        Failures))]
#[deprecated]
async fn messages_by_query(
    State(api): State<Api>,
    RawQuery(raw): RawQuery,
) -> Result<Page<Message>, ApiError> {
    let query = raw.as_deref().unwrap_or_default();
    let mut pairs = pairs::of_query(query, API_KEY_HEADER)
        .map_err(|pairs::TooMany| ApiError::invalid("Too many query parameters"))?;
    let mut take = |name: &str| pairs.as_object_mut().and_then(|fields| fields.remove(name));
    // The rest is read as the newer path reads it.
    let place: Map<String, Value> =
        ["session", "chatId"].into_iter().filter_map(|name| Some((name.to_owned(), take(name)?))).collect();
    let place: OlderParameters = strict::from_pairs(Value::Object(place))?;
    let parameters = strict::from_pairs(pairs)?;
    page(&api, &place.session, &place.chat_id, raw.as_deref(), parameters).await
}

async fn page(
    api: &Api,
    session: &str,
    chat: &str,
    raw: Option<&str>,
    parameters: MessageParameters,
) -> Result<Page<Message>, ApiError> {
    let (name, _) = api.session(session).await?;
    let chat: Option<ChatId> = if chat == ALL_CHATS { None } else { Some(field("chatId", chat)?) };
    let list = list(session, chat.as_ref(), parameters.sort_order);
    let query = query(parameters, &list)?;
    let found = api.sessions.messages(&name, chat.as_ref(), query).await?;
    let next = found.next.map(|at| list.cursor(&format!("{}.{}", at.timestamp_s, at.seq)));
    Ok(Page::new(found.messages, next, raw))
}

fn list(session: &str, chat: Option<&ChatId>, order: SortOrder) -> List {
    let order = match order {
        SortOrder::Desc => "desc",
        SortOrder::Asc => "asc",
    };
    List::of(&["messages", session, chat.map_or(ALL_CHATS, ChatId::as_str), order])
}

fn query(parameters: MessageParameters, list: &List) -> Result<MessageQuery, ApiError> {
    if !(1..=MOST_MESSAGES).contains(&parameters.limit) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST_MESSAGES}")));
    }
    Ok(MessageQuery {
        order: match parameters.sort_order {
            SortOrder::Desc => MessageOrder::NewestFirst,
            SortOrder::Asc => MessageOrder::OldestFirst,
        },
        after: parameters.cursor.map(|cursor| list.place(&cursor, position)).transpose()?,
        limit: parameters.limit,
        offset: parameters.offset,
        since: parameters.since,
        until: parameters.until,
        from_me: parameters.from_me,
        ack: parameters.ack.map(Ack::from),
        merge: parameters.merge.unwrap_or(true),
        download: match parameters.download_mimetypes {
            _ if !parameters.download_media => Download::Nothing,
            types if types.is_empty() => Download::All,
            types => Download::Of(types),
        },
    })
}

pub(super) fn position(place: &str) -> Option<MessagePosition> {
    let (timestamp, seq) = place.split_once('.')?;
    Some(MessagePosition { timestamp_s: timestamp.parse().ok()?, seq: seq.parse().ok()? })
}
