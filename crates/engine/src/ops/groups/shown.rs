//! Groups and their members as callers see them.

use wakeeper_model::{ChatId, ChatKind};
use wakeeper_waha::{Group, GroupAddressing, GroupAdmin, GroupMember, GroupRole};
use whatsapp_rust::wacore::types::message::AddressingMode;
use whatsapp_rust::{Client, GroupParticipant, Jid, ParticipantType};

use crate::address::{self, Address};
use crate::ops::groups::query::Described;

/// A group with its members; `None` when its own address is none.
pub(crate) async fn group(client: Option<&Client>, described: &Described) -> Option<Group> {
    let metadata = &described.metadata;
    let mut members = Vec::with_capacity(metadata.participants.len());
    for participant in &metadata.participants {
        members.extend(member(client, participant).await);
    }
    let chat = |jid: &Option<Jid>| jid.as_ref().and_then(address::chat_id);
    let description = metadata.description.clone().filter(|text| !text.is_empty());
    Some(Group {
        id: address::chat_id(&metadata.id)?,
        subject: metadata.subject.clone(),
        description: description.clone().unwrap_or_default(),
        members_can_add_new_member: described.members_add,
        members_can_send_messages: !metadata.is_announcement,
        new_members_approval_required: metadata.membership_approval,
        members_can_share_history: described.members_share_history,
        addressing_mode: match metadata.addressing_mode {
            AddressingMode::Lid => GroupAddressing::Lid,
            AddressingMode::Pn => GroupAddressing::Pn,
        },
        subject_owner: chat(&metadata.subject_owner),
        subject_time: metadata.subject_time,
        // What may be seen of a group before one joins it names only some of its members.
        size: metadata.size.unwrap_or(u32::try_from(members.len()).unwrap_or(u32::MAX)),
        creation: metadata.creation_time,
        owner: chat(&metadata.creator),
        owner_pn: chat(&metadata.creator_pn),
        desc: description,
        desc_id: metadata.description_id.clone(),
        desc_owner: chat(&metadata.description_owner),
        desc_time: metadata.description_time,
        linked_parent: chat(&metadata.parent_group_jid),
        restrict: metadata.is_locked,
        announce: metadata.is_announcement,
        is_community: metadata.is_parent_group,
        is_community_announce: metadata.is_default_sub_group,
        join_approval_mode: metadata.membership_approval,
        member_add_mode: described.members_add,
        ephemeral_duration: metadata
            .ephemeral
            .as_ref()
            .and_then(|ephemeral| ephemeral.expiration)
            .filter(|seconds| *seconds > 0),
        participants: Some(members),
    })
}

async fn member(client: Option<&Client>, participant: &GroupParticipant) -> Option<GroupMember> {
    let hint = participant.phone_number.as_ref().or(participant.lid.as_ref());
    let names = Names::of(client, &participant.jid, hint).await?;
    let (role, admin) = match participant.participant_type {
        ParticipantType::SuperAdmin => (GroupRole::SuperAdmin, Some(GroupAdmin::SuperAdmin)),
        ParticipantType::Admin => (GroupRole::Admin, Some(GroupAdmin::Admin)),
        ParticipantType::Member => (GroupRole::Participant, None),
    };
    Some(GroupMember {
        id: names.id,
        pn: names.pn.clone(),
        phone_number: names.pn,
        lid: names.lid,
        role,
        admin,
    })
}

/// A person under every name that is known.
pub(crate) struct Names {
    /// As the group calls them.
    pub id: ChatId,
    /// By phone number.
    pub pn: Option<ChatId>,
    /// By LID.
    pub lid: Option<ChatId>,
}

impl Names {
    /// Of `jid`; `hint` is the other name as the stanza told it. A client that is connected may know more.
    pub(crate) async fn of(client: Option<&Client>, jid: &Jid, hint: Option<&Jid>) -> Option<Self> {
        let id = address::chat_id(jid)?;
        let known = match client {
            Some(client) => address::resolve(client, jid, hint).await,
            None => None,
        };
        let names = match known {
            Some(Address { id, alt }) => [Some(id), alt],
            None => [Some(id.clone()), hint.and_then(address::chat_id)],
        };
        let name = |kind| names.iter().flatten().find(|name| name.kind() == kind).cloned();
        Some(Self { id, pn: name(ChatKind::Phone), lid: name(ChatKind::Lid) })
    }

    /// Is this one of the names?
    pub(crate) fn include(&self, id: &ChatId) -> bool {
        self.id == *id || self.pn.as_ref() == Some(id) || self.lid.as_ref() == Some(id)
    }
}
