//! Pictures of groups. People have none here.

use bytes::Bytes;

use super::account::StanzaClass;
use super::dispatch::Caller;
use super::groups::Picture;
use super::world::World;
use crate::jid::Jid;
use crate::node::Node;

/// Largest picture that is taken.
const LARGEST: usize = 1 << 20;

impl World {
    /// Answers `w:profile:picture`: `target` is whose picture it is about, the caller's own without it.
    pub fn picture_iq(&mut self, caller: &Caller, iq: &Node, kind: &str) {
        let target = iq.get("target").and_then(Jid::parse).filter(Jid::is_group);
        let result = match (target, kind) {
            (Some(group), "get") => self.picture(caller, &group),
            (Some(group), _) => self.set_picture(caller, &group, iq),
            (None, "get") => Err((404, "item-not-found")),
            (None, _) => Ok(Vec::new()),
        };
        match result {
            Ok(children) => self.reply(caller.link, iq, children),
            Err((code, text)) => self.refuse(caller.link, iq, code, text),
        }
    }

    fn picture(&self, caller: &Caller, group: &Jid) -> Result<Vec<Node>, (u16, &'static str)> {
        let group = self.groups.get(&group.user).ok_or((404, "item-not-found"))?;
        if !group.members.contains_key(&caller.address.number) {
            return Err((401, "not-authorized"));
        }
        let picture = group.picture.as_ref().ok_or((404, "item-not-found"))?;
        let node = Node::new("picture")
            .attr("id", picture.id.clone())
            .attr("type", "image")
            .attr("url", format!("https://{}{}", self.config.media_host, picture.direct_path))
            .attr("direct_path", picture.direct_path.clone());
        Ok(vec![node])
    }

    /// Takes a JPEG as the new picture; no `<picture>` takes the picture away.
    fn set_picture(
        &mut self,
        caller: &Caller,
        jid: &Jid,
        iq: &Node,
    ) -> Result<Vec<Node>, (u16, &'static str)> {
        let group = self.groups.get(&jid.user).ok_or((404, "item-not-found"))?;
        if !group.may_change(&caller.address.number, "picture") {
            return Err((403, "forbidden"));
        }
        let Some(bytes) = iq.child_data("picture") else {
            self.keep_picture(caller, jid, None);
            return Ok(Vec::new());
        };
        if !bytes.starts_with(&[0xff, 0xd8]) || bytes.len() > LARGEST {
            return Err((406, "not-acceptable"));
        }
        let at = self.config.media.put("picture", Bytes::copy_from_slice(bytes));
        let id = self.next_sequence().to_string();
        let picture = Picture { id: id.clone(), direct_path: at.direct_path };
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
