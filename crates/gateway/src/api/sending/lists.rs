//! Menus.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_engine::structured::{List, Row, Section, Structure};
use wakeeper_waha::Message;

use super::addressed::{Addressed, bounded, needed};
use super::default_session;
use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::extract::Body;
use crate::api::state::Api;

/// Longest text of a menu, in characters.
const LONGEST_TEXT: usize = 1_024;
/// Most sections.
const MOST_SECTIONS: usize = 20;
/// Most rows of all sections together.
const MOST_ROWS: usize = 100;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send_list))
}

/// A menu to send.
#[derive(Deserialize, ToSchema)]
#[schema(as = SendListRequest)]
struct ListRequest {
    /// Name of the session.
    #[serde(default = "default_session")]
    session: String,
    /// To whom.
    #[serde(rename = "chatId")]
    #[schema(example = "628111222333@c.us")]
    chat_id: String,
    /// The menu.
    message: ListField,
    /// Id of the message it answers; the part that its sender chose is enough.
    reply_to: Option<String>,
}

/// A menu: one button opens it.
#[derive(Deserialize, ToSchema)]
#[schema(as = SendListMessage)]
struct ListField {
    /// Its title.
    #[schema(example = "Menu")]
    title: String,
    /// The text under the title.
    description: Option<String>,
    /// The small text at the end.
    footer: Option<String>,
    /// The text of the button.
    #[schema(example = "Choose")]
    button: String,
    /// Its parts, 1 to 20, with 100 rows in all.
    sections: Vec<SectionField>,
}

/// A part of a menu.
#[derive(Deserialize, ToSchema)]
#[schema(as = Section)]
struct SectionField {
    /// Its title.
    #[schema(example = "Main")]
    title: String,
    /// What can be chosen.
    rows: Vec<RowField>,
}

/// A row of a menu.
#[derive(Deserialize, ToSchema)]
#[schema(as = Row)]
struct RowField {
    /// Its text.
    #[schema(example = "Option 1")]
    title: String,
    /// The text under it.
    description: Option<String>,
    /// What the answer names it by; each one once.
    #[serde(rename = "rowId")]
    #[schema(example = "option1")]
    row_id: String,
}

impl ListField {
    fn check(self) -> Result<List, ApiError> {
        let optional =
            |name: &str, text: Option<String>| bounded(name, text.unwrap_or_default(), LONGEST_TEXT);
        let rows: usize = self.sections.iter().map(|section| section.rows.len()).sum();
        if !(1..=MOST_SECTIONS).contains(&self.sections.len()) || rows > MOST_ROWS {
            return Err(ApiError::invalid(format!(
                "message.sections: 1 to {MOST_SECTIONS}, with at most {MOST_ROWS} rows in all"
            )));
        }
        let sections = self.sections.into_iter().enumerate();
        let sections: Vec<Section> =
            sections.map(|(place, section)| section.check(place)).collect::<Result<_, _>>()?;
        let mut ids = std::collections::HashSet::new();
        if !sections.iter().flat_map(|section| &section.rows).all(|row| ids.insert(&row.id)) {
            return Err(ApiError::invalid("message.sections: each rowId only once"));
        }
        Ok(List {
            title: needed("message.title", self.title, LONGEST_TEXT)?,
            description: optional("message.description", self.description)?,
            footer: optional("message.footer", self.footer)?,
            button: needed("message.button", self.button, LONGEST_TEXT)?,
            sections,
        })
    }
}

impl SectionField {
    fn check(self, place: usize) -> Result<Section, ApiError> {
        let name = format!("message.sections[{place}]");
        if self.rows.is_empty() {
            return Err(ApiError::invalid(format!("{name}.rows: must not be empty")));
        }
        let rows = self.rows.into_iter().enumerate().map(|(row, field)| {
            let name = format!("{name}.rows[{row}]");
            let description = field.description.unwrap_or_default();
            Ok(Row {
                title: needed(&format!("{name}.title"), field.title, LONGEST_TEXT)?,
                description: bounded(&format!("{name}.description"), description, LONGEST_TEXT)?,
                id: needed(&format!("{name}.rowId"), field.row_id, LONGEST_TEXT)?,
            })
        });
        let rows = rows.collect::<Result<_, ApiError>>()?;
        Ok(Section { title: bounded(&format!("{name}.title"), self.title, LONGEST_TEXT)?, rows })
    }
}

/// Send a menu
///
/// WhatsApp decides whether the receiver's app shows it: phones often do, other apps may not.
#[utoipa::path(post, path = "/api/sendList", tag = "sending", request_body = ListRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body send once")),
    responses((status = 201, description = "The message", body = Message), Failures))]
async fn send_list(
    State(api): State<Api>,
    headers: HeaderMap,
    Body(request): Body<ListRequest>,
) -> Result<Response, ApiError> {
    let ListRequest { session, chat_id, message, reply_to } = request;
    let list = Structure::List(message.check()?);
    Addressed { session, chat_id, reply_to, id: None }.send(&api, &headers, list).await
}
