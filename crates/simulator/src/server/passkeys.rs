//! Linking by a passkey: some accounts' phones link no device before it brings an assertion of the account's passkey.
//!
//! What the stanzas say is read in whatsapp-rust 0.7.0 (`passkey::flow`, `wacore::shortcake`). The server checks the assertion as
//! WebAuthn has it (W3C, "Verifying an Authentication Assertion") and hands the rest on to the phone, which has the secrets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_rustls::rustls::SignatureScheme;
use tokio_rustls::rustls::crypto::ring;

use super::base64_bytes;
use super::contract::{Link, PasskeyStep, PhoneEvent, ServerError};
use super::world::World;
use crate::jid::SERVER_JID;
use crate::node::Node;

/// For whom the passkey signs.
const RP_ID: &str = "web.whatsapp.com";
/// Where the browser was when it did.
const ORIGIN: &str = "https://web.whatsapp.com";
/// Flags of an assertion: somebody was there, and was recognised.
const PRESENT_AND_VERIFIED: u8 = 0b101;
/// Bytes of the hash of the relying party, the flags and the counter.
const LEAST_AUTHENTICATOR_DATA: usize = 37;

/// A passkey that an account has.
#[derive(Clone, Serialize, Deserialize)]
pub struct Passkey {
    /// Its id.
    #[serde(with = "base64_bytes")]
    pub credential: Vec<u8>,
    /// Its public key: an uncompressed point of P-256.
    #[serde(with = "base64_bytes")]
    pub public_key: Vec<u8>,
}

/// A link by passkey that is under way.
pub(super) struct PasskeyLink {
    number: String,
    challenge: [u8; 32],
    reference: String,
    /// The assertion was right.
    proven: bool,
}

/// Why a stanza is refused: WhatsApp's code and word.
type Refusal = (u16, &'static str);

impl World {
    /// Gives an account a passkey: from now on its phone links no device without.
    pub fn set_passkey(&mut self, number: &str, passkey: Passkey) -> Result<(), ServerError> {
        self.accounts.get_mut(number).ok_or(ServerError::UnknownAccount)?.passkey = Some(passkey);
        Ok(())
    }

    /// Whether an account's phone asks for a passkey.
    pub fn needs_passkey(&self, number: &str) -> bool {
        self.accounts.get(number).is_some_and(|account| account.passkey.is_some())
    }

    /// Asks a device that waits to be linked for an assertion.
    pub fn ask_for_passkey(&mut self, link: Link, number: &str) -> Result<(), ServerError> {
        let challenge = self.random();
        let reference = format!("2@{}", URL_SAFE_NO_PAD.encode(self.random::<48>()));
        let linking = PasskeyLink { number: number.to_owned(), challenge, reference, proven: false };
        let options = self.request_options(&linking);
        self.registration_mut(link).ok_or(ServerError::NotPairing)?.passkey = Some(linking);
        let asked = Node::new("passkey_request_options").bytes(options);
        self.notify_registering(link, "passkey_prologue_request", asked);
        Ok(())
    }

    /// Sends the phone's ephemeral identity to the device that waits.
    pub fn send_primary_identity(&mut self, link: Link, identity: Vec<u8>) -> Result<(), ServerError> {
        self.registration_mut(link).ok_or(ServerError::NotPairing)?;
        let identity = Node::new("primary_ephemeral_identity").bytes(identity);
        self.notify_registering(link, "crsc_continuation", identity);
        Ok(())
    }

    fn notify_registering(&mut self, link: Link, kind: &str, child: Node) {
        let notification = Node::new("notification")
            .attr("from", SERVER_JID)
            .attr("type", kind)
            .attr("id", self.next_id())
            .attr("t", self.seconds().to_string())
            .child(child);
        self.send_stanza(link, notification);
    }

    fn request_options(&self, linking: &PasskeyLink) -> Vec<u8> {
        let passkey = self.accounts.get(&linking.number).and_then(|account| account.passkey.as_ref());
        let credential = passkey.map(|passkey| URL_SAFE_NO_PAD.encode(&passkey.credential));
        let options = json!({
            "challenge": URL_SAFE_NO_PAD.encode(linking.challenge),
            "timeout": 60_000,
            "rpId": RP_ID,
            "allowCredentials": [{ "type": "public-key", "id": credential, "transports": ["hybrid", "internal"] }],
            "userVerification": "required",
        });
        options.to_string().into_bytes()
    }

    /// A stanza of a device that is asked for a passkey; `false` when it is about something else.
    pub fn passkey_stage(&mut self, link: Link, iq: &Node) -> bool {
        let Some(child) = iq.nodes().first() else { return false };
        let Some(linking) = self.registration(link).and_then(|registration| registration.passkey.as_ref())
        else {
            return false;
        };
        let answer = match child.tag.as_str() {
            "ref" => Ok(vec![Node::new("ref").bytes(linking.reference.as_bytes())]),
            "passkey_request_options" => {
                Ok(vec![Node::new("passkey_request_options").bytes(self.request_options(linking))])
            }
            "passkey_prologue" => self.prologue(link, child),
            "companion_nonce" => self.told_phone(link, PasskeyStep::Nonce(bytes(child))),
            "encrypted_pairing_request" => self.told_phone(link, PasskeyStep::Request(bytes(child))),
            _ => return false,
        };
        match answer {
            Ok(children) => self.reply(link, iq, children),
            Err((code, text)) => self.refuse(link, iq, code, text),
        }
        true
    }

    fn prologue(&mut self, link: Link, prologue: &Node) -> Result<Vec<Node>, Refusal> {
        let of = |tag: &str| prologue.child_data(tag).ok_or((400, "bad-request"));
        let (credential, assertion) = (of("credential_id")?.to_vec(), of("webauthn_assertion")?.to_vec());
        let payload = of("prologue_payload")?.to_vec();
        let linking = self.registration(link).and_then(|registration| registration.passkey.as_ref());
        let linking = linking.ok_or((404, "item-not-found"))?;
        let passkey = self.accounts.get(&linking.number).and_then(|account| account.passkey.as_ref());
        let right = passkey
            .filter(|passkey| passkey.credential == credential)
            .is_some_and(|passkey| is_right(&assertion, passkey, &linking.challenge));
        if !right {
            self.counters.add("passkeys_refused");
            return Err((401, "not-authorized"));
        }
        let reference = linking.reference.clone();
        if let Some(linking) = self.registration_mut(link).and_then(|one| one.passkey.as_mut()) {
            linking.proven = true;
        }
        self.told_phone(link, PasskeyStep::Prologue { payload, reference })
    }

    /// Hands a step on to the phone, once the assertion was right.
    fn told_phone(&mut self, link: Link, step: PasskeyStep) -> Result<Vec<Node>, Refusal> {
        let linking = self.registration(link).and_then(|registration| registration.passkey.as_ref());
        let linking = linking.filter(|linking| linking.proven).ok_or((401, "not-authorized"))?;
        let number = linking.number.clone();
        let offer = self.offer(link).ok_or((404, "item-not-found"))?;
        self.tell_phone(&number, PhoneEvent::Passkey { offer, step });
        Ok(Vec::new())
    }
}

fn bytes(node: &Node) -> Vec<u8> {
    node.data().unwrap_or_default().to_vec()
}

/// Whether an assertion is the passkey's, for this challenge and this place.
fn is_right(assertion: &[u8], passkey: &Passkey, challenge: &[u8]) -> bool {
    checked(assertion, passkey, challenge).is_some()
}

fn checked(assertion: &[u8], passkey: &Passkey, challenge: &[u8]) -> Option<()> {
    let assertion: Value = serde_json::from_slice(assertion).ok()?;
    let field = |value: &Value| URL_SAFE_NO_PAD.decode(value.as_str()?).ok();
    let response = &assertion["response"];
    let client_data = field(&response["clientDataJSON"])?;
    let authenticator_data = field(&response["authenticatorData"])?;
    let signature = field(&response["signature"])?;
    let said: Value = serde_json::from_slice(&client_data).ok()?;
    let is_meant = assertion["type"] == "public-key"
        && field(&assertion["rawId"])? == passkey.credential
        && said["type"] == "webauthn.get"
        && said["origin"] == ORIGIN
        && field(&said["challenge"])? == challenge
        && authenticator_data.len() >= LEAST_AUTHENTICATOR_DATA
        && authenticator_data[..32] == Sha256::digest(RP_ID)[..]
        && authenticator_data[32] & PRESENT_AND_VERIFIED == PRESENT_AND_VERIFIED;
    let signed = [&authenticator_data[..], &Sha256::digest(&client_data)].concat();
    (is_meant && is_signed(&passkey.public_key, &signed, &signature)).then_some(())
}

/// Whether P-256 with SHA-256 says that the key signed it.
fn is_signed(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let known = ring::default_provider().signature_verification_algorithms.mapping;
    let mut algorithms = known
        .iter()
        .filter(|(scheme, _)| *scheme == SignatureScheme::ECDSA_NISTP256_SHA256)
        .flat_map(|(_, algorithms)| *algorithms);
    algorithms.any(|algorithm| algorithm.verify_signature(public_key, message, signature).is_ok())
}
