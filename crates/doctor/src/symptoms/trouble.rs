//! What logs say of one contact, summed up.

use super::failures::counted;
use super::{Class, same_device};
use crate::address::Address;
use crate::state::SessionState;

/// A contact's device whose messages fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFailures {
    /// The device.
    pub peer: Address,
    /// How many different messages failed.
    pub messages: usize,
    /// There may be more: not all were told apart.
    pub at_least: bool,
    /// The last failure, milliseconds since 1970, where the log tells times.
    pub last_ms: Option<i64>,
    /// What was seen.
    pub classes: Vec<Class>,
}

impl PeerFailures {
    /// Adds what another log says of the same device.
    pub(super) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.at_least |= other.at_least;
        self.last_ms = self.last_ms.max(other.last_ms);
        self.classes.extend(other.classes);
        self.classes.sort_unstable();
        self.classes.dedup();
    }

    /// Whether a stored Signal session belongs to the device, under whichever of its numbers.
    pub fn concerns(&self, state: &SessionState, stored: &Address) -> bool {
        same_device(state, &self.peer, stored)
    }

    pub(crate) fn evidence(&self) -> String {
        let what = if self.classes.contains(&Class::ChainClosed) { "Chain closed" } else { "Bad MAC" };
        let messages = match self.messages {
            1 => "one message".to_owned(),
            count => counted(count, self.at_least, "message"),
        };
        format!("the log shows {messages} that could not be decrypted ({what})")
    }
}
