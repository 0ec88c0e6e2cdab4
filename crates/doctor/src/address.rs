//! The address of one device of one account, in the spellings that files, logs and people use.

use std::fmt;

/// What kind of account a Signal address names. The numbers are Baileys 7's domain suffixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// A phone number (or, in files of Baileys 6, a number whose kind the name does not tell).
    Phone,
    /// A LID, the account's number that is not a phone number.
    Lid,
    /// A device that Meta hosts, under a phone number.
    Hosted,
    /// A device that Meta hosts, under a LID.
    HostedLid,
}

impl Domain {
    /// The domain of a suffix in a file name; `None` for a suffix that Baileys never writes.
    pub fn from_suffix(suffix: u32) -> Option<Self> {
        Some(match suffix {
            0 => Self::Phone,
            1 => Self::Lid,
            128 => Self::Hosted,
            129 => Self::HostedLid,
            _ => return None,
        })
    }

    fn suffix(self) -> u32 {
        match self {
            Self::Phone => 0,
            Self::Lid => 1,
            Self::Hosted => 128,
            Self::HostedLid => 129,
        }
    }

    fn server(self) -> &'static str {
        match self {
            Self::Phone => "s.whatsapp.net",
            Self::Lid => "lid",
            Self::Hosted => "hosted",
            Self::HostedLid => "hosted.lid",
        }
    }

    /// Whether the account is named by a LID.
    pub fn is_lid(self) -> bool {
        matches!(self, Self::Lid | Self::HostedLid)
    }
}

/// One device of one account.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The account's digits.
    pub user: String,
    /// What the digits are.
    pub domain: Domain,
    /// 0 is the phone.
    pub device: u32,
}

impl Address {
    /// Reads libsignal's spelling, `<user>[_<domain>].<device>`, as it stands in file names and stack frames.
    pub fn from_signal(text: &str) -> Option<Self> {
        let (name, device) = text.rsplit_once('.')?;
        Self::from_parts(name, device)
    }

    /// Reads `<user>[_<domain>]` and a device number.
    pub fn from_parts(name: &str, device: &str) -> Option<Self> {
        let (user, domain) = match name.split_once('_') {
            Some((user, suffix)) => (user, Domain::from_suffix(number(suffix)?)?),
            None => (name, Domain::Phone),
        };
        is_user(user).then(|| Some(Self { user: user.to_owned(), domain, device: number(device)? }))?
    }

    /// Reads a JID, `<user>[_<agent>][:<device>]@<server>`.
    pub fn from_jid(text: &str) -> Option<Self> {
        let (name, server) = text.split_once('@')?;
        let domain = match server {
            "s.whatsapp.net" | "c.us" => Domain::Phone,
            "lid" => Domain::Lid,
            "hosted" => Domain::Hosted,
            "hosted.lid" => Domain::HostedLid,
            _ => return None,
        };
        let (name, device) = name.split_once(':').unwrap_or((name, "0"));
        let user = name.split_once('_').map_or(name, |(user, _)| user);
        is_user(user).then(|| Some(Self { user: user.to_owned(), domain, device: number(device)? }))?
    }

    /// Reads whatever a person may type: a JID, libsignal's spelling, or bare digits (the phone, device 0).
    pub fn from_any(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('+');
        Self::from_jid(text).or_else(|| Self::from_signal(text)).or_else(|| {
            is_user(text).then(|| Self { user: text.to_owned(), domain: Domain::Phone, device: 0 })
        })
    }

    /// libsignal's spelling as Baileys 7 writes it.
    pub fn signal(&self) -> String {
        match self.domain {
            Domain::Phone => format!("{}.{}", self.user, self.device),
            domain => format!("{}_{}.{}", self.user, domain.suffix(), self.device),
        }
    }

    /// The same device of the account under another number.
    #[must_use]
    pub fn moved_to(&self, user: &str, domain: Domain) -> Self {
        Self { user: user.to_owned(), domain, device: self.device }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.device {
            0 => write!(f, "{}@{}", self.user, self.domain.server()),
            device => write!(f, "{}:{device}@{}", self.user, self.domain.server()),
        }
    }
}

/// Redacted: debug output ends in logs.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail = &self.user[self.user.len().saturating_sub(2)..];
        write!(f, "…{tail}:{}@{}", self.device, self.domain.server())
    }
}

/// The JID of a group, of what a person may type: with or without its server.
pub fn group_jid(text: &str) -> Option<String> {
    let id = text.strip_suffix("@g.us").unwrap_or(text);
    let is_id = (5..=40).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    is_id.then(|| format!("{id}@g.us"))
}

fn is_user(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_the_same_device() {
        let lid = Address { user: "100000000000002".into(), domain: Domain::Lid, device: 3 };
        assert_eq!(Address::from_signal("100000000000002_1.3"), Some(lid.clone()));
        assert_eq!(Address::from_any("100000000000002:3@lid"), Some(lid.clone()));
        assert_eq!(lid.signal(), "100000000000002_1.3");
        assert_eq!(lid.to_string(), "100000000000002:3@lid");
        let phone = Address::from_any("+6281234567890").unwrap();
        assert_eq!((phone.signal().as_str(), phone.device), ("6281234567890.0", 0));
        assert_eq!(Address::from_jid("6281234567890@c.us"), Some(phone.clone()));
        assert!(!format!("{phone:?}").contains("6281234567890"), "debug output is redacted");
    }

    #[test]
    fn a_group_is_named_with_or_without_its_server() {
        let old = "6281234567890-1399999999@g.us";
        assert_eq!(group_jid("120363000000000001").as_deref(), Some("120363000000000001@g.us"));
        assert_eq!(group_jid(old).as_deref(), Some(old));
        for text in ["", "@g.us", "1", "6281@s.whatsapp.net", "12036300000000000x"] {
            assert_eq!(group_jid(text), None, "{text}");
        }
    }

    #[test]
    fn nonsense_is_no_address() {
        for text in
            ["", ".", "1.", ".1", "a.1", "1_7.0", "1_.0", "1.-1", "1.0.x", "12@g.us", "1:x@lid", "é.0"]
        {
            assert_eq!(Address::from_any(text), None, "{text}");
        }
    }
}
