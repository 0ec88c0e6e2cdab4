//! What an account shows of itself.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::ChatId;

/// The account's own profile (WAHA's `MyProfile`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MyProfile)]
pub struct Profile {
    /// The account's chat id.
    #[schema(value_type = String, example = "628111222333@c.us")]
    pub id: ChatId,
    /// Where WhatsApp serves its picture, for some days; `null` where it has none.
    pub picture: Option<String>,
    /// The name that others see; empty while it has none.
    pub name: String,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}
