//! Linking a session whose phone asks for the account's passkey: what is to be signed, the answer, and the code to compare.
//!
//! The passkey itself lies in a browser or a phone, which signs for WhatsApp's own page alone. whatsapp-rust does the rest of the
//! exchange (`passkey::flow`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wakeeper_model::SessionName;
use wakeeper_waha::{PasskeyAssertion, PasskeyChallenge, PasskeyConfirmation, SessionStatus, StatusData};
use whatsapp_rust::passkey::Assertion;

use super::pairing::PairingError;
use crate::EngineError;
use crate::life::actor::Command;
use crate::life::registry::Sessions;
use crate::life::state::SessionState;

/// Longest part of an answer, in characters. Those of known authenticators have some hundred.
const LONGEST: usize = 16 << 10;

/// How far a link by passkey is.
#[derive(Clone)]
pub(crate) enum Passkey {
    /// WhatsApp asks for this.
    Asked(PasskeyChallenge),
    /// This code is to be compared.
    Compared(String),
}

impl From<Passkey> for StatusData {
    fn from(passkey: Passkey) -> Self {
        match passkey {
            Passkey::Asked(challenge) => Self::Challenge(Box::new(challenge)),
            Passkey::Compared(code) => Self::Confirmation(PasskeyConfirmation { code }),
        }
    }
}

/// What a person does in a link by passkey.
pub(crate) enum PasskeyStep {
    /// The passkey answered.
    Answer(Assertion),
    /// The code is the phone's.
    Confirm,
}

impl PasskeyStep {
    /// The status in which it is taken.
    pub(crate) fn expected(&self) -> SessionStatus {
        match self {
            Self::Answer(_) => SessionStatus::PasskeyRequired,
            Self::Confirm => SessionStatus::PasskeyConfirmationRequired,
        }
    }
}

impl Sessions {
    /// What WhatsApp wants a passkey of the account to sign.
    ///
    /// # Errors
    /// When the session is unknown, or is not asked for a passkey.
    pub async fn passkey_challenge(&self, name: &SessionName) -> Result<PasskeyChallenge, EngineError> {
        let handle = self.handle(name).await?;
        match handle.state.passkey() {
            Some(Passkey::Asked(challenge)) => Ok(challenge),
            _ => Err(not_ready(&handle.state, SessionStatus::PasskeyRequired)),
        }
    }

    /// Gives WhatsApp the passkey's answer. Then it says which code is to be compared, or that it takes no such answer.
    ///
    /// # Errors
    /// When the answer is malformed, the session is not asked for a passkey, or WhatsApp does not take the answer.
    pub async fn answer_passkey(
        &self,
        name: &SessionName,
        answer: &PasskeyAssertion,
    ) -> Result<(), PairingError> {
        let handle = self.handle(name).await?;
        let step = PasskeyStep::Answer(assertion(answer)?);
        handle.ask(|done| Command::Passkey(step, done)).await?
    }

    /// The code that the phone must show, too.
    ///
    /// # Errors
    /// When the session is unknown, or has no code to compare.
    pub async fn passkey_code(&self, name: &SessionName) -> Result<PasskeyConfirmation, EngineError> {
        let handle = self.handle(name).await?;
        match handle.state.passkey() {
            Some(Passkey::Compared(code)) => Ok(PasskeyConfirmation { code }),
            _ => Err(not_ready(&handle.state, SessionStatus::PasskeyConfirmationRequired)),
        }
    }

    /// Says that the phone shows the same code, which links the session.
    ///
    /// # Errors
    /// When the session has no code to compare, or WhatsApp does not take it.
    pub async fn confirm_passkey(&self, name: &SessionName) -> Result<(), PairingError> {
        let handle = self.handle(name).await?;
        handle.ask(|done| Command::Passkey(PasskeyStep::Confirm, done)).await?
    }
}

fn not_ready(state: &SessionState, expected: SessionStatus) -> EngineError {
    EngineError::NotReady { session: state.name().clone(), status: state.status(), expected: vec![expected] }
}

/// The answer as WhatsApp takes it: JSON in WhatsApp Web's shape, and the passkey's id as bytes.
fn assertion(answer: &PasskeyAssertion) -> Result<Assertion, EngineError> {
    let PasskeyAssertion { id, raw_id, kind, response } = answer;
    let invalid = |text: String| EngineError::InvalidRequest(text);
    if kind != "public-key" {
        return Err(invalid("type: must be public-key".to_owned()));
    }
    let parts = [
        ("id", Some(id)),
        ("rawId", Some(raw_id)),
        ("response.clientDataJSON", Some(&response.client_data_json)),
        ("response.authenticatorData", Some(&response.authenticator_data)),
        ("response.signature", Some(&response.signature)),
        ("response.userHandle", response.user_handle.as_ref()),
    ];
    for (name, text) in parts.into_iter().filter_map(|(name, text)| Some((name, text?))) {
        let fits = text.len() <= LONGEST && URL_SAFE_NO_PAD.decode(text).is_ok();
        if !fits || (text.is_empty() && name != "response.userHandle") {
            return Err(invalid(format!("{name}: base64url without padding")));
        }
    }
    if id != raw_id {
        return Err(invalid("rawId: must be the same as id".to_owned()));
    }
    let credential_id = URL_SAFE_NO_PAD.decode(raw_id).unwrap_or_default();
    let assertion_json = serde_json::to_vec(answer).map_err(|error| invalid(error.to_string()))?;
    Ok(Assertion { assertion_json, credential_id })
}

#[cfg(test)]
mod tests {
    use wakeeper_waha::PasskeyAssertionData;

    use super::*;

    fn answer() -> PasskeyAssertion {
        PasskeyAssertion {
            id: "AQID".to_owned(),
            raw_id: "AQID".to_owned(),
            kind: "public-key".to_owned(),
            response: PasskeyAssertionData {
                client_data_json: "e30".to_owned(),
                authenticator_data: "AA".to_owned(),
                signature: "AA".to_owned(),
                user_handle: None,
            },
        }
    }

    #[test]
    fn an_answer_goes_on_in_whatsapp_webs_shape() {
        let made = assertion(&answer()).unwrap();
        assert_eq!(made.credential_id, [1, 2, 3]);
        let json: serde_json::Value = serde_json::from_slice(&made.assertion_json).unwrap();
        assert_eq!(json["response"]["clientDataJSON"], "e30");
        assert_eq!(json["response"]["userHandle"], serde_json::Value::Null);
    }

    #[test]
    fn what_is_malformed_is_named() {
        let refused = |change: &dyn Fn(&mut PasskeyAssertion)| {
            let mut answer = answer();
            change(&mut answer);
            assertion(&answer).unwrap_err().to_string()
        };
        assert!(refused(&|answer| answer.kind = "password".to_owned()).starts_with("type:"));
        assert!(refused(&|answer| answer.raw_id = "AQIE".to_owned()).starts_with("rawId:"));
        assert!(
            refused(&|answer| answer.response.signature = "+/".to_owned()).starts_with("response.signature:")
        );
        assert!(refused(&|answer| answer.response.signature.clear()).starts_with("response.signature:"));
        let long = "A".repeat(LONGEST + 4);
        assert!(
            refused(&|answer| answer.response.client_data_json = long.clone()).contains("clientDataJSON")
        );
    }
}
