//! Changes to a group by its members.

use super::{BAD_REQUEST, Description, FORBIDDEN, MOST_MEMBERS, NOT_FOUND, Rank, Refusal, participant_node};
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
                self.announce_group(id, &actor.number, &invite, None);
                Ok(vec![invite])
            }
            "announcement" | "locked" | "ephemeral" => {
                let value = request.get("expiration").unwrap_or("true").to_owned();
                let group = self.groups.get_mut(id).ok_or(NOT_FOUND)?;
                group.settings.insert(request.tag.clone(), value);
                self.announce_group(id, &actor.number, request, None);
                Ok(Vec::new())
            }
            "not_announcement" | "unlocked" | "not_ephemeral" => {
                let setting = match request.tag.as_str() {
                    "unlocked" => "locked",
                    other => other.trim_start_matches("not_"),
                };
                let group = self.groups.get_mut(id).ok_or(NOT_FOUND)?;
                group.settings.remove(setting);
                self.announce_group(id, &actor.number, request, None);
                Ok(Vec::new())
            }
            other => {
                let what = format!("iq w:g2 {other}");
                self.counters.unknown(&what);
                Ok(Vec::new())
            }
        }
    }

    /// Adds, removes, promotes or demotes; every participant gets its own answer.
    fn change_members(&mut self, actor: &Address, id: &str, request: &Node) -> Result<Vec<Node>, Refusal> {
        let what = request.tag.as_str();
        let wanted = self.participants(request);
        let mut answers = Vec::new();
        let mut changed = Vec::new();
        for (participant, number) in request.find_all("participant").zip(wanted) {
            let jid = participant.get("jid").unwrap_or_default();
            let done = match number {
                Some(number) => self.change_member(id, what, &number).map(|()| number),
                None => Err(404),
            };
            let answer = Node::new("participant").attr("jid", jid);
            match done {
                Ok(number) => {
                    changed.push(number);
                    answers.push(answer);
                }
                Err(code) => answers.push(answer.attr("error", code.to_string())),
            }
        }
        if !changed.is_empty() {
            let lid = self.groups.get(id).ok_or(NOT_FOUND)?.lid;
            let participants =
                changed.iter().filter_map(|number| Some(participant_node(lid, self.accounts.get(number)?)));
            let change = Node::new(what).children(participants.collect::<Vec<_>>());
            self.announce_group(id, &actor.number, &change, None);
            if what == "remove" {
                for number in &changed {
                    self.announce_to(id, &actor.number, &change, number);
                }
            }
        }
        Ok(vec![Node::new(what).children(answers)])
    }

    /// One member's change; an error is what the answer's `error` attribute says.
    fn change_member(&mut self, id: &str, what: &str, number: &str) -> Result<(), u16> {
        let group = self.groups.get_mut(id).ok_or(404u16)?;
        let rank = group.members.get(number).copied();
        match (what, rank) {
            ("add", Some(_)) => return Err(409),
            ("add", None) if group.members.len() >= MOST_MEMBERS => return Err(419),
            ("add", None) => {
                group.members.insert(number.to_owned(), Rank::Member);
            }
            (_, None) => return Err(404),
            ("remove" | "demote", Some(Rank::SuperAdmin)) => return Err(406),
            ("remove", Some(_)) => {
                group.members.remove(number);
            }
            ("promote", Some(Rank::Member)) => {
                group.members.insert(number.to_owned(), Rank::Admin);
            }
            ("demote", Some(_)) => {
                group.members.insert(number.to_owned(), Rank::Member);
            }
            _ => {}
        }
        if let Some(account) = self.accounts.get_mut(number) {
            match what {
                "add" => account.groups.insert(id.to_owned()),
                "remove" => account.groups.remove(id),
                _ => false,
            };
        }
        Ok(())
    }

    /// Tells only the devices of one account, which is no member any more.
    fn announce_to(&mut self, id: &str, actor: &str, change: &Node, number: &str) {
        let Some(group) = self.groups.get_mut(id) else { return };
        let members = std::mem::take(&mut group.members);
        self.announce_group(id, actor, change, Some(number));
        if let Some(group) = self.groups.get_mut(id) {
            group.members = members;
        }
    }

    /// A member leaves. A group without an admin gets its first member as one.
    pub(super) fn leave_group(&mut self, actor: &Address, id: &str) -> Node {
        let answer = Node::new("group").attr("id", id);
        let Some(group) = self.groups.get_mut(id) else { return answer.attr("error", "404") };
        if group.members.remove(&actor.number).is_none() {
            return answer.attr("error", "404");
        }
        let orphaned = group.members.values().all(|rank| *rank == Rank::Member);
        if orphaned && let Some(rank) = group.members.values_mut().next() {
            *rank = Rank::Admin;
        }
        let lid = group.lid;
        if let Some(account) = self.accounts.get_mut(&actor.number) {
            account.groups.remove(id);
        }
        let participant = self.accounts.get(&actor.number).map(|account| participant_node(lid, account));
        let change = Node::new("remove").children(participant);
        self.announce_group(id, &actor.number, &change, Some(&actor.number));
        answer
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
        self.announce_group(id, &actor.number, &change, None);
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
        self.announce_group(id, &actor.number, request, None);
        Ok(Vec::new())
    }

    /// Looks at a group through its invite code, or joins it.
    pub(super) fn use_invite(
        &mut self,
        actor: &Address,
        code: &str,
        kind: &str,
    ) -> Result<Vec<Node>, Refusal> {
        let group = self.groups.values().find(|group| !code.is_empty() && group.invite == code);
        let (id, jid) = group.map(|group| (group.id.clone(), group.jid().to_string())).ok_or(NOT_FOUND)?;
        if kind == "get" {
            return Ok(self.group_node(&id).into_iter().collect());
        }
        match self.change_member(&id, "add", &actor.number) {
            Ok(()) => {}
            Err(409) => return Ok(vec![Node::new("group").attr("jid", jid)]),
            Err(_) => return Err(FORBIDDEN),
        }
        let lid = self.groups.get(&id).is_some_and(|group| group.lid);
        let participant = self.accounts.get(&actor.number).map(|account| participant_node(lid, account));
        let change = Node::new("add").attr("reason", "invite").children(participant);
        self.announce_group(&id, &actor.number, &change, None);
        Ok(vec![Node::new("group").attr("jid", jid)])
    }
}
