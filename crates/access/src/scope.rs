use std::fmt;

use wakeeper_waha::SessionActions;

/// What a request needs its key to be good for. Every route of the API has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Any key: what tells of the gateway and of nobody's session.
    Any,
    /// Reads where a session stands: any key that is for more than files.
    Status,
    /// Reads what sessions hold.
    Read,
    /// Sends something that others see.
    Send,
    /// Starts, stops, links or logs out.
    Control,
    /// Changes settings of a session, or of what it holds.
    Setting,
    /// Reads a file of a message.
    Media,
    /// Deletes something.
    Delete,
    /// What belongs to the administrator alone: keys, the gateway itself.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 9] = [
        Self::Any,
        Self::Status,
        Self::Read,
        Self::Send,
        Self::Control,
        Self::Setting,
        Self::Media,
        Self::Delete,
        Self::Admin,
    ];

    /// Its name, as callers see it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Status => "status",
            Self::Read => "read",
            Self::Send => "send",
            Self::Control => "control",
            Self::Setting => "setting",
            Self::Media => "media",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }

    /// Whether a key that may do this is good for it. Without actions a key may do everything with sessions.
    #[must_use]
    pub fn is_in(self, actions: Option<SessionActions>) -> bool {
        let Some(actions) = actions else { return self != Self::Admin };
        match self {
            Self::Any => true,
            Self::Status => {
                actions.read || actions.send || actions.control || actions.setting || actions.delete
            }
            Self::Read => actions.read,
            Self::Send => actions.send,
            Self::Control => actions.control,
            Self::Setting => actions.setting,
            // Whoever reads a message reads what hangs on it.
            Self::Media => actions.media || actions.read,
            Self::Delete => actions.delete,
            Self::Admin => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_opens_its_scope_and_no_other() {
        let none = SessionActions::default();
        for (actions, opens) in [
            (none, &[][..]),
            (SessionActions { read: true, ..none }, &[Scope::Status, Scope::Read, Scope::Media]),
            (SessionActions { send: true, ..none }, &[Scope::Status, Scope::Send]),
            (SessionActions { control: true, ..none }, &[Scope::Status, Scope::Control]),
            (SessionActions { setting: true, ..none }, &[Scope::Status, Scope::Setting]),
            (SessionActions { app: true, ..none }, &[]),
            (SessionActions { delete: true, ..none }, &[Scope::Status, Scope::Delete]),
            (SessionActions { media: true, ..none }, &[Scope::Media]),
        ] {
            for scope in Scope::ALL {
                let open = scope == Scope::Any || opens.contains(&scope);
                assert_eq!(scope.is_in(Some(actions)), open, "{scope} {actions:?}");
            }
        }
        for scope in Scope::ALL {
            assert_eq!(scope.is_in(None), scope != Scope::Admin, "{scope}");
        }
    }
}
