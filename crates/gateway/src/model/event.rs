//! Names of events and acknowledgement levels.

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

/// How far a message got. Numbers are WhatsApp's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i8)]
pub enum Ack {
    /// Refused.
    Error = -1,
    /// Stored here, not yet with the server.
    Pending = 0,
    /// The server has it.
    Server = 1,
    /// A device of the receiver has it.
    Device = 2,
    /// Read.
    Read = 3,
    /// Played (voice and video notes).
    Played = 4,
}

/// A number that is no acknowledgement level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("acknowledgement levels are -1 to 4")]
pub struct UnknownAck;

impl Ack {
    /// The number in payloads.
    #[must_use]
    pub fn number(self) -> i8 {
        self as i8
    }

    /// The name in payloads.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Pending => "PENDING",
            Self::Server => "SERVER",
            Self::Device => "DEVICE",
            Self::Read => "READ",
            Self::Played => "PLAYED",
        }
    }
}

impl TryFrom<i8> for Ack {
    type Error = UnknownAck;

    fn try_from(number: i8) -> Result<Self, UnknownAck> {
        Ok(match number {
            -1 => Self::Error,
            0 => Self::Pending,
            1 => Self::Server,
            2 => Self::Device,
            3 => Self::Read,
            4 => Self::Played,
            _ => return Err(UnknownAck),
        })
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

    #[test]
    fn acks_convert_both_ways() {
        for number in -1..=4 {
            assert_eq!(Ack::try_from(number).unwrap().number(), number);
        }
        assert_eq!(Ack::try_from(5), Err(UnknownAck));
    }
}
