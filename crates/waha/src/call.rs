//! Calls, as the payloads of `call.received`, `call.accepted` and `call.rejected`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wakeeper_model::ChatId;

/// A call (WAHA's `CallData`).
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallData {
    /// The call's id.
    #[schema(example = "A1B2C3D4E5F60718293A4B5C6D7E8F90")]
    pub id: String,
    /// Who calls, as the id of the chat with them; left out where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "628111222333@c.us")]
    pub from: Option<ChatId>,
    /// When, in seconds since 1970.
    pub timestamp: i64,
    /// With pictures.
    pub is_video: bool,
    /// In a group.
    pub is_group: bool,
    /// What the wire says.
    #[serde(rename = "_data")]
    #[schema(value_type = Object)]
    pub data: Value,
}

impl fmt::Debug for CallData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallData")
            .field("is_video", &self.is_video)
            .field("is_group", &self.is_group)
            .finish_non_exhaustive()
    }
}
