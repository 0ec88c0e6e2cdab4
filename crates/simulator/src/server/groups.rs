//! Groups: who is in them, what they are called, and who hears of changes (section 9, "Groups").

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::account::{Account, Address, StanzaClass};
use super::contract::Addressing;
use super::dispatch::Caller;
use super::world::World;
use crate::jid::{GROUP_SERVER, Jid};
use crate::node::Node;

mod changes;
mod joining;
mod members;

/// Members that one group may have.
const MOST_MEMBERS: usize = 1024;

/// One group.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Group {
    pub id: String,
    pub subject: String,
    /// Number of the account that set the subject, and when (seconds).
    pub subject_owner: String,
    pub subject_time: u64,
    pub creator: String,
    pub creation: u64,
    /// Are its members addressed by LID?
    pub lid: bool,
    /// Members by number.
    pub members: BTreeMap<String, Rank>,
    pub description: Option<Description>,
    pub invite: String,
    /// Switches such as `announcement` and `locked`.
    pub settings: BTreeMap<String, String>,
    /// Who waits to be let in, by number.
    #[serde(default)]
    pub requests: BTreeMap<String, JoinRequest>,
    #[serde(default)]
    pub picture: Option<Picture>,
}

/// Somebody waits to be let in.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct JoinRequest {
    /// Since when, in seconds.
    since: u64,
    /// How they ask.
    method: String,
}

/// A picture of a group or an account.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Picture {
    pub id: String,
    pub direct_path: String,
}

/// A group's description.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Description {
    id: String,
    body: String,
    owner: String,
    time: u64,
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Rank {
    Member,
    Admin,
    SuperAdmin,
}

impl Rank {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Member => None,
            Self::Admin => Some("admin"),
            Self::SuperAdmin => Some("superadmin"),
        }
    }
}

impl Group {
    pub fn jid(&self) -> Jid {
        Jid::new(&self.id, GROUP_SERVER)
    }

    pub fn addressing_mode(&self) -> &'static str {
        if self.lid { "lid" } else { "pn" }
    }

    /// May this account send messages to the group?
    pub fn may_send(&self, number: &str) -> bool {
        match self.members.get(number) {
            None => false,
            Some(Rank::Member) => !self.settings.contains_key("announcement"),
            Some(_) => true,
        }
    }

    pub fn is_admin(&self, number: &str) -> bool {
        self.members.get(number).is_some_and(|rank| *rank != Rank::Member)
    }

    fn has(&self, setting: &str, value: &str) -> bool {
        self.settings.get(setting).is_some_and(|set| set == value)
    }

    /// May this member ask for such a change? Names are everybody's unless the group is locked, members come by whom the
    /// group's setting lets add them, all else is for admins.
    pub fn may_change(&self, number: &str, change: &str) -> bool {
        match change {
            _ if self.is_admin(number) => true,
            "subject" | "description" | "picture" => !self.settings.contains_key("locked"),
            "add" => self.has(MEMBER_ADD_MODE, ALL_MEMBER_ADD),
            _ => false,
        }
    }
}

/// Who may add members, and what it is set to in a new group.
const MEMBER_ADD_MODE: &str = "member_add_mode";
const ALL_MEMBER_ADD: &str = "all_member_add";
/// Whether an admin must approve who joins by link.
const APPROVAL_MODE: &str = "membership_approval_mode";
/// Who may give earlier messages to new members.
pub(super) const SHARE_HISTORY_MODE: &str = "member_share_group_history_mode";

/// An `iq` that cannot be granted: code and text.
type Refusal = (u16, &'static str);

const BAD_REQUEST: Refusal = (400, "bad-request");
const FORBIDDEN: Refusal = (403, "forbidden");
const NOT_FOUND: Refusal = (404, "item-not-found");

impl World {
    /// Answers `w:g2`.
    pub fn group_iq(&mut self, caller: &Caller, iq: &Node, kind: &str) {
        let group = iq.get("to").and_then(Jid::parse).filter(Jid::is_group).map(|jid| jid.user);
        let result = match group.filter(|group| !group.is_empty()) {
            None => self.groups_iq(&caller.address, iq, kind),
            Some(group) => self.one_group_iq(&caller.address, &group, iq, kind),
        };
        match result {
            Ok(children) => self.reply(caller.link, iq, children),
            Err((code, text)) => self.refuse(caller.link, iq, code, text),
        }
    }

    /// Requests to `@g.us`: about no group yet, or about all of them.
    fn groups_iq(&mut self, actor: &Address, iq: &Node, kind: &str) -> Result<Vec<Node>, Refusal> {
        let request = iq.nodes().first().ok_or(BAD_REQUEST)?;
        match (request.tag.as_str(), kind) {
            ("create", "set") => self.create_group(actor, request),
            ("participating", _) => {
                let ids = self.account_of(actor).map(|account| account.groups.clone()).unwrap_or_default();
                let groups: Vec<Node> = ids.iter().filter_map(|id| self.group_node(id)).collect();
                Ok(vec![Node::new("groups").children(groups)])
            }
            ("leave", "set") => {
                let ids: Vec<String> =
                    request.find_all("group").filter_map(|group| group.get("id")).map(group_id).collect();
                let left = ids.iter().map(|id| self.leave_group(actor, id));
                Ok(vec![Node::new("leave").children(left)])
            }
            ("invite", kind) => self.use_invite(actor, request.get("code").unwrap_or_default(), kind),
            (other, _) => {
                let what = format!("iq w:g2 {other}");
                self.counters.unknown(&what);
                Ok(Vec::new())
            }
        }
    }

    fn one_group_iq(
        &mut self,
        actor: &Address,
        id: &str,
        iq: &Node,
        kind: &str,
    ) -> Result<Vec<Node>, Refusal> {
        let group = self.groups.get(id).ok_or(NOT_FOUND)?;
        let request = iq.nodes().first().ok_or(BAD_REQUEST)?;
        if request.tag == "cancel_membership_requests" {
            return self.cancel_request(actor, id);
        }
        if !group.members.contains_key(&actor.number) {
            return Err(FORBIDDEN);
        }
        match (request.tag.as_str(), kind) {
            ("query", _) => Ok(self.group_node(id).into_iter().collect()),
            ("invite" | "membership_approval_requests", _) if !group.is_admin(&actor.number) => {
                Err(FORBIDDEN)
            }
            ("invite", "get") => Ok(vec![Node::new("invite").attr("code", group.invite.clone())]),
            ("membership_approval_requests", _) => Ok(vec![self.requests_node(id)]),
            (_, "get") => {
                let what = format!("iq w:g2 {}", request.tag);
                self.counters.unknown(&what);
                Ok(Vec::new())
            }
            (change, _) if !group.may_change(&actor.number, change) => Err(FORBIDDEN),
            _ => self.change_group(actor, id, request),
        }
    }

    /// `<group>` as every answer about a group carries it.
    pub fn group_node(&self, id: &str) -> Option<Node> {
        let group = self.groups.get(id)?;
        let jid = |number: &str| Some(self.accounts.get(number)?.jid(group.lid).to_string());
        let phone = |number: &str| {
            group.lid.then(|| self.accounts.get(number).map(|account| account.phone_jid().to_string()))?
        };
        let members = group.members.iter().filter_map(|(number, rank)| {
            Some(participant_node(group.lid, self.accounts.get(number)?).attr_opt("type", rank.name()))
        });
        let mut node = Node::new("group")
            .attr("id", id)
            .attr("subject", group.subject.clone())
            .attr("s_t", group.subject_time.to_string())
            .attr_opt("s_o", jid(&group.subject_owner))
            .attr_opt("s_o_pn", phone(&group.subject_owner))
            .attr("creation", group.creation.to_string())
            .attr_opt("creator", jid(&group.creator))
            .attr_opt("creator_pn", phone(&group.creator))
            .attr("size", group.members.len().to_string())
            .attr("addressing_mode", group.addressing_mode())
            .children(members);
        if let Some(description) = &group.description {
            let body = Node::new("body").bytes(description.body.as_bytes());
            node = node.child(
                Node::new("description")
                    .attr("id", description.id.clone())
                    .attr("t", description.time.to_string())
                    .attr_opt("participant", jid(&description.owner))
                    .child(body),
            );
        }
        Some(node.children(group.settings.iter().map(|(name, value)| setting_node(name, value))))
    }

    fn create_group(&mut self, actor: &Address, request: &Node) -> Result<Vec<Node>, Refusal> {
        let creation = self.seconds();
        let wanted: Vec<String> = self.participants(request).into_iter().flatten().collect();
        let mut members: BTreeMap<_, _> =
            wanted.into_iter().take(MOST_MEMBERS - 1).map(|number| (number, Rank::Member)).collect();
        members.insert(actor.number.clone(), Rank::SuperAdmin);
        let number: u64 = self.rng.random_range(10_000_000_000_000..100_000_000_000_000);
        let mut settings = BTreeMap::from([(MEMBER_ADD_MODE.to_owned(), ALL_MEMBER_ADD.to_owned())]);
        settings.extend(request.nodes().iter().filter_map(setting_of));
        let group = Group {
            id: format!("1203{number}"),
            subject: request.get("subject").unwrap_or_default().to_owned(),
            subject_owner: actor.number.clone(),
            subject_time: creation,
            creator: actor.number.clone(),
            creation,
            lid: self.config.addressing == Addressing::Lid,
            members,
            description: None,
            invite: self.draw_invite(),
            settings,
            requests: BTreeMap::new(),
            picture: None,
        };
        let id = group.id.clone();
        for number in group.members.keys() {
            if let Some(account) = self.accounts.get_mut(number) {
                account.groups.insert(id.clone());
            }
        }
        self.groups.insert(id.clone(), group);
        self.counters.add("groups_created");
        let node = self.group_node(&id).ok_or(NOT_FOUND)?;
        let create = Node::new("create").attr("type", "new").child(node.clone());
        self.announce_group(&id, &actor.number, &create);
        Ok(vec![node])
    }

    fn draw_invite(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..22).map(|_| char::from(LETTERS[self.rng.random_range(0..LETTERS.len())])).collect()
    }

    /// The accounts that `<participant jid>` children name; none for unknown ones.
    fn participants(&self, request: &Node) -> Vec<Option<String>> {
        request
            .find_all("participant")
            .map(|participant| {
                let jid = Jid::parse(participant.get("jid")?)?;
                // A LID that the server does not know may come with the phone number.
                let account = self
                    .resolve(&jid)
                    .or_else(|| self.resolve(&Jid::parse(participant.get("phone_number")?)?))?;
                Some(account.number.clone())
            })
            .collect()
    }

    /// Tells every device of every member of a change that `actor` made.
    fn announce_group(&mut self, id: &str, actor: &str, change: &Node) {
        let members = self.groups.get(id).map(|group| group.members.keys().cloned().collect());
        let members: Vec<String> = members.unwrap_or_default();
        self.announce_to(id, actor, change, &members);
    }

    /// Tells every device of some accounts of a change that `actor` made.
    fn announce_to(&mut self, id: &str, actor: &str, change: &Node, numbers: &[String]) {
        let Some(group) = self.groups.get(id) else { return };
        let Some(account) = self.accounts.get(actor) else { return };
        let other = if group.lid { "participant_pn" } else { "participant_lid" };
        let base = Node::new("notification")
            .attr("from", group.jid().to_string())
            .attr("type", "w:gp2")
            .attr("participant", account.jid(group.lid).to_string())
            .attr(other, account.jid(!group.lid).to_string())
            .attr("notify", account.name.clone())
            .attr("addressing_mode", group.addressing_mode())
            .child(change.clone());
        for receiver in self.devices_of(numbers) {
            let stanza_id = self.next_id();
            let notification =
                base.clone().attr("id", stanza_id.clone()).attr("t", self.seconds_for(&receiver).to_string());
            self.deliver(&receiver, StanzaClass::Notification, &stanza_id, notification);
        }
    }
}

/// A switch as `<group>` carries it.
fn setting_node(name: &str, value: &str) -> Node {
    match name {
        "ephemeral" => Node::new(name).attr("expiration", value),
        APPROVAL_MODE => Node::new(name).child(Node::new("group_join").attr("state", value)),
        MEMBER_ADD_MODE | SHARE_HISTORY_MODE => Node::new(name).bytes(value.as_bytes()),
        name => Node::new(name),
    }
}

/// The switch that an element sets, as the maker of a group writes it, and whoever changes it later.
fn setting_of(node: &Node) -> Option<(String, String)> {
    let value = match node.tag.as_str() {
        "announcement" | "locked" => "true".to_owned(),
        "ephemeral" => node.get("expiration").filter(|seconds| *seconds != "0")?.to_owned(),
        MEMBER_ADD_MODE => String::from_utf8(node.data()?.to_vec()).ok()?,
        APPROVAL_MODE => node.find("group_join")?.get("state").filter(|state| *state == "on")?.to_owned(),
        _ => return None,
    };
    Some((node.tag.clone(), value))
}

/// `<participant>` with both addresses of an account.
fn participant_node(lid: bool, account: &Account) -> Node {
    let other = if lid { "phone_number" } else { "lid" };
    Node::new("participant")
        .attr("jid", account.jid(lid).to_string())
        .attr(other, account.jid(!lid).to_string())
}

/// A group id with or without `@g.us`.
fn group_id(text: &str) -> String {
    text.split_once('@').map_or(text, |(id, _)| id).to_owned()
}
