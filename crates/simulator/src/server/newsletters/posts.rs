//! Posts, their edits and deletions, and reactions to them.

use std::collections::{BTreeMap, BTreeSet};

use super::{MOST_POSTS, Post};
use crate::jid::Jid;
use crate::node::Node;
use crate::server::account::StanzaClass;
use crate::server::dispatch::Caller;
use crate::server::world::World;

/// `edit` of a post that changes one, and of one that takes one back (whatsapp-rust 0.7.0, `types/message.rs`).
const EDIT: &str = "3";
const REVOKE: &str = "8";
/// Largest post, in bytes.
const LARGEST: usize = 1 << 20;

/// Code of a refused stanza.
type Refusal = u16;

impl World {
    /// Takes what a device sends to a channel. Answers the post's number, or why it is refused.
    pub(in crate::server) fn receive_post(
        &mut self,
        caller: &Caller,
        to: &Jid,
        stanza: &Node,
    ) -> Result<u64, Refusal> {
        if stanza.get("type") == Some("reaction") {
            return self.react_to_post(caller, to, stanza);
        }
        let number = caller.address.number.clone();
        let time = self.seconds();
        let channel = self.newsletter_mut(to).ok_or(404_u16)?;
        if !channel.may_post(&number) {
            return Err(403);
        }
        let id = stanza.get("id").unwrap_or_default();
        let plain = stanza.find("plaintext").ok_or(400_u16)?;
        let bytes = plain.data().unwrap_or_default().to_vec();
        if bytes.len() > LARGEST {
            return Err(413);
        }
        let edit = stanza.get("edit").filter(|edit| matches!(*edit, EDIT | REVOKE)).map(str::to_owned);
        let known = channel.posts.iter_mut().find(|post| post.id == id && post.author == number);
        let post = match (known, &edit) {
            // Sent again, because the first acknowledgement was lost.
            (Some(post), None) => return Ok(post.number),
            (None, Some(_)) => return Err(404),
            (Some(post), Some(edit)) => {
                post.plaintext = if edit == REVOKE { Vec::new() } else { bytes };
                post.clone()
            }
            (None, None) => {
                channel.last_number += 1;
                let post = Post {
                    number: channel.last_number,
                    id: id.to_owned(),
                    author: number,
                    time,
                    kind: stanza.get("type").unwrap_or("text").to_owned(),
                    media: plain.get("mediatype").map(str::to_owned),
                    plaintext: bytes,
                    reactions: BTreeMap::new(),
                    views: BTreeSet::new(),
                };
                channel.posts.push(post.clone());
                if channel.posts.len() > MOST_POSTS {
                    channel.posts.remove(0);
                }
                post
            }
        };
        self.hand_out_post(caller, to, &post, edit.as_deref());
        Ok(post.number)
    }

    /// To every device of whoever follows or owns the channel.
    fn hand_out_post(&mut self, caller: &Caller, to: &Jid, post: &Post, edit: Option<&str>) {
        let Some(channel) = self.newsletter(to) else { return };
        let members: Vec<String> = channel.members.keys().cloned().collect();
        for target in self.devices_of(&members) {
            // Phones of the simulation keep no channels.
            if target == caller.address || target.device == 0 {
                continue;
            }
            let own = (target.number == post.author).then_some("true");
            let time = if edit.is_some() { self.seconds() } else { post.time };
            let message = Node::new("message")
                .attr("from", to.to_string())
                .attr("id", post.id.clone())
                .attr("server_id", post.number.to_string())
                .attr("t", time.to_string())
                .attr("type", post.kind.clone())
                .attr_opt("edit", edit)
                .attr_opt("is_sender", own)
                .child(post.content());
            self.counters.add("posts_relayed");
            self.deliver(&target, StanzaClass::Message, &post.id, message);
            if let Some(channel) = self.newsletter_mut(to)
                && let Some(kept) = channel.posts.iter_mut().find(|kept| kept.number == post.number)
                && target.number != post.author
            {
                kept.views.insert(target.number.clone());
            }
        }
    }

    /// A reaction is counted, and whoever watches the channel hears of it; who reacted is told to nobody.
    fn react_to_post(&mut self, caller: &Caller, to: &Jid, stanza: &Node) -> Result<u64, Refusal> {
        let number = caller.address.number.clone();
        let channel = self.newsletter_mut(to).ok_or(404_u16)?;
        let wanted: u64 = stanza.get("server_id").and_then(|id| id.parse().ok()).ok_or(400_u16)?;
        let post = channel.posts.iter_mut().find(|post| post.number == wanted).ok_or(404_u16)?;
        match stanza
            .find("reaction")
            .and_then(|reaction| reaction.get("code"))
            .filter(|code| !code.is_empty())
        {
            Some(code) => post.reactions.insert(number, code.to_owned()),
            None => post.reactions.remove(&number),
        };
        let post = post.clone();
        self.tell_watchers(to, &post);
        Ok(post.number)
    }

    fn tell_watchers(&mut self, jid: &Jid, post: &Post) {
        let now = self.seconds();
        let Some(channel) = self.newsletter_mut(jid) else { return };
        channel.watchers.retain(|_, until| *until > now);
        let watchers: Vec<_> = channel.watchers.keys().cloned().collect();
        for watcher in watchers {
            let id = self.next_id();
            let message = Node::new("message")
                .attr("server_id", post.number.to_string())
                .attr("id", post.id.clone())
                .child(post.reactions_node());
            let messages =
                Node::new("messages").attr("jid", jid.to_string()).attr("t", now.to_string()).child(message);
            let notification = Node::new("notification")
                .attr("from", jid.to_string())
                .attr("type", "newsletter")
                .attr("id", id.clone())
                .attr("t", self.seconds_for(&watcher).to_string())
                .child(Node::new("live_updates").child(messages));
            self.deliver(&watcher, StanzaClass::Notification, &id, notification);
        }
    }
}
