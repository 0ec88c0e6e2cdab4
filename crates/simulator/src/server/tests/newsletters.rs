//! Channels.

use serde_json::{Value, json};

use super::teams::error;
use super::*;

/// The numbers of queries, as whatsapp-rust and Baileys send them.
const CREATE: &str = "25149874324715067";
const DESCRIBE: &str = "6563316087068696";
const FOLLOW: &str = "24404358912487870";
const UNFOLLOW: &str = "9767147403369991";
const SETTING: &str = "31938993655691868";
const DELETE: &str = "30062808666639665";

fn mex(client: &mut Client, query: &str, variables: &Value) -> Value {
    let payload = json!({ "variables": variables }).to_string().into_bytes();
    let query = Node::new("query").attr("query_id", query).bytes(payload);
    let answer = client.ask("get", "w:mex", "@s.whatsapp.net", vec![query]);
    serde_json::from_slice(answer.child_data("result").unwrap()).unwrap()
}

fn code(answer: &Value) -> Option<u64> {
    answer["errors"][0]["extensions"]["error_code"].as_u64()
}

/// A channel of Alice's that Bob follows.
fn followed(alice: &mut Client, bob: &mut Client) -> String {
    let made = mex(alice, CREATE, &json!({"input": {"name": "News", "description": "All of it"}}));
    let id = made["data"]["xwa2_newsletter_create"]["id"].as_str().unwrap().to_owned();
    let joined = mex(bob, FOLLOW, &json!({ "newsletter_id": id }));
    assert_eq!(joined["data"]["xwa2_newsletter_join_v2"]["viewer_metadata"]["role"], "SUBSCRIBER");
    id
}

fn cast() -> (Sim, Client, Client) {
    let sim = Sim::new();
    sim.account(ALICE);
    sim.account(BOB);
    let (alice, bob) = (sim.companion(ALICE, 1), sim.companion(BOB, 2));
    (sim, alice, bob)
}

fn post(id: &str, to: &str, text: &str) -> Node {
    let plain = Node::new("plaintext").bytes(text.as_bytes());
    Node::new("message").attr("id", id).attr("to", to).attr("type", "text").child(plain)
}

fn ack(client: &mut Client) -> Node {
    client.take_only("ack").remove(0)
}

#[test]
fn whoever_follows_gets_the_posts_of_the_owner_alone() {
    let (_sim, mut alice, mut bob) = cast();
    let id = followed(&mut alice, &mut bob);
    alice.send(post("P1", &id, "first"));
    let told = ack(&mut alice);
    assert_eq!((told.get("server_id"), told.get("error")), (Some("100"), None));
    let came = bob.take_only("message").remove(0);
    assert_eq!((came.get("from"), came.get("server_id")), (Some(&*id), Some("100")));
    assert_eq!(came.child_data("plaintext"), Some(&b"first"[..]));
    // Sent once more, it has the same number and goes to nobody.
    alice.send(post("P1", &id, "first"));
    assert_eq!(ack(&mut alice).get("server_id"), Some("100"));
    assert!(bob.take_only("message").is_empty());
    bob.send(post("P2", &id, "mine"));
    assert_eq!(ack(&mut bob).get("error"), Some("403"));
    bob.send(post("P2", "1@newsletter", "mine"));
    assert_eq!(ack(&mut bob).get("error"), Some("404"));
}

#[test]
fn posts_are_changed_and_taken_back_under_their_ids() {
    let (_sim, mut alice, mut bob) = cast();
    let id = followed(&mut alice, &mut bob);
    alice.send(post("P1", &id, "first"));
    bob.take();
    for (edit, text) in [("3", "second"), ("8", "")] {
        alice.send(post("P1", &id, text).attr("edit", edit));
        let came = bob.take_only("message").remove(0);
        assert_eq!((came.get("id"), came.get("edit")), (Some("P1"), Some(edit)));
        assert_eq!(came.child_data("plaintext"), Some(text.as_bytes()));
    }
    alice.take();
    alice.send(post("P9", &id, "x").attr("edit", "3"));
    assert_eq!(ack(&mut alice).get("error"), Some("404"));
}

#[test]
fn reactions_are_counted_and_told_to_those_who_watch() {
    let (sim, mut alice, mut bob) = cast();
    let id = followed(&mut alice, &mut bob);
    alice.send(post("P1", &id, "first"));
    let answer = alice.ask("set", "newsletter", &id, vec![Node::new("live_updates")]);
    assert_eq!(answer.find("live_updates").unwrap().get("duration"), Some("300"));
    let react = |number: &str, code: &str| {
        Node::new("message")
            .attr("id", "R")
            .attr("to", &*id)
            .attr("type", "reaction")
            .attr("server_id", number)
            .child(Node::new("reaction").attr("code", code))
    };
    bob.take();
    bob.send(react("100", "+"));
    assert_eq!(ack(&mut bob).get("error"), None);
    let told = alice.take_only("notification").remove(0);
    let message = told.find("live_updates").unwrap().find("messages").unwrap().find("message").unwrap();
    let reaction = message.find("reactions").unwrap().find("reaction").unwrap();
    assert_eq!((reaction.get("code"), reaction.get("count")), (Some("+"), Some("1")));
    bob.send(react("101", "+"));
    assert_eq!(ack(&mut bob).get("error"), Some("404"));
    // Nobody hears of reactions for ever.
    sim.clock.forward(Duration::from_secs(301));
    bob.send(react("100", ""));
    assert!(alice.take_only("notification").is_empty());
    let history = bob.ask("get", "newsletter", &id, vec![Node::new("messages").attr("count", "10")]);
    let post = history.find("messages").unwrap().find("message").unwrap();
    assert!(post.find("reactions").unwrap().nodes().is_empty());
    assert_eq!(post.find("views_count").unwrap().get("count"), Some("1"));
}

#[test]
fn what_is_asked_of_a_channel_is_granted_to_whom_it_may() {
    let (_sim, mut alice, mut bob) = cast();
    let id = followed(&mut alice, &mut bob);
    let of = json!({ "newsletter_id": id });
    assert_eq!(code(&mex(&mut bob, DELETE, &of)), Some(403));
    assert_eq!(code(&mex(&mut alice, UNFOLLOW, &of)), Some(403), "its owner cannot leave");
    let mute = json!({"input": {"newsletter_id": id, "type": "MUTE_FOLLOWER_ACTIVITY", "value": "ON"}});
    mex(&mut bob, SETTING, &mute);
    let describe = json!({"input": {"key": id, "type": "JID"}});
    let seen = mex(&mut bob, DESCRIBE, &describe)["data"]["xwa2_newsletter"].take();
    assert_eq!(seen["viewer_metadata"]["mute"], "ON");
    assert_eq!(seen["thread_metadata"]["subscribers_count"], "1");
    let invite = json!({"input": {"key": seen["thread_metadata"]["invite"], "type": "INVITE"}});
    assert_eq!(mex(&mut alice, DESCRIBE, &invite)["data"]["xwa2_newsletter"]["id"], *id);
    assert!(mex(&mut bob, UNFOLLOW, &of)["data"].is_object());
    assert_eq!(code(&mex(&mut bob, SETTING, &mute)), Some(403));
    assert!(mex(&mut alice, DELETE, &of)["data"].is_object());
    assert_eq!(code(&mex(&mut alice, DESCRIBE, &describe)), Some(404));
    let unknown = alice.ask("get", "newsletter", &id, vec![Node::new("messages")]);
    assert_eq!(error(&unknown), Some("404"));
}
