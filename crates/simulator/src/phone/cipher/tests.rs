use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;

struct Party {
    jid: Jid,
    keys: Arc<PhoneKeys>,
    cipher: Cipher,
}

fn party(seed: u64, number: &str) -> Party {
    let mut rng = StdRng::seed_from_u64(seed);
    let keys = Arc::new(PhoneKeys::generate(&mut rng));
    let cipher = Cipher::new(&keys, &mut rng);
    Party { jid: Jid::new(number, PHONE_SERVER), keys, cipher }
}

fn bundle(keys: &PhoneKeys) -> Bundle {
    let (id, key, signature) = keys.signed_prekey();
    Bundle {
        registration_id: keys.registration_id(),
        identity: keys.identity_public(),
        signed_prekey: (id, key, signature.to_vec()),
        one_time: Some(keys.mint_one_time()),
    }
}

fn say(from: &mut Party, to: &mut Party, text: &[u8]) -> EncType {
    let (kind, ciphertext) = from.cipher.encrypt(&to.jid, text).unwrap();
    assert_eq!(to.cipher.decrypt(&from.jid, &[], kind, &ciphertext).unwrap(), text);
    kind
}

#[test]
fn two_parties_talk_and_leave_the_prekey_messages_behind() {
    let (mut a, mut b) = (party(1, "1"), party(2, "2"));
    a.cipher.start_session(&b.jid, &bundle(&b.keys)).unwrap();
    assert_eq!(say(&mut a, &mut b, b"one"), EncType::PreKey);
    assert_eq!(say(&mut a, &mut b, b"two"), EncType::PreKey);
    assert_eq!(say(&mut b, &mut a, b"three"), EncType::Message);
    assert_eq!(say(&mut a, &mut b, b"four"), EncType::Message);
}

#[test]
fn second_copy_is_told_apart_from_damage() {
    let (mut a, mut b) = (party(3, "1"), party(4, "2"));
    a.cipher.start_session(&b.jid, &bundle(&b.keys)).unwrap();
    let (kind, ciphertext) = a.cipher.encrypt(&b.jid, b"once").unwrap();
    b.cipher.decrypt(&a.jid, &[], kind, &ciphertext).unwrap();
    assert!(is_duplicate(&b.cipher.decrypt(&a.jid, &[], kind, &ciphertext).unwrap_err()));
    let (kind, mut damaged) = a.cipher.encrypt(&b.jid, b"twice").unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    assert!(!is_duplicate(&b.cipher.decrypt(&a.jid, &[], kind, &damaged).unwrap_err()));
}

#[test]
fn a_message_under_the_other_address_is_decrypted() {
    let (mut a, mut b) = (party(5, "1"), party(6, "2"));
    a.cipher.start_session(&b.jid, &bundle(&b.keys)).unwrap();
    say(&mut a, &mut b, b"first");
    say(&mut b, &mut a, b"answer");
    let (kind, ciphertext) = a.cipher.encrypt(&b.jid, b"as lid").unwrap();
    let lid = Jid::new("77", LID_SERVER);
    assert_eq!(alias(&lid, "1", "77"), Some(a.jid.clone()));
    assert!(b.cipher.decrypt(&lid, &[], kind, &ciphertext).is_err());
    assert_eq!(b.cipher.decrypt(&lid, &[a.jid.clone()], kind, &ciphertext).unwrap(), b"as lid");
}

#[test]
fn groups_use_sender_keys() {
    let (mut a, mut b) = (party(7, "1"), party(8, "2"));
    let group = Jid::new("123", crate::jid::GROUP_SERVER);
    let distribution = a.cipher.distribute_sender_key(&group, &a.jid).unwrap();
    let first = a.cipher.encrypt_group(&group, &a.jid, b"hello all").unwrap();
    assert!(b.cipher.decrypt_group(&group, &a.jid, &[], &first).is_err());
    b.cipher.learn_sender_key(&group, &a.jid, &distribution).unwrap();
    assert_eq!(b.cipher.decrypt_group(&group, &a.jid, &[], &first).unwrap(), b"hello all");
    a.cipher.rotate_sender_key(&group, &a.jid);
    assert!(a.cipher.encrypt_group(&group, &a.jid, b"no key").is_err());
}

#[test]
fn restored_state_goes_on_without_reusing_a_counter() {
    let (mut a, mut b) = (party(9, "1"), party(10, "2"));
    a.cipher.start_session(&b.jid, &bundle(&b.keys)).unwrap();
    say(&mut a, &mut b, b"first");
    say(&mut b, &mut a, b"answer");
    say(&mut a, &mut b, b"second");
    let text = serde_json::to_string(&a.cipher.state().unwrap()).unwrap();
    let late = a.cipher.encrypt(&b.jid, b"after the save").unwrap();
    let mut rng = StdRng::seed_from_u64(11);
    a.cipher = Cipher::restore(&a.keys, &serde_json::from_str(&text).unwrap(), &mut rng).unwrap();
    say(&mut a, &mut b, b"after the load");
    assert_eq!(b.cipher.decrypt(&a.jid, &[], late.0, &late.1).unwrap(), b"after the save");
    say(&mut b, &mut a, b"and back");
}

#[test]
fn padding_round_trips_and_nonsense_is_refused() {
    let mut rng = StdRng::seed_from_u64(12);
    for length in 0..40 {
        let plaintext = vec![7; length];
        assert_eq!(unpad(pad(&plaintext, &mut rng)).unwrap(), plaintext);
    }
    assert!(unpad(Vec::new()).is_err());
    assert!(unpad(vec![1, 0]).is_err());
    assert!(unpad(vec![1, 17]).is_err());
    assert!(unpad(vec![5, 5]).is_err());
}
