//! Who someone is on WhatsApp, whichever form of the address is used.

/// A phone number and the LID that hides it, both bare users without server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Digits of the phone number.
    pub number: String,
    /// Digits of the LID.
    pub lid: String,
}

impl Address {
    /// Whether `jid` (any server, any device) is this account.
    pub fn is(&self, jid: &str) -> bool {
        let (user, server) = jid.split_once('@').unwrap_or((jid, "s.whatsapp.net"));
        let user = user.split([':', '.']).next().unwrap_or(user);
        if server == "lid" { user == self.lid } else { user == self.number }
    }

    /// The phone-number JID, as Baileys writes it.
    pub fn jid(&self) -> String {
        format!("{}@s.whatsapp.net", self.number)
    }

    /// The LID JID.
    pub fn lid_jid(&self) -> String {
        format!("{}@lid", self.lid)
    }

    /// The chat id, as WAHA writes it.
    pub fn chat_id(&self) -> String {
        format!("{}@c.us", self.number)
    }
}
