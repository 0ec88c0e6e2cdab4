//! Who is in a group, and who wants to be.

use wakeeper_model::ChatId;
use wakeeper_waha::{
    GroupInvitation, GroupJoinRequest, GroupJoinRequestResult, GroupMember, ParticipantResult,
};
use whatsapp_rust::{Jid, ParticipantChangeResponse};

use super::query::JoinRequests;
use super::shown::Names;
use super::{Groups, GroupsError, jid};
use crate::address;

/// What is done with members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// They come into the group.
    Add,
    /// They go.
    Remove,
    /// They become admins.
    Promote,
    /// They are admins no more.
    Demote,
}

/// A person as the caller named them, and as the request names them.
struct Named {
    asked: ChatId,
    wire: Jid,
}

impl Groups {
    /// The members of a group.
    ///
    /// # Errors
    /// When there is no such group, or the account is not in it.
    pub async fn members(&self, group: &ChatId) -> Result<Vec<GroupMember>, GroupsError> {
        Ok(self.get(group).await?.participants.unwrap_or_default())
    }

    /// Adds, removes, promotes or demotes; each participant has an answer of their own.
    ///
    /// # Errors
    /// When there is no such group, or the account may not do that in it.
    pub async fn change_members(
        &self,
        group: &ChatId,
        change: MemberChange,
        participants: &[ChatId],
    ) -> Result<Vec<ParticipantResult>, GroupsError> {
        let members = self.members(group).await?;
        let group = jid(group)?;
        // Who is in it has the name that the group uses: it may be another one than the caller knows.
        let own_name = |asked: &ChatId| {
            let is = |member: &&GroupMember| {
                [Some(&member.id), member.pn.as_ref(), member.lid.as_ref()].contains(&Some(asked))
            };
            members.iter().find(is).map_or_else(|| asked.clone(), |member| member.id.clone())
        };
        let named = named(participants, own_name)?;
        let wire: Vec<Jid> = named.iter().map(|one| one.wire.clone()).collect();
        let groups = self.client.groups();
        let results = match change {
            MemberChange::Add => groups.add_participants(&group, &wire).await,
            MemberChange::Remove => groups.remove_participants(&group, &wire).await,
            MemberChange::Promote => groups.promote_participants(&group, &wire).await,
            MemberChange::Demote => groups.demote_participants(&group, &wire).await,
        };
        let mut shown = Vec::with_capacity(named.len());
        for result in results? {
            let Some(jid) = self.asked(&named, &result).await else { continue };
            let invitation = result
                .add_request
                .map(|request| GroupInvitation { code: request.code, expiration: request.expiration });
            let status = result.error.unwrap_or_else(|| "200".to_owned());
            shown.push(ParticipantResult { jid, status, invitation });
        }
        Ok(shown)
    }

    /// Who waits to be let into a group.
    ///
    /// # Errors
    /// When there is no such group, or the account is no admin of it.
    pub async fn join_requests(&self, group: &ChatId) -> Result<Vec<GroupJoinRequest>, GroupsError> {
        let mut requests = Vec::new();
        for asking in self.client.execute(JoinRequests(jid(group)?)).await? {
            let Some(names) = Names::of(Some(&self.client), &asking.jid, asking.phone_number.as_ref()).await
            else {
                continue;
            };
            requests.push(GroupJoinRequest {
                requester_id: names.id,
                requester_pn: names.pn,
                added_by_id: asking.proposed_by.as_ref().and_then(address::chat_id),
                parent_group_id: asking.parent.as_ref().and_then(address::chat_id),
                request_method: asking.method,
                timestamp: asking.since,
            });
        }
        Ok(requests)
    }

    /// Lets people in who asked for it, or does not.
    ///
    /// # Errors
    /// When there is no such group, or the account is no admin of it.
    pub async fn answer_join_requests(
        &self,
        group: &ChatId,
        approve: bool,
        participants: &[ChatId],
    ) -> Result<Vec<GroupJoinRequestResult>, GroupsError> {
        let waiting = self.join_requests(group).await?;
        let group = jid(group)?;
        let own_name = |asked: &ChatId| {
            let is = |request: &&GroupJoinRequest| {
                request.requester_id == *asked || request.requester_pn.as_ref() == Some(asked)
            };
            waiting.iter().find(is).map_or_else(|| asked.clone(), |request| request.requester_id.clone())
        };
        let named = named(participants, own_name)?;
        let wire: Vec<Jid> = named.iter().map(|one| one.wire.clone()).collect();
        let groups = self.client.groups();
        let results = if approve {
            groups.approve_membership_requests(&group, &wire).await?
        } else {
            groups.reject_membership_requests(&group, &wire).await?
        };
        let mut shown = Vec::with_capacity(results.len());
        for result in results {
            let Some(requester_id) = self.asked(&named, &result).await else { continue };
            let error = result.error.as_deref().map(|code| code.parse().unwrap_or(0));
            shown.push(GroupJoinRequestResult { requester_id, success: result.is_ok(), error });
        }
        Ok(shown)
    }

    /// Whom an answer is about, under the name that the caller used.
    async fn asked(&self, named: &[Named], result: &ParticipantChangeResponse) -> Option<ChatId> {
        let answered = address::chat_id(&result.jid)?;
        let is = |one: &&Named| address::chat_id(&one.wire).as_ref() == Some(&answered);
        if let Some(one) = named.iter().find(is) {
            return Some(one.asked.clone());
        }
        let names = Names::of(Some(&self.client), &result.jid, result.phone_number.as_ref()).await?;
        let asked = named.iter().find(|one| names.include(&one.asked)).map(|one| one.asked.clone());
        Some(asked.unwrap_or(names.id))
    }
}

fn named(participants: &[ChatId], own_name: impl Fn(&ChatId) -> ChatId) -> Result<Vec<Named>, GroupsError> {
    let named =
        participants.iter().map(|asked| Ok(Named { asked: asked.clone(), wire: jid(&own_name(asked))? }));
    named.collect()
}
