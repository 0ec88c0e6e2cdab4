//! Stored messages, found by their words.

use axum::extract::{Path, RawQuery, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::{MessagePosition, SearchQuery};
use wakeeper_model::ChatId;
use wakeeper_waha::Message;

use super::document::Failures;
use super::error::ApiError;
use super::extract::Parameters;
use super::messages::{ALL_CHATS, default_limit, position};
use super::paging::{List, Page};
use super::state::{Api, field};

/// Most messages in one answer.
const MOST_FOUND: u32 = 100;
/// Most characters that may be searched for.
const LONGEST: usize = 256;
/// Most words that may be searched for.
const MOST_WORDS: usize = 12;
/// Of these, so many may be beginnings: each stands for all words that begin so.
const MOST_BEGINNINGS: usize = 3;

/// The routes of this resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(search))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchParameters {
    /// The words: a message has to hold each of them, in any order, in its text, caption or name of its file. Capital letters and accents
    /// count as their plain letters. With `*` behind three letters or more: words that begin so.
    #[param(example = "invoice march", min_length = 1, max_length = 256)]
    pub q: String,
    /// Only in this chat.
    #[serde(rename = "chatId")]
    #[param(example = "628111222333@c.us")]
    pub chat_id: Option<String>,
    /// How many to answer at most, 1 to 100.
    #[serde(default = "default_limit")]
    #[param(default = 10, minimum = 1, maximum = 100)]
    pub limit: u32,
    /// Only those behind the page that gave this in its header `X-Next-Cursor`.
    pub cursor: Option<String>,
}

/// Search stored messages
///
/// The newest first, in all chats or in one. Needs the setting `MESSAGE_SEARCH=true`.
#[utoipa::path(get, path = "/api/{session}/messages/search", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"), SearchParameters),
    responses((status = 200, description = "The messages", body = Vec<Message>,
        headers(("X-Next-Cursor" = String, description = "The `cursor` of the next page; left out with the last one"),
            ("Link" = String, description = "The same as an address relative to this one, `rel=\"next\"`"))),
        Failures))]
async fn search(
    State(api): State<Api>,
    Path(session): Path<String>,
    RawQuery(raw): RawQuery,
    Parameters(parameters): Parameters<SearchParameters>,
) -> Result<Page<Message>, ApiError> {
    let (messages, next) = found(&api, &session, parameters).await?;
    Ok(Page::new(messages, next, raw.as_deref()))
}

/// What is found, and the cursor of the next page.
pub(super) async fn found(
    api: &Api,
    session: &str,
    parameters: SearchParameters,
) -> Result<(Vec<Message>, Option<String>), ApiError> {
    let (name, _) = api.session(session).await?;
    check(&parameters.q)?;
    if !(1..=MOST_FOUND).contains(&parameters.limit) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST_FOUND}")));
    }
    let chat: Option<ChatId> = parameters.chat_id.as_deref().map(|chat| field("chatId", chat)).transpose()?;
    let in_chat = chat.as_ref().map_or(ALL_CHATS, ChatId::as_str);
    let list = List::of(&["search", session, in_chat, &parameters.q]);
    let after: Option<MessagePosition> =
        parameters.cursor.map(|cursor| list.place(&cursor, position)).transpose()?;
    let search = SearchQuery { words: parameters.q, after, limit: parameters.limit };
    let found = api.sessions.search(&name, chat.as_ref(), search).await?;
    let next = found.next.map(|at| list.cursor(&format!("{}.{}", at.timestamp_s, at.seq)));
    Ok((found.messages, next))
}

/// Nothing that is searched for is left out in silence.
fn check(words: &str) -> Result<(), ApiError> {
    let refused = |reason: String| Err(ApiError::invalid(format!("q: {reason}")));
    if words.chars().count() > LONGEST {
        return refused(format!("at most {LONGEST} characters"));
    }
    if !words.chars().any(char::is_alphanumeric) {
        return refused("at least one letter or number".to_owned());
    }
    if words.split_whitespace().count() > MOST_WORDS {
        return refused(format!("at most {MOST_WORDS} words"));
    }
    if words.split_whitespace().filter(|word| word.ends_with('*')).count() > MOST_BEGINNINGS {
        return refused(format!("at most {MOST_BEGINNINGS} words with * behind them"));
    }
    Ok(())
}
