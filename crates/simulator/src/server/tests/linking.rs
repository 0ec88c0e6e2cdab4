use super::*;

fn references(stanzas: &[Node]) -> Vec<String> {
    let pair_device = stanzas[0].find("pair-device").expect("pair-device");
    pair_device
        .find_all("ref")
        .map(|node| String::from_utf8(node.data().unwrap().to_vec()).unwrap())
        .collect()
}

#[test]
fn a_new_device_gets_six_references_without_commas() {
    let sim = Sim::new();
    let mut client = sim.register(1);
    let refs = references(&client.take());
    assert_eq!(refs.len(), 6);
    assert!(refs.iter().all(|reference| !reference.contains(',')));
    let offer = sim.server.pairing_by_ref(&refs[0]).unwrap();
    assert_eq!((offer.link, offer.noise_public, offer.identity_public), (client.link, [1; 32], [1; 32]));
    assert!(sim.server.pairing_by_ref("2@other").is_none());
}

#[test]
fn references_expire_one_after_the_other_and_with_their_connection() {
    let sim = Sim::new();
    let mut client = sim.register(1);
    let refs = references(&client.take());
    sim.clock.forward(Duration::from_secs(81));
    assert!(sim.server.pairing_by_ref(&refs[0]).is_none());
    assert!(sim.server.pairing_by_ref(&refs[1]).is_some());
    sim.clock.forward(Duration::from_secs(100));
    assert!(sim.server.pairing_by_ref(&refs[5]).is_none());

    let mut gone = sim.register(2);
    let refs = references(&gone.take());
    sim.server.disconnect(gone.link);
    assert!(sim.server.pairing_by_ref(&refs[0]).is_none());
}

#[test]
fn linking_ends_with_515_and_a_login() {
    let sim = Sim::new();
    let alice = sim.account(ALICE);
    let mut phone = sim.phone(ALICE);
    let mut client = sim.register(1);
    let refs = references(&client.take());
    let offer = sim.server.pairing_by_ref(&refs[0]).unwrap();
    let reserved = sim.server.reserve_key_index(ALICE).unwrap();
    assert_eq!(reserved.key_index, 1);
    let grant = PairingGrant { container: b"box".to_vec(), key_index: 1, platform: "android".into() };
    assert_eq!(sim.server.complete_pairing(offer.link, ALICE, grant.clone()).unwrap(), 1);
    assert!(sim.server.pairing_by_ref(&refs[0]).is_none(), "a linked reference is used up");
    assert!(matches!(sim.server.complete_pairing(offer.link, ALICE, grant), Err(ServerError::NotPairing)));

    let success = client.take().remove(0);
    let success = success.find("pair-success").unwrap();
    assert_eq!(success.child_data("device-identity"), Some(&b"box"[..]));
    let device = success.find("device").unwrap();
    assert_eq!(device.get("jid"), Some(&*format!("{ALICE}:1@s.whatsapp.net")));
    assert_eq!(device.get("lid"), Some(&*format!("{}:1@lid", alice.lid)));
    assert!(success.find("client-props").is_none(), "phone-number addressing");

    client.sign();
    let last = client.take_all();
    assert!(matches!(&last[0], Downstream::Stanza(node) if node.get("code") == Some("515")));
    assert!(matches!(last[1], Downstream::Close));
    let told = phone.take_only("notification");
    assert_eq!(told[0].get("type"), Some("devices"));
    assert!(told[0].find("add").unwrap().find("device").is_some());

    let mut login = sim.try_login(ALICE, 1, 1);
    let success = login.take().remove(0);
    assert_eq!(success.tag, "success");
    assert_eq!(success.get("lid"), Some(&*format!("{}:1@lid", alice.lid)));
}

#[test]
fn a_device_that_never_signed_is_not_linked() {
    let sim = Sim::new();
    sim.account(ALICE);
    let client = sim.register(1);
    let grant = PairingGrant { container: vec![1], key_index: 1, platform: "android".into() };
    sim.server.complete_pairing(client.link, ALICE, grant).unwrap();
    sim.server.disconnect(client.link);
    assert_eq!(sim.server.devices(ALICE).unwrap().len(), 1);
    assert_eq!(sim.try_login(ALICE, 1, 1).take()[0].get("reason"), Some("401"));
}

#[test]
fn lid_addressing_tells_new_clients_that_their_chats_are_migrated() {
    let sim = Sim::with(|config| config.addressing = Addressing::Lid);
    sim.account(ALICE);
    let mut client = sim.register(1);
    client.take();
    let grant = PairingGrant { container: vec![1], key_index: 1, platform: "android".into() };
    sim.server.complete_pairing(client.link, ALICE, grant).unwrap();
    let success = client.take().remove(0);
    let props = success.find("pair-success").unwrap().child_data("client-props");
    // Field 1, true.
    assert_eq!(props, Some(&[0x08, 0x01][..]));
}

#[test]
fn strangers_and_wrong_keys_are_refused() {
    let sim = Sim::new();
    sim.account(ALICE);
    let device = sim.link(ALICE, 1);
    for (number, device, noise) in [(BOB, device, 1), (ALICE, 9, 1), (ALICE, device, 2), (ALICE, 0, 1)] {
        let mut client = sim.try_login(number, device, noise);
        let answer = client.take_all();
        assert!(matches!(&answer[0], Downstream::Stanza(node) if node.get("reason") == Some("401")));
        assert!(matches!(answer[1], Downstream::Close));
        client.send(Node::new("iq").attr("id", "1").attr("type", "get").attr("xmlns", "w"));
        assert!(client.take().is_empty(), "a refused connection is not heard");
    }
}

#[test]
fn pairing_by_code_passes_both_halves_on() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut phone = sim.phone(ALICE);
    let mut client = sim.register(1);
    client.take();
    assert!(sim.server.pairing_code_offer(ALICE).is_none());
    let stage =
        |stage: &str| Node::new("link_code_companion_reg").attr("stage", stage).attr("jid", pn(ALICE));
    let wrapped = Node::new("link_code_pairing_wrapped_companion_ephemeral_pub").bytes(vec![3; 80]);
    let hello = client.ask("set", "md", "@s.whatsapp.net", vec![stage("companion_hello").child(wrapped)]);
    let reference = hello.find("link_code_companion_reg").unwrap().child_data("link_code_pairing_ref");
    let offer = sim.server.pairing_code_offer(ALICE).unwrap();
    assert_eq!(Some(offer.reference.as_slice()), reference);
    assert_eq!(offer.wrapped_companion_ephemeral, vec![3; 80]);

    let primary = PrimaryHello { wrapped_primary_ephemeral: vec![4; 80], primary_identity: [5; 32] };
    sim.server.send_primary_hello(client.link, primary).unwrap();
    let told = client.take().remove(0);
    let told = told.find("link_code_companion_reg").unwrap();
    assert_eq!(told.get("stage"), Some("primary_hello"));
    assert_eq!(told.child_data("primary_identity_pub"), Some(&[5; 32][..]));

    let finish = stage("companion_finish").children([
        Node::new("link_code_pairing_wrapped_key_bundle").bytes(vec![6; 9]),
        Node::new("companion_identity_public").bytes([1; 32]),
        Node::new("link_code_pairing_ref").bytes(reference.unwrap().to_vec()),
    ]);
    client.ask("set", "md", "@s.whatsapp.net", vec![finish]);
    let event = phone.take_all().into_iter().find_map(|down| match down {
        Downstream::Phone(PhoneEvent::CompanionFinish(finish)) => Some(finish),
        _ => None,
    });
    let event = event.unwrap();
    assert_eq!((event.link, event.wrapped_key_bundle.len()), (client.link, 9));
}

#[test]
fn a_code_for_an_unknown_number_is_refused() {
    let sim = Sim::new();
    let mut client = sim.register(1);
    client.take();
    let wrapped = Node::new("link_code_pairing_wrapped_companion_ephemeral_pub").bytes(vec![3; 80]);
    let hello = Node::new("link_code_companion_reg")
        .attr("stage", "companion_hello")
        .attr("jid", pn(BOB))
        .child(wrapped);
    assert_eq!(client.ask("set", "md", "@s.whatsapp.net", vec![hello]).get("type"), Some("error"));
}

#[test]
fn a_removed_device_is_logged_out_and_stays_out() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut phone = sim.phone(ALICE);
    let mut client = sim.companion(ALICE, 1);
    phone.take_all();
    sim.server.remove_device(ALICE, 1).unwrap();
    let last = client.take_all();
    assert!(matches!(&last[0], Downstream::Stanza(node)
        if node.get("code") == Some("401") && node.find("conflict").unwrap().get("type") == Some("device_removed")));
    assert!(matches!(last[1], Downstream::Close));
    assert!(
        phone
            .take_all()
            .iter()
            .any(|down| matches!(down, Downstream::Phone(PhoneEvent::CompanionRemoved { device: 1 })))
    );
    assert_eq!(sim.try_login(ALICE, 1, 1).take()[0].get("reason"), Some("401"));
    assert!(matches!(sim.server.remove_device(ALICE, 1), Err(ServerError::UnknownDevice)));
    assert!(matches!(sim.server.remove_device(ALICE, 0), Err(ServerError::UnknownDevice)));
}

#[test]
fn a_companion_may_unlink_itself_but_no_other() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut one = sim.companion(ALICE, 1);
    let _two = sim.companion(ALICE, 2);
    let remove = |device: u16| {
        let jid = format!("{ALICE}:{device}@s.whatsapp.net");
        vec![Node::new("remove-companion-device").attr("jid", jid).attr("reason", "user_initiated")]
    };
    one.ask("set", "md", "@s.whatsapp.net", remove(2));
    assert_eq!(sim.server.devices(ALICE).unwrap().len(), 3);
    one.ask("set", "md", "@s.whatsapp.net", remove(1));
    assert_eq!(sim.server.devices(ALICE).unwrap().len(), 2);
}

#[test]
fn a_second_login_replaces_the_first() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut first = sim.companion(ALICE, 1);
    let second = sim.login(ALICE, 1, 1);
    let last = first.take_all();
    assert!(matches!(&last[0], Downstream::Stanza(node)
        if node.find("conflict").is_some_and(|node| node.get("type") == Some("replaced"))));
    assert!(matches!(last[1], Downstream::Close));
    // The end of the old connection must not touch the new one.
    sim.server.disconnect(first.link);
    assert!(sim.server.devices(ALICE).unwrap()[1].online);
    drop(second);
}

#[test]
fn old_versions_and_the_version_fault_are_answered_with_405() {
    let sim = Sim::with(|config| config.oldest_version = (2, 4000, 0));
    assert_eq!(sim.register(1).take()[0].get("reason"), Some("405"));
    let sim = Sim::new();
    sim.account(ALICE);
    sim.link(ALICE, 1);
    sim.server.set_fault(Fault::once(crate::faults::FaultKind::RejectedVersion));
    assert_eq!(sim.try_login(ALICE, 1, 1).take()[0].get("reason"), Some("405"));
    assert_eq!(sim.try_login(ALICE, 1, 1).take()[0].tag, "success");
}

#[test]
fn the_phone_hears_once_when_a_companion_is_ready() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut phone = sim.phone(ALICE);
    let ready = |phone: &mut Client| {
        phone.take_all().iter().any(|down| {
            matches!(down, Downstream::Phone(PhoneEvent::CompanionReady { device: 1, dictionary: 3 }))
        })
    };
    let mut client = sim.companion(ALICE, 1);
    assert!(!ready(&mut phone), "without pre-keys nobody can write to it");
    client.upload(10);
    assert!(ready(&mut phone));
    client.upload(10);
    sim.server.disconnect(client.link);
    let _client = sim.login(ALICE, 1, 1);
    assert!(!ready(&mut phone));
}

#[test]
fn numbers_and_lids_are_unique_digits() {
    let sim = Sim::new();
    sim.account(ALICE);
    let make = |number: &str, lid: Option<&str>| {
        sim.server.create_account(NewAccount {
            number: number.into(),
            name: String::new(),
            lid: lid.map(str::to_owned),
            keys: keys_of("1"),
        })
    };
    assert!(matches!(make(ALICE, None), Err(ServerError::AccountExists)));
    assert!(matches!(make("+6281", None), Err(ServerError::MalformedNumber)));
    assert!(matches!(make("123", None), Err(ServerError::MalformedNumber)));
    assert!(make(BOB, Some("555")).is_ok());
    assert!(matches!(make(CAROL, Some("555")), Err(ServerError::AccountExists)));
    assert_eq!(sim.server.account("555").unwrap().number, BOB);
}
