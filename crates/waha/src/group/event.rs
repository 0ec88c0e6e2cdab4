//! What happens to groups: the payloads of `group.v2.*`.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wakeeper_model::ChatId;

use super::{Group, GroupParticipant};

/// A group by its id alone (WAHA's `GroupId`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = GroupId)]
pub struct GroupPart {
    /// The group.
    #[schema(value_type = String, example = "120363012345678901@g.us")]
    pub id: ChatId,
}

/// The payload of `group.v2.join`: this account joined a group, or was added to it (WAHA's `GroupV2JoinEvent`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GroupV2JoinEvent)]
pub struct GroupJoin {
    /// When, in seconds since 1970.
    pub timestamp: i64,
    /// The group.
    pub group: Group,
    /// What the wire says.
    #[serde(rename = "_data")]
    #[schema(value_type = Object)]
    pub data: Value,
}

/// The payload of `group.v2.leave`: this account left a group, was removed from it, or it was ended (WAHA's `GroupV2LeaveEvent`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GroupV2LeaveEvent)]
pub struct GroupLeave {
    /// When, in seconds since 1970.
    pub timestamp: i64,
    /// The group.
    pub group: GroupPart,
    /// What the wire says.
    #[serde(rename = "_data")]
    #[schema(value_type = Object)]
    pub data: Value,
}

/// The payload of `group.v2.update`: a group was changed (WAHA's `GroupV2UpdateEvent`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GroupV2UpdateEvent)]
pub struct GroupUpdated {
    /// When, in seconds since 1970.
    pub timestamp: i64,
    /// The group, with what changed and nothing else.
    pub group: GroupChange,
    /// What the wire says.
    #[serde(rename = "_data")]
    #[schema(value_type = Object)]
    pub data: Value,
}

/// What changed of a group: the part of WAHA's `GroupInfo` that did, and three fields of NOWEB's that it has no word for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupChange {
    /// The group.
    #[schema(value_type = String, example = "120363012345678901@g.us")]
    pub id: ChatId,
    /// Its new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subject: Option<String>,
    /// Its new description; empty when it was taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// Its new invite link.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub invite: Option<String>,
    /// May members who are no admin add others?
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub members_can_add_new_member: Option<bool>,
    /// May members who are no admin write in it?
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub members_can_send_messages: Option<bool>,
    /// Must an admin approve who joins?
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub new_members_approval_required: Option<bool>,
    /// May only admins change its name, description and picture?
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub restrict: Option<bool>,
    /// May only admins write in it?
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub announce: Option<bool>,
    /// After how many seconds messages disappear; 0 when they stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ephemeral_duration: Option<u32>,
}

impl GroupChange {
    /// Nothing changed yet.
    #[must_use]
    pub fn of(id: ChatId) -> Self {
        Self {
            id,
            subject: None,
            description: None,
            invite: None,
            members_can_add_new_member: None,
            members_can_send_messages: None,
            new_members_approval_required: None,
            restrict: None,
            announce: None,
            ephemeral_duration: None,
        }
    }
}

impl fmt::Debug for GroupChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupChange").finish_non_exhaustive()
    }
}

/// What happened to members of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = GroupParticipantType)]
pub enum GroupParticipantsChangeKind {
    /// They are in it now.
    Join,
    /// They are in it no more.
    Leave,
    /// They are admins now.
    Promote,
    /// They are admins no more.
    Demote,
}

/// The payload of `group.v2.participants`: members came, went or got another role (WAHA's `GroupV2ParticipantsEvent`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = GroupV2ParticipantsEvent)]
pub struct GroupParticipantsChange {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: GroupParticipantsChangeKind,
    /// When, in seconds since 1970.
    pub timestamp: i64,
    /// The group.
    pub group: GroupPart,
    /// To whom, with the role that they have now.
    pub participants: Vec<GroupParticipant>,
    /// What the wire says.
    #[serde(rename = "_data")]
    #[schema(value_type = Object)]
    pub data: Value,
}

/// What happened to a request to join a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = GroupParticipantsJoinRequestAction)]
pub enum GroupJoinRequestAction {
    /// Somebody asks to join.
    Created,
    /// An admin said no.
    Rejected,
    /// Who asked took it back.
    Revoked,
}

/// The payload of `group.v2.participants.join-request`: somebody asks to join a group whose admins approve that, or does so no more
/// (WAHA's `GroupV2ParticipantsJoinRequestEvent`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GroupV2ParticipantsJoinRequestEvent)]
pub struct GroupJoinRequestChange {
    /// What happened.
    pub action: GroupJoinRequestAction,
    /// Who asks.
    #[schema(value_type = String)]
    pub requester_id: ChatId,
    /// The phone number of who asks, when it is known.
    #[schema(value_type = Option<String>)]
    pub requester_pn: Option<ChatId>,
    /// How they ask: `invite_link`, `linked_group_join` or `non_admin_add`, when WhatsApp says so.
    pub request_method: Option<String>,
    /// When, in seconds since 1970.
    pub timestamp: i64,
    /// The group.
    pub group: GroupPart,
    /// What the wire says.
    #[serde(rename = "_data")]
    #[schema(value_type = Object)]
    pub data: Value,
}
