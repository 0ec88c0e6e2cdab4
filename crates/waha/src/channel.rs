//! Channels as callers see them: answers of the operations under `/api/{session}/channels`.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::ChatId;

use crate::Message;

/// What an account may do in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ChannelRole {
    /// Made it.
    Owner,
    /// May post in it.
    Admin,
    /// Follows it.
    Subscriber,
    /// Neither.
    Guest,
}

/// What everybody may see of a channel (WAHA's `ChannelPublicInfo`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelPublicInfo {
    /// The channel.
    #[schema(value_type = String, example = "123123123123@newsletter")]
    pub id: ChatId,
    /// Its name.
    pub name: String,
    /// Its invite link.
    #[schema(example = "https://www.whatsapp.com/channel/111111111111111111111111")]
    pub invite: String,
    /// Where a small copy of its picture can be fetched; not there without a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub preview: Option<String>,
    /// Where its picture can be fetched; not there without a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub picture: Option<String>,
    /// What it is about; not there when nobody wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// WhatsApp vouches for whose it is.
    pub verified: bool,
    /// How many follow it; 0 where WhatsApp does not tell, as in the list of the account's own channels.
    pub subscribers_count: u64,
}

impl fmt::Debug for ChannelPublicInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelPublicInfo").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A channel, and what this account may do in it (WAHA's `Channel`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// The channel.
    #[schema(value_type = String, example = "123123123123@newsletter")]
    pub id: ChatId,
    /// Its name.
    pub name: String,
    /// Its invite link.
    #[schema(example = "https://www.whatsapp.com/channel/111111111111111111111111")]
    pub invite: String,
    /// Where a small copy of its picture can be fetched; not there without a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub preview: Option<String>,
    /// Where its picture can be fetched; not there without a picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub picture: Option<String>,
    /// What this account may do.
    pub role: ChannelRole,
    /// What it is about; not there when nobody wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// WhatsApp vouches for whose it is.
    pub verified: bool,
    /// How many follow it; 0 where WhatsApp does not tell, as in the list of the account's own channels.
    pub subscribers_count: u64,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Channel {
    /// A channel in which this account is `role`.
    #[must_use]
    pub fn new(info: ChannelPublicInfo, role: ChannelRole) -> Self {
        let ChannelPublicInfo {
            id,
            name,
            invite,
            preview,
            picture,
            description,
            verified,
            subscribers_count,
        } = info;
        Self { id, name, invite, preview, picture, role, description, verified, subscribers_count }
    }
}

/// Where a list goes on (WAHA's `ChannelPagination`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelPagination {
    /// Where this page begins.
    #[schema(required)]
    pub start_cursor: Option<String>,
    /// The `startCursor` of the next page.
    #[schema(required)]
    pub end_cursor: Option<String>,
    /// There is a next page.
    pub has_next_page: bool,
    /// There is a page before.
    pub has_previous_page: bool,
}

/// Channels that were found, a page of them (WAHA's `ChannelListResult`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelListResult {
    /// Where the list goes on.
    pub page: ChannelPagination,
    /// The channels.
    pub channels: Vec<ChannelPublicInfo>,
}

/// A post of a channel (WAHA's `ChannelMessage`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelMessage {
    /// How many chose each emoji.
    pub reactions: BTreeMap<String, u64>,
    /// The post.
    pub message: Message,
    /// How many saw it.
    pub view_count: u64,
}

/// An order in which the directory of channels can be looked through (WAHA's `ChannelView`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelView {
    /// As `view` of a search.
    #[schema(example = "RECOMMENDED")]
    pub value: String,
    /// For people.
    #[schema(example = "Explore")]
    pub name: String,
}

/// A country whose channels can be looked for (WAHA's `ChannelCountry`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelCountry {
    /// As one of the `countries` of a search.
    #[schema(example = "US")]
    pub code: String,
    /// For people.
    #[schema(example = "United States")]
    pub name: String,
}

/// A field whose channels can be looked for (WAHA's `ChannelCategory`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelCategory {
    /// As one of the `categories` of a search.
    #[schema(example = "BUSINESS")]
    pub value: String,
    /// For people.
    #[schema(example = "Business")]
    pub name: String,
}
