use super::*;
use crate::faults::{FaultKind, FaultTarget};

/// Alice's and Bob's live companions, device 1 each.
fn pair(sim: &Sim) -> (Client, Client) {
    sim.account(ALICE);
    sim.account(BOB);
    (sim.companion(ALICE, 1), sim.companion(BOB, 2))
}

fn bob_1() -> String {
    format!("{BOB}:1@s.whatsapp.net")
}

fn send(alice: &Client, ids: std::ops::Range<u32>) {
    for id in ids {
        alice.message(&format!("M{id}"), &pn(BOB), &[&bob_1()]);
    }
}

fn ids(stanzas: &[Node]) -> Vec<String> {
    let messages = stanzas.iter().filter(|node| node.tag == "message");
    messages.map(|node| node.get("id").unwrap().to_owned()).collect()
}

fn names(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|id| format!("M{id}")).collect()
}

fn batch(client: &Client, count: u32) {
    let batch = Node::new("offline_batch").attr("count", count.to_string());
    client.send(Node::new("ib").child(batch));
}

fn marker(stanzas: &[Node]) -> Option<String> {
    stanzas.iter().find_map(|node| Some(node.find("offline")?.get("count")?.to_owned()))
}

#[test]
fn a_login_with_nothing_waiting_gets_its_marker_at_once() {
    let sim = Sim::new();
    sim.account(ALICE);
    sim.link(ALICE, 1);
    let mut client = sim.login(ALICE, 1, 1);
    let stanzas = client.take();
    assert_eq!(stanzas[0].tag, "iq");
    assert!(stanzas[1].find("edge_routing").is_some());
    assert!(stanzas[2].find("dirty").is_some());
    assert_eq!(stanzas[3].find("offline_preview").unwrap().get("count"), Some("0"));
    assert_eq!(marker(&stanzas).as_deref(), Some("0"));
}

#[test]
fn what_waited_comes_in_batches_then_the_marker_then_live_traffic() {
    let sim = Sim::new();
    let (alice, bob) = pair(&sim);
    sim.server.disconnect(bob.link);
    send(&alice, 0..7);
    let mut bob = sim.login(BOB, 1, 2);
    let first = bob.take();
    let preview = first.iter().find_map(|node| node.find("offline_preview")).unwrap();
    assert_eq!((preview.get("count"), preview.get("message")), (Some("7"), Some("7")));
    assert!(ids(&first).is_empty(), "nothing before the client asks");

    batch(&bob, 3);
    let stanzas = bob.take();
    assert_eq!(ids(&stanzas), names(0..3));
    assert_eq!(stanzas[0].get("offline"), Some("0"));
    assert_eq!(stanzas[2].get("offline"), Some("2"));
    assert_eq!(marker(&stanzas), None);
    // Live traffic is held until the marker.
    send(&alice, 7..8);
    assert!(bob.take().is_empty());

    batch(&bob, 3);
    assert_eq!(ids(&bob.take()), names(3..6));
    batch(&bob, 3);
    let stanzas = bob.take();
    assert_eq!(ids(&stanzas), vec!["M6", "M7"]);
    assert_eq!(marker(&stanzas).as_deref(), Some("7"));
    assert_eq!(stanzas.last().unwrap().get("offline"), None, "came in meanwhile: live");
}

#[test]
fn a_client_that_asks_once_gets_the_rest_as_it_confirms() {
    let sim = Sim::new();
    let (alice, bob) = pair(&sim);
    sim.server.disconnect(bob.link);
    send(&alice, 0..5);
    let mut bob = sim.login(BOB, 1, 2);
    bob.take();
    batch(&bob, 2);
    assert_eq!(ids(&bob.take()), names(0..2));
    bob.receipt("M0", &pn(ALICE));
    assert_eq!(ids(&bob.take()), names(2..4));
    bob.receipt("M1", &pn(ALICE));
    let stanzas = bob.take();
    assert_eq!(ids(&stanzas), names(4..5));
    assert_eq!(marker(&stanzas).as_deref(), Some("5"));
}

#[test]
fn unconfirmed_stanzas_return_after_a_disconnect_and_confirmed_ones_do_not() {
    let sim = Sim::new();
    let (alice, mut bob) = pair(&sim);
    send(&alice, 0..4);
    assert_eq!(ids(&bob.take()), names(0..4));
    bob.receipt("M1", &pn(ALICE));
    bob.send(Node::new("ack").attr("class", "message").attr("id", "M2").attr("to", pn(ALICE)));
    // A retry receipt confirms nothing.
    bob.send(Node::new("receipt").attr("id", "M3").attr("to", pn(ALICE)).attr("type", "retry"));
    sim.server.disconnect(bob.link);
    let mut bob = sim.login(BOB, 1, 2);
    batch(&bob, 100);
    assert_eq!(ids(&bob.take()), vec!["M0", "M3"]);
    for id in ["M0", "M3"] {
        bob.receipt(id, &pn(ALICE));
    }
    sim.server.disconnect(bob.link);
    assert_eq!(sim.server.devices(BOB).unwrap()[1].queued, 0);
}

#[test]
fn a_replaced_connection_gives_its_stanzas_back_too() {
    let sim = Sim::new();
    let (alice, mut bob) = pair(&sim);
    send(&alice, 0..2);
    bob.take();
    let new = sim.login(BOB, 1, 2);
    // A late confirmation over the old connection counts no more.
    bob.receipt("M0", &pn(ALICE));
    let mut new = new;
    batch(&new, 10);
    assert_eq!(ids(&new.take()), names(0..2));
}

#[test]
fn receipts_wait_like_messages_and_are_confirmed_by_acks() {
    let sim = Sim::new();
    let (mut alice, mut bob) = pair(&sim);
    send(&alice, 0..1);
    bob.take();
    alice.take();
    sim.server.disconnect(alice.link);
    bob.receipt("M0", &pn(ALICE));
    let mut alice = sim.login(ALICE, 1, 1);
    batch(&alice, 10);
    let receipt = alice.take_only("receipt").remove(0);
    assert_eq!(receipt.get("from"), Some(&*bob_1()));
    alice.send(Node::new("ack").attr("class", "receipt").attr("id", "M0").attr("to", bob_1()));
    assert_eq!(sim.server.devices(ALICE).unwrap()[1].queued, 0);
}

#[test]
fn stanza_faults_do_what_they_say() {
    let sim = Sim::new();
    let (alice, mut bob) = pair(&sim);
    let fault = |kind| {
        let target = FaultTarget::Device(BOB.into(), 1);
        sim.server.set_fault(Fault::once(kind).at(target));
    };
    fault(FaultKind::Duplicated);
    send(&alice, 0..1);
    assert_eq!(ids(&bob.take()), vec!["M0", "M0"]);

    fault(FaultKind::Reordered);
    send(&alice, 1..3);
    assert_eq!(ids(&bob.take()), vec!["M2", "M1"]);

    fault(FaultKind::Corrupted);
    send(&alice, 3..5);
    let stanzas = bob.take();
    assert_ne!(stanzas[0].child_data("enc"), Some(bob_1().as_bytes()));
    assert_eq!(stanzas[1].child_data("enc"), Some(bob_1().as_bytes()));

    fault(FaultKind::Delayed);
    send(&alice, 5..6);
    assert!(matches!(&bob.take_all()[0], Downstream::Delayed(delay, _) if *delay == Duration::from_secs(1)));

    fault(FaultKind::Lost);
    send(&alice, 6..8);
    assert_eq!(ids(&bob.take()), vec!["M7"]);
    for id in names(0..6) {
        bob.receipt(&id, &pn(ALICE));
    }
    // What was lost on the way is still owed.
    sim.server.disconnect(bob.link);
    let mut bob = sim.login(BOB, 1, 2);
    batch(&bob, 10);
    assert_eq!(ids(&bob.take()), vec!["M6", "M7"]);
}

#[test]
fn connection_faults_hit_live_companions_now_and_later_logins_when_asked() {
    let sim = Sim::new();
    let (mut alice, mut bob) = pair(&sim);
    let mut phone = sim.phone(BOB);
    phone.take();
    sim.server.set_fault(Fault::once(FaultKind::Dropped).at(FaultTarget::Number(BOB.into())).times(2));
    assert!(matches!(bob.take_all()[0], Downstream::Drop));
    assert!(alice.take_all().is_empty());
    assert!(phone.take_all().is_empty(), "phones keep their connection");
    let mut again = sim.try_login(BOB, 1, 2);
    assert!(again.take_all().iter().any(|down| matches!(down, Downstream::Drop)));
    let mut free = sim.try_login(BOB, 1, 2);
    assert!(!free.take_all().iter().any(|down| matches!(down, Downstream::Drop)));

    for (kind, code) in
        [(FaultKind::RestartRequired, "515"), (FaultKind::Unavailable, "503"), (FaultKind::LoggedOut, "401")]
    {
        let mut alice = sim.login(ALICE, 1, 1);
        alice.take_all();
        sim.server.set_fault(Fault::once(kind).at(FaultTarget::Number(ALICE.into())));
        let last = alice.take_all();
        assert!(matches!(&last[0], Downstream::Stanza(node) if node.get("code") == Some(code)), "{kind:?}");
        assert!(matches!(last[1], Downstream::Close));
    }
    let mut alice = sim.login(ALICE, 1, 1);
    alice.take_all();
    sim.server.set_fault(Fault::once(FaultKind::Stalled));
    assert!(matches!(alice.take_all()[0], Downstream::Stall));
    sim.server.set_fault(Fault::once(FaultKind::HalfOpen));
    assert!(matches!(alice.take_all()[0], Downstream::HalfOpen));
}

#[test]
fn the_servers_clock_can_be_wrong_for_one_device() {
    let sim = Sim::new();
    let (alice, mut bob) = pair(&sim);
    let mut fault = Fault::once(FaultKind::ClockSkew).at(FaultTarget::Number(BOB.into()));
    fault.skew_seconds = Some(-100);
    sim.server.set_fault(fault);
    send(&alice, 0..1);
    assert_eq!(bob.take()[0].get("t"), Some("1799999900"));
    sim.server.clear_faults();
    send(&alice, 1..2);
    assert_eq!(bob.take()[0].get("t"), Some("1800000000"));
}

#[test]
fn a_rate_limit_refuses_messages_and_requests_but_not_pings() {
    let sim = Sim::new();
    let (mut alice, mut bob) = pair(&sim);
    let mut fault = Fault::once(FaultKind::RateLimit).at(FaultTarget::Number(ALICE.into()));
    fault.code = Some(463);
    sim.server.set_fault(fault);
    for namespace in ["w:p", "abt"] {
        let answer = alice.ask("get", namespace, "@s.whatsapp.net", vec![]);
        assert_eq!(answer.get("type"), Some("result"), "463 is for messages");
    }
    send(&alice, 0..1);
    assert_eq!(alice.take_only("ack")[0].get("error"), Some("463"));
    assert!(bob.take().is_empty());
    sim.server.set_fault(Fault::once(FaultKind::RateLimit));
    assert_eq!(alice.ask("get", "w:p", "@s.whatsapp.net", vec![]).get("type"), Some("result"));
    let answer = alice.ask("get", "abt", "@s.whatsapp.net", vec![Node::new("props")]);
    assert_eq!(answer.find("error").unwrap().get("code"), Some("429"));
}

#[test]
fn acknowledgements_can_be_withheld_until_faults_are_cleared() {
    let sim = Sim::new();
    let (mut alice, mut bob) = pair(&sim);
    let whole_hour = Duration::from_hours(1);
    sim.server.set_fault(Fault::once(FaultKind::AcksWithheld).lasting(whole_hour));
    send(&alice, 0..3);
    assert_eq!(bob.take().len(), 3, "the messages themselves are passed on");
    assert!(alice.take_only("ack").is_empty());
    sim.server.clear_faults();
    assert_eq!(alice.take_only("ack").len(), 3);
    send(&alice, 3..4);
    assert_eq!(alice.take_only("ack").len(), 1);
}

#[test]
fn a_way_that_is_long_is_long_for_later_logins_too() {
    let sim = Sim::new();
    let (mut alice, _bob) = pair(&sim);
    let mut fault = Fault::once(FaultKind::LongWay).at(FaultTarget::Number(ALICE.into()));
    fault.delay_ms = Some(100);
    sim.server.set_fault(fault.lasting(Duration::from_hours(1)));
    let long =
        |down: &Downstream| matches!(down, Downstream::LongWay(way) if *way == Duration::from_millis(100));
    assert!(alice.take_all().iter().any(long));
    assert!(sim.try_login(ALICE, 1, 1).take_all().iter().any(long));
    assert!(!sim.try_login(BOB, 1, 2).take_all().iter().any(long));
}
