//! Contacts: whether a number is on WhatsApp, what a person shows, and the two names of a person.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::ChatId;

/// Whether a number is on WhatsApp (WAHA's `WANumberExistResult`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WANumberExistResult)]
pub struct NumberExists {
    /// It is.
    pub number_exists: bool,
    /// The chat to write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "628111222333@c.us")]
    pub chat_id: Option<ChatId>,
    /// Its phone number, as a chat id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "628111222333@c.us")]
    pub pn: Option<ChatId>,
}

impl fmt::Debug for NumberExists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NumberExists").field("number_exists", &self.number_exists).finish_non_exhaustive()
    }
}

/// What a person wrote about themselves.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// The text; `null` where the person shows none to this account.
    pub about: Option<String>,
}

impl fmt::Debug for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("About").finish_non_exhaustive()
    }
}

/// The picture of a person or a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfilePicture {
    /// Where WhatsApp serves it, for some days; `null` where none is shown to this account.
    #[serde(rename = "profilePictureURL")]
    pub url: Option<String>,
}

/// The two names of a person (WAHA's `LidToPhoneNumber`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LidToPhoneNumber {
    /// The hidden id; `null` while it is unknown.
    #[schema(value_type = Option<String>, example = "123456789012345@lid")]
    pub lid: Option<ChatId>,
    /// The phone number; `null` while it is unknown.
    #[schema(value_type = Option<String>, example = "628111222333@c.us")]
    pub pn: Option<ChatId>,
}

impl fmt::Debug for LidToPhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LidToPhoneNumber").finish_non_exhaustive()
    }
}

/// How many there are (WAHA's `CountResponse`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CountResponse)]
pub struct Count {
    /// So many.
    pub count: usize,
}

/// A person. WAHA leaves its shape open; this is that of its examples, with `lid` besides.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// The chat with the person: by phone number where it is known.
    #[schema(value_type = String, example = "628111222333@c.us")]
    pub id: ChatId,
    /// The hidden id, when both are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "123456789012345@lid")]
    pub lid: Option<ChatId>,
    /// The phone number; left out while it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "628111222333")]
    pub number: Option<String>,
    /// The full name in the account's address book, or of a verified business.
    #[schema(required)]
    pub name: Option<String>,
    /// The name that the person chose.
    #[schema(required)]
    pub pushname: Option<String>,
    /// The first name in the address book.
    #[schema(required)]
    pub short_name: Option<String>,
    /// It is this account.
    pub is_me: bool,
    /// It is a group.
    pub is_group: bool,
    /// The person is known to be on WhatsApp.
    #[serde(rename = "isWAContact")]
    pub is_wa_contact: bool,
    /// The person stands in the account's address book.
    pub is_my_contact: bool,
    /// The account blocked the person; left out while the session is not connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub is_blocked: Option<bool>,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact").field("is_my_contact", &self.is_my_contact).finish_non_exhaustive()
    }
}
