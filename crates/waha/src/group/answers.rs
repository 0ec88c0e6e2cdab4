//! What else the operations of groups answer: results, requests to join, settings.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wakeeper_model::ChatId;

/// How many there are (WAHA's `CountResponse`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountResponse {
    /// How many.
    pub count: u64,
}

/// The group that was joined (WAHA's `JoinGroupResponse`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinGroupResponse {
    /// The group. Where an admin must approve who joins, this account is no member yet.
    #[schema(value_type = String, example = "120363012345678901@g.us")]
    pub id: ChatId,
}

/// Where a picture can be fetched (WAHA's `ChatPictureResponse`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChatPictureResponse {
    /// The address at WhatsApp's servers, good for some days; `null` when there is no picture.
    #[schema(required)]
    pub url: Option<String>,
}

/// It was done (WAHA's `Result`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Result)]
pub struct Succeeded {
    /// Always `true`.
    pub success: bool,
}

/// A token with which a person who cannot be added may be invited by message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupInvitation {
    /// The invitation's code.
    pub code: String,
    /// Until when it is good, in seconds since 1970.
    pub expiration: u64,
}

impl fmt::Debug for GroupInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupInvitation").field("expiration", &self.expiration).finish_non_exhaustive()
    }
}

/// What came of adding, removing, promoting or demoting one participant. WAHA leaves it open; `jid` and `status` are NOWEB's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantResult {
    /// Who.
    #[schema(value_type = String, example = "628111222333@c.us")]
    pub jid: ChatId,
    /// `200` when it was done, else WhatsApp's code: 403 (their privacy settings forbid it), 404 (not on WhatsApp, or no member),
    /// 408 (they left lately), 409 (a member already).
    #[schema(example = "200")]
    pub status: String,
    /// With 403: what they may be invited with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub invitation: Option<GroupInvitation>,
}

impl fmt::Debug for ParticipantResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParticipantResult").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Somebody waits to be let into a group (WAHA's `GroupJoinRequest`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupJoinRequest {
    /// Who asks.
    #[schema(value_type = String)]
    pub requester_id: ChatId,
    /// The phone number of who asks, when it is known.
    #[schema(value_type = Option<String>)]
    pub requester_pn: Option<ChatId>,
    /// The member who proposed them, if one did.
    #[schema(value_type = Option<String>, required)]
    pub added_by_id: Option<ChatId>,
    /// The community through which they ask, if they do.
    #[schema(value_type = Option<String>, required)]
    pub parent_group_id: Option<ChatId>,
    /// How they ask: `invite_link`, `linked_group_join` or `non_admin_add`, when WhatsApp says so.
    #[schema(required)]
    pub request_method: Option<String>,
    /// Since when, in seconds since 1970; 0 when it is not known.
    pub timestamp: u64,
}

impl fmt::Debug for GroupJoinRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupJoinRequest").field("method", &self.request_method).finish_non_exhaustive()
    }
}

/// What came of letting somebody in, or of not doing so (WAHA's `GroupJoinRequestResult`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupJoinRequestResult {
    /// Who asked.
    #[schema(value_type = String)]
    pub requester_id: ChatId,
    /// It was done.
    pub success: bool,
    /// WhatsApp's code when it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<u32>,
}

impl fmt::Debug for GroupJoinRequestResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupJoinRequestResult").field("error", &self.error).finish_non_exhaustive()
    }
}

/// Who may change or write (WAHA's `SettingsSecurityChangeInfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsSecurityChangeInfo {
    /// Only admins.
    pub admins_only: bool,
}

/// Who may add members (WAHA's `SettingsMemberAddMode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsMemberAddMode {
    /// All members.
    pub members_can_add_new_member: bool,
}

/// Whether an admin must approve who joins (WAHA's `SettingsMembershipApproval`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsMembershipApproval {
    /// An admin must.
    pub new_members_approval_required: bool,
}

/// Who may give earlier messages to new members (WAHA's `SettingsMemberShareHistoryMode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettingsMemberShareHistoryMode {
    /// All members.
    pub members_can_share_history: bool,
}
