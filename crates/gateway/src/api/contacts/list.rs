//! People as they are known: listed, or one by one.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::ContactListQuery;
use wakeeper_waha::Contact;

use super::{ContactParameters, default_session};
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Parameters;
use crate::api::state::{Api, field};

/// Most people in one answer.
const MOST_CONTACTS: u32 = 10_000;

/// The routes of this part of the resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(all)).routes(routes!(one)).routes(routes!(one_in_path))
}

/// What people are sorted by.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SortBy {
    #[default]
    Id,
    Name,
}

/// In which direction.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SortOrder {
    Desc,
    #[default]
    Asc,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct ListParameters {
    /// Name of the session.
    #[serde(default = "default_session")]
    #[param(required = false)]
    session: String,
    /// In which order.
    #[serde(default)]
    #[param(inline)]
    sort_by: SortBy,
    /// In which direction; ascending without it.
    #[serde(default)]
    #[param(inline)]
    sort_order: SortOrder,
    /// How many to answer at most, 1 to 10000.
    #[serde(default = "default_limit")]
    #[param(default = 10000, minimum = 1, maximum = 10000)]
    limit: u32,
    /// Skip so many first.
    #[serde(default)]
    offset: u32,
}

fn default_limit() -> u32 {
    MOST_CONTACTS
}

/// List people
///
/// Everybody who wrote, was written to, or stands in the account's address book, under one id each.
#[utoipa::path(get, path = "/api/contacts/all", tag = "contacts", params(ListParameters),
    responses((status = 200, description = "The people", body = Vec<Contact>), Failures))]
async fn all(
    State(api): State<Api>,
    Parameters(asked): Parameters<ListParameters>,
) -> Result<Json<Vec<Contact>>, ApiError> {
    let (name, _) = api.session(&asked.session).await?;
    if !(1..=MOST_CONTACTS).contains(&asked.limit) {
        return Err(ApiError::invalid(format!("limit: a number from 1 to {MOST_CONTACTS}")));
    }
    let query = ContactListQuery {
        by_name: matches!(asked.sort_by, SortBy::Name),
        descending: asked.sort_order == SortOrder::Desc,
        limit: asked.limit,
        offset: asked.offset,
    };
    Ok(Json(api.sessions.contact_list(&name, &query).await?))
}

/// Read what is known of a person
///
/// Of somebody unknown WhatsApp is asked.
#[utoipa::path(get, path = "/api/contacts", tag = "contacts", params(ContactParameters),
    responses((status = 200, description = "The person", body = Contact), Failures))]
async fn one(
    State(api): State<Api>,
    Parameters(asked): Parameters<ContactParameters>,
) -> Result<Json<Contact>, ApiError> {
    let (name, _) = api.session(&asked.session).await?;
    Ok(Json(api.sessions.contact_of(&name, &field("contactId", &asked.contact_id)?).await?))
}

/// Read what is known of a person
///
/// Of somebody unknown WhatsApp is asked.
#[utoipa::path(get, path = "/api/{session}/contacts/{chatId}", tag = "contacts",
    params(("session" = String, Path, description = "Name of the session"),
        ("chatId" = String, Path, description = "The person's chat id, LID or phone number")),
    responses((status = 200, description = "The person", body = Contact), Failures))]
async fn one_in_path(
    State(api): State<Api>,
    Path((session, who)): Path<(String, String)>,
) -> Result<Json<Contact>, ApiError> {
    let (name, _) = api.session(&session).await?;
    Ok(Json(api.sessions.contact_of(&name, &field("id", &who)?).await?))
}
