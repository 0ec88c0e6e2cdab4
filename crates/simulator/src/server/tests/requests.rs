//! The smaller `iq` answers.

use super::*;
use buffa::Message;
use waproto::whatsapp::SyncdPatch;

const SERVER: &str = "@s.whatsapp.net";

fn sync(client: &mut Client, name: &str, version: &str, patch: Option<&[u8]>) -> Node {
    let patch = patch.map(|bytes| Node::new("patch").bytes(bytes));
    let collection = Node::new("collection").attr("name", name).attr("version", version).children(patch);
    let answer = client.ask("set", "w:sync:app:state", SERVER, vec![Node::new("sync").child(collection)]);
    answer.find("sync").unwrap().find("collection").unwrap().clone()
}

fn patch(mac: u8) -> Vec<u8> {
    SyncdPatch { snapshot_mac: Some(vec![mac; 32]), ..Default::default() }.encode_to_vec()
}

#[test]
fn app_state_gives_patches_versions_and_tells_siblings() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut phone = sim.phone(ALICE);
    let mut one = sim.companion(ALICE, 1);
    let mut two = sim.companion(ALICE, 2);
    assert_eq!(sync(&mut one, "regular", "0", None).get("version"), Some("0"));
    one.take();
    two.take();
    phone.take();
    assert_eq!(sync(&mut one, "regular", "0", Some(&patch(1))).get("version"), Some("1"));
    assert_eq!(sync(&mut one, "regular", "1", Some(&patch(2))).get("version"), Some("2"));
    for sibling in [&mut two, &mut phone] {
        let told = sibling.take_only("notification");
        assert_eq!(told.len(), 2);
        assert_eq!(told[1].get("type"), Some("server_sync"));
        assert_eq!(told[1].find("collection").unwrap().get("version"), Some("2"));
    }
    assert!(one.take_only("notification").is_empty());
    let seen = sync(&mut two, "regular", "1", None);
    let patches = seen.find("patches").unwrap().nodes();
    assert_eq!(patches.len(), 1);
    let decoded = SyncdPatch::decode_from_slice(patches[0].data().unwrap()).unwrap();
    assert_eq!(decoded.version.as_option().and_then(|version| version.version), Some(2));
    assert_eq!(decoded.snapshot_mac, Some(vec![2; 32]));
}

#[test]
fn an_outdated_patch_is_a_conflict_and_changes_nothing() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut one = sim.companion(ALICE, 1);
    sync(&mut one, "regular", "0", Some(&patch(1)));
    let conflict = sync(&mut one, "regular", "0", Some(&patch(2)));
    assert_eq!(conflict.get("type"), Some("error"));
    assert_eq!(conflict.find("error").unwrap().get("code"), Some("409"));
    assert_eq!(conflict.find("patches").unwrap().nodes().len(), 1, "what the client is missing");
    assert_eq!(sync(&mut one, "regular", "1", None).get("version"), Some("1"));
    let garbage = sync(&mut one, "regular", "1", Some(&[0xff]));
    assert_eq!(garbage.find("error").unwrap().get("code"), Some("400"));
}

#[test]
fn many_patches_come_in_pieces() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut one = sim.companion(ALICE, 1);
    for version in 0..60 {
        sync(&mut one, "regular", &version.to_string(), Some(&patch(1)));
    }
    let first = sync(&mut one, "regular", "0", None);
    assert_eq!((first.get("version"), first.get("has_more_patches")), (Some("50"), Some("true")));
    let second = sync(&mut one, "regular", "50", None);
    assert_eq!((second.get("version"), second.get("has_more_patches")), (Some("60"), Some("false")));
}

#[test]
fn settings_are_kept() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut alice = sim.companion(ALICE, 1);
    let category = Node::new("category").attr("name", "last").attr("value", "none");
    alice.ask("set", "privacy", SERVER, vec![Node::new("privacy").child(category)]);
    let answer = alice.ask("get", "privacy", SERVER, vec![Node::new("privacy")]);
    let last: Vec<_> = answer
        .find("privacy")
        .unwrap()
        .find_all("category")
        .filter(|category| category.get("name") == Some("last"))
        .map(|category| category.get("value"))
        .collect();
    assert_eq!(last, vec![Some("none")]);
}

#[test]
fn privacy_tokens_go_back_and_to_the_contact() {
    let sim = Sim::new();
    sim.account(ALICE);
    sim.account(BOB);
    let mut alice = sim.companion(ALICE, 1);
    let mut bob = sim.companion(BOB, 2);
    let token = Node::new("token").attr("jid", pn(BOB)).attr("t", "5").attr("type", "trusted_contact");
    let answer = alice.ask("set", "privacy", SERVER, vec![Node::new("tokens").child(token)]);
    let given = answer.find("tokens").unwrap().find("token").unwrap();
    let told = bob.take_only("notification").remove(0);
    let seen = told.find("tokens").unwrap().find("token").unwrap();
    assert_eq!((told.get("type"), told.get("from")), (Some("privacy_token"), Some(&*pn(ALICE))));
    assert_eq!((seen.data(), seen.get("t")), (given.data(), Some("5")));
}

#[test]
fn every_known_question_has_the_answer_clients_need() {
    let sim = Sim::new();
    sim.account(ALICE);
    let mut alice = sim.companion(ALICE, 1);
    let mut ask = |kind: &str, namespace: &str| alice.ask(kind, namespace, SERVER, vec![Node::new("x")]);
    assert!(ask("get", "w").find("props").is_some());
    assert!(ask("get", "abt").find("props").is_some());
    assert!(ask("get", "blocklist").find("list").is_some());
    let hosts = ask("set", "w:m");
    let host = hosts.find("media_conn").unwrap().find("host").unwrap();
    assert_eq!(host.get("hostname"), Some("127.0.0.1:1"));
    assert_eq!(ask("get", "w:mex").child_data("result"), Some(&b"{\"data\":{}}"[..]));
    assert_eq!(ask("get", "w:profile:picture").find("error").unwrap().get("code"), Some("404"));
    for namespace in ["w:p", "urn:xmpp:whatsapp:dirty", "never:heard:of"] {
        let answer = ask("get", namespace);
        assert_eq!((answer.get("type"), answer.nodes().len()), (Some("result"), 0));
        assert_eq!(answer.get("from"), Some(SERVER));
    }
    let state = sim.server.state();
    assert_eq!(state["unknown_stanzas"]["iq never:heard:of x"], 1);
    assert_eq!(state["counters"]["unknown_stanzas"], 1);
}
