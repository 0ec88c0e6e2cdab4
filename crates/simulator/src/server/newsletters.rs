//! Channels (newsletters): who owns and follows them, and what was posted.
//!
//! Nothing in a channel is encrypted. What is asked about channels comes as GraphQL (`asking.rs`), posts as `<message>` with
//! `<plaintext>` (`posts.rs`), and their history as `iq` of the namespace `newsletter` (`history.rs`). The shapes are those that
//! whatsapp-rust 0.7.0 (`features/newsletter.rs`) and Baileys 7 (`Socket/newsletter.js`) send and read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::Address;
use super::base64_bytes;
use super::groups::Picture;
use super::world::World;
use crate::jid::{CHANNEL_SERVER, Jid};

mod asking;
mod directory;
mod history;
mod posts;

/// Channels that one server keeps, so that a client cannot fill the memory.
const MOST_CHANNELS: usize = 4096;
/// Posts that one channel keeps; the oldest go.
const MOST_POSTS: usize = 4096;
/// The number before the first post's: clients take none below 99 (whatsapp-rust 0.7.0, `wacore/src/messages.rs`).
const FIRST_NUMBER: u64 = 99;

/// One channel.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Newsletter {
    pub id: String,
    name: String,
    description: String,
    /// The code of its invite link.
    invite: String,
    creation: u64,
    picture: Option<Picture>,
    /// Who owns and follows it, by number.
    members: BTreeMap<String, Role>,
    /// Who wants to hear nothing of it.
    muted: BTreeSet<String>,
    posts: Vec<Post>,
    last_number: u64,
    /// Devices that want to hear of reactions, and until when (seconds).
    #[serde(skip)]
    watchers: BTreeMap<Address, u64>,
}

/// What an account may do in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Owner,
    Subscriber,
}

impl Role {
    fn name(role: Option<Self>) -> &'static str {
        match role {
            Some(Self::Owner) => "OWNER",
            Some(Self::Subscriber) => "SUBSCRIBER",
            None => "GUEST",
        }
    }
}

/// One post.
#[derive(Clone, Serialize, Deserialize)]
struct Post {
    /// The server's number for it.
    number: u64,
    /// Its sender's id for it.
    id: String,
    /// Number of the account that posted it.
    author: String,
    time: u64,
    /// `type` of its stanza.
    kind: String,
    /// `mediatype` of its content.
    media: Option<String>,
    #[serde(with = "base64_bytes")]
    plaintext: Vec<u8>,
    /// Emoji by the number of who reacted.
    reactions: BTreeMap<String, String>,
    /// Whose devices got it.
    views: BTreeSet<String>,
}

impl Newsletter {
    fn jid(&self) -> Jid {
        Jid::new(&self.id, CHANNEL_SERVER)
    }

    fn role(&self, number: &str) -> Option<Role> {
        self.members.get(number).copied()
    }

    fn may_post(&self, number: &str) -> bool {
        self.role(number) == Some(Role::Owner)
    }

    /// As `GET /sim/state` tells it.
    pub fn report(&self) -> Value {
        json!({
            "id": self.jid().to_string(), "name": self.name, "posts": self.posts.len(), "muted": self.muted,
            "followers": self.subscribers(),
        })
    }

    fn subscribers(&self) -> usize {
        self.members.values().filter(|role| **role == Role::Subscriber).count()
    }
}

impl World {
    fn newsletter(&self, jid: &Jid) -> Option<&Newsletter> {
        self.newsletters.get(&jid.user).filter(|_| jid.is_channel())
    }

    fn newsletter_mut(&mut self, jid: &Jid) -> Option<&mut Newsletter> {
        self.newsletters.get_mut(&jid.user).filter(|_| jid.is_channel())
    }
}
