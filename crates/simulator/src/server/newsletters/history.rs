//! `iq` of the namespace `newsletter`: the posts of a channel, and who wants to hear of reactions.

use super::{Newsletter, Post};
use crate::jid::Jid;
use crate::node::Node;
use crate::server::dispatch::Caller;
use crate::server::world::World;

/// Posts in one answer at most.
const MOST_AT_ONCE: usize = 100;
/// How long a device hears of reactions after it asked, in seconds.
const WATCHED_FOR: u64 = 300;

impl World {
    /// Answers `newsletter`.
    pub(in crate::server) fn newsletter_iq(&mut self, caller: &Caller, iq: &Node) {
        let jid = iq.get("to").and_then(Jid::parse);
        let Some(channel) = jid.as_ref().and_then(|jid| self.newsletter(jid)) else {
            self.refuse(caller.link, iq, 404, "item-not-found");
            return;
        };
        let Some(request) = iq.nodes().first() else {
            self.refuse(caller.link, iq, 400, "bad-request");
            return;
        };
        let number = &caller.address.number;
        let answer = match request.tag.as_str() {
            "messages" => {
                let before = request.get("before").and_then(|before| before.parse().ok());
                messages(channel, number, count(request), |post| before.is_none_or(|it| post.number < it))
            }
            "message_updates" => {
                let after = request.get("after").and_then(|after| after.parse().ok()).unwrap_or(0_u64);
                let list = messages(channel, number, count(request), |post| post.number > after);
                Node::new("message_updates").child(list)
            }
            "live_updates" => {
                let until = self.seconds() + WATCHED_FOR;
                if let Some(channel) = jid.as_ref().and_then(|jid| self.newsletter_mut(jid)) {
                    channel.watchers.insert(caller.address.clone(), until);
                }
                Node::new("live_updates").attr("duration", WATCHED_FOR.to_string())
            }
            other => {
                let what = format!("iq newsletter {other}");
                self.counters.unknown(&what);
                self.refuse(caller.link, iq, 400, "bad-request");
                return;
            }
        };
        self.reply(caller.link, iq, vec![answer]);
    }
}

fn count(request: &Node) -> usize {
    let count = request.get("count").and_then(|count| count.parse().ok());
    count.unwrap_or(MOST_AT_ONCE).min(MOST_AT_ONCE)
}

/// `<messages>` with the newest posts that `wanted` takes, oldest first.
fn messages(channel: &Newsletter, viewer: &str, count: usize, wanted: impl Fn(&Post) -> bool) -> Node {
    let mut chosen: Vec<&Post> = channel.posts.iter().rev().filter(|post| wanted(post)).take(count).collect();
    chosen.reverse();
    Node::new("messages")
        .attr("jid", channel.jid().to_string())
        .attr("t", channel.posts.last().map_or(channel.creation, |post| post.time).to_string())
        .children(chosen.into_iter().map(|post| {
            let own = (post.author == viewer).then_some("true");
            Node::new("message")
                .attr("id", post.id.clone())
                .attr("server_id", post.number.to_string())
                .attr("t", post.time.to_string())
                .attr("type", post.kind.clone())
                .attr_opt("is_sender", own)
                .child(post.content())
                .child(Node::new("views_count").attr("count", post.views.len().to_string()))
                .child(post.reactions_node())
        }))
}

impl Post {
    /// `<plaintext>`: what it says.
    pub(super) fn content(&self) -> Node {
        Node::new("plaintext").attr_opt("mediatype", self.media.clone()).bytes(self.plaintext.clone())
    }

    /// `<reactions>`: how many chose each emoji.
    pub(super) fn reactions_node(&self) -> Node {
        let mut counts = std::collections::BTreeMap::<&str, u64>::new();
        for code in self.reactions.values() {
            *counts.entry(code).or_default() += 1;
        }
        Node::new("reactions").children(
            counts.into_iter().map(|(code, count)| {
                Node::new("reaction").attr("code", code).attr("count", count.to_string())
            }),
        )
    }
}
