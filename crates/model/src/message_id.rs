//! Message ids: `{true|false}_{chatId}_{ID}[_{participant}]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::chat::ChatId;

/// Longest stanza id accepted, in bytes. WhatsApp's own have at most 32 characters.
const MAX_STANZA_ID: usize = 128;

/// Names one message as WAHA's clients know it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId {
    /// Sent by this account, from whatever device.
    pub from_me: bool,
    /// The chat that holds it.
    pub chat: ChatId,
    /// WhatsApp's own id, chosen by the sender; unique only within chat and sender.
    pub stanza_id: String,
    /// Who sent it, in groups and broadcasts.
    pub participant: Option<ChatId>,
}

/// Why a text is not a [`MessageId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageIdError {
    /// Not of the form at all.
    #[error("a message id looks like true_628111@c.us_3EB0AA or false_123@g.us_3EB0AA_628111@c.us")]
    Shape,
    /// The chat or participant part is no chat id.
    #[error("a message id holds a chat id: {0}")]
    Chat(#[from] super::chat::ChatIdError),
    /// The id part is empty, too long or has characters no WhatsApp id has.
    #[error("the id part of a message id has 1 to {MAX_STANZA_ID} letters, digits, dots, dashes or colons")]
    StanzaId,
}

/// The part of a message's id that its sender chose.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StanzaId(String);

impl FromStr for StanzaId {
    type Err = MessageIdError;

    fn from_str(text: &str) -> Result<Self, MessageIdError> {
        if good_stanza_id(text) { Ok(Self(text.to_owned())) } else { Err(MessageIdError::StanzaId) }
    }
}

impl fmt::Display for StanzaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How callers name a message: by its whole id, or by the part that its sender chose, as they know it from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedMessage {
    /// By the whole id.
    Whole(MessageId),
    /// By the part that its sender chose.
    Bare(StanzaId),
}

impl FromStr for NamedMessage {
    type Err = MessageIdError;

    fn from_str(text: &str) -> Result<Self, MessageIdError> {
        // No id that a sender chooses has an @.
        if text.contains('@') { text.parse().map(Self::Whole) } else { text.parse().map(Self::Bare) }
    }
}

fn good_stanza_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= MAX_STANZA_ID
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'_'))
}

impl FromStr for MessageId {
    type Err = MessageIdError;

    fn from_str(text: &str) -> Result<Self, MessageIdError> {
        let (from_me, rest) = match text.split_once('_') {
            Some(("true", rest)) => (true, rest),
            Some(("false", rest)) => (false, rest),
            _ => return Err(MessageIdError::Shape),
        };
        let (chat, rest) = rest.split_once('_').ok_or(MessageIdError::Shape)?;
        if !chat.contains('@') {
            return Err(MessageIdError::Shape);
        }
        // Stanza ids of some clients hold underscores; a participant always holds an @.
        let (stanza_id, participant) = match rest.rsplit_once('_') {
            Some((id, participant)) if participant.contains('@') => (id, Some(participant.parse()?)),
            _ => (rest, None),
        };
        if !good_stanza_id(stanza_id) {
            return Err(MessageIdError::StanzaId);
        }
        Ok(Self { from_me, chat: chat.parse()?, stanza_id: stanza_id.to_owned(), participant })
    }
}

impl TryFrom<String> for MessageId {
    type Error = MessageIdError;

    fn try_from(text: String) -> Result<Self, MessageIdError> {
        text.parse()
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.from_me, self.chat, self.stanza_id)?;
        match &self.participant {
            Some(participant) => write!(f, "_{participant}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({}, {:?}, {}", self.from_me, self.chat, self.stanza_id)?;
        match &self.participant {
            Some(participant) => write!(f, ", {participant:?})"),
            None => f.write_str(")"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn own_and_group_ids_parse_and_print() {
        for text in [
            "true_628111222333@c.us_3EB0C767D097B7C7C045",
            "false_123456789012345@lid_ABCDEF",
            "false_120363012345678901@g.us_3EB0_AA_628111222333@c.us",
            "true_status@broadcast_3EB0_628111222333@c.us",
        ] {
            let id: MessageId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
        }
        let id: MessageId = "false_120363012345678901@g.us_3EB0_AA_628111@c.us".parse().unwrap();
        assert_eq!(id.stanza_id, "3EB0_AA");
        assert_eq!(id.participant.unwrap().as_str(), "628111@c.us");
    }

    #[test]
    fn a_message_may_be_named_by_its_bare_id() {
        let whole: NamedMessage = "true_628111@c.us_AA".parse().unwrap();
        assert_eq!(whole, NamedMessage::Whole("true_628111@c.us_AA".parse().unwrap()));
        let NamedMessage::Bare(bare) = "3EB0_AA".parse().unwrap() else { panic!("no bare id") };
        assert_eq!(bare.to_string(), "3EB0_AA");
        for bad in ["", "a b", "true_628111@c.us", "../x", &"A".repeat(200)] {
            assert!(bad.parse::<NamedMessage>().is_err(), "{bad}");
        }
    }

    #[test]
    fn wire_servers_are_accepted_and_rewritten() {
        let id: MessageId = "true_628111@s.whatsapp.net_AA".parse().unwrap();
        assert_eq!(id.to_string(), "true_628111@c.us_AA");
    }

    #[test]
    fn bad_ids_are_refused() {
        for text in
            ["", "true", "maybe_1@c.us_A", "true_1@c.us", "true_1@c.us_", "true_628111_AA", "true_x@c.us_AA"]
        {
            assert!(text.parse::<MessageId>().is_err(), "{text}");
        }
        assert_eq!("true_1@c.us_A/../B".parse::<MessageId>(), Err(MessageIdError::StanzaId));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_printing_parses_back(text in "(true|false)_[0-9]{1,20}@(c.us|lid|g.us)_\\PC{0,40}") {
            if let Ok(id) = text.parse::<MessageId>() {
                prop_assert_eq!(id.to_string().parse::<MessageId>().unwrap(), id);
            }
        }
    }
}
