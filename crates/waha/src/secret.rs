//! Secrets in settings: kept, used, and not shown again.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{Schema, Type};
use utoipa::openapi::{ObjectBuilder, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// What answers show instead of a secret. A change that gives it back keeps the secret.
pub const PLACEHOLDER: &str = "********";

/// A secret in a session's settings. Written as JSON it is [`PLACEHOLDER`]; `Debug` hides it.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret(SecretString);

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Does it stand for a secret that is stored?
    #[must_use]
    pub fn is_placeholder(&self) -> bool {
        self.expose() == PLACEHOLDER
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(SecretString::from(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(SecretString::from(text))
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(PLACEHOLDER)
    }
}

impl PartialSchema for Secret {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(format!(
                "A secret. Answers show {PLACEHOLDER}; sent back unchanged it keeps the stored secret."
            )))
            .into()
    }
}

impl ToSchema for Secret {}

/// The address without the password that may stand in it.
pub(super) fn shown_address(address: &str) -> String {
    let Ok(mut url) = url::Url::parse(address) else { return address.to_owned() };
    if url.password().is_none() || url.set_password(Some(PLACEHOLDER)).is_err() {
        return address.to_owned();
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_used_but_neither_written_nor_printed() {
        let secret = Secret::from("hushhush");
        assert_eq!(secret.expose(), "hushhush");
        assert_eq!(serde_json::to_value(&secret).unwrap(), PLACEHOLDER);
        assert!(!format!("{secret:?}").contains("hush"));
        assert!(serde_json::from_value::<Secret>(PLACEHOLDER.into()).unwrap().is_placeholder());
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(shown_address("http://bot:hush@n8n:5678/a?b=c"), "http://bot:********@n8n:5678/a?b=c");
        for same in ["http://n8n:5678/a?b=c", "http://bot@n8n/", "not an address"] {
            assert_eq!(shown_address(same), same);
        }
    }
}
