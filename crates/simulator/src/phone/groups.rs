//! Groups, as far as a phone must know them to send.

use super::core::Core;
use super::error::PhoneError;
use crate::jid::{GROUP_SERVER, Jid};
use crate::node::Node;

impl Core {
    /// Makes a group and returns its JID.
    pub async fn create_group(&self, subject: &str, participants: &[String]) -> Result<Jid, PhoneError> {
        let mut members = Vec::new();
        for participant in participants {
            let jid = self.chat(participant)?;
            if self.server.account(&jid.user).is_none() {
                return Err(PhoneError::UnknownRecipient);
            }
            members.push(Node::new("participant").attr("jid", jid.to_string()));
        }
        let create = Node::new("create").attr("subject", subject).children(members);
        let request = Node::new("iq")
            .attr("to", format!("@{GROUP_SERVER}"))
            .attr("type", "set")
            .attr("xmlns", "w:g2")
            .child(create);
        let answer = self.request("the new group", request).await?;
        let group = answer.find("group").ok_or(PhoneError::UnknownGroup)?;
        let jid = group_jid(group).ok_or(PhoneError::UnknownGroup)?;
        self.learn_group(&jid, group);
        Ok(jid)
    }

    /// The members of a group, and whether they are addressed by LID.
    pub async fn group_members(&self, group: &Jid) -> Result<(Vec<Jid>, bool), PhoneError> {
        let known = |core: &Self| {
            let state = core.state();
            let known = state.groups.get(&group.to_string())?;
            Some((known.members.clone()?, known.lid))
        };
        if let Some(known) = known(self) {
            return Ok(known);
        }
        let request = Node::new("iq")
            .attr("to", group.to_string())
            .attr("type", "get")
            .attr("xmlns", "w:g2")
            .child(Node::new("query").attr("request", "interactive"));
        let answer = match self.request("the group", request).await {
            Err(PhoneError::Refused { .. }) => return Err(PhoneError::UnknownGroup),
            answer => answer?,
        };
        self.learn_group(group, answer.find("group").ok_or(PhoneError::UnknownGroup)?);
        known(self).ok_or(PhoneError::UnknownGroup)
    }

    /// Takes over who is in a group. When someone left, the next message gets a new sender key.
    fn learn_group(&self, jid: &Jid, group: &Node) {
        let members: Vec<Jid> = group
            .find_all("participant")
            .filter_map(|participant| Jid::parse(participant.get("jid")?))
            .collect();
        let lid = group.get("addressing_mode") == Some("lid");
        let me = self.me(lid);
        let mut state = self.state();
        let known = state.groups.entry(jid.to_string()).or_default();
        let left = known
            .informed
            .iter()
            .any(|device| Jid::parse(device).is_none_or(|device| !members.contains(&device.with_device(0))));
        known.members = Some(members);
        known.lid = lid;
        if left {
            known.informed.clear();
            state.cipher.rotate_sender_key(jid, &me);
        }
    }

    /// A group changed: ask again before the next message.
    pub fn forget_group(&self, group: &Jid) {
        if let Some(known) = self.state().groups.get_mut(&group.to_string()) {
            known.members = None;
        }
    }
}

fn group_jid(group: &Node) -> Option<Jid> {
    let id = group.get("id")?;
    let id = id.split_once('@').map_or(id, |(id, _)| id);
    Some(Jid::new(id, GROUP_SERVER))
}
