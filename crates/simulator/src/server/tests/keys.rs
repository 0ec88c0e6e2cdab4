use super::*;
use crate::faults::{FaultKind, FaultTarget};

const SERVER: &str = "@s.whatsapp.net";

fn bundle(client: &mut Client, jid: &str) -> Node {
    let wanted = Node::new("key").child(Node::new("user").attr("jid", jid));
    let answer = client.ask("get", "encrypt", SERVER, vec![wanted]);
    answer.find("list").unwrap().find("user").unwrap().clone()
}

fn count(client: &mut Client) -> String {
    let answer = client.ask("get", "encrypt", SERVER, vec![Node::new("count")]);
    answer.find("count").unwrap().get("value").unwrap().to_owned()
}

#[test]
fn one_time_prekeys_are_given_away_once() {
    let sim = Sim::new();
    sim.account(ALICE);
    sim.account(BOB);
    let mut alice = sim.companion(ALICE, 1);
    let mut bob = sim.companion(BOB, 2);
    alice.upload(8);
    assert_eq!(count(&mut alice), "8");
    let jid = format!("{ALICE}:1@s.whatsapp.net");
    let ids: Vec<Vec<u8>> = (0..3)
        .map(|_| bundle(&mut bob, &jid).find("key").unwrap().child_data("id").unwrap().to_vec())
        .collect();
    assert_eq!(ids, vec![vec![0, 0, 1], vec![0, 0, 2], vec![0, 0, 3]]);
    assert_eq!(count(&mut alice), "5");
}

#[test]
fn a_companions_bundle_is_complete() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut alice = sim.companion(ALICE, 1);
    alice.upload(1);
    let bundle = bundle(&mut alice, &format!("{ALICE}:1@s.whatsapp.net"));
    assert_eq!(bundle.child_data("registration"), Some(&[0, 0, 0, 1][..]));
    assert_eq!(bundle.child_data("type"), Some(&[5][..]));
    assert_eq!(bundle.child_data("identity"), Some(&[1; 32][..]));
    assert_eq!(bundle.find("skey").unwrap().child_data("signature"), Some(&[1; 64][..]));
    // The signed identity carries the account's key, which Baileys had stripped.
    let identity = bundle.child_data("device-identity").unwrap();
    let account = keys_of(ALICE).identity_public();
    assert!(identity.windows(32).any(|window| window == account));
}

#[test]
fn a_phones_bundle_has_a_fresh_key_each_time_and_no_device_identity() {
    let sim = Sim::new();
    sim.account(ALICE);
    let lid = sim.account(BOB).lid;
    let mut alice = sim.companion(ALICE, 1);
    let first = bundle(&mut alice, &pn(BOB));
    let second = bundle(&mut alice, &format!("{lid}@lid"));
    assert_eq!(second.get("jid"), Some(&*format!("{lid}@lid")), "the asked namespace is echoed");
    assert_eq!(first.child_data("identity"), Some(&keys_of(BOB).identity_public()[..]));
    assert_ne!(first.find("key"), second.find("key"));
    assert!(first.find("device-identity").is_none());
}

#[test]
fn unknown_devices_are_404() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut alice = sim.companion(ALICE, 1);
    for jid in [pn(BOB), format!("{ALICE}:7@s.whatsapp.net"), "x".into(), String::new()] {
        let answer = bundle(&mut alice, &jid);
        assert_eq!(answer.find("error").unwrap().get("code"), Some("404"), "{jid}");
    }
}

#[test]
fn few_prekeys_are_announced_once_until_an_upload() {
    let sim = Sim::new();
    sim.account(ALICE);
    sim.account(BOB);
    let mut alice = sim.companion(ALICE, 1);
    let mut bob = sim.companion(BOB, 2);
    alice.upload(6);
    let jid = format!("{ALICE}:1@s.whatsapp.net");
    bundle(&mut bob, &jid);
    assert!(alice.take_only("notification").is_empty());
    bundle(&mut bob, &jid);
    let asked = alice.take_only("notification").remove(0);
    assert_eq!((asked.get("type"), asked.get("from")), (Some("encrypt"), Some(SERVER)));
    assert_eq!(asked.find("count").unwrap().get("value"), Some("4"));
    bundle(&mut bob, &jid);
    assert!(alice.take_only("notification").is_empty(), "asked already");
    for _ in 0..3 {
        bundle(&mut bob, &jid);
    }
    assert!(bundle(&mut bob, &jid).find("key").is_none(), "none left, still a bundle");
    alice.upload(1);
    bundle(&mut bob, &jid);
    assert_eq!(alice.take_only("notification").len(), 1);
}

#[test]
fn exhausted_prekeys_can_be_provoked() {
    let sim = Sim::new();
    sim.account(ALICE);
    sim.account(BOB);
    let mut alice = sim.companion(ALICE, 1);
    alice.upload(8);
    let target = FaultTarget::Device(ALICE.into(), 1);
    sim.server.set_fault(Fault::once(FaultKind::PrekeysExhausted).at(target));
    let jid = format!("{ALICE}:1@s.whatsapp.net");
    assert!(bundle(&mut alice, &pn(BOB)).find("key").is_some());
    assert!(bundle(&mut alice, &jid).find("key").is_none());
    assert!(bundle(&mut alice, &jid).find("key").is_some());
}

#[test]
fn the_digest_is_the_sha1_of_what_the_server_has() {
    use sha1::{Digest, Sha1};
    let sim = Sim::new();
    sim.account(ALICE);
    let mut alice = sim.companion(ALICE, 1);
    alice.upload(2);
    let answer = alice.ask("get", "encrypt", SERVER, vec![Node::new("digest")]);
    let digest = answer.find("digest").unwrap();
    let mut hash = Sha1::new();
    for part in [&[1; 32][..], &[1; 32], &[1; 64], &[1; 32], &[2; 32]] {
        hash.update(part);
    }
    assert_eq!(digest.child_data("hash"), Some(&hash.finalize()[..]));
    assert_eq!(digest.find("list").unwrap().nodes().len(), 2);
}

#[test]
fn a_signed_prekey_can_be_rotated_but_not_the_identity() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut alice = sim.companion(ALICE, 1);
    let skey = Node::new("skey")
        .child(Node::new("id").bytes([0, 0, 9]))
        .child(Node::new("value").bytes([9; 32]))
        .child(Node::new("signature").bytes([8; 64]));
    alice.ask("set", "encrypt", SERVER, vec![Node::new("rotate").child(skey)]);
    let seen = bundle(&mut alice, &format!("{ALICE}:1@s.whatsapp.net"));
    assert_eq!(seen.find("skey").unwrap().child_data("id"), Some(&[0, 0, 9][..]));
    let other = alice.ask("set", "encrypt", SERVER, vec![Node::new("identity").bytes([7; 32])]);
    assert_eq!(other.get("type"), Some("error"));
}

#[test]
fn usync_lists_devices_with_key_indexes_and_a_signed_list() {
    let sim = Sim::new();
    sim.account(ALICE);
    let bob = sim.account(BOB);
    sim.link(BOB, 2);
    let mut alice = sim.companion(ALICE, 1);
    let mut ask = |users: Vec<Node>| {
        let query = Node::new("query").children([
            Node::new("devices").attr("version", "2"),
            Node::new("lid"),
            Node::new("contact"),
        ]);
        let usync = Node::new("usync").attr("sid", "1").child(query).child(Node::new("list").children(users));
        let answer = alice.ask("get", "usync", SERVER, vec![usync]);
        answer.find("usync").unwrap().find("list").unwrap().nodes().to_vec()
    };
    let users = ask(vec![
        Node::new("user").attr("jid", pn(BOB)),
        Node::new("user").attr("jid", format!("{}@lid", bob.lid)),
        Node::new("user").child(Node::new("contact").bytes(format!("+{BOB}").into_bytes())),
        Node::new("user").child(Node::new("contact").bytes(*b"+99999999")),
    ]);
    let devices = users[0].find("devices").unwrap();
    let list = devices.find("device-list").unwrap().nodes();
    assert_eq!(list.len(), 2);
    assert_eq!((list[0].get("id"), list[0].get("key-index")), (Some("0"), None));
    assert_eq!((list[1].get("id"), list[1].get("key-index")), (Some("1"), Some("1")));
    assert!(devices.find("key-index-list").unwrap().data().is_some());
    assert_eq!(users[0].find("lid").unwrap().get("val"), Some(&*format!("{}@lid", bob.lid)));
    assert_eq!(users[1].get("jid"), Some(&*format!("{}@lid", bob.lid)));
    assert!(users[1].find("lid").is_none());
    assert_eq!(users[2].get("jid"), Some(&*pn(BOB)));
    assert_eq!(users[2].find("contact").unwrap().get("type"), Some("in"));
    assert_eq!(users[3].find("contact").unwrap().get("type"), Some("out"));
}

#[test]
fn whoever_asked_for_devices_hears_of_new_ones() {
    let sim = Sim::new();
    sim.account(ALICE);
    sim.account(BOB);
    sim.account(CAROL);
    let mut alice = sim.companion(ALICE, 1);
    let mut carol = sim.companion(CAROL, 3);
    let query = Node::new("query").child(Node::new("devices"));
    let list = Node::new("list").child(Node::new("user").attr("jid", pn(BOB)));
    alice.ask("get", "usync", SERVER, vec![Node::new("usync").child(query).child(list)]);
    sim.link(BOB, 2);
    let told = alice.take_only("notification").remove(0);
    let add = told.find("add").unwrap();
    assert_eq!(add.find("device").unwrap().get("jid"), Some(&*format!("{BOB}:1@s.whatsapp.net")));
    let before: u64 = add.find("key-index-list").unwrap().get("ts").unwrap().parse().unwrap();
    sim.server.remove_device(BOB, 1).unwrap();
    let told = alice.take_only("notification").remove(0);
    let after = told.find("remove").unwrap().find("key-index-list").unwrap().get("ts").unwrap();
    assert!(after.parse::<u64>().unwrap() > before, "the list's stamp rises even within one second");
    assert!(carol.take_only("notification").is_empty());
}
