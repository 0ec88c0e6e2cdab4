//! Posts of channels: shown before one follows, and the numbers that WhatsApp's server has for them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use wakeeper_model::{Ack, ChatId, MessageId};
use wakeeper_waha::ChannelMessage;
use whatsapp_rust::anyhow::{self, anyhow};
use whatsapp_rust::prelude::wa;
use whatsapp_rust::wacore::iq::newsletter::NEWSLETTER_XMLNS;
use whatsapp_rust::wacore::iq::spec::IqSpec;
use whatsapp_rust::wacore::request::InfoQuery;
use whatsapp_rust::wacore_binary::{NodeContent, NodeContentRef, NodeRef};
use whatsapp_rust::waproto::codec;
use whatsapp_rust::{Client, IqError, Jid, NodeBuilder};

use super::{ChannelName, Channels, ChannelsError, NOT_UNDERSTOOD};
use crate::media::download;
use crate::message::{Facts, Incoming, WireKey, message_payload, read};
use crate::ops::query::Download;

/// Posts in one answer of WhatsApp's at most.
const MOST_AT_ONCE: u32 = 100;
/// How many pages of posts are looked through for the number of one.
const PAGES: u32 = 5;
/// Numbers that are remembered.
const REMEMBERED: usize = 10_000;

/// A post, as WhatsApp's server keeps it.
pub(crate) struct Post {
    /// The server's number for it.
    pub number: u64,
    /// Its sender's id for it; empty when that is not told.
    pub id: String,
    /// When it was posted, in seconds since 1970.
    pub timestamp_s: i64,
    /// This account posted it.
    pub from_me: bool,
    /// What it says; nothing when it was deleted.
    pub message: Option<wa::Message>,
    /// How many chose each emoji.
    pub reactions: BTreeMap<String, u64>,
    /// How many saw it.
    pub views: u64,
}

/// The newest posts of a channel before one of them.
pub(crate) struct Posts {
    /// Of which channel.
    pub channel: Jid,
    /// At most so many.
    pub count: u32,
    /// Only older ones than that of this number.
    pub before: Option<u64>,
}

impl IqSpec for Posts {
    type Response = Vec<Post>;

    fn build_iq(&self) -> InfoQuery<'static> {
        let mut messages = NodeBuilder::new("messages").attr("count", self.count);
        if let Some(before) = self.before {
            messages = messages.attr("before", before);
        }
        let content = NodeContent::Nodes(vec![messages.build()]);
        InfoQuery::get(NEWSLETTER_XMLNS, self.channel.clone(), Some(content))
    }

    fn parse_response(&self, response: &NodeRef<'_>) -> anyhow::Result<Vec<Post>> {
        let list = response.get_optional_child("messages").ok_or_else(|| anyhow!("no <messages>"))?;
        Ok(list.get_children_by_tag("message").filter_map(post).collect())
    }
}

/// A post; `None` without a number. whatsapp-rust 0.7.0 reads the same but for the count of views, which whatsmeow reads from
/// `<views_count>`.
fn post(node: &NodeRef<'_>) -> Option<Post> {
    let text = |name: &str| node.get_attr(name).map(|value| value.as_str().into_owned());
    let message = node.get_optional_child("plaintext").and_then(|plain| match plain.content.as_ref() {
        Some(NodeContentRef::Bytes(bytes)) if !bytes.is_empty() => codec::message_decode(bytes.as_ref()).ok(),
        _ => None,
    });
    let mut reactions = BTreeMap::new();
    if let Some(list) = node.get_optional_child("reactions") {
        for reaction in list.get_children_by_tag("reaction") {
            let code = reaction.get_attr("code").map(|code| code.as_str().into_owned());
            if let Some(code) = code.filter(|code| !code.is_empty()) {
                reactions.insert(code, count(reaction));
            }
        }
    }
    Some(Post {
        number: text("server_id")?.parse().ok()?,
        id: text("id").unwrap_or_default(),
        timestamp_s: text("t").and_then(|t| t.parse().ok()).unwrap_or(0),
        from_me: text("is_sender").is_some_and(|sender| sender == "true"),
        message,
        reactions,
        views: node.get_optional_child("views_count").map_or(0, count),
    })
}

fn count(node: &NodeRef<'_>) -> u64 {
    node.get_attr("count").and_then(|count| count.as_str().parse().ok()).unwrap_or(0)
}

/// The numbers that WhatsApp's server has for posts, by their ids; what is not known can be asked for.
#[derive(Debug, Default)]
pub(crate) struct PostNumbers(Mutex<(HashMap<String, u64>, VecDeque<String>)>);

impl PostNumbers {
    /// Remembers one. The oldest are forgotten first.
    pub(crate) fn learn(&self, channel: &str, id: &str, number: u64) {
        if id.is_empty() || number == 0 {
            return;
        }
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (numbers, order) = &mut *inner;
        let name = format!("{channel} {id}");
        if numbers.insert(name.clone(), number).is_none() {
            order.push_back(name);
            if order.len() > REMEMBERED
                && let Some(oldest) = order.pop_front()
            {
                numbers.remove(&oldest);
            }
        }
    }

    fn known(&self, channel: &str, id: &str) -> Option<u64> {
        let name = format!("{channel} {id}");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.get(&name).copied()
    }

    /// The number of a post. Callers may name a post by its number (`123`) or by both (`123_3EB0AA`), as WAHA's may; else it is
    /// looked for among what is known and among the channel's newest posts. `None` when it is not found.
    ///
    /// # Errors
    /// When WhatsApp does not answer.
    pub(crate) async fn find(
        &self,
        client: &Client,
        channel: &Jid,
        id: &str,
    ) -> Result<Option<u64>, IqError> {
        if let Some(number) = named(id) {
            return Ok(Some(number));
        }
        let name = channel.to_string();
        let mut before = None;
        for _ in 0..PAGES {
            if let Some(number) = self.known(&name, id) {
                return Ok(Some(number));
            }
            let posts =
                client.execute(Posts { channel: channel.clone(), count: MOST_AT_ONCE, before }).await?;
            for post in &posts {
                self.learn(&name, &post.id, post.number);
            }
            let oldest = posts.iter().map(|post| post.number).min();
            if oldest.is_none() || oldest == before {
                break;
            }
            before = oldest;
        }
        Ok(self.known(&name, id))
    }
}

/// The number that stands in a caller's id. WhatsApp's numbers have ten digits at most; no sender's id is that short.
fn named(id: &str) -> Option<u64> {
    let number = id.split_once('_').map_or(id, |(number, _)| number);
    let is_number = (1..=10).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { number.parse().ok() } else { None }
}

/// The newest of these posts, at most so many, newest first. WhatsApp may answer with more than it was asked for.
fn newest(mut posts: Vec<Post>, most: u32) -> Vec<Post> {
    posts.sort_by_key(|post| std::cmp::Reverse(post.number));
    posts.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    posts
}

impl Channels {
    /// The newest posts of a channel, which the account need not follow; newest first.
    ///
    /// # Errors
    /// When there is no such channel.
    pub async fn preview(
        &self,
        name: &ChannelName,
        limit: u32,
        download: &Download,
    ) -> Result<Vec<ChannelMessage>, ChannelsError> {
        let id = match name {
            ChannelName::Id(id) => super::channel(id)?.clone(),
            ChannelName::Invite(_) => self.get(name).await?.id,
        };
        let channel: Jid = id.to_wire().parse().map_err(|_| NOT_UNDERSTOOD)?;
        let (mut shown, mut before, mut left) = (Vec::new(), None, limit);
        while left > 0 {
            let count = left.min(MOST_AT_ONCE);
            let answer = self.client.execute(Posts { channel: channel.clone(), count, before }).await?;
            let posts = newest(answer, count);
            let oldest = posts.last().map(|post| post.number);
            if oldest.is_none() || oldest == before {
                break;
            }
            before = oldest;
            left = left.saturating_sub(u32::try_from(posts.len()).unwrap_or(u32::MAX));
            for post in posts {
                self.handle.state.post_numbers().learn(&channel.to_string(), &post.id, post.number);
                shown.extend(self.shown(&id, post, download).await);
            }
        }
        Ok(shown)
    }

    /// A post as callers see it; `None` when it says nothing that people see.
    async fn shown(&self, channel: &ChatId, post: Post, download: &Download) -> Option<ChannelMessage> {
        let message = post.message?;
        let Incoming::Message(content) = read(&message) else { return None };
        // Not by the post's id, which the channel's owner chooses: it may be that of a stored message, which has another file.
        let file = download::post_name(channel, post.number);
        let stanza_id = if post.id.is_empty() { post.number.to_string() } else { post.id };
        let id = MessageId { from_me: post.from_me, chat: channel.clone(), stanza_id, participant: None };
        // What no parser of ids takes cannot be shown: a channel's owner chooses it.
        id.to_string().parse::<MessageId>().ok()?;
        let outbound = &self.handle.outbound;
        let media_url = outbound.place().media_url(&file, &message);
        if media_url.is_some() {
            let proto = codec::message_to_vec(&message);
            self.handle.downloads.keep_for_later(&file, &proto);
            let mimetype = content.media.as_ref().map(|media| media.mimetype.as_str());
            if download.wants(mimetype) {
                // A file that is gone shows when its URL is asked for.
                let _ = self.handle.downloads.of_message(outbound, &proto).await;
            }
        }
        let facts = Facts {
            wire: WireKey { chat: channel.to_wire(), ..WireKey::default() },
            me: self.handle.state.own_id(),
            timestamp_s: post.timestamp_s,
            ack: if post.from_me { Ack::Server } else { Ack::Device },
            from_api: false,
            push_name: None,
            media_url,
            id,
        };
        Some(ChannelMessage {
            reactions: post.reactions,
            message: message_payload(&facts, &content),
            view_count: post.views,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_may_be_named_by_its_number() {
        assert_eq!(named("123"), Some(123));
        assert_eq!(named("100_3EB0C767D097B7C7C045"), Some(100));
        for id in ["3EB0C767D097B7C7C045", "12345678901234567890", "", "_1", "-5"] {
            assert_eq!(named(id), None, "{id}");
        }
    }

    #[test]
    fn no_more_posts_are_shown_than_were_asked_for() {
        let post = |number| Post {
            number,
            id: String::new(),
            timestamp_s: 0,
            from_me: false,
            message: None,
            reactions: BTreeMap::new(),
            views: 0,
        };
        let numbers = |most| -> Vec<u64> {
            newest([3, 9, 5].map(post).into(), most).iter().map(|post| post.number).collect()
        };
        assert_eq!(numbers(2), [9, 5]);
        assert_eq!(numbers(7), [9, 5, 3]);
    }

    #[test]
    fn the_oldest_numbers_are_forgotten() {
        let numbers = PostNumbers::default();
        for number in 1..=REMEMBERED as u64 + 1 {
            numbers.learn("1@newsletter", &number.to_string(), number);
        }
        assert_eq!(numbers.known("1@newsletter", "1"), None);
        assert_eq!(numbers.known("1@newsletter", "2"), Some(2));
        assert_eq!(numbers.known("2@newsletter", "2"), None);
        numbers.learn("1@newsletter", "", 5);
        assert_eq!(numbers.known("1@newsletter", ""), None);
    }
}
