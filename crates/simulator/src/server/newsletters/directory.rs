//! The directory of channels: looked through page by page.

use serde_json::{Value, json};

use super::Newsletter;
use super::asking::described;
use crate::server::world::World;

/// Channels on one page at most.
const MOST_ON_A_PAGE: usize = 100;

impl World {
    /// Channels by a view. Views differ in their order only: `NEW` begins with the youngest, every other one with the most
    /// followed.
    pub(super) fn directory(&self, input: &Value) -> Value {
        let mut all: Vec<&Newsletter> = self.newsletters.values().collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        if input["view"] == "NEW" {
            all.sort_by_key(|one| std::cmp::Reverse(one.creation));
        } else {
            all.sort_by_key(|one| std::cmp::Reverse(one.subscribers()));
        }
        page(&all, input)
    }

    /// Channels whose name or description holds a text.
    pub(super) fn search_directory(&self, input: &Value) -> Value {
        let text = input["search_text"].as_str().unwrap_or_default().to_lowercase();
        let holds = |one: &&Newsletter| {
            one.name.to_lowercase().contains(&text) || one.description.to_lowercase().contains(&text)
        };
        let mut all: Vec<&Newsletter> = self.newsletters.values().filter(holds).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
        page(&all, input)
    }
}

/// A cursor is the place of the channel that comes next.
fn page(all: &[&Newsletter], input: &Value) -> Value {
    let limit =
        input["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MOST_ON_A_PAGE);
    let start = input["start_cursor"].as_str().and_then(|cursor| cursor.parse().ok()).unwrap_or(0_usize);
    let shown: Vec<Value> =
        all.iter().skip(start).take(limit.min(MOST_ON_A_PAGE)).map(|one| described(one, None)).collect();
    let end = start.min(all.len()) + shown.len();
    let more = end < all.len();
    json!({
        "page_info": {
            "start_cursor": (start > 0).then(|| start.to_string()),
            "end_cursor": more.then(|| end.to_string()),
            "has_next_page": more,
            "has_previous_page": start > 0,
        },
        "result": shown,
    })
}
