//! Changes of groups, as WhatsApp tells of them, to events.

use wakeeper_model::ChatId;
use wakeeper_storage::NewEvent;
use wakeeper_waha::{
    EventName, GroupChange, GroupJoin, GroupJoinRequestAction, GroupJoinRequestChange, GroupLeave, GroupPart,
    GroupParticipant, GroupParticipantsChange, GroupParticipantsChangeKind, GroupRole, GroupUpdated, Payload,
};
use whatsapp_rust::wacore::stanza::groups::{
    GroupNotificationAction as Action, GroupParticipantInfo, MembershipRequestMethod,
};
use whatsapp_rust::wacore::types::events::GroupUpdate;
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::{Client, Jid};

use crate::address;
use crate::inbound::inbox::Inbox;
use crate::ops::groups::query::Described;
use crate::ops::groups::settings::INVITE_LINK;
use crate::ops::groups::shown::{self, Names};

/// The events of one change of a group; none when nobody is to hear of it.
pub(crate) async fn events(inbox: &Inbox, update: &GroupUpdate) -> Vec<NewEvent> {
    let Some(id) = address::chat_id(&update.group_jid).filter(ChatId::is_group) else { return Vec::new() };
    if inbox.ignores(&id) {
        return Vec::new();
    }
    let client = inbox.state.client();
    let told = Told { inbox, client: client.as_deref(), update, id: &id };
    let payloads = told.payloads().await.into_iter();
    let event = |(name, payload)| inbox.journal.event(inbox.state.name(), id.as_str(), name, &payload);
    payloads.filter_map(event).collect()
}

/// A change of a group, with what is needed to tell of it.
struct Told<'a> {
    inbox: &'a Inbox,
    client: Option<&'a Client>,
    update: &'a GroupUpdate,
    id: &'a ChatId,
}

impl Told<'_> {
    async fn payloads(&self) -> Vec<(EventName, Payload)> {
        use GroupParticipantsChangeKind::{Demote, Join, Leave, Promote};
        match &self.update.action {
            Action::Create { raw } => self.join(raw).await.into_iter().collect(),
            Action::Add { participants, .. } => vec![self.members(Join, participants).await],
            Action::Remove { participants, .. } => {
                let mut told = vec![self.members(Leave, participants).await];
                if participants.iter().any(|participant| self.is_own(participant)) {
                    told.push(self.leave());
                }
                told
            }
            Action::Promote { participants } => vec![self.members(Promote, participants).await],
            Action::Demote { participants } => vec![self.members(Demote, participants).await],
            Action::Delete { .. } => vec![self.leave()],
            Action::CreatedMembershipRequests { request_method, requests, .. } => {
                self.asked(request_method, requests).await
            }
            Action::RevokedMembershipRequests { participants } => self.asked_no_more(participants).await,
            action => self.changed(action).into_iter().collect(),
        }
    }

    /// This account is in the group now. WhatsApp sends `<create>` to whoever joins, also to a group that was there before
    /// (whatsmeow reads it as `JoinedGroup`, Baileys as `groups.upsert`).
    async fn join(&self, raw: &Node) -> Option<(EventName, Payload)> {
        let node = raw.as_node_ref();
        let described = node.get_optional_child("group").map(Described::read)?;
        let described = described.inspect_err(|_| {
            tracing::warn!(session = %self.inbox.state.name(), "a group that was joined could not be understood");
        });
        let group = shown::group(self.client, &described.ok()?).await?;
        let payload = GroupJoin { timestamp: self.timestamp(), group, data: self.data() };
        Some((EventName::GroupV2Join, payload.into()))
    }

    fn leave(&self) -> (EventName, Payload) {
        let payload = GroupLeave { timestamp: self.timestamp(), group: self.group(), data: self.data() };
        (EventName::GroupV2Leave, payload.into())
    }

    async fn members(
        &self,
        kind: GroupParticipantsChangeKind,
        participants: &[GroupParticipantInfo],
    ) -> (EventName, Payload) {
        let role = match kind {
            GroupParticipantsChangeKind::Leave => GroupRole::Left,
            GroupParticipantsChangeKind::Promote => GroupRole::Admin,
            GroupParticipantsChangeKind::Join | GroupParticipantsChangeKind::Demote => GroupRole::Participant,
        };
        let mut shown = Vec::with_capacity(participants.len());
        for participant in participants {
            let names = self.names(participant).await;
            shown.extend(names.map(|names| GroupParticipant { id: names.id, pn: names.pn, role }));
        }
        let payload = GroupParticipantsChange {
            kind,
            timestamp: self.timestamp(),
            group: self.group(),
            participants: shown,
            data: self.data(),
        };
        (EventName::GroupV2Participants, payload.into())
    }

    async fn asked(
        &self,
        method: &MembershipRequestMethod,
        requests: &[GroupParticipantInfo],
    ) -> Vec<(EventName, Payload)> {
        let mut told = Vec::with_capacity(requests.len());
        for request in requests {
            let Some(names) = self.names(request).await else { continue };
            let method = Some(method.as_str().to_owned());
            told.push(self.join_request(GroupJoinRequestAction::Created, names, method));
        }
        told
    }

    /// The wire has one word for both ends of a request; who sent it tells which one it was.
    async fn asked_no_more(&self, requesters: &[Jid]) -> Vec<(EventName, Payload)> {
        let by = [self.update.participant.as_ref(), self.update.participant_pn.as_ref()];
        let mut told = Vec::with_capacity(requesters.len());
        for requester in requesters {
            let Some(names) = Names::of(self.client, requester, None).await else { continue };
            let by_themselves =
                by.into_iter().flatten().filter_map(address::chat_id).any(|id| names.include(&id));
            let action = if by_themselves {
                GroupJoinRequestAction::Revoked
            } else {
                GroupJoinRequestAction::Rejected
            };
            told.push(self.join_request(action, names, None));
        }
        told
    }

    fn join_request(
        &self,
        action: GroupJoinRequestAction,
        names: Names,
        request_method: Option<String>,
    ) -> (EventName, Payload) {
        let payload = GroupJoinRequestChange {
            action,
            requester_id: names.id,
            requester_pn: names.pn,
            request_method,
            timestamp: self.timestamp(),
            group: self.group(),
            data: self.data(),
        };
        (EventName::GroupV2ParticipantsJoinRequest, payload.into())
    }

    /// What WAHA has a word for, and what its engine NOWEB tells besides.
    fn changed(&self, action: &Action) -> Option<(EventName, Payload)> {
        let mut group = GroupChange::of(self.id.clone());
        match action {
            Action::Subject { subject, .. } => group.subject = Some(subject.clone()),
            Action::Description { description, .. } => {
                group.description = Some(description.clone().unwrap_or_default());
            }
            Action::Locked { .. } => group.restrict = Some(true),
            Action::Unlocked => group.restrict = Some(false),
            Action::Announce | Action::NotAnnounce => {
                let only_admins = matches!(action, Action::Announce);
                group.announce = Some(only_admins);
                group.members_can_send_messages = Some(!only_admins);
            }
            Action::Ephemeral { expiration, .. } => group.ephemeral_duration = Some(*expiration),
            Action::MembershipApprovalMode { enabled } => {
                group.new_members_approval_required = Some(*enabled);
            }
            Action::MemberAddMode { mode } => {
                group.members_can_add_new_member = Some(mode == "all_member_add");
            }
            Action::Invite { code } if !code.is_empty() => {
                group.invite = Some(format!("{INVITE_LINK}{code}"));
            }
            _ => return None,
        }
        let payload = GroupUpdated { timestamp: self.timestamp(), group, data: self.data() };
        Some((EventName::GroupV2Update, payload.into()))
    }

    async fn names(&self, participant: &GroupParticipantInfo) -> Option<Names> {
        let hint = participant.phone_number.as_ref().or(participant.lid.as_ref());
        Names::of(self.client, &participant.jid, hint).await
    }

    fn is_own(&self, participant: &GroupParticipantInfo) -> bool {
        let names = [Some(&participant.jid), participant.phone_number.as_ref(), participant.lid.as_ref()];
        names.into_iter().flatten().any(|name| self.inbox.state.is_own(name))
    }

    fn group(&self) -> GroupPart {
        GroupPart { id: self.id.clone() }
    }

    fn timestamp(&self) -> i64 {
        self.update.timestamp.timestamp()
    }

    fn data(&self) -> serde_json::Value {
        // Of a group's first description whatsapp-rust keeps a part of the stanza that it does not write as JSON.
        serde_json::to_value(self.update).unwrap_or_else(|_| serde_json::json!({}))
    }
}
