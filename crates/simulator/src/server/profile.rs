//! What an account shows of itself: its "about" text and its picture.

use bytes::Bytes;

use super::account::StanzaClass;
use super::dispatch::Caller;
use super::groups::Picture;
use super::pictures::{self, Refusal};
use super::world::World;
use crate::jid::Jid;
use crate::node::Node;

/// Longest "about" text that is taken, in characters, as WhatsApp has it.
const LONGEST_ABOUT: usize = 139;

impl World {
    /// Takes `<status>` as the account's new "about" text and tells those who know the account.
    pub fn set_about(&mut self, caller: &Caller, iq: &Node) -> Result<(), Refusal> {
        let status = iq.find("status").ok_or((400, "bad-request"))?;
        let text = std::str::from_utf8(status.data().unwrap_or_default());
        let text = text.map_err(|_| (400, "bad-request"))?.to_owned();
        if text.chars().count() > LONGEST_ABOUT {
            return Err((406, "not-acceptable"));
        }
        let account = self.accounts.get_mut(&caller.address.number).ok_or((404, "item-not-found"))?;
        account.about = Some(text.clone());
        self.tell_of_profile(caller, "status", |_| Node::new("set").bytes(text.clone()));
        Ok(())
    }

    /// The picture of a person.
    pub fn persons_picture(&self, jid: &Jid) -> Result<Vec<Node>, Refusal> {
        let account = self.resolve(jid).ok_or((404, "item-not-found"))?;
        let picture = account.picture.as_ref().ok_or((404, "item-not-found"))?;
        Ok(vec![pictures::shown(picture, &self.config.media_host)])
    }

    /// Takes a JPEG as the account's new picture; no `<picture>` takes the picture away.
    pub fn set_own_picture(&mut self, caller: &Caller, iq: &Node) -> Result<Vec<Node>, Refusal> {
        let picture = match iq.child_data("picture") {
            Some(bytes) => Some(self.kept_picture(bytes)?),
            None => None,
        };
        let account = self.accounts.get_mut(&caller.address.number).ok_or((404, "item-not-found"))?;
        account.picture.clone_from(&picture);
        self.tell_of_profile(caller, "picture", |jid| match &picture {
            Some(picture) => Node::new("set").attr("jid", jid).attr("id", picture.id.clone()),
            None => Node::new("delete").attr("jid", jid),
        });
        Ok(picture.map(|picture| Node::new("picture").attr("id", picture.id)).into_iter().collect())
    }

    /// Keeps a picture where the media host gives it out.
    pub fn kept_picture(&mut self, bytes: &[u8]) -> Result<Picture, Refusal> {
        if !pictures::is_jpeg(bytes) {
            return Err((406, "not-acceptable"));
        }
        let at = self.config.media.put("picture", Bytes::copy_from_slice(bytes));
        Ok(Picture { id: self.next_sequence().to_string(), direct_path: at.direct_path })
    }

    /// Tells the account's other devices and those who know it of a change, which `change` makes of the account's name.
    fn tell_of_profile(&mut self, caller: &Caller, kind: &str, change: impl Fn(String) -> Node) {
        let Some(account) = self.account_of(&caller.address) else { return };
        let jid = account.phone_jid().to_string();
        let mut numbers: Vec<String> = account.acquainted.iter().cloned().collect();
        numbers.push(account.number.clone());
        numbers.sort_unstable();
        numbers.dedup();
        for receiver in self.devices_of(&numbers) {
            if receiver == caller.address {
                continue;
            }
            let id = self.next_id();
            let notification = Node::new("notification")
                .attr("from", jid.clone())
                .attr("type", kind)
                .attr("id", id.clone())
                .attr("t", self.seconds_for(&receiver).to_string())
                .child(change(jid.clone()));
            self.deliver(&receiver, StanzaClass::Notification, &id, notification);
        }
    }
}
