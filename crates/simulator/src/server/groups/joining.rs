//! Coming into a group by its invite code, at once or after an admin approved.

use super::{APPROVAL_MODE, BAD_REQUEST, FORBIDDEN, JoinRequest, NOT_FOUND, Refusal, participant_node};
use crate::node::Node;
use crate::server::account::Address;
use crate::server::world::World;

/// How somebody asks who has the invite code.
const BY_LINK: &str = "invite_link";
/// A request is gone, whoever ended it.
const REVOKED: &str = "revoked_membership_requests";

impl World {
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
        let group = self.groups.get_mut(&id).ok_or(NOT_FOUND)?;
        if group.has(APPROVAL_MODE, "on") && !group.members.contains_key(&actor.number) {
            return Ok(vec![self.ask_to_join(actor, &id)]);
        }
        match self.change_member(&id, "add", &actor.number) {
            Ok(()) => {}
            Err(409) => return Ok(vec![Node::new("group").attr("jid", jid)]),
            Err(_) => return Err(FORBIDDEN),
        }
        let lid = self.groups.get(&id).is_some_and(|group| group.lid);
        let participant = self.accounts.get(&actor.number).map(|account| participant_node(lid, account));
        let change = Node::new("add").attr("reason", "invite").children(participant);
        self.announce_joined(&id, &actor.number, &change, std::slice::from_ref(&actor.number));
        Ok(vec![Node::new("group").attr("jid", jid)])
    }

    fn ask_to_join(&mut self, actor: &Address, id: &str) -> Node {
        let since = self.seconds();
        let answer = Node::new("membership_approval_request");
        let Some(group) = self.groups.get_mut(id) else { return answer };
        let answer = answer.attr("jid", group.jid().to_string());
        let request = JoinRequest { since, method: BY_LINK.to_owned() };
        if group.requests.insert(actor.number.clone(), request).is_some() {
            return answer;
        }
        let lid = group.lid;
        let user = self.accounts.get(&actor.number).map(|account| {
            let user = Node::new("requested_user").attr("jid", account.jid(lid).to_string());
            if lid { user.attr("phone_number", account.phone_jid().to_string()) } else { user }
        });
        let created = Node::new("created_membership_requests").attr("request_method", BY_LINK).children(user);
        self.announce_to_admins(id, &actor.number, &created);
        answer
    }

    /// Who waits to be let in.
    pub(super) fn requests_node(&self, id: &str) -> Node {
        let waiting = self.groups.get(id).into_iter().flat_map(|group| {
            group.requests.iter().filter_map(|(number, request)| {
                let account = self.accounts.get(number)?;
                let phone = group.lid.then(|| account.phone_jid().to_string());
                let node = Node::new("membership_approval_request")
                    .attr("jid", account.jid(group.lid).to_string())
                    .attr_opt("phone_number", phone)
                    .attr("request_method", request.method.clone())
                    .attr("request_time", request.since.to_string());
                Some(node)
            })
        });
        Node::new("membership_approval_requests").children(waiting)
    }

    /// An admin lets people in who asked, or does not; each has an answer of their own.
    pub(super) fn answer_requests(
        &mut self,
        actor: &Address,
        id: &str,
        request: &Node,
    ) -> Result<Vec<Node>, Refusal> {
        let action = request.nodes().first().ok_or(BAD_REQUEST)?;
        let approve = match action.tag.as_str() {
            "approve" => true,
            "reject" => false,
            _ => return Err(BAD_REQUEST),
        };
        let (mut answers, mut done) = (Vec::new(), Vec::new());
        for (participant, number) in action.find_all("participant").zip(self.participants(action)) {
            let answer = Node::new("participant").attr("jid", participant.get("jid").unwrap_or_default());
            let group = self.groups.get_mut(id).ok_or(NOT_FOUND)?;
            let waited = number.filter(|number| group.requests.remove(number).is_some());
            let outcome = match waited {
                None => Err(404),
                Some(number) if approve => self.change_member(id, "add", &number).map(|()| number),
                Some(number) => Ok(number),
            };
            match outcome {
                Ok(number) => {
                    done.push(number);
                    answers.push(answer);
                }
                Err(code) => answers.push(answer.attr("error", code.to_string())),
            }
        }
        let named = self.named(id, &done);
        if approve && !done.is_empty() {
            self.announce_joined(id, &actor.number, &Node::new("add").children(named), &done);
        } else if !done.is_empty() {
            self.announce_to_admins(id, &actor.number, &Node::new(REVOKED).children(named));
        }
        let action = Node::new(action.tag.clone()).children(answers);
        Ok(vec![Node::new("membership_requests_action").child(action)])
    }

    /// Who asked to be let in takes it back.
    pub(super) fn cancel_request(&mut self, actor: &Address, id: &str) -> Result<Vec<Node>, Refusal> {
        let group = self.groups.get_mut(id).ok_or(NOT_FOUND)?;
        group.requests.remove(&actor.number).ok_or(NOT_FOUND)?;
        let named = self.named(id, std::slice::from_ref(&actor.number));
        self.announce_to_admins(id, &actor.number, &Node::new(REVOKED).children(named.clone()));
        Ok(vec![Node::new("cancel_membership_requests").children(named)])
    }

    fn named(&self, id: &str, numbers: &[String]) -> Vec<Node> {
        let lid = self.groups.get(id).is_some_and(|group| group.lid);
        let accounts = numbers.iter().filter_map(|number| self.accounts.get(number));
        accounts.map(|account| participant_node(lid, account)).collect()
    }

    fn announce_to_admins(&mut self, id: &str, actor: &str, change: &Node) {
        let Some(group) = self.groups.get(id) else { return };
        let admins: Vec<String> =
            group.members.keys().filter(|number| group.is_admin(number)).cloned().collect();
        self.announce_to(id, actor, change, &admins);
    }
}
