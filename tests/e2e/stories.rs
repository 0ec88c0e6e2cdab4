//! Status updates through the API: real Baileys sees what the gateway posts, and what Baileys posts comes in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::stanza_id;
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Addressing, Baileys, Gateway, Lab, PATIENCE, Peer, Webhooks, told};

use crate::conversion::wav;

const STATUS: &str = "status@broadcast";
/// A PNG of one dot.
const DOT: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

struct Cast<'a> {
    gateway: &'a Gateway,
    webhooks: &'a Webhooks,
    peers: [&'a Peer; 2],
    shapes: Shapes,
}

impl Cast<'_> {
    async fn post(&self, below: &str, body: Value) -> Value {
        let path = format!("/api/{{session}}/status/{below}");
        let filled = path.replace("{session}", "default");
        self.shapes.call(self.gateway, (Method::POST, &path), &filled, Some(body)).await
    }

    /// Every peer sees the status of that id.
    async fn seen(&self, id: &str, is: impl Fn(&Value) -> bool + Copy) {
        for peer in self.peers {
            let of = |event: &Value| {
                event["key"]["remoteJid"] == STATUS && event["key"]["id"] == id && is(&event["content"])
            };
            let seen = peer.wait("message", PATIENCE, of).await;
            assert!(seen["key"]["participant"].is_string(), "{seen}");
        }
    }

    async fn refused(&self, below: &str, body: Value, field: &str) {
        let address = format!("/api/default/status/{below}");
        let answer =
            self.gateway.answer(self.gateway.request(Method::POST, &address).json(&body)).await.unwrap();
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert_eq!(answer.status, 400, "{below}: {}", answer.body);
        assert!(message.starts_with(field), "{below}: {message}");
    }
}

async fn stories(addressing: Addressing) {
    told(addressing, async |lab: &Lab| {
        let mut party = lab.linked_gateway("gateway", "491701000001").await;
        let six = lab.linked_peer("six", Baileys::Six, "491701000002").await;
        let seven = lab.linked_peer("seven", Baileys::Seven, "491701000003").await;
        let contact = lab.contact("contact", "491701000004").await;
        let me = party.address().clone();
        let audience = [six.address().chat_id(), seven.address().chat_id()];
        let (gateway, webhooks) = party.as_gateway();
        let cast =
            Cast { gateway, webhooks, peers: [six.as_peer(), seven.as_peer()], shapes: Shapes::read() };
        let text = posted(&cast, &audience).await;
        files(&cast, &audience).await;
        deleted(&cast, &audience, &text).await;
        refusals(&cast, &audience).await;
        to_the_address_book(&cast, &audience).await;
        for (peer, address) in [(&six, six.address()), (&seven, seven.address())] {
            received(&cast, peer.as_peer(), address, &me).await;
        }
        // Who was not named saw nothing.
        let inbox = contact.phone.inbox().await;
        assert!(inbox.is_empty(), "{inbox:?}");
        webhooks.assert_all_signed();
    })
    .await;
}

async fn posted(cast: &Cast<'_>, audience: &[String]) -> String {
    let path = "/api/{session}/status/new-message-id";
    let made =
        cast.shapes.call(cast.gateway, (Method::GET, path), "/api/default/status/new-message-id", None).await;
    let id = made["id"].as_str().unwrap();
    let body = json!({"id": id, "contacts": audience, "text": "a story", "backgroundColor": "#38b42f",
        "font": 2, "linkPreview": false, "linkPreviewHighQuality": false});
    let sent = cast.post("text", body).await;
    cast.shapes.check("WAMessage", &sent).unwrap_or_else(|wrong| panic!("{sent}\n{wrong}"));
    let full = sent["id"].as_str().unwrap();
    assert_eq!(stanza_id(full), id);
    assert!(full.starts_with(&format!("true_{STATUS}_")) && full.ends_with("@c.us"), "{full}");
    let is = |content: &Value| {
        content["text"] == "a story" && content["background"] == 0xff38_b42f_u32 && content["font"] == 2
    };
    cast.seen(id, is).await;
    let told = cast.webhooks.wait("message.any", PATIENCE, |payload| payload["id"] == full).await;
    cast.shapes.check_event("message.any", told.payload()).unwrap();
    id.to_owned()
}

async fn files(cast: &Cast<'_>, audience: &[String]) {
    let file = |kind: &str, name: &str| json!({"mimetype": kind, "filename": name, "data": DOT});
    let image = json!({"contacts": audience, "file": file("image/png", "a.png"), "caption": "a dot"});
    let video = json!({"contacts": audience, "file": file("video/mp4", "a.mp4"), "convert": false, "caption": "moving"});
    let voice = json!({"contacts": audience, "file": {"mimetype": "audio/wav", "data": STANDARD.encode(wav())}, "convert": true, "backgroundColor": "#000001"});
    for (below, body, kind, caption) in [
        ("image", image, "image", json!("a dot")),
        ("video", video, "video", json!("moving")),
        ("voice", voice, "audio", json!(null)),
    ] {
        let sent = cast.post(below, body).await;
        let id = stanza_id(sent["id"].as_str().unwrap()).to_owned();
        let voice = below == "voice";
        let is = |content: &Value| {
            content["kind"] == kind
                && content["caption"] == caption
                && content["voice"] == voice
                && (!voice || content["seconds"] == 1 && content["bars"] == 64)
                && (!voice || content["background"] == 0xff00_0001_u32)
        };
        cast.seen(&id, is).await;
    }
}

async fn deleted(cast: &Cast<'_>, audience: &[String], text: &str) {
    // For whom it was posted is known.
    let gone = cast.post("delete", json!({"id": text})).await;
    assert_eq!(gone["revokedMessageId"], text, "{gone}");
    for peer in cast.peers {
        let is = |event: &Value| {
            event["content"]["kind"] == "revoke" && event["content"]["target"]["id"] == text
                || event["event"] == "revoked" && event["key"]["id"] == text
        };
        peer.events()
            .wait("a deleted status", PATIENCE, |all: &[Value]| all.iter().any(is).then_some(()))
            .await;
    }
    // The other way, for those who are named.
    let body =
        json!({"contacts": [&audience[1]], "text": "for one", "backgroundColor": "#38b42f", "font": 0});
    let sent = cast.post("text", body).await;
    let id = sent["id"].as_str().unwrap();
    let body = json!({"id": id, "contacts": [&audience[1]]});
    assert_eq!(cast.post("delete", body).await["revokedMessageId"], stanza_id(id));
    let seen_by_six =
        cast.peers[0].events().read(|all| all.iter().any(|event| event["key"]["id"] == stanza_id(id)));
    assert!(!seen_by_six, "it was for another one");
}

/// Without a list, everybody in the address book gets it.
async fn to_the_address_book(cast: &Cast<'_>, audience: &[String]) {
    for (person, first) in audience.iter().zip(["Six", "Seven"]) {
        let path = format!("/api/default/contacts/{person}");
        cast.gateway.call(Method::PUT, &path, Some(json!({"firstName": first, "lastName": ""}))).await;
        let saved = async || {
            let known = cast.gateway.call(Method::GET, &path, None).await;
            if known["isMyContact"] == true { Ok(()) } else { Err(known.to_string()) }
        };
        eventually("the person to stand in the address book", PATIENCE, saved).await;
    }
    for contacts in [json!([]), Value::Null] {
        let body = json!({"text": "for all", "contacts": contacts, "backgroundColor": "#38b42f", "font": 0});
        let sent = cast.post("text", body).await;
        let id = stanza_id(sent["id"].as_str().unwrap()).to_owned();
        cast.seen(&id, |content| content["text"] == "for all").await;
    }
}

async fn refusals(cast: &Cast<'_>, audience: &[String]) {
    let text = |contacts: Value| json!({"text": "x", "contacts": contacts});
    cast.refused("text", text(json!([])), "contacts").await;
    cast.refused("text", json!({"text": "x"}), "contacts").await;
    cast.refused("text", text(json!(["123@g.us"])), "contacts[0]").await;
    cast.refused("text", text(json!([audience[0], "491709999999@c.us"])), "contacts[1]").await;
    cast.refused("text", json!({"text": "x", "contacts": audience, "font": 5}), "font").await;
    cast.refused(
        "text",
        json!({"text": "x", "contacts": audience, "backgroundColor": "green"}),
        "backgroundColor",
    )
    .await;
    cast.refused("text", json!({"text": "", "contacts": audience}), "text").await;
    cast.refused("delete", json!({"contacts": audience}), "id").await;
    let body = json!({"session": "default", "chatId": STATUS, "text": "x"});
    let answer =
        cast.gateway.answer(cast.gateway.request(Method::POST, "/api/sendText").json(&body)).await.unwrap();
    assert_eq!(answer.status, 400, "{}", answer.body);
    let unknown = json!({"id": "3EB0NOSUCHSTATUS"});
    let answer = cast
        .gateway
        .answer(cast.gateway.request(Method::POST, "/api/default/status/delete").json(&unknown))
        .await
        .unwrap();
    assert_eq!((answer.status.as_u16(), answer.body["code"].as_str()), (404, Some("message_not_found")));
}

/// A status of somebody else's is a message from `status@broadcast`.
async fn received(cast: &Cast<'_>, peer: &Peer, who: &wakeeper_e2e::Address, me: &wakeeper_e2e::Address) {
    let content = json!({"kind": "text", "text": format!("a story of {}", who.number)});
    let sent = peer.call("send", json!({"to": STATUS, "content": content, "audience": [me.jid()]})).await;
    let id = sent["key"]["id"].as_str().unwrap();
    let told = cast.webhooks.wait("message", PATIENCE, |payload| payload["body"] == content["text"]).await;
    let payload = told.payload();
    cast.shapes.check_event("message", payload).unwrap();
    assert_eq!((&payload["from"], &payload["fromMe"]), (&json!(STATUS), &json!(false)));
    assert!(who.is(payload["participant"].as_str().unwrap()), "{payload}");
    assert!(payload["id"].as_str().unwrap().starts_with(&format!("false_{STATUS}_{id}_")), "{payload}");
}

#[tokio::test]
async fn stories_are_seen_by_baileys_by_number() {
    stories(Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn stories_are_seen_by_baileys_by_lid() {
    stories(Addressing::Lid).await;
}
