//! Chats and messages of a history as rows, as live ones are stored (see [`crate::inbound::inbox`]).

use std::collections::HashMap;
use std::sync::Arc;

use wakeeper_model::{Ack, ChatKind};
use wakeeper_storage::{ContactUpdate, Described, MessageRow, PastChat, PastStep, WireKey};
use whatsapp_rust::prelude::wa;
use whatsapp_rust::wacore_binary::JidExt as _;
use whatsapp_rust::waproto::codec;
use whatsapp_rust::{Client, Jid};

use super::people;
use super::walk::Piece;
use crate::address::{self, Address};
use crate::inbound::inbox::{Inbox, other_name};
use crate::inbound::notes::{mute_end, name};
use crate::message::{Incoming, read};

/// Longest stanza id that is kept, in bytes.
const LONGEST_ID: usize = 256;
/// More messages of a chat are not counted as unread.
const MOST_UNREAD: u32 = 1_000_000;

/// Makes rows of one part.
pub(super) struct Rows<'a> {
    inbox: &'a Inbox,
    client: &'a Arc<Client>,
    chat: Option<Chat>,
}

/// The chat whose messages come.
struct Chat {
    jid: Jid,
    address: Address,
    /// How many of the messages that come next are not read.
    unread: u32,
    /// Who wrote in it, by their names on the wire.
    people: HashMap<String, Option<(Jid, Address)>>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(inbox: &'a Inbox, client: &'a Arc<Client>) -> Self {
        Self { inbox, client, chat: None }
    }

    /// What is stored of a piece.
    pub(super) async fn step(&mut self, piece: Piece) -> PastStep {
        let mut step = PastStep {
            part: String::new(),
            done: 0,
            chats: Vec::new(),
            messages: Vec::new(),
            contacts: Vec::new(),
        };
        match piece {
            Piece::People(part) => step.contacts = people::of(&part),
            Piece::Chat(head) => {
                self.chat = None;
                if let Some((chat, contact)) = self.chat(*head).await {
                    step.chats.push(chat);
                    step.contacts.extend(contact);
                }
            }
            Piece::Messages(infos) => {
                for info in infos {
                    step.messages.extend(self.message(info).await);
                }
            }
        }
        step
    }

    async fn chat(&mut self, head: wa::Conversation) -> Option<(PastChat, Option<ContactUpdate>)> {
        let jid: Jid = head.id.parse().ok()?;
        let hint =
            [&head.pn_jid, &head.lid_jid].into_iter().flatten().filter_map(|jid| jid.parse::<Jid>().ok());
        let hint = hint.into_iter().find(|hint| !hint.is_same_user_as(&jid));
        let address = address::resolve(self.client, &jid, hint.as_ref()).await?;
        if self.inbox.ignores(&address.id) || head.terminated.unwrap_or_default() {
            return None;
        }
        let (unread, marked) = unread(head.unread_count.unwrap_or_default());
        let time = head.conversation_timestamp.or(head.last_msg_timestamp).unwrap_or_default();
        let shown = head.name.as_deref().or(head.display_name.as_deref()).map(name);
        let past = PastChat {
            id: address.id.to_string(),
            name: shown.clone(),
            last_s: i64::try_from(time).unwrap_or_default(),
            unread,
            marked_unread: marked || head.marked_as_unread.unwrap_or_default(),
            archived: head.archived.unwrap_or_default(),
            pinned_s: head.pinned.filter(|pinned| *pinned > 0).map(i64::from),
            muted_until_ms: head.mute_end_time.and_then(mute_end),
        };
        let is_person = matches!(address.id.kind(), ChatKind::Phone | ChatKind::Lid);
        let contact = is_person.then(|| ContactUpdate {
            id: address.id.to_string(),
            lid: address.alt.as_ref().filter(|alt| alt.kind() == ChatKind::Lid).map(ToString::to_string),
            name: shown.filter(|shown| !shown.is_empty()),
            ..ContactUpdate::default()
        });
        self.chat = Some(Chat { jid, address, unread: past.unread, people: HashMap::new() });
        Some((past, contact))
    }

    async fn message(&mut self, info: wa::WebMessageInfo) -> Option<MessageRow> {
        let chat = self.chat.as_mut()?;
        let key = info.key.as_option()?;
        let from_me = key.from_me.unwrap_or_default();
        let id = key.id.clone().filter(|id| !id.is_empty() && id.len() <= LONGEST_ID)?;
        let message = info.message.as_option()?;
        let Incoming::Message(content) = read(message) else { return None };
        let is_read = from_me || chat.unread == 0;
        if !from_me {
            chat.unread = chat.unread.saturating_sub(1);
        }
        let me = address::me(self.client).or_else(|| self.inbox.state.me())?;
        let in_group = matches!(chat.address.id.kind(), ChatKind::Group | ChatKind::Broadcast);
        let author = if from_me || !in_group {
            None
        } else {
            let named = key.participant.as_deref().or(info.participant.as_deref())?;
            Some(author(self.client, chat, named).await?)
        };
        let sender = match &author {
            Some((_, address)) => address.id.clone(),
            None if from_me => me.id.clone(),
            None => chat.address.id.clone(),
        };
        let wire = WireKey {
            chat: chat.jid.to_non_ad_string(),
            chat_alt: other_name(&chat.address, &chat.jid),
            participant: author.as_ref().map(|(jid, _)| jid.to_non_ad_string()),
            participant_alt: author.as_ref().and_then(|(jid, address)| other_name(address, jid)),
        };
        Some(MessageRow {
            session: self.inbox.state.name().as_str().to_owned(),
            chat: chat.address.id.to_string(),
            id,
            from_me,
            participant: if in_group { sender.to_string() } else { String::new() },
            sender: sender.into(),
            account: Some(me.id.into()),
            timestamp_s: i64::try_from(info.message_timestamp.unwrap_or_default()).unwrap_or_default(),
            kind: content.kind.to_owned(),
            ack: i32::from(ack(&info, from_me, is_read).number()),
            from_api: false,
            push_name: info.push_name.as_deref().filter(|text| !text.is_empty()).map(name),
            wire,
            target: None,
            proto: codec::message_to_vec(message),
            described: Described::default(),
            reply_to: content.reply.map(|reply| reply.stanza_id),
            edited: false,
            revoked: false,
            hidden: false,
        })
    }
}

/// How many messages of a chat are not read, and whether somebody marked it as unread, which is written as -1.
fn unread(count: u32) -> (u32, bool) {
    if count == u32::MAX { (0, true) } else { (count.min(MOST_UNREAD), false) }
}

/// Who wrote in a group, under both names.
async fn author(client: &Client, chat: &mut Chat, named: &str) -> Option<(Jid, Address)> {
    if let Some(known) = chat.people.get(named) {
        return known.clone();
    }
    let found = match named.parse::<Jid>() {
        Ok(jid) => address::resolve(client, &jid, None).await.map(|address| (jid, address)),
        Err(_) => None,
    };
    chat.people.insert(named.to_owned(), found.clone());
    found
}

/// How far a message got. Of others' it is known whether they were read here.
fn ack(info: &wa::WebMessageInfo, from_me: bool, is_read: bool) -> Ack {
    use wa::web_message_info::Status;
    if !from_me {
        return if is_read { Ack::Read } else { Ack::Device };
    }
    match info.status {
        Some(Status::ERROR) => Ack::Error,
        Some(Status::PENDING) => Ack::Pending,
        Some(Status::DELIVERY_ACK) => Ack::Device,
        Some(Status::READ) => Ack::Read,
        Some(Status::PLAYED) => Ack::Played,
        Some(Status::SERVER_ACK) | None => Ack::Server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_as_unread_is_no_number_of_messages() {
        assert_eq!((unread(0), unread(3), unread(u32::MAX)), ((0, false), (3, false), (0, true)));
        assert_eq!(unread(u32::MAX - 1), (MOST_UNREAD, false));
    }
}
