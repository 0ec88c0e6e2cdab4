//! Acknowledgement levels.

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
    fn acks_convert_both_ways() {
        for number in -1..=4 {
            assert_eq!(Ack::try_from(number).unwrap().number(), number);
        }
        assert_eq!(Ack::try_from(5), Err(UnknownAck));
    }
}
