//! Messages with a structure of their own between the gateway and real Baileys: each arrives as what it is, both ways.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use wakeeper_e2e::party::{Chat, Message, chat_id, stanza_id};
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Addressing, Baileys, Gateway, Lab, PATIENCE, Party, Peer, Webhooks, told};

use crate::picture::picture;

/// A still WebP picture of one pixel.
const STILL: &[u8] = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0";
/// The beginning of an animated one.
const ANIMATED: &[u8] = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\0\0\0\0\0\0";
/// The beginning of a JPEG picture of 160 by 90 pixels.
const JPEG: &[u8] = b"\xff\xd8\xff\xc0\0\x0b\x08\0\x5a\0\xa0\x01\x01\x11\0\xff\xd9";
const VCARD: &str =
    "BEGIN:VCARD\nVERSION:3.0\nFN:Jane Doe\nTEL;waid=628111222333:+62 811 1222 333\nEND:VCARD";

/// A gateway and a Baileys client that know each other.
struct Scene<'a> {
    gateway: &'a Gateway,
    webhooks: &'a Webhooks,
    peer: &'a Peer,
    /// The client's chat, as the gateway names it.
    to: String,
    /// The gateway's, as Baileys does.
    from: String,
    shapes: Shapes,
}

impl Scene<'_> {
    /// Sends, as WAHA documents it, and once more under the same key, which answers the same and sends nothing.
    async fn send(&self, path: &str, mut body: Value) -> Value {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        body["session"] = json!("default");
        if body["chatId"].is_null() {
            body["chatId"] = json!(self.to);
        }
        let operation = self.shapes.operation(&Method::POST, path);
        let key = format!("kinds-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let ask = async || {
            let request =
                self.gateway.request(Method::POST, path).header("Idempotency-Key", &key).json(&body);
            self.gateway.answer(request).await.unwrap()
        };
        let (first, again) = (ask().await, ask().await);
        let what = format!("{path}: {} {}", first.status, first.body);
        assert_eq!(Some(u64::from(first.status.as_u16())), operation["status"].as_u64(), "{what}");
        if let Some(kind) = operation["answer"].as_str() {
            self.shapes.check(kind, &first.body).unwrap_or_else(|wrong| panic!("{what}\n{wrong}"));
        }
        assert_eq!((again.status, &again.body), (first.status, &first.body), "{path}: not the same again");
        first.body
    }

    /// What the client was sent under the id of an answer.
    async fn arrived(&self, answer: &Value) -> Value {
        let id = stanza_id(answer["id"].as_str().expect("the id of a message")).to_owned();
        self.arrived_as(&id).await
    }

    async fn arrived_as(&self, id: &str) -> Value {
        let all = self.peer.wait("message", PATIENCE, |event| event["key"]["id"] == id).await;
        let count = self.peer.events().read(|all| {
            all.iter().filter(|event| event["event"] == "message" && event["key"]["id"] == id).count()
        });
        assert_eq!(count, 1, "{id} came more than once");
        all["content"].clone()
    }

    /// Sends by the client; what the gateway tells of it.
    async fn told_of(&self, to: &str, content: Value) -> Value {
        let id = self.sent_by_peer(to, content).await;
        let is = |payload: &Value| payload["id"].as_str().is_some_and(|full| stanza_id(full) == id);
        let payload = self.webhooks.wait("message", PATIENCE, is).await.payload().clone();
        self.shapes.check_event("message", &payload).unwrap_or_else(|wrong| panic!("{payload}\n{wrong}"));
        payload
    }

    async fn sent_by_peer(&self, to: &str, content: Value) -> String {
        let sent = self.peer.call("send", json!({"to": to, "content": content})).await;
        sent["key"]["id"].as_str().expect("an id").to_owned()
    }

    async fn vote_told_of(&self, event: &str, id: &str) -> Value {
        let is = |payload: &Value| payload["vote"]["id"].as_str().is_some_and(|full| stanza_id(full) == id);
        let payload = self.webhooks.wait(event, PATIENCE, is).await.payload().clone();
        self.shapes.check_event(event, &payload).unwrap_or_else(|wrong| panic!("{payload}\n{wrong}"));
        payload
    }

    async fn refused(&self, path: &str, mut body: Value, status: StatusCode) -> String {
        body["session"] = json!("default");
        if body["chatId"].is_null() {
            body["chatId"] = json!(self.to);
        }
        let answer = self.gateway.answer(self.gateway.request(Method::POST, path).json(&body)).await.unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        answer.body["message"].as_str().expect("a reason").to_owned()
    }
}

async fn places_and_cards(scene: &Scene<'_>) {
    let asked = scene.sent_by_peer(&scene.from, json!({"kind": "text", "text": "where?"})).await;
    scene.webhooks.wait("message", PATIENCE, |payload| payload["body"] == "where?").await;
    let chosen = "3EB0A0B1C2D3E4F5A6B7";
    let place = json!({"latitude": -6.1754, "longitude": 106.8272, "title": "Monas", "reply_to": asked, "id": chosen});
    let answer = scene.send("/api/sendLocation", place).await;
    assert_eq!((&answer["location"]["name"], &answer["replyTo"]["id"]), (&json!("Monas"), &json!(asked)));
    let arrived = scene.arrived_as(chosen).await;
    let expected = json!({"kind": "location", "latitude": -6.1754, "longitude": 106.8272, "name": "Monas", "quoted": asked});
    assert_eq!(arrived, expected);
    let place = json!({"kind": "location", "latitude": 1.5, "longitude": 2.25, "name": "Home"});
    let payload = scene.told_of(&scene.from, place).await;
    let location = &payload["location"];
    assert_eq!((&location["latitude"], &location["longitude"]), (&json!("1.5"), &json!("2.25")));
    assert_eq!((&location["name"], &payload["_data"]["type"]), (&json!("Home"), &json!("location")));

    let person = json!({"fullName": "Ben\nTEL:666", "organization": "Acme; Inc.", "phoneNumber": "+62 811",
        "whatsappId": "62811", "vcard": null});
    let one =
        scene.send("/api/sendContactVcard", json!({"contacts": [person], "reply_to": "", "id": ""})).await;
    let arrived = scene.arrived(&one).await;
    assert_eq!(arrived["kind"], "contact");
    let vcard = arrived["vcards"][0].as_str().unwrap();
    assert!(
        vcard.contains("\nFN:Ben\\nTEL:666\nORG:Acme\\; Inc.;\nTEL;type=CELL;type=VOICE;waid=62811:"),
        "{vcard}"
    );
    let two = scene.send("/api/sendContactVcard", json!({"contacts": [person, {"vcard": VCARD}]})).await;
    assert_eq!(two["vCards"], json!([vcard, VCARD]));
    let arrived = scene.arrived(&two).await;
    assert_eq!((&arrived["kind"], &arrived["vcards"]), (&json!("contacts"), &json!([vcard, VCARD])));
    let cards = json!({"kind": "contacts", "name": "Jane Doe", "vcards": [VCARD]});
    let payload = scene.told_of(&scene.from, cards).await;
    assert_eq!((&payload["vCards"], &payload["_data"]["type"]), (&json!([VCARD]), &json!("contact")));
}

/// Polls in a chat, whose JID Baileys writes in its own way.
async fn polls(scene: &Scene<'_>, chat: &str, jid: &str) {
    let options = ["Awesome!", "Good!", "Not bad!"];
    for (multiple, field) in [(false, "pollCreationMessageV3"), (true, "pollCreationMessage")] {
        let poll = json!({"name": "How?", "options": options, "multipleAnswers": multiple});
        let own = scene.send("/api/sendPoll", json!({"chatId": chat, "poll": poll})).await;
        let arrived = scene.arrived(&own).await;
        let most = if multiple { 3 } else { 1 };
        assert_eq!(
            arrived,
            json!({"kind": "poll", "field": field, "name": "How?", "options": options, "most": most})
        );
        let target = stanza_id(own["id"].as_str().unwrap());
        for choice in [&options[1..2], &[]] {
            let vote = json!({"kind": "vote", "target": target, "options": choice});
            let id = scene.sent_by_peer(jid, vote).await;
            let payload = scene.vote_told_of("poll.vote", &id).await;
            assert_eq!(
                (&payload["vote"]["selectedOptions"], &payload["poll"]["id"]),
                (&json!(choice), &own["id"])
            );
            assert_eq!(
                (&payload["vote"]["fromMe"], &payload["poll"]["fromMe"]),
                (&json!(false), &json!(true))
            );
            assert_eq!(payload["vote"]["from"], chat);
            let participant = if chat.ends_with("@g.us") { scene.to.as_str() } else { "" };
            assert_eq!(payload["vote"]["participant"], participant);
        }
    }
    let theirs = json!({"kind": "poll", "name": "Where?", "options": ["here", "there"], "most": 0});
    let theirs = scene.told_of(jid, theirs).await;
    assert_eq!((&theirs["body"], &theirs["_data"]["type"]), (&json!("Where?"), &json!("poll")));
    for choice in [json!(["there", "here"]), json!(["there"]), json!([])] {
        let vote = json!({"chatId": chat, "pollMessageId": theirs["id"], "votes": choice});
        let answer = scene.send("/api/sendPollVote", vote).await;
        let mut chosen = choice.as_array().unwrap().clone();
        chosen.sort_by_key(ToString::to_string);
        assert_eq!(
            (&answer["vote"]["selectedOptions"], &answer["poll"]["id"]),
            (&json!(chosen), &theirs["id"])
        );
        let id = stanza_id(answer["vote"]["id"].as_str().unwrap()).to_owned();
        let arrived = scene.arrived_as(&id).await;
        assert_eq!((&arrived["kind"], &arrived["options"]), (&json!("vote"), &json!(chosen)));
    }
    let vote = |options: Value| json!({"chatId": chat, "pollMessageId": theirs["id"], "votes": options});
    let reason =
        scene.refused("/api/sendPollVote", vote(json!(["here", "nowhere"])), StatusCode::BAD_REQUEST).await;
    assert!(reason.contains("at place 2"), "{reason}");
}

async fn votes_that_cannot_be_read(scene: &Scene<'_>) {
    let key = json!({"remoteJid": scene.from, "fromMe": false, "id": "3EB0NOSUCHPOLL"});
    let sealed = json!({"encPayload": STANDARD.encode([7; 40]), "encIv": STANDARD.encode([7; 12])});
    let vote = json!({"pollUpdateMessage": {"pollCreationMessageKey": key, "vote": sealed}});
    let id = scene.sent_by_peer(&scene.from, json!({"kind": "proto", "message": vote})).await;
    let payload = scene.vote_told_of("poll.vote.failed", &id).await;
    assert_eq!(payload["vote"]["selectedOptions"], json!([]));
    assert_eq!(stanza_id(payload["poll"]["id"].as_str().unwrap()), "3EB0NOSUCHPOLL");
}

async fn forwards(scene: &Scene<'_>) {
    let text = scene.told_of(&scene.from, json!({"kind": "text", "text": "pass it on"})).await;
    let bare = stanza_id(text["id"].as_str().unwrap());
    let answer =
        scene.send("/api/forwardMessage", json!({"messageId": bare, "id": "3EB0F0F0F0F0F0F0F0F0"})).await;
    assert_eq!(answer["body"], "pass it on");
    let arrived = scene.arrived_as("3EB0F0F0F0F0F0F0F0F0").await;
    assert_eq!((&arrived["text"], &arrived["forwarded"]), (&json!("pass it on"), &json!(true)));

    let bytes = picture(7, 20_000);
    let image =
        json!({"kind": "image", "data": STANDARD.encode(&bytes), "mimetype": "image/png", "caption": "look"});
    let image = scene.told_of(&scene.from, image).await;
    let answer = scene.send("/api/forwardMessage", json!({"messageId": image["id"]})).await;
    let arrived = scene.arrived(&answer).await;
    assert_eq!(
        (&arrived["kind"], &arrived["caption"], &arrived["forwarded"]),
        (&json!("image"), &json!("look"), &json!(true))
    );
    assert_downloads(scene, &answer, &bytes).await;
    let unknown = json!({"messageId": format!("false_{}_3EB0NOSUCH", scene.to)});
    scene.refused("/api/forwardMessage", unknown, StatusCode::NOT_FOUND).await;
}

async fn assert_downloads(scene: &Scene<'_>, answer: &Value, bytes: &[u8]) {
    let id = stanza_id(answer["id"].as_str().unwrap());
    let got = scene.peer.call("download", json!({"message": id})).await;
    assert!(STANDARD.decode(got["data"].as_str().unwrap()).unwrap() == bytes, "{id}: the file changed");
}

async fn stickers(scene: &Scene<'_>) {
    for (bytes, animated) in [(STILL, false), (ANIMATED, true)] {
        let file = json!({"mimetype": "image/webp", "filename": "a.webp", "data": STANDARD.encode(bytes)});
        let answer = scene.send("/api/sendSticker", json!({"file": file, "reply_to": ""})).await;
        assert_eq!((&answer["hasMedia"], &answer["media"]["mimetype"]), (&json!(true), &json!("image/webp")));
        let arrived = scene.arrived(&answer).await;
        assert_eq!((&arrived["kind"], &arrived["animated"]), (&json!("sticker"), &json!(animated)));
        assert_downloads(scene, &answer, bytes).await;
    }
    let png = STANDARD.encode(picture(1, 100));
    for mimetype in ["image/png", "image/webp"] {
        let file = json!({"mimetype": mimetype, "data": png});
        let reason =
            scene.refused("/api/sendSticker", json!({"file": file}), StatusCode::UNPROCESSABLE_ENTITY).await;
        assert!(reason.contains("cannot be converted"), "{reason}");
    }
    let sticker = json!({"kind": "sticker", "data": STANDARD.encode(STILL)});
    let payload = scene.told_of(&scene.from, sticker).await;
    assert_eq!((&payload["hasMedia"], &payload["_data"]["type"]), (&json!(true), &json!("sticker")));
}

async fn previews(scene: &Scene<'_>) {
    let url = "https://github.com/";
    for large in [true, false] {
        let preview = json!({"url": url, "title": "GitHub", "description": "code",
            "image": {"data": STANDARD.encode(JPEG)}});
        let body = json!({"text": format!("see {url}"), "linkPreviewHighQuality": large, "preview": preview});
        let answer = scene.send("/api/send/link-custom-preview", body).await;
        let arrived = scene.arrived(&answer).await;
        let inside = (!large).then(|| STANDARD.encode(JPEG));
        let expected = json!({"url": url, "title": "GitHub", "description": "code", "inside": inside,
            "uploaded": large, "width": large.then_some(160)});
        assert_eq!((&arrived["text"], &arrived["preview"]), (&json!(format!("see {url}")), &expected));
    }
    let answer = scene.send("/api/sendLinkPreview", json!({"url": url, "title": "GitHub"})).await;
    assert_eq!(answer["body"], format!("GitHub\n{url}"));
    assert_eq!(scene.arrived(&answer).await["preview"]["url"], url);
    let elsewhere = json!({"text": "see", "preview": {"url": url, "title": "t", "description": ""}});
    scene.refused("/api/send/link-custom-preview", elsewhere, StatusCode::BAD_REQUEST).await;
}

async fn menus_and_buttons(scene: &Scene<'_>) {
    let row = |id: &str| json!({"title": format!("Option {id}"), "description": null, "rowId": id});
    let menu = json!({"title": "Menu", "description": "Choose", "footer": "today", "button": "Open",
        "sections": [{"title": "Main", "rows": [row("1"), row("2")]}]});
    let answer = scene.send("/api/sendList", json!({"message": menu})).await;
    assert_eq!((&answer["body"], &answer["_data"]["type"]), (&json!("Menu\nChoose\ntoday"), &json!("list")));
    let arrived = scene.arrived(&answer).await;
    assert_eq!(
        (&arrived["kind"], &arrived["buttons"][0]["name"]),
        (&json!("interactive"), &json!("single_select"))
    );
    assert_eq!(arrived["buttons"][0]["sections"][0]["rows"][1]["id"], "2");

    let image = json!({"mimetype": "image/png", "data": STANDARD.encode(picture(3, 500))});
    let buttons = json!({"header": "Hello", "headerImage": image, "body": "How are you?", "footer": "tell",
        "buttons": [{"type": "reply", "text": "Good"}, {"type": "url", "text": "Open", "url": "https://github.com/"},
            {"type": "call", "text": "Call", "phoneNumber": "+62811"},
            {"type": "copy", "text": "Copy", "copyCode": "4321"}]});
    let answer = scene.send("/api/sendButtons", buttons).await;
    let arrived = scene.arrived(&answer).await;
    assert_eq!((&arrived["body"], &arrived["picture"]), (&json!("How are you?"), &json!("image/png")));
    let names: Vec<_> = arrived["buttons"].as_array().unwrap().iter().map(|button| &button["name"]).collect();
    assert_eq!(names, ["quick_reply", "cta_url", "cta_call", "cta_copy"]);
    assert_eq!(
        (&arrived["buttons"][0]["id"], &arrived["buttons"][3]["copy_code"]),
        (&json!("Good"), &json!("4321"))
    );

    let rows = json!([{"title": "Tea", "rowId": "tea"}]);
    let list = json!({"listMessage": {"title": "Menu", "description": "Choose", "buttonText": "Open", "listType": 1,
        "sections": [{"title": "Main", "rows": rows}]}});
    let payload = scene.told_of(&scene.from, json!({"kind": "proto", "message": list})).await;
    assert_eq!((&payload["body"], &payload["_data"]["type"]), (&json!("Menu\nChoose"), &json!("list")));
    let press = json!({"replyTo": payload["id"], "selectedDisplayText": "Tea", "selectedButtonID": "tea"});
    let answer = scene.send("/api/send/buttons/reply", press).await;
    let quoted = stanza_id(payload["id"].as_str().unwrap());
    let expected = json!({"kind": "press", "id": "tea", "text": "Tea", "quoted": quoted});
    assert_eq!(scene.arrived(&answer).await, expected);
    let press = json!({"buttonsResponseMessage": {"selectedButtonId": "yes", "selectedDisplayText": "Yes", "type": 1}});
    let payload = scene.told_of(&scene.from, json!({"kind": "proto", "message": press})).await;
    assert_eq!((&payload["body"], &payload["_data"]["type"]), (&json!("Yes"), &json!("buttons_response")));
}

async fn group_of(peer: &Party, gateway: &Party) -> String {
    let members = [gateway.address().jid()];
    let made =
        peer.as_peer().call("create-group", json!({"subject": "polls", "participants": members})).await;
    let group = made["id"].as_str().expect("a group has an id").to_owned();
    // The first message brings the keys of the group.
    let chat = Chat::Group(group.clone());
    let text = "in the group".to_owned();
    peer.send(&chat, &Message::Text(text.clone())).await;
    gateway.wait_texts(peer.address(), &[text]).await;
    group
}

async fn with(version: Baileys, addressing: Addressing) {
    told(addressing, async |lab: &Lab| {
        let mut gateway = lab.linked_gateway("gateway", "491701000001").await;
        let peer = lab.linked_peer("baileys", version, "491701000002").await;
        let group = group_of(&peer, &gateway).await;
        let from = gateway.address().jid();
        let (gateway, webhooks) = gateway.as_gateway();
        let to = chat_id(&peer.chat());
        let scene = Scene { gateway, webhooks, peer: peer.as_peer(), to, from, shapes: Shapes::read() };
        places_and_cards(&scene).await;
        polls(&scene, &scene.to, &scene.from).await;
        polls(&scene, &group, &group).await;
        votes_that_cannot_be_read(&scene).await;
        forwards(&scene).await;
        stickers(&scene).await;
        previews(&scene).await;
        menus_and_buttons(&scene).await;
        lab.simulator().assert_no_ratchet_reuse().await;
    })
    .await;
}

#[tokio::test]
async fn structured_messages_go_both_ways_with_baileys6() {
    with(Baileys::Six, Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn structured_messages_go_both_ways_with_baileys7_by_number() {
    with(Baileys::Seven, Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn structured_messages_go_both_ways_with_baileys7_by_lid() {
    with(Baileys::Seven, Addressing::Lid).await;
}
