use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use wacore::libsignal::protocol::PublicKey;
use wacore::noise::{
    HandshakeError as ClientFailure, IkHandshakeState, IkServerHelloOutcome, XxFallbackHandshakeState,
    XxHandshakeState,
};
use waproto::whatsapp::{self as wa, CertChain, cert_chain::noise_certificate::Details};

use super::*;
use crate::wire::hello::ClientPayloadInfo;
use crate::wire::identity::Validity;

const PROLOGUE: Prologue = Prologue(*b"WA\x06\x03");
const NOW: u64 = 1_800_000_000;

fn rng(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

fn identity(seed: u64) -> ServerIdentity {
    ServerIdentity::generate(&mut rng(seed), Validity::around(NOW)).unwrap()
}

fn login() -> Vec<u8> {
    wa::ClientPayload {
        username: Some(4_915_112_345_678),
        device: Some(7),
        passive: Some(true),
        ..Default::default()
    }
    .encode_to_vec()
}

fn registration() -> wa::ClientPayload {
    wa::ClientPayload {
        device_pairing_data: MessageField::some(wa::client_payload::DevicePairingRegistrationData {
            e_regid: Some(vec![0, 0, 1, 2]),
            e_ident: Some(vec![1; 32]),
            e_skey_id: Some(vec![0, 1, 0]),
            e_skey_val: Some(vec![2; 32]),
            e_skey_sig: Some(vec![3; 64]),
            device_props: Some(vec![4]),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn raw(key: &KeyPair) -> [u8; 32] {
    key.public_key.public_key_bytes().try_into().unwrap()
}

/// What a client sees of the server, checked as Baileys 7 checks it.
fn verify_chain(chain: &[u8], server_static: &[u8], root: [u8; 32]) -> Result<[Details; 2], &'static str> {
    let chain = CertChain::decode_from_slice(chain).unwrap();
    let (upper, lower) = (chain.intermediate.into_option().unwrap(), chain.leaf.into_option().unwrap());
    let upper_details = Details::decode_from_slice(upper.details.as_ref().unwrap()).unwrap();
    let lower_details = Details::decode_from_slice(lower.details.as_ref().unwrap()).unwrap();
    let signed = |key: &[u8], certificate: &wa::cert_chain::NoiseCertificate| {
        let key = PublicKey::from_djb_public_key_bytes(key).unwrap();
        key.verify_signature(certificate.details.as_ref().unwrap(), certificate.signature.as_ref().unwrap())
    };
    if !signed(&root, &upper) {
        return Err("root did not sign");
    }
    if !signed(upper_details.key.as_ref().unwrap(), &lower) {
        return Err("intermediate did not sign");
    }
    assert_eq!(upper_details.issuer_serial, Some(0));
    assert_eq!(lower_details.issuer_serial, upper_details.serial);
    assert_eq!(lower_details.key.as_deref(), Some(server_static));
    Ok([upper_details, lower_details])
}

/// A client of XX and XXfallback that trusts any root which the caller gives it.
struct Client {
    noise: NoiseHandshake,
    ephemeral: KeyPair,
    key: KeyPair,
}

impl Client {
    fn new(name: &str, ephemeral: KeyPair, key: KeyPair) -> Self {
        let mut noise = NoiseHandshake::new(name, &PROLOGUE.0).unwrap();
        noise.authenticate(&raw(&ephemeral));
        Self { noise, ephemeral, key }
    }

    fn hello(&self) -> Vec<u8> {
        hello(HelloMessage { ephemeral: Some(raw(&self.ephemeral).to_vec()), ..Default::default() })
    }

    fn finish(&mut self, server_hello: &[u8], root: [u8; 32], payload: &[u8]) -> Vec<u8> {
        let message = HandshakeMessage::decode_from_slice(server_hello).unwrap();
        let hello = message.server_hello.into_option().unwrap();
        let server_ephemeral: [u8; 32] = hello.ephemeral.unwrap().try_into().unwrap();
        self.noise.authenticate(&server_ephemeral);
        self.mix(&self.ephemeral.clone(), server_ephemeral);
        let server_static = self.noise.decrypt(&hello.r#static.unwrap()).unwrap();
        self.mix(&self.ephemeral.clone(), server_static.clone().try_into().unwrap());
        let chain = self.noise.decrypt(&hello.payload.unwrap()).unwrap();
        verify_chain(&chain, &server_static, root).unwrap();
        let sealed_static = self.noise.encrypt(&raw(&self.key)).unwrap();
        self.mix(&self.key.clone(), server_ephemeral);
        let sealed_payload = self.noise.encrypt(payload).unwrap();
        HandshakeMessage {
            client_finish: MessageField::some(ClientFinish {
                r#static: Some(sealed_static),
                payload: Some(sealed_payload),
                ..Default::default()
            }),
            ..Default::default()
        }
        .encode_to_vec()
    }

    fn mix(&mut self, ours: &KeyPair, theirs: [u8; 32]) {
        self.noise.mix_shared_secret(ours.private_key.serialize(), &theirs).unwrap();
    }
}

fn hello(hello: HelloMessage) -> Vec<u8> {
    HandshakeMessage { client_hello: MessageField::some(hello), ..Default::default() }.encode_to_vec()
}

fn more(answer: Answer) -> (Vec<u8>, Waiting) {
    match answer {
        Answer::More(message, waiting) => (message, *waiting),
        Answer::Done(..) => panic!("expected to wait for clientFinish"),
    }
}

/// Both directions, several frames, so that keys, directions and counters are right.
fn talk(accepted: &mut Accepted, to_server: &NoiseCipher, from_server: &NoiseCipher) {
    for counter in 0..3 {
        let mut frame = to_server.encrypt_with_counter(counter, b"up").unwrap();
        accepted.receiver.open(&mut frame).unwrap();
        assert_eq!(frame, b"up");
        let mut frame = b"down".to_vec();
        accepted.sender.seal(&mut frame).unwrap();
        from_server.decrypt_in_place_with_counter(counter, &mut frame).unwrap();
        assert_eq!(frame, b"down");
    }
}

#[test]
fn xx_proves_the_client_and_the_chain() {
    let (identity, mut rng) = (identity(1), rng(2));
    let mut client = Client::new(XX, KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
    let (message, waiting) = more(answer(&identity, PROLOGUE, &client.hello(), &mut rng).unwrap());
    let finish = client.finish(&message, identity.root_public(), &login());
    let mut accepted = waiting.finish(&finish).unwrap();
    assert_eq!(accepted.pattern, Pattern::Xx);
    assert_eq!(accepted.hello.noise_public, raw(&client.key));
    assert_eq!(accepted.hello.dictionary, 3);
    let number = "4915112345678".to_owned();
    assert_eq!(accepted.hello.payload, ClientPayloadInfo::Login { number, device: 7, passive: true });
    let (write, read) = client.noise.finish().unwrap();
    talk(&mut accepted, &write, &read);
}

#[test]
fn registration_data_are_read() {
    let (identity, mut rng) = (identity(1), rng(3));
    let mut client = Client::new(XX, KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
    let (message, waiting) = more(answer(&identity, PROLOGUE, &client.hello(), &mut rng).unwrap());
    let finish = client.finish(&message, identity.root_public(), &registration().encode_to_vec());
    let ClientPayloadInfo::Registration { registration_id, identity, signed_prekey, device_props } =
        waiting.finish(&finish).unwrap().hello.payload
    else {
        panic!("not a registration");
    };
    assert_eq!((registration_id, signed_prekey.id), (258, 256));
    assert_eq!((identity, signed_prekey.key), ([1; 32], [2; 32]));
    assert_eq!((signed_prekey.signature, device_props), (vec![3; 64], vec![4]));
}

#[test]
fn incomplete_payloads_are_refused() {
    let read = |payload: &wa::ClientPayload| payload::read(&payload.encode_to_vec(), [0; 32], 3);
    assert!(matches!(read(&wa::ClientPayload::default()), Err(ClientPayloadError::Nobody)));
    let mut payload = wa::ClientPayload { username: Some(1), device: Some(70_000), ..Default::default() };
    assert!(matches!(read(&payload), Err(ClientPayloadError::Field("device"))));
    payload.device = None;
    assert!(read(&payload).is_ok());
    let mut payload = registration();
    payload.device_pairing_data.as_option_mut().unwrap().e_ident = Some(vec![1; 31]);
    assert!(matches!(read(&payload), Err(ClientPayloadError::Field("eIdent"))));
    let mut payload = registration();
    payload.device_pairing_data.as_option_mut().unwrap().e_regid = Some(vec![1; 5]);
    assert!(matches!(read(&payload), Err(ClientPayloadError::Field("eRegid"))));
    assert!(matches!(payload::read(&[0xff; 9], [0; 32], 3), Err(ClientPayloadError::Decode(_))));
}

#[test]
fn another_root_is_refused() {
    let (ours, other, mut rng) = (identity(1), identity(2), rng(4));
    let leaf = ours.leaf();
    let server_static = raw(&leaf.key);
    assert!(verify_chain(&leaf.chain, &server_static, ours.root_public()).is_ok());
    assert_eq!(verify_chain(&leaf.chain, &server_static, other.root_public()), Err("root did not sign"));
    let mut forged = CertChain::decode_from_slice(&leaf.chain).unwrap();
    forged.leaf.as_option_mut().unwrap().signature.as_mut().unwrap()[0] ^= 1;
    let forged = forged.encode_to_vec();
    assert_eq!(verify_chain(&forged, &server_static, ours.root_public()), Err("intermediate did not sign"));

    // whatsapp-rust knows WhatsApp's own root only. It gets as far as that signature and refuses,
    // unless another crate of the same build switched the check off.
    let mut client = XxHandshakeState::new(KeyPair::generate(&mut rng), login(), &PROLOGUE.0).unwrap();
    let client_hello = client.build_client_hello().unwrap();
    let (message, waiting) = more(answer(&ours, PROLOGUE, &client_hello, &mut rng).unwrap());
    match client.read_server_hello_and_build_client_finish(&message) {
        Err(ClientFailure::CertVerification(reason)) => {
            assert!(reason.contains("intermediate signature failed"), "{reason}");
        }
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(finish) => {
            let mut accepted = waiting.finish(&finish).unwrap();
            let outcome = client.finish().unwrap();
            assert_eq!(outcome.server_cert_chain.leaf_key, server_static);
            talk(&mut accepted, &outcome.write_cipher, &outcome.read_cipher);
        }
    }
}

#[test]
fn ik_resumes_in_one_round() {
    let (identity, mut rng) = (identity(1), rng(5));
    let key = KeyPair::generate(&mut rng);
    let noise_public = raw(&key);
    let mut client = IkHandshakeState::new(key, identity.static_public(), login(), &PROLOGUE.0).unwrap();
    let client_hello = client.build_client_hello().unwrap();
    let Answer::Done(message, mut accepted) = answer(&identity, PROLOGUE, &client_hello, &mut rng).unwrap()
    else {
        panic!("IK was not accepted");
    };
    assert_eq!((accepted.pattern, accepted.hello.noise_public), (Pattern::Ik, noise_public));
    let IkServerHelloOutcome::Continue(outcome) = client.read_server_hello(&message).unwrap() else {
        panic!("the client fell back");
    };
    talk(&mut accepted, &outcome.write_cipher, &outcome.read_cipher);
}

#[test]
fn a_rotated_key_leads_through_xx_fallback() {
    let (identity, mut rng) = (identity(1), rng(6));
    let key = KeyPair::generate(&mut rng);
    let old = identity.static_public();
    let mut client = IkHandshakeState::new(key, old, login(), &PROLOGUE.0).unwrap();
    identity.rotate(&mut rng, Validity::around(NOW)).unwrap();
    assert_ne!(identity.static_public(), old);
    let client_hello = client.build_client_hello().unwrap();
    let (message, waiting) = more(answer(&identity, PROLOGUE, &client_hello, &mut rng).unwrap());
    let IkServerHelloOutcome::Fallback(inputs) = client.read_server_hello(&message).unwrap() else {
        panic!("the client did not fall back");
    };
    // The library's own fallback insists on WhatsApp's root; that it gets there is enough here.
    let (ephemeral, key) = (inputs.ephemeral_kp.clone(), inputs.static_kp.clone());
    let mut fallback = XxFallbackHandshakeState::from_ik_failure(*inputs, &PROLOGUE.0).unwrap();
    if let Err(error) = fallback.build_client_finish() {
        assert!(error.to_string().contains("intermediate signature failed"), "{error}");
    }
    let mut client = Client::new(XX_FALLBACK, ephemeral, key);
    let finish = client.finish(&message, identity.root_public(), &login());
    let mut accepted = waiting.finish(&finish).unwrap();
    assert_eq!((accepted.pattern, accepted.hello.noise_public), (Pattern::XxFallback, raw(&client.key)));
    let (write, read) = client.noise.finish().unwrap();
    talk(&mut accepted, &write, &read);
}

#[test]
fn saved_identities_are_the_same_afterwards() {
    let identity = identity(1);
    let json = serde_json::to_string(&identity.save()).unwrap();
    let restored = ServerIdentity::restore(serde_json::from_str(&json).unwrap()).unwrap();
    assert_eq!(restored.root_public(), identity.root_public());
    assert_eq!(restored.static_public(), identity.static_public());
    assert_eq!(restored.leaf().chain, identity.leaf().chain);
    restored.rotate(&mut rng(7), Validity::around(NOW)).unwrap();
    let leaf = restored.leaf();
    let [upper, lower] = verify_chain(&leaf.chain, &raw(&leaf.key), identity.root_public()).unwrap();
    assert_eq!((upper.serial, lower.serial), (Some(1), Some(3)));
    for details in [upper, lower] {
        assert!(details.not_before.unwrap() < NOW && details.not_after.unwrap() > NOW);
    }
}

#[test]
fn counters_end_before_they_repeat() {
    let mut counter = Some(u32::MAX);
    assert_eq!(next(&mut counter).unwrap(), u32::MAX);
    assert!(matches!(next(&mut counter), Err(NoiseError::CounterExhausted)));
}

proptest! {
    #[test]
    fn arbitrary_first_messages_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), seed: u64) {
        let _ = answer(&identity(1), PROLOGUE, &bytes, &mut rng(seed));
    }

    #[test]
    fn arbitrary_hellos_are_survived(
        ephemeral in prop::option::of(prop::collection::vec(any::<u8>(), 30..34)),
        key in prop::option::of(prop::collection::vec(any::<u8>(), 0..80)),
        payload in prop::option::of(prop::collection::vec(any::<u8>(), 0..80)),
        finish in prop::collection::vec(any::<u8>(), 0..200),
        seed: u64,
    ) {
        let message = hello(HelloMessage { ephemeral, r#static: key, payload, ..Default::default() });
        if let Ok(Answer::More(_, waiting)) = answer(&identity(1), PROLOGUE, &message, &mut rng(seed)) {
            prop_assert!(waiting.finish(&finish).is_err());
        }
    }

    /// One changed byte anywhere in the last message is noticed.
    #[test]
    fn a_changed_finish_is_refused(place in any::<prop::sample::Index>(), change in 1_u8.., seed: u64) {
        let (identity, mut rng) = (identity(1), rng(seed));
        let mut client = Client::new(XX, KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
        let (message, waiting) = more(answer(&identity, PROLOGUE, &client.hello(), &mut rng).unwrap());
        let mut finish = client.finish(&message, identity.root_public(), &login());
        let place = place.index(finish.len());
        finish[place] ^= change;
        prop_assert!(waiting.finish(&finish).is_err());
    }
}
