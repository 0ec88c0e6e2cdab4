//! Changes to a group by its members.

use super::{APPROVAL_MODE, BAD_REQUEST, Description, MEMBER_ADD_MODE, NOT_FOUND, Refusal, setting_of};
use crate::node::Node;
use crate::server::account::Address;
use crate::server::world::World;

/// Longest subject and description, in characters.
const LONGEST_SUBJECT: usize = 100;
const LONGEST_DESCRIPTION: usize = 2048;

impl World {
    /// Grants a change that the caller is allowed to make.
    pub(super) fn change_group(
        &mut self,
        actor: &Address,
        id: &str,
        request: &Node,
    ) -> Result<Vec<Node>, Refusal> {
        match request.tag.as_str() {
            "add" | "remove" | "promote" | "demote" => self.change_members(actor, id, request),
            "subject" => self.set_subject(actor, id, request),
            "description" => self.set_description(actor, id, request),
            "invite" => {
                let invite = self.draw_invite();
                let group = self.groups.get_mut(id).ok_or(NOT_FOUND)?;
                group.invite.clone_from(&invite);
                let invite = Node::new("invite").attr("code", invite);
                self.announce_group(id, &actor.number, &invite);
                Ok(vec![invite])
            }
            "announcement" | "locked" | "ephemeral" | MEMBER_ADD_MODE => {
                let (setting, value) = setting_of(request).ok_or(BAD_REQUEST)?;
                let group = self.groups.get_mut(id).ok_or(NOT_FOUND)?;
                group.settings.insert(setting, value);
                self.announce_group(id, &actor.number, request);
                Ok(Vec::new())
            }
            "not_announcement" | "unlocked" | "not_ephemeral" => {
                let setting = match request.tag.as_str() {
                    "unlocked" => "locked",
                    other => other.trim_start_matches("not_"),
                };
                let group = self.groups.get_mut(id).ok_or(NOT_FOUND)?;
                group.settings.remove(setting);
                self.announce_group(id, &actor.number, request);
                Ok(Vec::new())
            }
            APPROVAL_MODE => {
                let group = self.groups.get_mut(id).ok_or(NOT_FOUND)?;
                match setting_of(request) {
                    Some((setting, value)) => group.settings.insert(setting, value),
                    None => group.settings.remove(APPROVAL_MODE),
                };
                self.announce_group(id, &actor.number, request);
                Ok(Vec::new())
            }
            "membership_requests_action" => self.answer_requests(actor, id, request),
            other => {
                let what = format!("iq w:g2 {other}");
                self.counters.unknown(&what);
                Ok(Vec::new())
            }
        }
    }

    fn set_subject(&mut self, actor: &Address, id: &str, request: &Node) -> Result<Vec<Node>, Refusal> {
        let subject = request.data().and_then(|bytes| std::str::from_utf8(bytes).ok()).ok_or(BAD_REQUEST)?;
        if subject.chars().count() > LONGEST_SUBJECT {
            return Err((406, "not-acceptable"));
        }
        let now = self.seconds();
        let group = self.groups.get_mut(id).ok_or(NOT_FOUND)?;
        subject.clone_into(&mut group.subject);
        group.subject_owner.clone_from(&actor.number);
        group.subject_time = now;
        let owner = self.accounts.get(&actor.number).map(|account| account.phone_jid().to_string());
        let change =
            Node::new("subject").attr("subject", subject).attr_opt("s_o", owner).attr("s_t", now.to_string());
        self.announce_group(id, &actor.number, &change);
        Ok(Vec::new())
    }

    fn set_description(&mut self, actor: &Address, id: &str, request: &Node) -> Result<Vec<Node>, Refusal> {
        let time = self.seconds();
        let body = match request.child_data("body") {
            None => None,
            Some(bytes) => Some(std::str::from_utf8(bytes).map_err(|_| BAD_REQUEST)?),
        };
        if body.is_some_and(|body| body.chars().count() > LONGEST_DESCRIPTION) {
            return Err((406, "not-acceptable"));
        }
        let group = self.groups.get_mut(id).ok_or(NOT_FOUND)?;
        let known = group.description.as_ref().map(|description| description.id.as_str());
        if known != request.get("prev") {
            return Err((409, "conflict"));
        }
        group.description = body.map(|body| Description {
            id: request.get("id").unwrap_or_default().to_owned(),
            body: body.to_owned(),
            owner: actor.number.clone(),
            time,
        });
        self.announce_group(id, &actor.number, request);
        Ok(Vec::new())
    }
}
