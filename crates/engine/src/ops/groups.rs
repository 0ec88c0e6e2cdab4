//! Groups: made, listed, joined, left and ended. What WhatsApp says is asked anew each time; nothing of it is stored.

mod error;
pub(crate) mod members;
mod picture;
pub(crate) mod query;
pub(crate) mod settings;
pub(crate) mod shown;

use std::sync::Arc;

use wakeeper_model::{ChatId, SessionName};
use wakeeper_waha::{Group, JoinGroupResponse};
use whatsapp_rust::{
    Client, GroupCreateOptions, GroupError, GroupParticipantOptions, IqError, Jid, JoinGroupResult,
};

pub use self::error::GroupsError;
use self::query::{AllGroups, Described, OneGroup};
use crate::EngineError;
use crate::life::registry::Sessions;
use crate::outbound::Outbound;

/// So many members are removed with one request where a group is ended.
const REMOVED_AT_ONCE: usize = 100;
/// The account is in the group already.
const ALREADY_IN: [u16; 2] = [304, 409];

/// By what groups are listed in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupOrder {
    /// By id.
    #[default]
    Id,
    /// By name.
    Subject,
}

/// Which groups are listed, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GroupQuery {
    /// In which order.
    pub order: GroupOrder,
    /// The other way round.
    pub descending: bool,
    /// At most so many; all without it.
    pub limit: Option<usize>,
    /// Skip so many.
    pub offset: usize,
    /// Leave the members out.
    pub without_participants: bool,
}

/// The groups of a session that works.
pub struct Groups {
    client: Arc<Client>,
    outbound: Arc<Outbound>,
}

impl std::fmt::Debug for Groups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Groups").finish_non_exhaustive()
    }
}

impl Sessions {
    /// The groups of a session, once it works.
    ///
    /// # Errors
    /// When the session is unknown or does not work.
    pub async fn groups(&self, name: &SessionName) -> Result<Groups, EngineError> {
        let handle = self.handle(name).await?;
        let client = handle.outbound.ready().await?;
        Ok(Groups { client, outbound: Arc::clone(&handle.outbound) })
    }
}

impl Groups {
    /// Every group that the account is in.
    ///
    /// # Errors
    /// When WhatsApp does not answer.
    pub async fn list(&self, query: GroupQuery) -> Result<Vec<Group>, GroupsError> {
        let mut groups = Vec::new();
        for described in self.client.execute(AllGroups).await? {
            groups.extend(shown::group(Some(&self.client), &described).await);
        }
        // Names that are the same keep one order, too.
        groups.sort_by(|a, b| match query.order {
            GroupOrder::Id => a.id.cmp(&b.id),
            GroupOrder::Subject => a.subject.cmp(&b.subject).then_with(|| a.id.cmp(&b.id)),
        });
        if query.descending {
            groups.reverse();
        }
        let page = groups.into_iter().skip(query.offset).take(query.limit.unwrap_or(usize::MAX));
        let shorten = |group: Group| {
            if query.without_participants { Group { participants: None, ..group } } else { group }
        };
        Ok(page.map(shorten).collect())
    }

    /// How many groups the account is in.
    ///
    /// # Errors
    /// When WhatsApp does not answer.
    pub async fn count(&self) -> Result<usize, GroupsError> {
        Ok(self.client.execute(AllGroups).await?.len())
    }

    /// One group.
    ///
    /// # Errors
    /// When there is no such group, or the account is not in it.
    pub async fn get(&self, group: &ChatId) -> Result<Group, GroupsError> {
        self.shown(&self.described(&jid(group)?).await?).await
    }

    /// Makes a group.
    ///
    /// # Errors
    /// When WhatsApp refuses.
    pub async fn create(&self, subject: &str, participants: &[ChatId]) -> Result<Group, GroupsError> {
        let participants = participants.iter().map(|id| jid(id).map(GroupParticipantOptions::new));
        let options =
            GroupCreateOptions::new(subject).with_participants(participants.collect::<Result<_, _>>()?);
        let made = self.client.groups().create_group(options).await?.metadata;
        let described = self.described(&made.id).await.unwrap_or_else(|_| {
            // It is made all the same; this is what was asked for.
            Described { metadata: made, members_add: true, members_share_history: false }
        });
        self.shown(&described).await
    }

    /// What may be seen of a group before one joins it.
    ///
    /// # Errors
    /// When no group has this invite code.
    pub async fn join_info(&self, code: &str) -> Result<Group, GroupsError> {
        let metadata = self.client.groups().get_invite_info(code).await.map_err(GroupsError::of_invite)?;
        // Of one that it is in already, the account may know all.
        let described = self.described(&metadata.id).await.unwrap_or_else(|_| Described {
            metadata,
            members_add: false,
            members_share_history: false,
        });
        self.shown(&described).await
    }

    /// Joins a group, or asks to where an admin must approve that.
    ///
    /// # Errors
    /// When no group has this invite code, or WhatsApp refuses.
    pub async fn join(&self, code: &str) -> Result<JoinGroupResponse, GroupsError> {
        let groups = self.client.groups();
        let joined = match groups.join_with_invite_code(code).await {
            Ok(JoinGroupResult::Joined(group) | JoinGroupResult::PendingApproval(group)) => group,
            Err(GroupError::Iq(IqError::ServerError { code: refusal, .. }))
                if ALREADY_IN.contains(&refusal) =>
            {
                groups.get_invite_info(code).await.map_err(GroupsError::of_invite)?.id
            }
            Err(error) => return Err(GroupsError::of_invite(error)),
        };
        let id = crate::address::chat_id(&joined).ok_or(NOT_UNDERSTOOD)?;
        Ok(JoinGroupResponse { id })
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// When the account is not in it.
    pub async fn leave(&self, group: &ChatId) -> Result<(), GroupsError> {
        let group = jid(group)?;
        // WhatsApp answers each group that is left by itself, which whatsapp-rust does not read.
        self.described(&group).await?;
        Ok(self.client.groups().leave(&group).await?)
    }

    /// Ends a group: removes all others, then leaves. WhatsApp has no other end for one. Broken off in the middle, it can be
    /// asked for again.
    ///
    /// # Errors
    /// When the account is no admin of it, or a member cannot be removed.
    pub async fn delete(&self, group: &ChatId) -> Result<(), GroupsError> {
        let group = jid(group)?;
        let described = self.described(&group).await?;
        if described.metadata.is_parent_group {
            return Err(GroupsError::InvalidRequest("a community cannot be deleted by this version"));
        }
        let (own, others): (Vec<_>, Vec<_>) =
            described.metadata.participants.into_iter().partition(|member| {
                let names = [Some(&member.jid), member.phone_number.as_ref(), member.lid.as_ref()];
                names.into_iter().flatten().any(|name| self.outbound.state.is_own(name))
            });
        if !others.is_empty() && !own.iter().any(whatsapp_rust::GroupParticipant::is_admin) {
            return Err(GroupsError::Forbidden);
        }
        let others: Vec<Jid> = others.into_iter().map(|member| member.jid).collect();
        for part in others.chunks(REMOVED_AT_ONCE) {
            let results = self.client.groups().remove_participants(&group, part).await?;
            let refusals = results.iter().filter_map(|result| result.error.as_deref());
            // Who left meanwhile need not be removed.
            if let Some(code) = refusals.into_iter().find(|code| *code != "404") {
                return Err(GroupsError::Refused { code: code.parse().unwrap_or(0) });
            }
        }
        Ok(self.client.groups().leave(&group).await?)
    }

    async fn described(&self, group: &Jid) -> Result<Described, GroupsError> {
        Ok(self.client.execute(OneGroup(group.clone())).await?)
    }

    async fn shown(&self, described: &Described) -> Result<Group, GroupsError> {
        shown::group(Some(&self.client), described).await.ok_or(NOT_UNDERSTOOD)
    }
}

const NOT_UNDERSTOOD: GroupsError = GroupsError::Failed("WhatsApp's answer could not be understood");

/// A chat id as the wire writes it.
fn jid(id: &ChatId) -> Result<Jid, GroupsError> {
    id.to_wire().parse().map_err(|_| GroupsError::InvalidRequest("no such chat"))
}
