//! Chat ids: `628...@c.us` outside, `628...@s.whatsapp.net` inside.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest chat id accepted, in bytes. Real ones stay under 40.
const MAX_LENGTH: usize = 128;
/// Phone numbers have at most 15 digits (E.164); LIDs and old group ids are a little longer.
const MAX_NUMBER: usize = 20;
/// Devices are counted in 16 bits.
const MAX_DEVICE: usize = 5;

/// What kind of chat a [`ChatId`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatKind {
    /// A person or business by phone number, `628...@c.us`.
    Phone,
    /// A person or business by hidden id, `123...@lid`.
    Lid,
    /// A group, `...@g.us`.
    Group,
    /// A channel, `...@newsletter`.
    Channel,
    /// Status updates, `status@broadcast`, or a broadcast list.
    Broadcast,
}

/// The address of a chat as callers see it: `628...@c.us`, `...@g.us`, `...@lid`, `...@newsletter`
/// or `status@broadcast`. A bare phone number is accepted as input, and one of a person's devices (`628...:3@s.whatsapp.net`,
/// as an account's own `jid` is told) for the person. Never names a device.
///
/// `Debug` hides all but the last digits, since the user part is a phone number.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChatId {
    text: String,
    user_length: usize,
}

/// Why a text is not a [`ChatId`]. Does not repeat the text, which may hold a phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatIdError {
    /// Empty, or longer than any chat id.
    #[error("a chat id has 1 to {MAX_LENGTH} characters")]
    Length,
    /// The part before `@` does not fit the kind of chat.
    #[error(
        "the part before @ must be a phone number in international form without +, or a group, LID or channel id"
    )]
    User,
    /// The part after `@` is unknown.
    #[error("the part after @ must be c.us, s.whatsapp.net, g.us, lid, newsletter or broadcast")]
    Server,
}

impl ChatId {
    /// `status@broadcast`, where status updates are.
    #[must_use]
    pub fn status() -> Self {
        Self::from_parts("status", "broadcast")
    }

    /// Is it `status@broadcast`?
    #[must_use]
    pub fn is_status(&self) -> bool {
        self.text == "status@broadcast"
    }

    /// What kind of chat it is.
    #[must_use]
    pub fn kind(&self) -> ChatKind {
        match self.server() {
            "g.us" => ChatKind::Group,
            "lid" => ChatKind::Lid,
            "newsletter" => ChatKind::Channel,
            "broadcast" => ChatKind::Broadcast,
            _ => ChatKind::Phone,
        }
    }

    /// The part before `@`.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.text[..self.user_length]
    }

    /// The part after `@`, `c.us` for phone numbers.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.text[self.user_length + 1..]
    }

    /// The whole id as callers write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Is it a group?
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.kind() == ChatKind::Group
    }

    /// The address as WhatsApp's protocol writes it (`@s.whatsapp.net` instead of `@c.us`).
    #[must_use]
    pub fn to_wire(&self) -> String {
        match self.kind() {
            ChatKind::Phone => format!("{}@s.whatsapp.net", self.user()),
            _ => self.text.clone(),
        }
    }

    /// A phone-number chat from digits already known to be good.
    fn from_parts(user: &str, server: &str) -> Self {
        let server = if server == "s.whatsapp.net" { "c.us" } else { server };
        Self { text: format!("{user}@{server}"), user_length: user.len() }
    }
}

fn digits(user: &str, longest: usize) -> bool {
    !user.is_empty() && user.len() <= longest && user.bytes().all(|b| b.is_ascii_digit())
}

/// The person whose device it is.
fn without_device(user: &str) -> &str {
    match user.split_once(':') {
        Some((person, device)) if digits(device, MAX_DEVICE) => person,
        _ => user,
    }
}

impl FromStr for ChatId {
    type Err = ChatIdError;

    fn from_str(text: &str) -> Result<Self, ChatIdError> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(ChatIdError::Length);
        }
        let Some((user, server)) = text.split_once('@') else {
            let number = text.strip_prefix('+').unwrap_or(text);
            let good = digits(number, MAX_NUMBER);
            return if good { Ok(Self::from_parts(number, "c.us")) } else { Err(ChatIdError::User) };
        };
        let user = match server {
            "c.us" | "s.whatsapp.net" | "lid" => without_device(user),
            _ => user,
        };
        let good = match server {
            "c.us" | "s.whatsapp.net" | "lid" => digits(user, MAX_NUMBER),
            "g.us" => user.split('-').all(|part| digits(part, 32)) && user.split('-').count() <= 2,
            "newsletter" => digits(user, 32),
            "broadcast" => user == "status" || digits(user, 32),
            _ => return Err(ChatIdError::Server),
        };
        if good { Ok(Self::from_parts(user, server)) } else { Err(ChatIdError::User) }
    }
}

impl TryFrom<String> for ChatId {
    type Error = ChatIdError;

    fn try_from(text: String) -> Result<Self, ChatIdError> {
        text.parse()
    }
}

impl From<ChatId> for String {
    fn from(id: ChatId) -> Self {
        id.text
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ChatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user();
        let shown = if user == "status" { user } else { &user[user.len().saturating_sub(3)..] };
        write!(f, "ChatId(..{shown}@{})", self.server())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<ChatId, ChatIdError> {
        text.parse()
    }

    #[test]
    fn every_spelling_of_a_number_is_one_chat() {
        for text in [
            "628111222333",
            "+628111222333",
            "628111222333@c.us",
            "628111222333@s.whatsapp.net",
            "628111222333:1@s.whatsapp.net",
            "628111222333:12@c.us",
        ] {
            let chat = parse(text).unwrap();
            assert_eq!(chat.as_str(), "628111222333@c.us");
            assert_eq!(chat.to_wire(), "628111222333@s.whatsapp.net");
            assert_eq!(chat.kind(), ChatKind::Phone);
        }
    }

    #[test]
    fn kinds_are_told_by_the_server_part() {
        for (text, kind) in [
            ("120363012345678901@g.us", ChatKind::Group),
            ("628111222333-1500000000@g.us", ChatKind::Group),
            ("123456789012345@lid", ChatKind::Lid),
            ("120363012345678901@newsletter", ChatKind::Channel),
            ("status@broadcast", ChatKind::Broadcast),
        ] {
            let chat = parse(text).unwrap();
            assert_eq!(chat.kind(), kind);
            assert_eq!(chat.to_wire(), text);
        }
    }

    #[test]
    fn statuses_have_one_chat() {
        assert_eq!(parse("status@broadcast").unwrap(), ChatId::status());
        assert!(ChatId::status().is_status() && !parse("1234@broadcast").unwrap().is_status());
    }

    #[test]
    fn bad_ids_are_refused() {
        assert_eq!(parse(""), Err(ChatIdError::Length));
        assert_eq!(parse(&"1".repeat(200)), Err(ChatIdError::Length));
        assert_eq!(parse("hello"), Err(ChatIdError::User));
        assert_eq!(parse("12ab@c.us"), Err(ChatIdError::User));
        assert_eq!(parse("@c.us"), Err(ChatIdError::User));
        assert_eq!(parse("628:@s.whatsapp.net"), Err(ChatIdError::User));
        assert_eq!(parse("628:x@s.whatsapp.net"), Err(ChatIdError::User));
        assert_eq!(parse("628:1:2@s.whatsapp.net"), Err(ChatIdError::User));
        assert_eq!(parse("120363012345678901:3@g.us"), Err(ChatIdError::User));
        assert_eq!(parse("628@evil.example"), Err(ChatIdError::Server));
        assert_eq!(parse("1@c.us@c.us"), Err(ChatIdError::Server));
    }

    #[test]
    fn debug_hides_the_number() {
        let shown = format!("{:?}", parse("628111222333").unwrap());
        assert_eq!(shown, "ChatId(..333@c.us)");
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_printing_parses_back(text in "\\PC{0,60}") {
            if let Ok(chat) = parse(&text) {
                prop_assert_eq!(parse(chat.as_str()).unwrap(), chat.clone());
                prop_assert_eq!(parse(&chat.to_wire()).unwrap(), chat);
            }
        }
    }
}
