//! Groups as callers see them: answers of the operations under `/api/{session}/groups`.
//!
//! WAHA's document leaves many of these answers open. Where it does, the fields are those that its engine NOWEB answers with
//! (WAHA's public source, `src/core/engines/noweb`, 2026), with WAHA's own `GroupInfo` beside them, so that clients of either find what
//! they look for. All ids are chat ids (`628...@c.us`, `...@lid`, `...@g.us`), as everywhere in this API; NOWEB writes `@s.whatsapp.net`.

mod answers;
mod event;

pub use answers::{
    ChatPictureResponse, CountResponse, GroupInvitation, GroupJoinRequest, GroupJoinRequestResult,
    JoinGroupResponse, ParticipantResult, SettingsMemberAddMode, SettingsMemberShareHistoryMode,
    SettingsMembershipApproval, SettingsSecurityChangeInfo, Succeeded,
};
pub use event::{
    GroupChange, GroupJoin, GroupJoinRequestAction, GroupJoinRequestChange, GroupLeave, GroupPart,
    GroupParticipantsChange, GroupParticipantsChangeKind, GroupUpdated,
};

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;
use wakeeper_model::ChatId;

/// What a member may do in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupRole {
    /// Is in it no more; only in events.
    Left,
    /// A member.
    Participant,
    /// A member who may change it.
    Admin,
    /// Who made it.
    SuperAdmin,
}

/// A member of a group (WAHA's `GroupParticipant`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupParticipant {
    /// Who, under the name that the group uses: a LID in most groups of today.
    #[schema(value_type = String, example = "123456789012345@lid")]
    pub id: ChatId,
    /// The phone number, when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "628111222333@c.us")]
    pub pn: Option<ChatId>,
    /// What they may do.
    pub role: GroupRole,
}

impl fmt::Debug for GroupParticipant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupParticipant").field("role", &self.role).finish_non_exhaustive()
    }
}

/// Whether a member is an admin, as NOWEB says it; `null` for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupAdmin {
    /// May change the group.
    Admin,
    /// Made the group.
    SuperAdmin,
}

/// A member of a group with every name that is known of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupMember {
    /// Who, under the name that the group uses: a LID in most groups of today.
    #[schema(value_type = String, example = "123456789012345@lid")]
    pub id: ChatId,
    /// The phone number, when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub pn: Option<ChatId>,
    /// The same, under NOWEB's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub phone_number: Option<ChatId>,
    /// The LID, when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub lid: Option<ChatId>,
    /// What they may do.
    pub role: GroupRole,
    /// The same, under NOWEB's name: `null` for members who are no admin.
    pub admin: Option<GroupAdmin>,
}

impl fmt::Debug for GroupMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupMember").field("role", &self.role).finish_non_exhaustive()
    }
}

impl From<&GroupMember> for GroupParticipant {
    fn from(member: &GroupMember) -> Self {
        Self { id: member.id.clone(), pn: member.pn.clone(), role: member.role }
    }
}

/// By which name a group calls its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupAddressing {
    /// By phone number.
    Pn,
    /// By LID.
    Lid,
}

/// A group: WAHA's `GroupInfo`, and what NOWEB answers besides.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The group.
    #[schema(value_type = String, example = "120363012345678901@g.us")]
    pub id: ChatId,
    /// Its name.
    pub subject: String,
    /// What it is about; empty when nobody wrote it.
    pub description: String,
    /// May members who are no admin add others?
    pub members_can_add_new_member: bool,
    /// May members who are no admin write in it?
    pub members_can_send_messages: bool,
    /// Must an admin approve who joins?
    pub new_members_approval_required: bool,
    /// May members who are no admin give its earlier messages to new members?
    pub members_can_share_history: bool,
    /// By which name it calls its members.
    pub addressing_mode: GroupAddressing,
    /// Who chose the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub subject_owner: Option<ChatId>,
    /// When the name was chosen, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub subject_time: Option<u64>,
    /// How many members it has.
    pub size: u32,
    /// When it was made, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub creation: Option<u64>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub owner: Option<ChatId>,
    /// The phone number of who made it, when it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub owner_pn: Option<ChatId>,
    /// The description, under NOWEB's name; not there when nobody wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub desc: Option<String>,
    /// The description's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub desc_id: Option<String>,
    /// Who wrote the description.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub desc_owner: Option<ChatId>,
    /// When the description was written, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub desc_time: Option<u64>,
    /// The community that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub linked_parent: Option<ChatId>,
    /// May only admins change its name, description and picture?
    pub restrict: bool,
    /// May only admins write in it?
    pub announce: bool,
    /// Is it a community?
    pub is_community: bool,
    /// Is it where a community's admins write to all?
    pub is_community_announce: bool,
    /// Must an admin approve who joins? Under NOWEB's name.
    pub join_approval_mode: bool,
    /// May members who are no admin add others? Under NOWEB's name.
    pub member_add_mode: bool,
    /// After how many seconds messages disappear, when they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ephemeral_duration: Option<u32>,
    /// Its members; not there when the request leaves them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub participants: Option<Vec<GroupMember>>,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("size", &self.size).finish_non_exhaustive()
    }
}

/// Groups as WAHA's engine NOWEB lists them: an object with each group under its id, in the order that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupList(pub Vec<Group>);

impl Serialize for GroupList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for group in &self.0 {
            map.serialize_entry(&group.id, group)?;
        }
        map.end()
    }
}
