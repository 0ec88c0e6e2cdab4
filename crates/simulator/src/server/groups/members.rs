//! Who is in a group: added, removed, promoted, demoted, leaving.

use super::{MOST_MEMBERS, NOT_FOUND, Rank, Refusal, participant_node};
use crate::node::Node;
use crate::server::account::Address;
use crate::server::world::World;

impl World {
    /// Adds, removes, promotes or demotes; every participant gets its own answer.
    pub(super) fn change_members(
        &mut self,
        actor: &Address,
        id: &str,
        request: &Node,
    ) -> Result<Vec<Node>, Refusal> {
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
            match what {
                "add" => self.announce_joined(id, &actor.number, &change, &changed),
                _ => self.announce_group(id, &actor.number, &change),
            }
            if what == "remove" {
                self.announce_to(id, &actor.number, &change, &changed);
            }
        }
        Ok(vec![Node::new(what).children(answers)])
    }

    /// One member's change; an error is what the answer's `error` attribute says.
    pub(super) fn change_member(&mut self, id: &str, what: &str, number: &str) -> Result<(), u16> {
        let group = self.groups.get_mut(id).ok_or(404u16)?;
        let rank = group.members.get(number).copied();
        match (what, rank) {
            ("add", Some(_)) => return Err(409),
            ("add", None) if group.members.len() >= MOST_MEMBERS => return Err(419),
            ("add", None) => {
                group.members.insert(number.to_owned(), Rank::Member);
                group.requests.remove(number);
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

    /// Tells of new members: they are told of the whole group, all others of them.
    pub(super) fn announce_joined(&mut self, id: &str, actor: &str, change: &Node, joined: &[String]) {
        let Some(group) = self.groups.get(id) else { return };
        let others: Vec<String> =
            group.members.keys().filter(|number| !joined.contains(*number)).cloned().collect();
        self.announce_to(id, actor, change, &others);
        let Some(group) = self.group_node(id) else { return };
        let create = Node::new("create").attr_opt("reason", change.get("reason")).child(group);
        self.announce_to(id, actor, &create, joined);
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
        self.announce_group(id, &actor.number, &change);
        self.announce_to(id, &actor.number, &change, std::slice::from_ref(&actor.number));
        answer
    }
}
