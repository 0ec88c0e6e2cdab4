//! How WhatsApp limits what an account may write to people who never wrote to it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many new chats the account may begin in a cycle (WAHA's `MessageCappingData`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MessageCappingData)]
pub struct MessageCapping {
    /// Where it stands: `NONE`, `FIRST_WARNING`, `SECOND_WARNING`, `CAPPED`.
    #[schema(example = "NONE")]
    pub capping_status: String,
    /// New chats in a cycle; 0 where WhatsApp names no limit.
    pub total_quota: i64,
    /// Of these, begun already.
    pub used_quota: i64,
    /// When the cycle began, in seconds since 1970.
    pub cycle_start: i64,
    /// When it ends, in seconds since 1970.
    pub cycle_end: i64,
    /// As WhatsApp words it.
    #[schema(example = "NOT_ELIGIBLE")]
    pub mv_status: String,
    /// As WhatsApp words it.
    #[schema(example = "NOT_ELIGIBLE")]
    pub ote_status: String,
}

/// Whether WhatsApp keeps the account from writing to new people for a while (WAHA's `ReachoutTimelockData`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReachoutTimelockData)]
pub struct ReachoutTimelock {
    /// Why, as WhatsApp words it, for example `BIZ_QUALITY`.
    #[schema(example = "DEFAULT")]
    pub enforcement_type: String,
    /// It does now.
    pub is_active: bool,
    /// Until when, in seconds since 1970.
    pub time_enforcement_ends: Option<i64>,
}
