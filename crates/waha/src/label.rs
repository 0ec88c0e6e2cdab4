//! Labels of chats, and what happens to them.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::ChatId;

/// WhatsApp's colours of labels by number, as WAHA's documents list them.
const COLORS: [&str; 20] = [
    "#ff9485", "#64c4ff", "#ffd429", "#dfaef0", "#99b6c1", "#55ccb3", "#ff9dff", "#d3a91d", "#6d7cce",
    "#d7e752", "#00d0e2", "#ffc5c7", "#93ceac", "#f74848", "#00a0f2", "#83e422", "#ffaf04", "#b5ebff",
    "#9ba6ff", "#9368cf",
];
/// How a colour is shown whose number is not among them.
const UNKNOWN: &str = "#000000";

/// A label that chats can have (WAHA's `Label`); the payload of `label.upsert` and `label.deleted`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Label {
    /// Its id.
    #[schema(example = "1")]
    pub id: String,
    /// What it is called.
    #[schema(example = "Lead")]
    pub name: String,
    /// Its colour, by WhatsApp's number.
    #[schema(example = 0)]
    pub color: i32,
    /// Its colour; `#000000` where WhatsApp's number is not known here.
    #[schema(example = "#ff9485")]
    pub color_hex: String,
}

impl Label {
    /// A label of that colour.
    #[must_use]
    pub fn new(id: String, name: String, color: i32) -> Self {
        let hex = usize::try_from(color).ok().and_then(|at| COLORS.get(at)).copied().unwrap_or(UNKNOWN);
        Self { id, name, color, color_hex: hex.to_owned() }
    }

    /// How many colours there are: their numbers begin with 0.
    pub const COLORS: i32 = 20;

    /// The number of a colour that is written as `#rrggbb`, in letters of either size.
    #[must_use]
    pub fn color_number(hex: &str) -> Option<i32> {
        let at = COLORS.iter().position(|color| color.eq_ignore_ascii_case(hex))?;
        i32::try_from(at).ok()
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Label").field("id", &self.id).field("color", &self.color).finish_non_exhaustive()
    }
}

/// The payload of `label.chat.added` and `label.chat.deleted`: a chat got or lost a label.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelChatAssociation {
    /// The label's id.
    pub label_id: String,
    /// The chat.
    #[schema(value_type = String, example = "628111222333@c.us")]
    pub chat_id: ChatId,
    /// The label; `null` while nothing but its id is known.
    pub label: Option<Label>,
}

impl fmt::Debug for LabelChatAssociation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelChatAssociation").field("label_id", &self.label_id).finish_non_exhaustive()
    }
}

/// A chat that has a label.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LabeledChat {
    /// The chat.
    #[schema(value_type = String, example = "628111222333@c.us")]
    pub id: ChatId,
}

impl fmt::Debug for LabeledChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabeledChat").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_a_number_and_a_hex_value() {
        for number in 0..Label::COLORS {
            let label = Label::new("1".to_owned(), "x".to_owned(), number);
            assert_eq!(Label::color_number(&label.color_hex.to_uppercase()), Some(number));
        }
        assert_eq!(Label::color_number("#123456"), None);
        for unknown in [-1, 20, i32::MAX] {
            assert_eq!(Label::new("1".to_owned(), "x".to_owned(), unknown).color_hex, UNKNOWN);
        }
    }
}
