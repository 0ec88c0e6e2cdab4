//! Channels of WhatsApp's directory: by an order in which it lists them, or by a text.

use serde_json::{Value, json};
use wakeeper_waha::{ChannelListResult, ChannelPagination};
use whatsapp_rust::wacore::iq::mex_operations as operations;

use super::{Channels, ChannelsError, NOT_UNDERSTOOD, shown};

/// What to look for in the directory, in an order of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewSearch {
    /// The order.
    pub view: String,
    /// Only channels of these countries.
    pub countries: Vec<String>,
    /// Only channels of these fields.
    pub categories: Vec<String>,
    /// At most so many.
    pub limit: u32,
    /// Where an earlier answer ended; empty at the beginning.
    pub start_cursor: String,
}

/// What to look for in the directory, by a text.
#[derive(Clone, PartialEq, Eq)]
pub struct TextSearch {
    /// The text.
    pub text: String,
    /// Only channels of these fields.
    pub categories: Vec<String>,
    /// At most so many.
    pub limit: u32,
    /// Where an earlier answer ended; empty at the beginning.
    pub start_cursor: String,
}

impl Channels {
    /// Channels of the directory, in an order of its own.
    ///
    /// # Errors
    /// When WhatsApp does not answer, or does not know the order, a country or a field.
    pub async fn search_by_view(&self, search: &ViewSearch) -> Result<ChannelListResult, ChannelsError> {
        use operations::fetch_newsletter_directory_list as operation;
        let variables = json!({ "input": {
            "view": search.view,
            "filters": { "country_codes": search.countries, "categories": search.categories },
            "limit": search.limit,
            "start_cursor": search.start_cursor,
        } });
        page(&self.ask(operation::DOC_ID, &variables, "xwa2_newsletters_directory_list").await?)
    }

    /// Channels of the directory by a text.
    ///
    /// # Errors
    /// When WhatsApp does not answer, or does not know a field.
    pub async fn search_by_text(&self, search: &TextSearch) -> Result<ChannelListResult, ChannelsError> {
        use operations::fetch_newsletter_directory_search_results as operation;
        let variables = json!({ "input": {
            "search_text": search.text,
            "categories": search.categories,
            "limit": search.limit,
            "start_cursor": search.start_cursor,
        } });
        page(&self.ask(operation::DOC_ID, &variables, "xwa2_newsletters_directory_search").await?)
    }
}

fn page(answer: &Value) -> Result<ChannelListResult, ChannelsError> {
    let found = answer["result"].as_array().ok_or(NOT_UNDERSTOOD)?;
    let info = &answer["page_info"];
    let cursor = |name: &str| info[name].as_str().filter(|cursor| !cursor.is_empty()).map(str::to_owned);
    let is = |name: &str| info[name].as_bool().unwrap_or_else(|| info[name] == "true");
    Ok(ChannelListResult {
        page: ChannelPagination {
            start_cursor: cursor("start_cursor"),
            end_cursor: cursor("end_cursor"),
            has_next_page: is("has_next_page"),
            has_previous_page: is("has_previous_page"),
        },
        channels: found.iter().filter_map(shown::public).collect(),
    })
}
