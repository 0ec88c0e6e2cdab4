//! Linking by a passkey: what WhatsApp asks the browser for, and what the browser answers. The fields are WebAuthn's
//! (`PublicKeyCredentialRequestOptions`, `AuthenticatorAssertionResponse`); bytes are base64url without padding.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What a passkey is to sign (WAHA's `PasskeyChallenge`): give it to `navigator.credentials.get`.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyChallenge {
    /// What is signed.
    pub challenge: String,
    /// How long the answer is waited for, in milliseconds.
    #[serde(default = "minute")]
    pub timeout: u64,
    /// For whom the passkey was made.
    #[serde(default = "whatsapp")]
    #[schema(example = "web.whatsapp.com")]
    pub rp_id: String,
    /// Which passkeys are taken; any of the account's when there are none.
    #[serde(default)]
    pub allow_credentials: Vec<PasskeyAllowedCredential>,
    /// Whether the person must be recognised: `required`, `preferred` or `discouraged`.
    #[serde(default = "preferred")]
    #[schema(example = "required")]
    pub user_verification: String,
    /// Extensions that are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    pub extensions: Option<Value>,
}

fn minute() -> u64 {
    60_000
}

/// Left out, it is the page's own: WhatsApp Web's.
fn whatsapp() -> String {
    "web.whatsapp.com".to_owned()
}

fn preferred() -> String {
    "preferred".to_owned()
}

impl fmt::Debug for PasskeyChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyChallenge").field("rp_id", &self.rp_id).finish_non_exhaustive()
    }
}

/// A passkey that is taken (WAHA's `PasskeyAllowedCredential`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasskeyAllowedCredential {
    /// Its id.
    pub id: String,
    /// `public-key`.
    #[serde(rename = "type", default = "public_key")]
    #[schema(example = "public-key")]
    pub kind: String,
    /// How it may be reached, such as `hybrid` or `internal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub transports: Option<Vec<String>>,
}

fn public_key() -> String {
    "public-key".to_owned()
}

impl fmt::Debug for PasskeyAllowedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyAllowedCredential").finish_non_exhaustive()
    }
}

/// What the passkey answers (WAHA's `PasskeyAssertionRequest`), as `navigator.credentials.get` gives it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PasskeyAssertionRequest)]
pub struct PasskeyAssertion {
    /// The passkey's id.
    pub id: String,
    /// The same.
    #[serde(rename = "rawId")]
    pub raw_id: String,
    /// `public-key`.
    #[serde(rename = "type")]
    #[schema(example = "public-key")]
    pub kind: String,
    /// The answer itself.
    pub response: PasskeyAssertionData,
}

impl fmt::Debug for PasskeyAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyAssertion").finish_non_exhaustive()
    }
}

/// The answer of a passkey (WAHA's `PasskeyAssertionResponseData`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PasskeyAssertionResponseData)]
pub struct PasskeyAssertionData {
    /// What the browser says of it.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// What the authenticator says of it.
    pub authenticator_data: String,
    /// The signature of both.
    pub signature: String,
    /// Whose passkey it is.
    #[serde(default)]
    #[schema(nullable = false)]
    pub user_handle: Option<String>,
}

impl fmt::Debug for PasskeyAssertionData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyAssertionData").finish_non_exhaustive()
    }
}

/// A code to compare with the phone's (WAHA's `PasskeyConfirmationResponse`).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PasskeyConfirmationResponse)]
pub struct PasskeyConfirmation {
    /// The code.
    #[schema(example = "ABCD-EFGH")]
    pub code: String,
}

impl fmt::Debug for PasskeyConfirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasskeyConfirmation").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_whatsapp_leaves_out_has_webauthns_meaning() {
        let read: PasskeyChallenge =
            serde_json::from_str(r#"{"challenge":"AAAA","hints":["hybrid"]}"#).unwrap();
        assert_eq!((read.timeout, read.rp_id.as_str()), (60_000, "web.whatsapp.com"));
        assert_eq!((read.user_verification.as_str(), read.allow_credentials.len()), ("preferred", 0));
        let shown = serde_json::to_value(&read).unwrap();
        assert!(shown.get("extensions").is_none() && shown["rpId"] == "web.whatsapp.com");
    }
}
