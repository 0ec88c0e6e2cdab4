//! What callers see of a stored message: made of its row whenever somebody asks, so that nothing is stored twice and no
//! answer is ever read back.

use wakeeper_model::{Ack, ChatId, MessageId, SessionName};
use wakeeper_storage::{MessageRow, StorageError};
use wakeeper_waha::{EventResponse, Message, Payload};
use whatsapp_rust::prelude::{MessageExt, wa};
use whatsapp_rust::waproto::codec;

use crate::media::download;
use crate::message::{
    self, Ballot, Content, Facts, Incoming, MediaInfo, Reply, edited_payload, event_response_payload,
    media_part, message_payload, reaction_payload, revoked_payload, vote_payload,
};

/// Where the messages of one session are shown.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The session.
    pub session: &'a SessionName,
    /// Start of the URLs of files.
    pub public_url: &'a str,
}

impl Place<'_> {
    /// Where the file of a message can be fetched, by its stanza id or its [`download::post_name`]; `None` when it has none.
    pub(crate) fn media_url(&self, name: &str, message: &wa::Message) -> Option<String> {
        media_part(message).is_some().then(|| download::url(self.public_url, self.session, name, message))
    }
}

/// A message as the payload of `message` shows it, with the acknowledgement and the text that it has now.
///
/// # Errors
/// [`StorageError::DamagedRow`] when the row does not make sense.
pub(crate) fn payload(row: &MessageRow, place: Place<'_>) -> Result<Message, StorageError> {
    let message = protobuf(row)?;
    let content = content(row, message.as_ref())?;
    let media_url = message.as_ref().and_then(|message| place.media_url(&row.id, message));
    Ok(message_payload(&facts(row, media_url)?, &content))
}

/// A message as lists of messages show it: as [`payload`], with what happened to it since.
///
/// # Errors
/// [`StorageError::DamagedRow`] when the row does not make sense.
pub(crate) fn listed(row: &MessageRow, place: Place<'_>) -> Result<Message, StorageError> {
    let mut message = payload(row, place)?;
    message.edited = Some(row.edited);
    message.revoked = Some(row.revoked);
    if row.revoked {
        message.body.clear();
        message.has_media = false;
        message.media = None;
        message.media_url = None;
    }
    Ok(message)
}

/// What a message is found by when it is searched: its text, and the name of its file. A damaged row has none.
pub(crate) fn words(row: &MessageRow) -> String {
    let Some(content) = protobuf(row).and_then(|message| content(row, message.as_ref())).ok() else {
        return String::new();
    };
    let filename = content.media.and_then(|media| media.filename).unwrap_or_default();
    [content.body, filename].join("\n")
}

/// What the caller who sent `sent` was answered: its payload as it was when WhatsApp had it; `None` when it says nothing
/// that people see. `target` is the message that it concerns, `before` the row of that one, `own` are the account's names on
/// the wire.
///
/// # Errors
/// [`StorageError::DamagedRow`] when the row of the message that it concerns does not make sense.
pub(crate) fn answer(
    facts: &Facts,
    sent: &wa::Message,
    target: Option<&MessageId>,
    before: Option<&MessageRow>,
    own: &[String],
    place: Place<'_>,
) -> Result<Option<Payload>, StorageError> {
    let target = || {
        target.ok_or_else(|| StorageError::DamagedRow {
            row: format!("message {} of session {}", facts.id.stanza_id, place.session),
            problem: "it does not say what it concerns".to_owned(),
        })
    };
    Ok(match message::read(sent) {
        Incoming::Message(content) => Some(message_payload(facts, &content).into()),
        Incoming::Reaction { emoji, .. } => Some(reaction_payload(facts, target()?, &emoji).into()),
        Incoming::Edit { content, .. } => Some(edited_payload(facts, target()?, &content).into()),
        Incoming::Vote { vote, .. } => {
            let choices = before.and_then(|poll| choices(poll, vote, own, own)).unwrap_or_default();
            Some(vote_payload(facts, target()?, choices).into())
        }
        Incoming::EventAnswer { answer, .. } => {
            let response = before.and_then(|event| event_answer(event, answer, own, own));
            Some(event_response_payload(facts, target()?, response).into())
        }
        Incoming::Revoke { .. } => {
            // As when it was deleted: of a damaged one it is told that it is gone, not what it was.
            let known = before.and_then(|before| payload(before, place).ok());
            Some(revoked_payload(facts, target()?, known).into())
        }
        Incoming::Nothing => None,
    })
}

/// What was chosen in the poll of a row; `None` when that cannot be read. `own` and `voters` are the names of this account
/// and of the voter on the wire.
pub(crate) fn choices(
    poll: &MessageRow,
    vote: &wa::message::PollEncValue,
    own: &[String],
    voters: &[String],
) -> Option<Vec<String>> {
    let message = protobuf(poll).unwrap_or_else(|error| {
        tracing::error!(%error, "a vote in a damaged poll came");
        None
    })?;
    let authors = authors(poll, own);
    message::chosen(vote, &Ballot { poll: &message, poll_id: &poll.id, authors: &authors, voters })
}

/// What an answer to a stored event says; `None` when it cannot be read. `own` are the account's names on the wire, `responders`
/// those of who answers.
pub(crate) fn event_answer(
    event: &MessageRow,
    answer: &wa::message::EncEventResponseMessage,
    own: &[String],
    responders: &[String],
) -> Option<EventResponse> {
    let message = protobuf(event).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer to a damaged event came");
        None
    })?;
    let authors = authors(event, own);
    let ballot = Ballot { poll: &message, poll_id: &event.id, authors: &authors, voters: responders };
    message::event_answer(answer, &ballot)
}

/// The names on the wire of who wrote a message.
fn authors(row: &MessageRow, own: &[String]) -> Vec<String> {
    let wire = &row.wire;
    let others = match &wire.participant {
        Some(_) => [wire.participant.clone(), wire.participant_alt.clone()],
        None => [Some(wire.chat.clone()), wire.chat_alt.clone()],
    };
    if row.from_me { own.to_vec() } else { others.into_iter().flatten().collect() }
}

/// The message that a reaction, an edit, a vote or a deletion concerns.
///
/// # Errors
/// [`StorageError::DamagedRow`] when its id is none.
pub(crate) fn target(row: &MessageRow) -> Result<Option<MessageId>, StorageError> {
    let target = row.target.as_deref().map(str::parse).transpose();
    target.map_err(|_| damaged(row, "what it concerns is no message id"))
}

/// The protobuf of a row; `None` when it was stored without one.
///
/// # Errors
/// [`StorageError::DamagedRow`] when it cannot be decoded.
pub(crate) fn protobuf(row: &MessageRow) -> Result<Option<wa::Message>, StorageError> {
    if row.proto.is_empty() {
        return Ok(None);
    }
    let decoded = codec::message_decode(&row.proto);
    decoded.map(Some).map_err(|_| damaged(row, "its protobuf cannot be decoded"))
}

/// Who, where and when of a row.
///
/// # Errors
/// [`StorageError::DamagedRow`] when one of them does not make sense.
pub(crate) fn facts(row: &MessageRow, media_url: Option<String>) -> Result<Facts, StorageError> {
    let chat_id = |text: &str, problem| text.parse::<ChatId>().map_err(|_| damaged(row, problem));
    let participant = Some(row.participant.as_str()).filter(|text| !text.is_empty());
    let me = row.account.as_deref();
    Ok(Facts {
        id: MessageId {
            from_me: row.from_me,
            chat: chat_id(&row.chat, "its chat is no chat id")?,
            stanza_id: row.id.clone(),
            participant: participant
                .map(|text| chat_id(text, "its participant is no chat id"))
                .transpose()?,
        },
        wire: row.wire.clone(),
        me: me.map(|text| chat_id(text, "its account is no chat id")).transpose()?,
        timestamp_s: row.timestamp_s,
        ack: ack(row)?,
        from_api: row.from_api,
        push_name: row.push_name.clone(),
        media_url,
    })
}

fn ack(row: &MessageRow) -> Result<Ack, StorageError> {
    let known = i8::try_from(row.ack).ok().and_then(|number| Ack::try_from(number).ok());
    known.ok_or_else(|| damaged(row, "its acknowledgement is unknown"))
}

fn content(row: &MessageRow, message: Option<&wa::Message>) -> Result<Content, StorageError> {
    let described = &row.described;
    let mut content = match message {
        Some(message) => message::content(message.get_base_message())
            .ok_or_else(|| damaged(row, "its protobuf says nothing that people see"))?,
        None if described.body.is_none() => {
            return Err(damaged(row, "it has neither a protobuf nor a text"));
        }
        None => Content {
            kind: message::kind(&row.kind),
            media: described
                .mimetype
                .clone()
                .map(|mimetype| MediaInfo { mimetype, filename: described.filename.clone() }),
            ..Content::default()
        },
    };
    if let Some(body) = &described.body {
        content.body.clone_from(body);
    }
    if content.reply.is_none() {
        content.reply = row.reply_to.as_ref().map(|stanza_id| Reply {
            stanza_id: stanza_id.clone(),
            participant: described.reply_participant.clone(),
            body: described.reply_body.clone(),
            has_media: false,
        });
    }
    Ok(content)
}

fn damaged(row: &MessageRow, problem: &str) -> StorageError {
    StorageError::DamagedRow {
        row: format!("message {} of session {}", row.id, row.session),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests;
