//! The server's side of the Noise handshake: XX, IK for clients that know the static key, and
//! XXfallback for those that know an old one.

use buffa::{Message, MessageField};
use rand::CryptoRng;
use thiserror::Error;
use wacore::libsignal::protocol::KeyPair;
use wacore::noise::{HandshakeError as NoiseFailure, NoiseCipher, NoiseError, NoiseHandshake};
use waproto::whatsapp::HandshakeMessage;
use waproto::whatsapp::handshake_message::{ClientFinish, ClientHello as HelloMessage, ServerHello};

use super::frame::Prologue;
use super::hello::ClientHello;
use super::identity::{Leaf, ServerIdentity};
use super::payload::{self, ClientPayloadError};

/// Exactly 32 bytes, so it serves unhashed as hash and chaining key.
const XX: &str = "Noise_XX_25519_AESGCM_SHA256\0\0\0\0";
/// As [`XX`].
const IK: &str = "Noise_IK_25519_AESGCM_SHA256\0\0\0\0";
/// Longer than 32 bytes, so Noise hashes it.
const XX_FALLBACK: &str = "Noise_XXfallback_25519_AESGCM_SHA256";

/// Why a handshake failed.
#[derive(Debug, Error)]
pub enum HandshakeError {
    /// A message is no `HandshakeMessage`.
    #[error("read handshake message")]
    Decode(#[from] buffa::DecodeError),
    /// A part is missing or has the wrong length.
    #[error("read handshake message: {0} is missing or has the wrong length")]
    Part(&'static str),
    /// The client could not prove what it claims, or its bytes were changed on the way.
    #[error("{0}: {1}")]
    Noise(&'static str, #[source] NoiseFailure),
    /// The handshake held, but what the client says about itself is unusable.
    #[error(transparent)]
    Payload(#[from] ClientPayloadError),
}

/// How a client was led to a secured connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// The client did not know the static key.
    Xx,
    /// The client knew it.
    Ik,
    /// The client knew an old one.
    XxFallback,
}

/// A finished handshake.
pub(super) struct Accepted {
    pub(super) hello: ClientHello,
    pub(super) pattern: Pattern,
    pub(super) sender: Sealer,
    pub(super) receiver: Opener,
}

/// What follows the client's first message.
pub(super) enum Answer {
    /// IK: send this, the handshake is done.
    Done(Vec<u8>, Box<Accepted>),
    /// XX and XXfallback: send this, the client has one more message to send.
    More(Vec<u8>, Box<Waiting>),
}

/// A handshake that waits for the client's `clientFinish`.
pub(super) struct Waiting {
    noise: NoiseHandshake,
    ephemeral: KeyPair,
    prologue: Prologue,
    pattern: Pattern,
}

/// Reads the client's first message and makes the answer.
pub(super) fn answer(
    identity: &ServerIdentity,
    prologue: Prologue,
    message: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Answer, HandshakeError> {
    let message = HandshakeMessage::decode_from_slice(message)?;
    let hello = message.client_hello.into_option().ok_or(HandshakeError::Part("clientHello"))?;
    let client_ephemeral = key(hello.ephemeral.as_deref(), "clientHello.ephemeral")?;
    let leaf = identity.leaf();
    if hello.r#static.is_none() {
        return answer_xx(Pattern::Xx, &leaf, prologue, &client_ephemeral, rng);
    }
    match read_ik(&leaf, prologue, &client_ephemeral, &hello) {
        Ok((noise, client_static, payload)) => {
            let keys = (client_ephemeral, client_static);
            answer_ik(noise, &leaf, prologue, keys, &payload, rng)
        }
        // Only a client that encrypted to another static key fails here; XXfallback gives it
        // the present one.
        Err(HandshakeError::Noise(..)) => {
            answer_xx(Pattern::XxFallback, &leaf, prologue, &client_ephemeral, rng)
        }
        Err(error) => Err(error),
    }
}

fn answer_xx(
    pattern: Pattern,
    leaf: &Leaf,
    prologue: Prologue,
    client_ephemeral: &[u8; 32],
    rng: &mut impl CryptoRng,
) -> Result<Answer, HandshakeError> {
    let doing = "answer clientHello";
    let name = if pattern == Pattern::Xx { XX } else { XX_FALLBACK };
    let mut noise = noise(name, prologue, doing)?;
    noise.authenticate(client_ephemeral);
    let ephemeral = KeyPair::generate(rng);
    noise.authenticate(ephemeral.public_key.public_key_bytes());
    mix(&mut noise, &ephemeral, client_ephemeral, doing)?;
    let sealed_static = noise.encrypt(leaf.key.public_key.public_key_bytes()).map_err(failed(doing))?;
    mix(&mut noise, &leaf.key, client_ephemeral, doing)?;
    let sealed_chain = noise.encrypt(&leaf.chain).map_err(failed(doing))?;
    let message = server_hello(&ephemeral, Some(sealed_static), sealed_chain);
    Ok(Answer::More(message, Box::new(Waiting { noise, ephemeral, prologue, pattern })))
}

/// The state, the client's static key and its payload.
type IkHello = (NoiseHandshake, [u8; 32], Vec<u8>);

fn read_ik(
    leaf: &Leaf,
    prologue: Prologue,
    client_ephemeral: &[u8; 32],
    hello: &HelloMessage,
) -> Result<IkHello, HandshakeError> {
    let doing = "read resuming clientHello";
    let sealed_static = hello.r#static.as_deref().ok_or(HandshakeError::Part("clientHello.static"))?;
    let sealed_payload = hello.payload.as_deref().ok_or(HandshakeError::Part("clientHello.payload"))?;
    let mut noise = noise(IK, prologue, doing)?;
    noise.authenticate(leaf.key.public_key.public_key_bytes());
    noise.authenticate(client_ephemeral);
    mix(&mut noise, &leaf.key, client_ephemeral, doing)?;
    let client_static = noise.decrypt(sealed_static).map_err(failed(doing))?;
    let client_static = key(Some(&client_static), "clientHello.static")?;
    mix(&mut noise, &leaf.key, &client_static, doing)?;
    let payload = noise.decrypt(sealed_payload).map_err(failed(doing))?;
    Ok((noise, client_static, payload))
}

fn answer_ik(
    mut noise: NoiseHandshake,
    leaf: &Leaf,
    prologue: Prologue,
    (client_ephemeral, client_static): ([u8; 32], [u8; 32]),
    client_payload: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Answer, HandshakeError> {
    let doing = "answer resuming clientHello";
    let hello = payload::read(client_payload, client_static, prologue.dictionary())?;
    let ephemeral = KeyPair::generate(rng);
    noise.authenticate(ephemeral.public_key.public_key_bytes());
    mix(&mut noise, &ephemeral, &client_ephemeral, doing)?;
    mix(&mut noise, &ephemeral, &client_static, doing)?;
    let sealed_chain = noise.encrypt(&leaf.chain).map_err(failed(doing))?;
    let message = server_hello(&ephemeral, None, sealed_chain);
    Ok(Answer::Done(message, Box::new(accept(noise, hello, Pattern::Ik)?)))
}

impl Waiting {
    /// Reads the client's last message.
    pub(super) fn finish(mut self, message: &[u8]) -> Result<Accepted, HandshakeError> {
        let doing = "read clientFinish";
        let message = HandshakeMessage::decode_from_slice(message)?;
        let ClientFinish { r#static: sealed_static, payload: sealed_payload, .. } =
            message.client_finish.into_option().ok_or(HandshakeError::Part("clientFinish"))?;
        let sealed_static = sealed_static.ok_or(HandshakeError::Part("clientFinish.static"))?;
        let sealed_payload = sealed_payload.ok_or(HandshakeError::Part("clientFinish.payload"))?;
        let client_static = self.noise.decrypt(&sealed_static).map_err(failed(doing))?;
        let client_static = key(Some(&client_static), "clientFinish.static")?;
        mix(&mut self.noise, &self.ephemeral, &client_static, doing)?;
        let client_payload = self.noise.decrypt(&sealed_payload).map_err(failed(doing))?;
        let hello = payload::read(&client_payload, client_static, self.prologue.dictionary())?;
        accept(self.noise, hello, self.pattern)
    }
}

fn accept(noise: NoiseHandshake, hello: ClientHello, pattern: Pattern) -> Result<Accepted, HandshakeError> {
    // The library names the halves from the client's side.
    let (from_client, to_client) = noise.finish().map_err(failed("derive transport keys"))?;
    Ok(Accepted {
        hello,
        pattern,
        sender: Sealer { cipher: to_client, counter: Some(0) },
        receiver: Opener { cipher: from_client, counter: Some(0) },
    })
}

/// Encrypts what the server sends.
pub(super) struct Sealer {
    cipher: NoiseCipher,
    counter: Option<u32>,
}

impl Sealer {
    /// Encrypts in place. The counter never repeats: after 2^32 frames this fails.
    pub(super) fn seal(&mut self, frame: &mut Vec<u8>) -> Result<(), NoiseError> {
        let counter = next(&mut self.counter)?;
        self.cipher.encrypt_in_place_with_counter(counter, frame)
    }
}

/// Decrypts what the client sends.
pub(super) struct Opener {
    cipher: NoiseCipher,
    counter: Option<u32>,
}

impl Opener {
    /// Decrypts in place.
    pub(super) fn open(&mut self, frame: &mut Vec<u8>) -> Result<(), NoiseError> {
        let counter = next(&mut self.counter)?;
        self.cipher.decrypt_in_place_with_counter(counter, frame)
    }
}

fn next(counter: &mut Option<u32>) -> Result<u32, NoiseError> {
    let now = counter.ok_or(NoiseError::CounterExhausted)?;
    *counter = now.checked_add(1);
    Ok(now)
}

fn noise(name: &str, prologue: Prologue, doing: &'static str) -> Result<NoiseHandshake, HandshakeError> {
    NoiseHandshake::new(name, &prologue.0).map_err(failed(doing))
}

fn mix(
    noise: &mut NoiseHandshake,
    ours: &KeyPair,
    theirs: &[u8; 32],
    doing: &'static str,
) -> Result<(), HandshakeError> {
    noise.mix_shared_secret(ours.private_key.serialize(), theirs).map_err(failed(doing))
}

fn failed(doing: &'static str) -> impl FnOnce(NoiseFailure) -> HandshakeError {
    move |error| HandshakeError::Noise(doing, error)
}

fn key(bytes: Option<&[u8]>, part: &'static str) -> Result<[u8; 32], HandshakeError> {
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(HandshakeError::Part(part))
}

fn server_hello(ephemeral: &KeyPair, sealed_static: Option<Vec<u8>>, sealed_chain: Vec<u8>) -> Vec<u8> {
    HandshakeMessage {
        server_hello: MessageField::some(ServerHello {
            ephemeral: Some(ephemeral.public_key.public_key_bytes().to_vec()),
            r#static: sealed_static,
            payload: Some(sealed_chain),
            ..ServerHello::default()
        }),
        ..HandshakeMessage::default()
    }
    .encode_to_vec()
}

#[cfg(test)]
mod tests;
