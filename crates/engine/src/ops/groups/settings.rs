//! What a group is called, what it is about, who may do what in it, and how one gets into it.

use wakeeper_model::ChatId;
use whatsapp_rust::{
    GroupDescription, GroupSubject, MemberAddMode, MemberShareHistoryMode, MembershipApprovalMode,
    PreviousDescription,
};

use super::{Groups, GroupsError, jid};

/// How invite links begin.
pub(crate) const INVITE_LINK: &str = "https://chat.whatsapp.com/";

impl Groups {
    /// Gives a group another name.
    ///
    /// # Errors
    /// When the name is too long, there is no such group, or the account may not do that.
    pub async fn set_subject(&self, group: &ChatId, subject: &str) -> Result<(), GroupsError> {
        let subject = GroupSubject::new(subject)
            .map_err(|_| GroupsError::InvalidRequest("subject: a group's name has at most 100 characters"))?;
        Ok(self.client.groups().set_subject(&jid(group)?, subject).await?)
    }

    /// Gives a group another description; an empty one takes it away.
    ///
    /// # Errors
    /// When the description is too long, there is no such group, or the account may not do that.
    pub async fn set_description(&self, group: &ChatId, description: &str) -> Result<(), GroupsError> {
        let too_long = "description: a group's description has at most 2048 characters";
        let description = match description {
            "" => None,
            text => Some(GroupDescription::new(text).map_err(|_| GroupsError::InvalidRequest(too_long))?),
        };
        let groups = self.client.groups();
        Ok(groups.set_description(&jid(group)?, description, PreviousDescription::Resolve).await?)
    }

    /// Lets only admins change name, description and picture, or all members.
    ///
    /// # Errors
    /// When there is no such group, or the account is no admin of it.
    pub async fn set_info_admins_only(&self, group: &ChatId, only: bool) -> Result<(), GroupsError> {
        Ok(self.client.groups().set_locked(&jid(group)?, only).await?)
    }

    /// Lets only admins write, or all members.
    ///
    /// # Errors
    /// When there is no such group, or the account is no admin of it.
    pub async fn set_messages_admins_only(&self, group: &ChatId, only: bool) -> Result<(), GroupsError> {
        Ok(self.client.groups().set_announce(&jid(group)?, only).await?)
    }

    /// Lets all members add others, or only admins.
    ///
    /// # Errors
    /// When there is no such group, or the account is no admin of it.
    pub async fn set_members_add(&self, group: &ChatId, all: bool) -> Result<(), GroupsError> {
        let mode = if all { MemberAddMode::AllMemberAdd } else { MemberAddMode::AdminAdd };
        Ok(self.client.groups().set_member_add_mode(&jid(group)?, mode).await?)
    }

    /// Has admins approve who joins, or lets in whoever has the invite link.
    ///
    /// # Errors
    /// When there is no such group, or the account is no admin of it.
    pub async fn set_approval(&self, group: &ChatId, required: bool) -> Result<(), GroupsError> {
        let mode = if required { MembershipApprovalMode::On } else { MembershipApprovalMode::Off };
        Ok(self.client.groups().set_membership_approval(&jid(group)?, mode).await?)
    }

    /// Lets all members give earlier messages to new ones, or only admins.
    ///
    /// # Errors
    /// When there is no such group, or the account is no admin of it.
    pub async fn set_members_share_history(&self, group: &ChatId, all: bool) -> Result<(), GroupsError> {
        let group = jid(group)?;
        // Unlike the other settings, this one is refused without a code that says why.
        let members = self.described(&group).await?.metadata.participants;
        let own = members.iter().find(|member| {
            let names = [Some(&member.jid), member.phone_number.as_ref(), member.lid.as_ref()];
            names.into_iter().flatten().any(|name| self.outbound.state.is_own(name))
        });
        if !own.is_some_and(whatsapp_rust::GroupParticipant::is_admin) {
            return Err(GroupsError::Forbidden);
        }
        let mode =
            if all { MemberShareHistoryMode::AllMemberShare } else { MemberShareHistoryMode::AdminShare };
        Ok(self.client.groups().set_member_share_history_mode(&group, mode).await?)
    }

    /// A group's invite code; `anew` makes another one, after which the former joins nobody.
    ///
    /// # Errors
    /// When there is no such group, or the account is no admin of it.
    pub async fn invite_code(&self, group: &ChatId, anew: bool) -> Result<String, GroupsError> {
        let link = self.client.groups().get_invite_link(&jid(group)?, anew).await?;
        Ok(link.strip_prefix(INVITE_LINK).unwrap_or(&link).to_owned())
    }
}
