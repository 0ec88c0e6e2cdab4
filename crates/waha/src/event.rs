//! Names of events.

use std::fmt;
use std::str::FromStr;

/// Events this gateway emits, named as WAHA names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventName {
    /// A session changed its status.
    SessionStatus,
    /// Somebody wrote.
    Message,
    /// Somebody wrote, or this account did from any of its devices.
    MessageAny,
    /// A message got further: server, device, read, played.
    MessageAck,
    /// Somebody reacted, or took a reaction back.
    MessageReaction,
    /// A message was deleted for everyone.
    MessageRevoked,
    /// A message was edited.
    MessageEdited,
}

/// The text names no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown event; known are session.status, message, message.any, message.ack, message.reaction, message.revoked, message.edited and *"
)]
pub struct EventNameError;

impl EventName {
    /// Every event.
    pub const ALL: [Self; 7] = [
        Self::SessionStatus,
        Self::Message,
        Self::MessageAny,
        Self::MessageAck,
        Self::MessageReaction,
        Self::MessageRevoked,
        Self::MessageEdited,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionStatus => "session.status",
            Self::Message => "message",
            Self::MessageAny => "message.any",
            Self::MessageAck => "message.ack",
            Self::MessageReaction => "message.reaction",
            Self::MessageRevoked => "message.revoked",
            Self::MessageEdited => "message.edited",
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventName {
    type Err = EventNameError;

    fn from_str(text: &str) -> Result<Self, EventNameError> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or(EventNameError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for name in EventName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        assert_eq!("message.unknown".parse::<EventName>(), Err(EventNameError));
    }
}
