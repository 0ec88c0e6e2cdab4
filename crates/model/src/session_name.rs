//! Names of sessions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest session name.
const MAX_NAME: usize = 54;

/// The name of a session, `^[A-Za-z0-9_-]{1,54}$`. Safe as the name of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionName(String);

/// Why a text is not a [`SessionName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a session name has 1 to {MAX_NAME} letters (a to z), digits, underscores or dashes, and no dots or spaces"
)]
pub struct SessionNameError;

impl SessionName {
    /// The session that exists from the start, `default`.
    #[must_use]
    pub fn default_session() -> Self {
        Self("default".to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionName {
    type Err = SessionNameError;

    fn from_str(text: &str) -> Result<Self, SessionNameError> {
        let good = !text.is_empty()
            && text.len() <= MAX_NAME
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if good { Ok(Self(text.to_owned())) } else { Err(SessionNameError) }
    }
}

impl TryFrom<String> for SessionName {
    type Error = SessionNameError;

    fn try_from(text: String) -> Result<Self, SessionNameError> {
        text.parse()
    }
}

impl From<SessionName> for String {
    fn from(name: SessionName) -> Self {
        name.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folder_safe() {
        for good in ["default", "A-b_9", &"x".repeat(54)] {
            assert!(good.parse::<SessionName>().is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a.b", &"x".repeat(55)] {
            assert_eq!(bad.parse::<SessionName>(), Err(SessionNameError), "{bad}");
        }
    }
}
