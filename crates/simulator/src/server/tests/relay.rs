use super::*;

/// Alice's live companion, Bob's live companion and Bob's phone.
fn chat(sim: &Sim) -> (Client, Client, Client) {
    sim.account(ALICE);
    sim.account(BOB);
    let phone = sim.phone(BOB);
    (sim.companion(ALICE, 1), sim.companion(BOB, 2), phone)
}

fn dev(number: &str, device: u16) -> String {
    format!("{number}:{device}@s.whatsapp.net")
}

#[test]
fn every_device_gets_its_own_ciphertext_and_the_sender_an_ack() {
    let sim = Sim::new();
    let (mut alice, mut bob, mut phone) = chat(&sim);
    phone.take();
    alice.take();
    alice.message("M", &pn(BOB), &[&pn(BOB), &dev(BOB, 1), &pn(ALICE)]);
    let ack = alice.take().remove(0);
    assert_eq!(
        (ack.get("class"), ack.get("id"), ack.get("from")),
        (Some("message"), Some("M"), Some(&*pn(BOB)))
    );
    assert_eq!(ack.get("error"), None);
    let to_companion = bob.take().remove(0);
    assert_eq!(to_companion.child_data("enc"), Some(dev(BOB, 1).as_bytes()));
    assert_eq!(to_companion.get("from"), Some(&*dev(ALICE, 1)));
    let lid = sim.server.account(ALICE).unwrap().lid;
    assert_eq!(to_companion.get("sender_lid"), Some(&*format!("{lid}@lid")));
    assert_eq!(to_companion.get("notify"), Some(&*format!("N{ALICE}")));
    assert_eq!(to_companion.get("type"), Some("text"));
    assert_eq!(to_companion.get("recipient"), None);
    assert_eq!(phone.take()[0].child_data("enc"), Some(pn(BOB).as_bytes()));
    // Alice's phone is not attached: its copy waits.
    assert_eq!(sim.server.devices(ALICE).unwrap()[0].queued, 2, "the devices notification and the copy");
}

#[test]
fn own_devices_learn_the_chat_and_not_a_sender_lid() {
    let sim = Sim::new();
    let (alice, _bob, _phone) = chat(&sim);
    let mut own = sim.phone(ALICE);
    own.take();
    alice.message("M", &pn(BOB), &[&dev(BOB, 1), &pn(ALICE)]);
    let copy = own.take().remove(0);
    assert_eq!((copy.get("from"), copy.get("recipient")), (Some(&*dev(ALICE, 1)), Some(&*pn(BOB))));
    let lid = sim.server.account(BOB).unwrap().lid;
    assert_eq!(copy.get("peer_recipient_lid"), Some(&*format!("{lid}@lid")));
    assert_eq!(copy.get("sender_lid"), None);
}

#[test]
fn the_namespace_of_the_chat_is_kept() {
    let sim = Sim::new();
    let (alice, mut bob, _phone) = chat(&sim);
    let lid = |number: &str| sim.server.account(number).unwrap().lid;
    let chat = format!("{}@lid", lid(BOB));
    let device = format!("{}:1@lid", lid(BOB));
    alice.message("M", &chat, &[&device]);
    let message = bob.take().remove(0);
    assert_eq!(message.get("from"), Some(&*format!("{}:1@lid", lid(ALICE))));
    assert_eq!(message.get("sender_pn"), Some(&*pn(ALICE)));
    bob.receipt("M", &format!("{}:1@lid", lid(ALICE)));
    let mut alice = alice;
    let receipt = alice.take_only("receipt").remove(0);
    assert_eq!(receipt.get("from"), Some(&*device));
}

#[test]
fn the_device_identity_goes_with_pkmsg_only() {
    let sim = Sim::new();
    let (alice, mut bob, mut phone) = chat(&sim);
    phone.take();
    let to = |jid: String, kind| Node::new("to").attr("jid", jid).child(enc(kind, "x"));
    let participants = Node::new("participants").children([to(dev(BOB, 1), "pkmsg"), to(pn(BOB), "msg")]);
    let message = Node::new("message").attr("id", "M").attr("to", pn(BOB)).children([
        participants,
        Node::new("device-identity").bytes([1]),
        Node::new("tctoken").bytes([2]),
        Node::new("meta").attr("polltype", "creation"),
    ]);
    alice.send(message);
    let with = bob.take().remove(0);
    assert_eq!(with.child_data("device-identity"), Some(&[1][..]));
    assert!(with.find("meta").is_some());
    assert!(with.find("tctoken").is_none());
    assert!(phone.take()[0].find("device-identity").is_none());
}

#[test]
fn a_repeated_send_is_acknowledged_again_and_delivered_once() {
    let sim = Sim::new();
    let (mut alice, mut bob, mut phone) = chat(&sim);
    phone.take();
    alice.message("M", &pn(BOB), &[&dev(BOB, 1)]);
    // The second time another device is there, which has not got it yet.
    alice.message("M", &pn(BOB), &[&dev(BOB, 1), &pn(BOB)]);
    assert_eq!(alice.take_only("ack").len(), 2);
    assert_eq!(bob.take().len(), 1);
    assert_eq!(phone.take().len(), 1);
    assert_eq!(sim.counter("messages_repeated"), 1);
}

#[test]
fn a_resend_to_one_device_is_delivered_there_again_and_only_there() {
    let sim = Sim::new();
    let (alice, mut bob, mut phone) = chat(&sim);
    phone.take();
    alice.message("M", &pn(BOB), &[&dev(BOB, 1), &pn(BOB)]);
    bob.take();
    phone.take();
    // As Baileys 7 does it: the ciphertext bare and again in `<participants>`.
    let twice = Node::new("participants")
        .child(Node::new("to").attr("jid", dev(BOB, 1)).child(enc("msg", "in the list")));
    alice.send(
        Node::new("message")
            .attr("id", "M")
            .attr("to", dev(BOB, 1))
            .child(enc("pkmsg", "bare").attr("count", "1"))
            .child(twice),
    );
    let again = bob.take().remove(0);
    let encs: Vec<_> = again.find_all("enc").collect();
    assert_eq!(encs.len(), 1);
    assert_eq!(encs[0].data(), Some(&b"bare"[..]));
    assert!(phone.take().is_empty());
    assert_eq!(sim.counter("messages_repeated"), 0);
}

#[test]
fn a_resend_of_baileys_6_is_known_by_its_missing_fan_out() {
    let sim = Sim::new();
    let (alice, mut bob, mut phone) = chat(&sim);
    phone.take();
    alice.message("M", &pn(BOB), &[&dev(BOB, 1), &pn(BOB)]);
    bob.take();
    phone.take();
    let list = Node::new("participants")
        .child(Node::new("to").attr("jid", pn(BOB)).child(enc("pkmsg", "again").attr("count", "1")));
    let resend = Node::new("message").attr("id", "M").attr("to", pn(BOB)).attr("device_fanout", "false");
    alice.send(resend.child(list));
    assert_eq!(phone.take().len(), 1);
    assert!(bob.take().is_empty());
}

#[test]
fn a_resend_to_an_own_device_keeps_its_chat() {
    let sim = Sim::new();
    let (alice, _bob, _phone) = chat(&sim);
    let mut own = sim.phone(ALICE);
    own.take();
    let resend = Node::new("message").attr("id", "M").attr("to", pn(ALICE)).attr("recipient", pn(BOB));
    alice.send(resend.child(enc("msg", "x")));
    assert_eq!(own.take()[0].get("recipient"), Some(&*pn(BOB)));
}

#[test]
fn peer_messages_reach_the_own_device_without_a_recipient() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut alice = sim.companion(ALICE, 1);
    let phone = sim.phone(ALICE);
    let peer = Node::new("message").attr("id", "P").attr("to", dev(ALICE, 1)).attr("category", "peer");
    phone.send(peer.child(enc("pkmsg", "keys")));
    let message = alice.take().remove(0);
    assert_eq!((message.get("from"), message.get("category")), (Some(&*pn(ALICE)), Some("peer")));
    assert_eq!((message.get("recipient"), message.get("sender_lid")), (None, None));
}

#[test]
fn misdirected_ciphertexts_go_nowhere() {
    let sim = Sim::new();
    sim.account(CAROL);
    let mut carol = sim.phone(CAROL);
    let (alice, mut bob, _phone) = chat(&sim);
    alice.message("M", &pn(BOB), &[&pn(CAROL), &dev(BOB, 9), &dev(ALICE, 1), "x@y", &dev(BOB, 1)]);
    assert!(carol.take().is_empty());
    assert_eq!(bob.take().len(), 1);
    assert_eq!(sim.counter("ciphertexts_for_unknown_devices"), 1);
}

#[test]
fn unknown_chats_are_refused_in_the_ack() {
    let sim = Sim::new();
    let (mut alice, _bob, _phone) = chat(&sim);
    for to in [pn("62899999"), "120399@g.us".into()] {
        alice.message("M", &to, &[]);
        assert_eq!(alice.take_only("ack")[0].get("error"), Some("404"), "{to}");
    }
}

#[test]
fn blocked_senders_are_acknowledged_and_not_delivered() {
    let sim = Sim::new();
    let (mut alice, mut bob, _phone) = chat(&sim);
    let item = |action: &str| vec![Node::new("item").attr("action", action).attr("jid", pn(ALICE))];
    let list = bob.ask("set", "blocklist", "@s.whatsapp.net", item("block"));
    assert_eq!(list.find("list").unwrap().nodes().len(), 1);
    alice.take();
    alice.message("M", &pn(BOB), &[&dev(BOB, 1)]);
    assert_eq!(alice.take_only("ack").len(), 1);
    assert!(bob.take().is_empty());
    bob.ask("set", "blocklist", "@s.whatsapp.net", item("unblock"));
    alice.message("M2", &pn(BOB), &[&dev(BOB, 1)]);
    assert_eq!(bob.take_only("message").len(), 1);
}

#[test]
fn receipts_reach_every_device_of_the_sender_and_are_acknowledged() {
    let sim = Sim::new();
    let (mut alice, mut bob, _phone) = chat(&sim);
    let mut own = sim.phone(ALICE);
    own.take();
    alice.message("M", &pn(BOB), &[&dev(BOB, 1)]);
    alice.take();
    bob.take();
    let read = Node::new("receipt").attr("id", "M").attr("to", dev(ALICE, 1)).attr("type", "read");
    bob.send(read.child(Node::new("list").child(Node::new("item").attr("id", "M0"))));
    let ack = bob.take_only("ack").remove(0);
    assert_eq!(
        (ack.get("class"), ack.get("type"), ack.get("id")),
        (Some("receipt"), Some("read"), Some("M"))
    );
    for receipts in [alice.take(), own.take()] {
        let receipt = &receipts[0];
        assert_eq!((receipt.get("from"), receipt.get("type")), (Some(&*dev(BOB, 1)), Some("read")));
        assert!(receipt.find("list").is_some());
    }
    for kind in ["peer_msg", "hist_sync", "read-self", "sender"] {
        bob.send(Node::new("receipt").attr("id", "M").attr("to", pn(ALICE)).attr("type", kind));
        assert!(alice.take().is_empty(), "{kind}");
    }
}

#[test]
fn retry_receipts_go_late_to_the_exact_device_with_their_keys() {
    let sim = Sim::new();
    let (mut alice, mut bob, _phone) = chat(&sim);
    let mut own = sim.phone(ALICE);
    own.take();
    alice.message("M", &pn(BOB), &[&dev(BOB, 1)]);
    alice.take();
    bob.take();
    let retry = Node::new("receipt").attr("id", "M").attr("to", dev(ALICE, 1)).attr("type", "retry");
    bob.send(retry.child(Node::new("retry").attr("count", "2")).child(Node::new("keys").bytes([1])));
    let down = alice.take_all();
    let Downstream::Delayed(delay, receipt) = &down[0] else { panic!("held back") };
    assert_eq!(*delay, Duration::from_millis(150));
    assert_eq!(receipt.get("from"), Some(&*dev(BOB, 1)));
    assert!(receipt.find("keys").is_some());
    assert!(own.take().is_empty());
}

#[test]
fn every_ciphertext_is_shown_to_the_observer() {
    type Ciphertext = (String, String, String, Vec<u8>);
    #[derive(Default)]
    struct Seen(Mutex<Vec<Ciphertext>>);
    impl CiphertextObserver for Seen {
        fn relayed(&self, seen: &RelayedCiphertext) {
            self.0.lock().unwrap().push((
                seen.sender.to_string(),
                seen.receiver.to_string(),
                seen.message_id.clone(),
                seen.ciphertext.to_vec(),
            ));
        }
    }
    let sim = Sim::new();
    let (alice, _bob, _phone) = chat(&sim);
    let seen = Arc::new(Seen::default());
    sim.server.set_ciphertext_observer(seen.clone());
    alice.message("M", &pn(BOB), &[&dev(BOB, 1)]);
    alice.message("M", &pn(BOB), &[&dev(BOB, 1)]);
    let one = (dev(ALICE, 1), dev(BOB, 1), "M".to_owned(), dev(BOB, 1).into_bytes());
    // Also the copy that is not delivered: it went over the wire.
    assert_eq!(*seen.0.lock().unwrap(), vec![one.clone(), one]);
}

#[test]
fn presence_and_typing_reach_those_who_watch() {
    let sim = Sim::new();
    let (mut alice, mut bob, _phone) = chat(&sim);
    alice.send(Node::new("presence").attr("type", "subscribe").attr("to", pn(BOB)));
    assert_eq!(alice.take()[0].get("type"), Some("unavailable"));
    bob.send(Node::new("presence").attr("type", "available").attr("name", "Robert"));
    let seen = alice.take().remove(0);
    assert_eq!((seen.get("from"), seen.get("type")), (Some(&*pn(BOB)), Some("available")));
    assert_eq!(sim.server.account(BOB).unwrap().name, "Robert");
    let typing = Node::new("chatstate").attr("to", pn(ALICE)).attr("from", dev(BOB, 1));
    bob.send(typing.child(Node::new("composing")));
    let seen = alice.take().remove(0);
    assert_eq!(seen.get("from"), Some(&*pn(BOB)));
    assert!(seen.find("composing").is_some());
    sim.server.disconnect(bob.link);
    let seen = alice.take().remove(0);
    assert_eq!(seen.get("type"), Some("unavailable"));
    assert_eq!(seen.get("last"), Some("1800000000"));
    bob.take();
}

#[test]
fn thousands_of_accounts_do_not_slow_the_relay_down() {
    const ACCOUNTS: u64 = 5_000;
    let sim = Sim::new();
    let keys = keys_of("1");
    for number in 0..ACCOUNTS {
        let number = (628_000_000_000 + number).to_string();
        let account = NewAccount { number, name: String::new(), lid: None, keys: keys.clone() };
        sim.server.create_account(account).unwrap();
    }
    let (alice, mut bob, _phone) = chat(&sim);
    let start = std::time::Instant::now();
    for id in 0..2_000 {
        let id = id.to_string();
        alice.message(&id, &pn(BOB), &[&dev(BOB, 1)]);
        bob.receipt(&id, &dev(ALICE, 1));
    }
    assert_eq!(bob.take_only("message").len(), 2_000);
    // A second, in a debug build; work per account would take minutes. What is between the two is the machine's affair.
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}
