//! Addresses of accounts, devices and groups.

use std::fmt;

/// Server part of phone-number addresses.
pub const PHONE_SERVER: &str = "s.whatsapp.net";
/// Server part of hidden (LID) addresses.
pub const LID_SERVER: &str = "lid";
/// Server part of group addresses.
pub const GROUP_SERVER: &str = "g.us";
/// Server part of channels' addresses.
pub const CHANNEL_SERVER: &str = "newsletter";
/// The WhatsApp server itself, as the clients want to see it in `from`.
pub const SERVER_JID: &str = "@s.whatsapp.net";

/// A parsed JID: `user[:device]@server`.
///
/// `device` 0 is the phone and is not written out. Agent parts (`user.agent:device`) of old
/// clients are dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Jid {
    /// Phone number in international form without `+`, LID, or group id.
    pub user: String,
    /// Companion device, 0 for the phone.
    pub device: u16,
    /// [`PHONE_SERVER`], [`LID_SERVER`], [`GROUP_SERVER`] or another server.
    pub server: String,
}

impl Jid {
    /// An address without a device.
    #[must_use]
    pub fn new(user: impl Into<String>, server: &str) -> Self {
        Self { user: user.into(), device: 0, server: server.to_owned() }
    }

    /// The same user on another device.
    #[must_use]
    pub fn with_device(&self, device: u16) -> Self {
        Self { device, ..self.clone() }
    }

    /// Reads `user[.agent][:device]@server`; a text without `@` is a bare server.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (user, server) = text.split_once('@').unwrap_or(("", text));
        if server.is_empty() || server.contains('@') {
            return None;
        }
        let (user, device) = match user.split_once(':') {
            Some((user, device)) => (user, device.parse().ok()?),
            None => (user, 0),
        };
        let user = match server {
            PHONE_SERVER | LID_SERVER => user.split_once('.').map_or(user, |(user, _)| user),
            _ => user,
        };
        Some(Self { user: user.to_owned(), device, server: server.to_owned() })
    }

    /// Is it a group?
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.server == GROUP_SERVER
    }

    /// Is it a channel?
    #[must_use]
    pub fn is_channel(&self) -> bool {
        self.server == CHANNEL_SERVER && !self.user.is_empty()
    }

    /// Is it a hidden (LID) address?
    #[must_use]
    pub fn is_lid(&self) -> bool {
        self.server == LID_SERVER
    }

    /// Is it a phone-number address of an account?
    #[must_use]
    pub fn is_phone_number(&self) -> bool {
        self.server == PHONE_SERVER && !self.user.is_empty()
    }
}

impl fmt::Display for Jid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.device == 0 {
            write!(f, "{}@{}", self.user, self.server)
        } else {
            write!(f, "{}:{}@{}", self.user, self.device, self.server)
        }
    }
}
