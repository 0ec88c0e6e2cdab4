//! Lists of chats.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::{ChatListQuery, ChatOrder, OverviewQuery};
use wakeeper_model::ChatId;
use wakeeper_waha::{Chat, ChatSummary};

use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::{Body, Parameters};
use crate::api::state::{Api, field};

/// Most chats in one answer.
const MOST_CHATS: u32 = 10_000;
/// Most chats with their last messages and pictures in one answer.
const MOST_SUMMARIES: u32 = 1_000;

/// The routes of this part of the resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(chats)).routes(routes!(overview, overview_of))
}

/// What chats are sorted by.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
enum SortBy {
    #[default]
    #[serde(rename = "conversationTimestamp")]
    ConversationTimestamp,
    #[serde(rename = "id")]
    Id,
    #[serde(rename = "name")]
    Name,
}

/// In which direction.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SortOrder {
    Desc,
    Asc,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct ListParameters {
    /// In which order; by the time of the last message without it.
    #[serde(default)]
    #[param(inline)]
    sort_by: SortBy,
    /// In which direction; without it the newest first, and by id or name ascending.
    #[param(inline)]
    sort_order: Option<SortOrder>,
    /// Chats with one person under phone number and LID are one. Only `true`: they are kept as one.
    merge: Option<bool>,
    /// How many to answer at most, 1 to 10000.
    #[param(default = 10000, minimum = 1, maximum = 10000)]
    limit: Option<u32>,
    /// Skip so many first.
    #[serde(default)]
    offset: u32,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OverviewParameters {
    /// Chats with one person under phone number and LID are one. Only `true`: they are kept as one.
    merge: Option<bool>,
    /// How many to answer at most, 1 to 1000.
    #[param(default = 20, minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Skip so many first.
    #[serde(default)]
    offset: u32,
    /// Only these chats.
    #[serde(default)]
    ids: Vec<String>,
}

/// Which chats (WAHA's `OverviewBodyRequest`).
#[derive(Deserialize, ToSchema)]
#[schema(as = OverviewBodyRequest)]
struct OverviewRequest {
    /// How many of them.
    pagination: Pagination,
    /// Which.
    #[serde(default)]
    filter: OverviewFilter,
}

/// How many chats (WAHA's `GetChatsOverviewParams`).
#[derive(Deserialize, ToSchema)]
#[schema(as = GetChatsOverviewParams)]
struct Pagination {
    /// Chats with one person under phone number and LID are one. Only `true`: they are kept as one.
    merge: Option<bool>,
    /// How many to answer at most, 1 to 1000; 20 without it.
    #[schema(default = 20, minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// Skip so many first.
    offset: Option<u32>,
}

/// Which chats.
#[derive(Default, Deserialize, ToSchema)]
struct OverviewFilter {
    /// Only these.
    #[serde(default)]
    ids: Vec<String>,
}

/// List chats
///
/// Those with people and groups in which something was written, also before the device was linked.
#[utoipa::path(get, path = "/api/{session}/chats", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"), ListParameters),
    responses((status = 200, description = "The chats", body = Vec<Chat>), Failures))]
async fn chats(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<Vec<Chat>>, ApiError> {
    let (name, _) = api.session(&session).await?;
    merged(parameters.merge)?;
    let order = match parameters.sort_by {
        SortBy::ConversationTimestamp => ChatOrder::Time,
        SortBy::Id => ChatOrder::Id,
        SortBy::Name => ChatOrder::Name,
    };
    let usual = if order == ChatOrder::Time { SortOrder::Desc } else { SortOrder::Asc };
    let query = ChatListQuery {
        order,
        descending: parameters.sort_order.unwrap_or(usual) == SortOrder::Desc,
        limit: limit(parameters.limit, MOST_CHATS, MOST_CHATS)?,
        offset: parameters.offset,
    };
    Ok(Json(api.sessions.chats(&name, &query).await?))
}

/// Read chats with their last messages
///
/// The newest first, as a list of chats shows them: name, picture, last message.
#[utoipa::path(get, path = "/api/{session}/chats/overview", tag = "chats",
    params(("session" = String, Path, description = "Name of the session"), OverviewParameters),
    responses((status = 200, description = "The chats", body = Vec<ChatSummary>), Failures))]
async fn overview(
    State(api): State<Api>,
    Path(session): Path<String>,
    Parameters(parameters): Parameters<OverviewParameters>,
) -> Result<Json<Vec<ChatSummary>>, ApiError> {
    let OverviewParameters { merge, limit, offset, ids } = parameters;
    summaries(&api, &session, Pagination { merge, limit, offset: Some(offset) }, "ids", &ids).await
}

/// Read chats with their last messages
///
/// As `GET`, for as many ids as do not fit into an address.
#[utoipa::path(post, path = "/api/{session}/chats/overview", tag = "chats", request_body = OverviewRequest,
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 201, description = "The chats", body = Vec<ChatSummary>), Failures))]
async fn overview_of(
    State(api): State<Api>,
    Path(session): Path<String>,
    Body(request): Body<OverviewRequest>,
) -> Result<(StatusCode, Json<Vec<ChatSummary>>), ApiError> {
    let found = summaries(&api, &session, request.pagination, "filter.ids", &request.filter.ids).await?;
    Ok((StatusCode::CREATED, found))
}

async fn summaries(
    api: &Api,
    session: &str,
    pagination: Pagination,
    named: &str,
    ids: &[String],
) -> Result<Json<Vec<ChatSummary>>, ApiError> {
    let (name, _) = api.session(session).await?;
    merged(pagination.merge)?;
    if ids.len() > MOST_SUMMARIES as usize {
        return Err(ApiError::invalid(format!("{named}: at most {MOST_SUMMARIES}")));
    }
    let query = OverviewQuery {
        ids: ids.iter().map(|id| field(named, id)).collect::<Result<Vec<ChatId>, _>>()?,
        limit: limit(pagination.limit, 20, MOST_SUMMARIES)?,
        offset: pagination.offset.unwrap_or_default(),
    };
    Ok(Json(api.sessions.chat_summaries(&name, &query).await?))
}

fn limit(given: Option<u32>, usual: u32, most: u32) -> Result<u32, ApiError> {
    let limit = given.unwrap_or(usual);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::invalid(format!("limit: a number from 1 to {most}")))
}

fn merged(merge: Option<bool>) -> Result<(), ApiError> {
    if merge == Some(false) {
        return Err(ApiError::invalid("merge: a chat under phone number and LID is kept as one; only true"));
    }
    Ok(())
}
