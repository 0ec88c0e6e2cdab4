//! Pictures of groups and of people.

use super::account::StanzaClass;
use super::dispatch::Caller;
use super::groups::Picture;
use super::world::World;
use crate::jid::Jid;
use crate::node::Node;

/// Largest picture that is taken.
const LARGEST: usize = 1 << 20;

/// Why a request is refused: WhatsApp's code and word.
pub(super) type Refusal = (u16, &'static str);

/// Whether these bytes are taken as a picture.
pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8]) && bytes.len() <= LARGEST
}

/// Where a picture can be fetched.
pub(super) fn shown(picture: &Picture, host: &str) -> Node {
    Node::new("picture")
        .attr("id", picture.id.clone())
        .attr("type", "image")
        .attr("url", format!("https://{host}{}", picture.direct_path))
        .attr("direct_path", picture.direct_path.clone())
}

impl World {
    /// Answers `w:profile:picture`: `target` is whose picture it is about, the caller's own without it.
    pub fn picture_iq(&mut self, caller: &Caller, iq: &Node, kind: &str) {
        let target = iq.get("target").and_then(Jid::parse);
        let result = match (target, kind) {
            (Some(group), "get") if group.is_group() => self.picture(caller, &group),
            (Some(group), _) if group.is_group() => self.set_picture(caller, &group, iq),
            (Some(person), "get") => self.persons_picture(&person),
            (None, "get") => self.persons_picture(&caller.address.jid()),
            (Some(person), _)
                if self.resolve_device(&person).is_none_or(|one| one.number != caller.address.number) =>
            {
                Err((403, "forbidden"))
            }
            (_, _) => self.set_own_picture(caller, iq),
        };
        match result {
            Ok(children) => self.reply(caller.link, iq, children),
            Err((code, text)) => self.refuse(caller.link, iq, code, text),
        }
    }

    fn picture(&self, caller: &Caller, group: &Jid) -> Result<Vec<Node>, Refusal> {
        let group = self.groups.get(&group.user).ok_or((404, "item-not-found"))?;
        if !group.members.contains_key(&caller.address.number) {
            return Err((401, "not-authorized"));
        }
        let picture = group.picture.as_ref().ok_or((404, "item-not-found"))?;
        Ok(vec![shown(picture, &self.config.media_host)])
    }

    /// Takes a JPEG as the new picture; no `<picture>` takes the picture away.
    fn set_picture(&mut self, caller: &Caller, jid: &Jid, iq: &Node) -> Result<Vec<Node>, Refusal> {
        let group = self.groups.get(&jid.user).ok_or((404, "item-not-found"))?;
        if !group.may_change(&caller.address.number, "picture") {
            return Err((403, "forbidden"));
        }
        let Some(bytes) = iq.child_data("picture") else {
            self.keep_picture(caller, jid, None);
            return Ok(Vec::new());
        };
        let picture = self.kept_picture(bytes)?;
        let id = picture.id.clone();
        self.keep_picture(caller, jid, Some(picture));
        Ok(vec![Node::new("picture").attr("id", id)])
    }

    /// Keeps it and tells every member.
    fn keep_picture(&mut self, caller: &Caller, jid: &Jid, picture: Option<Picture>) {
        let Some(group) = self.groups.get_mut(&jid.user) else { return };
        let change = match &picture {
            Some(picture) => Node::new("set").attr("id", picture.id.clone()),
            None => Node::new("delete"),
        };
        group.picture = picture;
        let (lid, members): (bool, Vec<String>) = (group.lid, group.members.keys().cloned().collect());
        let author = self.account_of(&caller.address).map(|account| account.jid(lid).to_string());
        let change = change.attr("jid", jid.to_string()).attr_opt("author", author);
        for receiver in self.devices_of(&members) {
            let id = self.next_id();
            let notification = Node::new("notification")
                .attr("from", jid.to_string())
                .attr("type", "picture")
                .attr("id", id.clone())
                .attr("t", self.seconds_for(&receiver).to_string())
                .child(change.clone());
            self.deliver(&receiver, StanzaClass::Notification, &id, notification);
        }
    }
}
