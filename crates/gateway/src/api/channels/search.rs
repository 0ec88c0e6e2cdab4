//! Searches of WhatsApp's directory of channels.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::{TextSearch, ViewSearch};
use wakeeper_waha::ChannelListResult;

use super::channels;
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::state::Api;

/// Longest text to look for, in characters.
const LONGEST_TEXT: usize = 256;
/// Longest name of a view or a field, in bytes.
const LONGEST_WORD: usize = 64;
/// Longest cursor, in bytes.
const LONGEST_CURSOR: usize = 4_096;
/// Most countries or fields in one search.
const MOST_WORDS: usize = 300;
/// Most channels on one page.
const MOST_CHANNELS: u32 = 500;

/// The routes of this part of the resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(by_view)).routes(routes!(by_text))
}

/// What to look for, in an order of the directory's.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(default)]
struct ChannelSearchByView {
    /// The order, as `GET /api/{session}/channels/search/views` lists them.
    #[schema(example = "RECOMMENDED")]
    view: String,
    /// Only channels of these countries, by their codes.
    #[schema(example = json!(["US"]))]
    countries: Vec<String>,
    /// Only channels of these fields.
    categories: Vec<String>,
    /// How many to answer at most.
    #[schema(maximum = 500)]
    limit: u32,
    /// The `endCursor` of the page before; empty for the first one.
    start_cursor: String,
}

impl Default for ChannelSearchByView {
    fn default() -> Self {
        Self {
            view: "RECOMMENDED".to_owned(),
            countries: Vec::new(),
            categories: Vec::new(),
            limit: 50,
            start_cursor: String::new(),
        }
    }
}

/// What to look for, by a text.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChannelSearchByText {
    /// The text.
    text: String,
    /// Only channels of these fields.
    #[serde(default)]
    categories: Vec<String>,
    /// How many to answer at most.
    #[serde(default = "usual_limit")]
    #[schema(maximum = 500, default = 50)]
    limit: u32,
    /// The `endCursor` of the page before; empty for the first one.
    #[serde(default)]
    start_cursor: String,
}

fn usual_limit() -> u32 {
    50
}

/// Look through the directory of channels
#[utoipa::path(post, path = "/api/{session}/channels/search/by-view", tag = "channels",
    request_body = ChannelSearchByView,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The channels", body = ChannelListResult), Failures))]
async fn by_view(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<ChannelSearchByView>,
) -> Result<Json<ChannelListResult>, ApiError> {
    let ChannelSearchByView { view, countries, categories, limit, start_cursor } = request;
    let search = ViewSearch {
        view: word("view", view)?,
        countries: words("countries", countries)?,
        categories: words("categories", categories)?,
        limit: page(limit)?,
        start_cursor: cursor(start_cursor)?,
    };
    Ok(Json(channels(&api, &session).await?.search_by_view(&search).await?))
}

/// Find channels by a text
#[utoipa::path(post, path = "/api/{session}/channels/search/by-text", tag = "channels",
    request_body = ChannelSearchByText,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The channels", body = ChannelListResult), Failures))]
async fn by_text(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<ChannelSearchByText>,
) -> Result<Json<ChannelListResult>, ApiError> {
    let ChannelSearchByText { text, categories, limit, start_cursor } = request;
    if text.trim().is_empty() || text.chars().count() > LONGEST_TEXT {
        return Err(ApiError::invalid(format!("text: 1 to {LONGEST_TEXT} characters")));
    }
    let search = TextSearch {
        text,
        categories: words("categories", categories)?,
        limit: page(limit)?,
        start_cursor: cursor(start_cursor)?,
    };
    Ok(Json(channels(&api, &session).await?.search_by_text(&search).await?))
}

/// The name of a view, a country or a field.
fn word(name: &str, word: String) -> Result<String, ApiError> {
    let good = (1..=LONGEST_WORD).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if good {
        Ok(word)
    } else {
        Err(ApiError::invalid(format!("{name}: as GET /api/{{session}}/channels/search lists them")))
    }
}

fn words(name: &str, given: Vec<String>) -> Result<Vec<String>, ApiError> {
    if given.len() > MOST_WORDS {
        return Err(ApiError::invalid(format!("{name}: at most {MOST_WORDS}")));
    }
    given.into_iter().enumerate().map(|(at, one)| word(&format!("{name}[{at}]"), one)).collect()
}

fn page(limit: u32) -> Result<u32, ApiError> {
    if (1..=MOST_CHANNELS).contains(&limit) {
        Ok(limit)
    } else {
        Err(ApiError::invalid(format!("limit: 1 to {MOST_CHANNELS}")))
    }
}

fn cursor(text: String) -> Result<String, ApiError> {
    if text.len() > LONGEST_CURSOR {
        return Err(ApiError::invalid("startCursor: the endCursor of an earlier answer"));
    }
    Ok(text)
}
