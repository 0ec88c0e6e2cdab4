//! Payloads of WAHA's events, which are also the answers of the HTTP surface.

use wakeeper_model::{Ack, ChatId, MessageId};
use wakeeper_waha::{
    AckData, EventResponse, EventResponsePayload, Location, Media, Message, MessageAck, MessageData,
    MessageDestination, MessageEdited, MessageKey, MessageReaction, MessageRevoked, PollVote,
    PollVotePayload, Reaction, ReactionData, ReplyTo, RevokedData, RevokedMessage, Source, VoteData,
};

use super::{Content, WireKey};

/// A quoted message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Its stanza id.
    pub stanza_id: String,
    /// Its sender's JID, as the wire gave it.
    pub participant: Option<String>,
    /// Its text.
    pub body: Option<String>,
    /// It carries a file.
    pub has_media: bool,
}

/// Who, where and when of a message.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Its id.
    pub id: MessageId,
    /// The same on the wire, both names of each.
    pub wire: WireKey,
    /// This account.
    pub me: Option<ChatId>,
    /// Seconds since 1970, by WhatsApp's clock.
    pub timestamp_s: i64,
    /// How far it got.
    pub ack: Ack,
    /// Sent through this gateway's API (`api`) or from anywhere else (`app`).
    pub from_api: bool,
    /// The sender's own name for themselves.
    pub push_name: Option<String>,
    /// Where the file can be fetched, when there is one.
    pub media_url: Option<String>,
}

impl Facts {
    fn from(&self) -> Option<&ChatId> {
        ends(&self.id, self.me.as_ref()).0
    }

    fn to(&self) -> Option<&ChatId> {
        ends(&self.id, self.me.as_ref()).1
    }

    /// The key as Baileys writes it, both addresses included.
    fn key(&self) -> MessageKey {
        MessageKey {
            remote_jid: self.wire.chat.clone(),
            remote_jid_alt: self.wire.chat_alt.clone(),
            from_me: self.id.from_me,
            id: self.id.stanza_id.clone(),
            participant: self.wire.participant.clone(),
            participant_alt: self.wire.participant_alt.clone(),
        }
    }

    fn source(&self) -> Source {
        if self.from_api { Source::Api } else { Source::App }
    }
}

/// The chat that a message came from and the one that it went to, of which one is this account.
fn ends<'a>(id: &'a MessageId, me: Option<&'a ChatId>) -> (Option<&'a ChatId>, Option<&'a ChatId>) {
    if id.from_me { (me, Some(&id.chat)) } else { (Some(&id.chat), me) }
}

/// The payload of `message` and `message.any`.
pub(crate) fn message_payload(facts: &Facts, content: &Content) -> Message {
    let media = content.media.as_ref().map(|media| Media {
        url: facts.media_url.clone(),
        mimetype: media.mimetype.clone(),
        filename: media.filename.clone(),
        s3: (),
        error: (),
    });
    Message {
        id: facts.id.clone(),
        timestamp: facts.timestamp_s,
        from: facts.from().cloned(),
        to: facts.to().cloned(),
        participant: facts.id.participant.clone(),
        from_me: facts.id.from_me,
        source: facts.source(),
        body: content.body.clone(),
        has_media: media.is_some(),
        media_url: media.as_ref().and_then(|media| media.url.clone()),
        media,
        ack: facts.ack.number(),
        ack_name: facts.ack.name().to_owned(),
        location: content.location.as_ref().map(|place| Location {
            latitude: place.latitude.to_string(),
            longitude: place.longitude.to_string(),
            live: place.live,
            name: place.name.clone(),
            address: place.address.clone(),
            url: place.url.clone(),
            description: place.description.clone(),
        }),
        v_cards: content.vcards.clone(),
        mentioned_ids: content.mentions.iter().map(|jid| outside(jid)).collect(),
        reply_to: content.reply.as_ref().map(|reply| ReplyTo {
            id: reply.stanza_id.clone(),
            participant: reply.participant.as_deref().map(outside),
            body: reply.body.clone(),
            has_media: reply.has_media,
        }),
        edited: None,
        revoked: None,
        data: MessageData {
            key: facts.key(),
            kind: content.kind.to_owned(),
            push_name: facts.push_name.clone(),
        },
    }
}

/// The payload of `message.ack` and, with a member of a group as the participant, of `message.ack.group`.
pub(crate) fn ack_payload(facts: &Facts) -> MessageAck {
    MessageAck {
        id: facts.id.clone(),
        from: facts.from().cloned(),
        to: facts.to().cloned(),
        participant: facts.id.participant.clone(),
        from_me: facts.id.from_me,
        ack: facts.ack.number(),
        ack_name: facts.ack.name().to_owned(),
        data: AckData { key: facts.key(), timestamp: facts.timestamp_s },
    }
}

/// The payload of `message.reaction`: `facts` are the reaction's own.
pub(crate) fn reaction_payload(facts: &Facts, target: &MessageId, emoji: &str) -> MessageReaction {
    MessageReaction {
        id: facts.id.clone(),
        timestamp: facts.timestamp_s,
        from: facts.from().cloned(),
        to: facts.to().cloned(),
        participant: facts.id.participant.clone(),
        from_me: facts.id.from_me,
        source: facts.source(),
        reaction: Reaction { text: emoji.to_owned(), message_id: target.clone() },
        data: ReactionData { key: facts.key(), push_name: facts.push_name.clone() },
    }
}

/// The payload of `poll.vote`, and without choices of `poll.vote.failed`: `facts` are the vote's own.
pub(crate) fn vote_payload(facts: &Facts, poll: &MessageId, choices: Vec<String>) -> PollVotePayload {
    PollVotePayload {
        vote: PollVote {
            id: facts.id.clone(),
            selected_options: choices,
            timestamp: facts.timestamp_s,
            from: facts.from().cloned(),
            to: facts.to().cloned(),
            from_me: facts.id.from_me,
            participant: facts.id.participant.clone(),
        },
        poll: destination(poll, facts.me.as_ref()),
        data: VoteData { key: facts.key(), push_name: facts.push_name.clone() },
    }
}

/// The payload of `event.response`, and without a response of `event.response.failed`: `facts` are the answer's own.
pub(crate) fn event_response_payload(
    facts: &Facts,
    event: &MessageId,
    response: Option<EventResponse>,
) -> EventResponsePayload {
    EventResponsePayload {
        id: facts.id.clone(),
        timestamp: facts.timestamp_s,
        from: facts.from().cloned(),
        from_me: facts.id.from_me,
        source: facts.source(),
        to: facts.to().cloned(),
        participant: facts.id.participant.clone(),
        event_creation_key: destination(event, facts.me.as_ref()),
        event_response: response,
        data: VoteData { key: facts.key(), push_name: facts.push_name.clone() },
    }
}

/// Which message, between whom.
fn destination(id: &MessageId, me: Option<&ChatId>) -> MessageDestination {
    let (from, to) = ends(id, me);
    MessageDestination {
        id: id.clone(),
        from: from.cloned(),
        to: to.cloned(),
        from_me: id.from_me,
        participant: id.participant.clone(),
    }
}

/// The payload of `message.revoked`: `facts` are the deletion's own, `before` the message as it was
/// known.
pub(crate) fn revoked_payload(facts: &Facts, target: &MessageId, before: Option<Message>) -> MessageRevoked {
    MessageRevoked {
        revoked_message_id: target.stanza_id.clone(),
        after: RevokedMessage {
            id: target.clone(),
            timestamp: facts.timestamp_s,
            from: facts.from().cloned(),
            to: facts.to().cloned(),
            participant: target.participant.clone(),
            from_me: target.from_me,
            source: facts.source(),
            body: String::new(),
            has_media: false,
            media_url: String::new(),
            ack: facts.ack.number(),
            ack_name: facts.ack.name().to_owned(),
        },
        before,
        data: RevokedData { key: facts.key() },
    }
}

/// The payload of `message.edited`: the message as it reads now, under the edit's own id.
pub(crate) fn edited_payload(facts: &Facts, target: &MessageId, content: &Content) -> MessageEdited {
    MessageEdited { message: message_payload(facts, content), edited_message_id: target.stanza_id.clone() }
}

/// A JID of the wire as callers write it; what is no chat id stays as it is.
fn outside(jid: &str) -> String {
    let without_device = match (jid.split_once(':'), jid.split_once('@')) {
        (Some((user, _)), Some((_, server))) => format!("{user}@{server}"),
        _ => jid.to_owned(),
    };
    without_device.parse::<ChatId>().map_or(without_device, String::from)
}
