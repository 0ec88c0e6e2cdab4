//! WAHA's documented requests, sent to a linked session: each is taken, and its answer has WAHA's shape.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::party::{Message, chat_id};
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE};

const TO: &str = "491701000002@c.us";
/// A picture of one pixel.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

fn stanza_id(id: &Value) -> &str {
    id.as_str().and_then(|id| id.split('_').nth(2)).expect("the id of a message")
}

/// An own and a received message of the chat with `TO`.
async fn own_and_received(gateway: &Gateway, shapes: &Shapes) -> (Value, Value) {
    let path = "/api/{session}/chats/{chatId}/messages";
    let filled =
        format!("/api/default/chats/{TO}/messages?limit=50&offset=&downloadMedia=False&filter.fromMe=");
    let listed = shapes.call(gateway, (Method::GET, path), &filled, None).await;
    let of = |from_me: bool| {
        let mut all = listed.as_array().expect("messages").iter();
        all.find(|message| message["fromMe"] == from_me).expect("such a message").clone()
    };
    (of(true), of(false))
}

#[tokio::test]
async fn texts_and_files_are_sent_as_wahas_clients_ask_for_them() {
    let (shapes, lab) = (Shapes::read(), Lab::start(Addressing::PhoneNumber).await);
    let contact = lab.contact("contact", "491701000002").await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    contact.send(&party.chat(), &Message::Text("a question".to_owned())).await;
    party.wait_texts(contact.address(), &["a question".to_owned()]).await;
    let (gateway, _) = party.as_gateway();

    let made = "/api/{session}/new-message-id";
    let made = shapes.call(gateway, (Method::GET, made), "/api/default/new-message-id", None).await;
    let chosen = made["id"].as_str().unwrap().to_owned();
    // As n8n sends it: every field, those that were left out as empty texts.
    let text = json!({
        "session": "default", "chatId": TO, "id": chosen, "text": "hello", "reply_to": "", "mentions": [TO],
        "linkPreview": true, "linkPreviewHighQuality": false,
    });
    let send = (Method::POST, "/api/sendText");
    let sent = shapes.call(gateway, send.clone(), "/api/sendText", Some(text.clone())).await;
    assert_eq!(stanza_id(&sent["id"]), chosen);
    let again = gateway.answer(gateway.request(Method::POST, "/api/sendText").json(&text)).await.unwrap();
    assert_eq!((again.status.as_u16(), &again.body["code"]), (409, &json!("conflict")), "{}", again.body);

    let (_, received) = own_and_received(gateway, &shapes).await;
    let bare = stanza_id(&received["id"]);
    let answer = json!({"session": "default", "chatId": TO, "text": "an answer", "reply_to": bare});
    let replied = shapes.call(gateway, send, "/api/sendText", Some(answer)).await;
    assert_eq!((&replied["replyTo"]["id"], &replied["replyTo"]["hasMedia"]), (&json!(bare), &json!(false)));
    let another = json!({"session": "default", "chatId": TO, "text": "another answer", "reply_to": bare});
    shapes.call(gateway, (Method::POST, "/api/reply"), "/api/reply", Some(another)).await;
    let by_address = "/api/sendText?phone=491701000002&text=by+address&session=default";
    shapes.call(gateway, (Method::GET, "/api/sendText"), by_address, None).await;

    for (path, file, more) in [
        (
            "/api/sendImage",
            json!({"mimetype": "image/png", "filename": "a.png", "data": PIXEL}),
            json!({"caption": "c", "mentions": [TO]}),
        ),
        (
            "/api/sendFile",
            json!({"mimetype": "text/plain", "filename": "a.txt", "data": STANDARD.encode("a text")}),
            json!({"caption": ""}),
        ),
        (
            "/api/sendVoice",
            json!({"mimetype": "audio/ogg; codecs=opus", "data": STANDARD.encode("a voice")}),
            json!({"convert": false}),
        ),
        (
            "/api/sendVideo",
            json!({"mimetype": "video/mp4", "filename": "a.mp4", "data": STANDARD.encode("a video")}),
            json!({"convert": false, "asNote": true, "caption": ""}),
        ),
    ] {
        let mut body = json!({"session": "default", "chatId": TO, "file": file, "reply_to": bare});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let sent = shapes.call(gateway, (Method::POST, path), path, Some(body)).await;
        shapes.check("WAMessage", &sent).unwrap_or_else(|wrong| panic!("{path}: {wrong}"));
        assert_eq!((&sent["hasMedia"], &sent["mediaUrl"]), (&json!(true), &sent["media"]["url"]), "{sent}");
        assert_eq!(sent["replyTo"]["id"], bare, "{path}");
    }
    for path in ["/api/startTyping", "/api/stopTyping"] {
        let body = json!({"session": "default", "chatId": TO});
        shapes.call(gateway, (Method::POST, path), path, Some(body)).await;
    }
    let texts = ["hello", "an answer", "another answer", "by address"].map(str::to_owned);
    contact.wait_texts_in_any_order(party.address(), &texts).await;
    let (_, webhooks) = party.as_gateway();
    events_have_wahas_shape(&shapes, webhooks);
}

/// Everything that receivers were told so far.
fn events_have_wahas_shape(shapes: &Shapes, webhooks: &wakeeper_e2e::Webhooks) {
    webhooks.deliveries().read(|all| {
        assert!(!all.is_empty());
        for delivery in all {
            let told = shapes.check_event(delivery.event(), delivery.payload());
            told.unwrap_or_else(|wrong| panic!("{}: {}\n{wrong}", delivery.event(), delivery.body));
            let number = delivery.id().strip_prefix("evt_").expect("an event's id");
            let small = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase();
            assert!(number.len() == 26 && number.chars().all(small), "{}", delivery.id());
        }
    });
}

#[tokio::test]
async fn a_message_is_read_edited_and_deleted_by_its_bare_id() {
    let (shapes, lab) = (Shapes::read(), Lab::start(Addressing::PhoneNumber).await);
    let contact = lab.contact("contact", "491701000002").await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    contact.send(&party.chat(), &Message::Text("a question".to_owned())).await;
    party.wait_texts(contact.address(), &["a question".to_owned()]).await;
    party.send(&contact.chat(), &Message::Text("frist".to_owned())).await;
    let (gateway, webhooks) = party.as_gateway();
    let (own, received) = own_and_received(gateway, &shapes).await;
    let (own, received) = (stanza_id(&own["id"]), stanza_id(&received["id"]));

    let reaction = json!({"session": "default", "messageId": received, "reaction": "👍"});
    let react = (Method::PUT, "/api/reaction");
    let reacted = shapes.call(gateway, react, "/api/reaction", Some(reaction)).await;
    shapes.check("WAMessageReaction", &reacted).unwrap();
    assert_eq!(reacted["reaction"]["messageId"], format!("false_{TO}_{received}"));
    for seen in [
        json!({"messageIds": [received]}),
        json!({"messageId": received, "participant": ""}),
        json!({"messageIds": ""}),
    ] {
        let mut body = json!({"session": "default", "chatId": TO});
        body.as_object_mut().unwrap().extend(seen.as_object().unwrap().clone());
        shapes.call(gateway, (Method::POST, "/api/sendSeen"), "/api/sendSeen", Some(body)).await;
    }
    let one = "/api/{session}/chats/{chatId}/messages/{messageId}";
    for chat in [TO, "all"] {
        let filled = format!(
            "/api/default/chats/{chat}/messages/{own}?downloadMedia=True&merge=True&downloadMediaMimetypes=image/png"
        );
        let read = shapes.call(gateway, (Method::GET, one), &filled, None).await;
        assert_eq!(read["id"], format!("true_{TO}_{own}"));
    }
    let at = |chat: &str| format!("/api/default/chats/{chat}/messages/{own}");
    let edit = json!({"text": "first", "linkPreview": true, "linkPreviewHighQuality": false, "mentions": []});
    let edited = shapes.call(gateway, (Method::PUT, one), &at("all"), Some(edit)).await;
    shapes.check("WAMessageEditedBody", &edited).unwrap();
    let deleted = shapes.call(gateway, (Method::DELETE, one), &at(TO), None).await;
    shapes.check("WAMessageRevokedBody", &deleted).unwrap();
    webhooks.wait("message.reaction", PATIENCE, |payload| payload["id"] == reacted["id"]).await;
    webhooks.wait("message.revoked", PATIENCE, |payload| payload["revokedMessageId"] == own).await;
    events_have_wahas_shape(&shapes, webhooks);
}

#[tokio::test]
async fn everybody_in_a_group_can_be_mentioned_and_is_told_of_one_by_one() {
    let (shapes, lab) = (Shapes::read(), Lab::start(Addressing::PhoneNumber).await);
    let ann = lab.contact("ann", "491701000002").await;
    let ben = lab.contact("ben", "491701000003").await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let own = party.phone.clone();
    let group = lab.simulator().group(&own, "three of us", &[ann.address(), ben.address()]).await;
    let (gateway, webhooks) = party.as_gateway();
    let text = json!({"session": "default", "chatId": group, "text": "hello @all", "mentions": ["all"]});
    let sent = shapes.call(gateway, (Method::POST, "/api/sendText"), "/api/sendText", Some(text)).await;
    let mut mentioned: Vec<&str> =
        sent["mentionedIds"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    mentioned.sort_unstable();
    assert_eq!(mentioned, [TO, "491701000003@c.us"]);
    for member in [&ann, &ben] {
        let who = chat_id(&member.chat());
        let told = webhooks.wait("message.ack.group", PATIENCE, |payload| {
            payload["id"] == sent["id"] && payload["participant"] == who && payload["ackName"] == "DEVICE"
        });
        assert_eq!(told.await.payload()["to"], group);
    }
    let in_private = json!({"session": "default", "chatId": TO, "text": "hello @all", "mentions": ["all"]});
    let refused = gateway.request(Method::POST, "/api/sendText").json(&in_private);
    let refused = gateway.answer(refused).await.unwrap();
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("invalid_request")));
    events_have_wahas_shape(&shapes, webhooks);
}

#[tokio::test]
async fn sessions_are_handled_as_wahas_are() {
    let (shapes, lab) = (Shapes::read(), Lab::start(Addressing::PhoneNumber).await);
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let (gateway, _) = party.as_gateway();
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    let one = "/api/sessions/{session}";
    for query in ["", "?all=True", "?all=1&expand=apps"] {
        let filled = format!("/api/sessions{query}");
        let listed = shapes.call(gateway, (get.clone(), "/api/sessions"), &filled, None).await;
        assert_eq!(listed[0]["presence"], "online");
        assert!(listed[0]["assignedWorker"].is_string(), "{listed}");
    }
    let config = json!({"metadata": {"user.id": 7}, "debug": true, "noweb": {"markOnline": true, "store": {"enabled": true, "fullSync": true}}});
    let new = json!({"name": "second", "start": false, "apps": [], "config": config});
    shapes.call(gateway, (post.clone(), "/api/sessions"), "/api/sessions", Some(new.clone())).await;
    let taken = gateway.answer(gateway.request(Method::POST, "/api/sessions").json(&new)).await.unwrap();
    assert_eq!(taken.status.as_u16(), 422, "{}", taken.body);
    shapes
        .call(gateway, (put, one), "/api/sessions/second", Some(json!({"apps": null, "config": config})))
        .await;
    shapes.call(gateway, (get.clone(), one), "/api/sessions/second?expand=apps", None).await;
    for what in ["start", "stop", "restart", "stop"] {
        let (path, filled) = (format!("{one}/{what}"), format!("/api/sessions/second/{what}"));
        shapes.call(gateway, (post.clone(), &path), &filled, None).await;
    }
    let logout = "/api/sessions/{session}/logout";
    let body = json!({"apps": {"purge": true}});
    let out = shapes.call(gateway, (post.clone(), logout), "/api/sessions/second/logout", Some(body)).await;
    assert_eq!(out["status"], "STOPPED");
    for _ in 0..2 {
        shapes.call(gateway, (Method::DELETE, one), "/api/sessions/second", None).await;
    }
    let me = "/api/sessions/{session}/me";
    shapes.call(gateway, (get.clone(), me), "/api/sessions/default/me", None).await;
    for path in ["/api/version", "/api/server/version", "/ping"] {
        shapes.call(gateway, (get.clone(), path), path, None).await;
    }
}

#[tokio::test]
async fn a_device_is_linked_as_wahas_clients_do_it() {
    let (shapes, lab) = (Shapes::read(), Lab::start(Addressing::PhoneNumber).await);
    let phone = lab.simulator().phone("491701000001", "Anna").await;
    let webhooks = wakeeper_e2e::Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.start().await;
    gateway.wait_status("SCAN_QR_CODE").await;
    let qr = (Method::GET, "/api/{session}/auth/qr");
    let raw = shapes.call(&gateway, qr, "/api/default/auth/qr?format=raw", None).await;
    assert!(raw["value"].is_string(), "{raw}");
    let image = gateway.request(Method::GET, "/api/default/auth/qr?format=image");
    let file = gateway.answer(image.header("Accept", "application/json")).await.unwrap().body;
    shapes.check("Base64File", &file).unwrap();
    let picture = gateway.request(Method::GET, "/api/default/auth/qr").send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/png");
    let code = (Method::POST, "/api/{session}/auth/request-code");
    let body = json!({"phoneNumber": phone.address.number, "method": ""});
    let shown = shapes.call(&gateway, code, "/api/default/auth/request-code", Some(body)).await;
    phone.confirm_code(shown["code"].as_str().unwrap()).await;
    gateway.wait_working().await;
}

/// The login of a session that is not connected is kept aside; the session is linked anew afterwards.
#[tokio::test]
async fn a_linked_session_that_is_stopped_is_logged_out() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let phone = party.phone.clone();
    let (gateway, _) = party.as_gateway();
    gateway.call(Method::POST, "/api/sessions/default/stop", None).await;
    let out = gateway.call(Method::POST, "/api/sessions/default/logout", None).await;
    assert_eq!((&out["status"], &out["me"]), (&json!("STOPPED"), &Value::Null), "{out}");
    assert!(
        out["reason"].as_str().is_some_and(|reason| reason.contains("remove the device on the phone")),
        "{out}"
    );
    gateway.call(Method::POST, "/api/sessions/default/start", None).await;
    phone.scan(&gateway.qr().await).await;
    gateway.wait_working().await;
}

#[tokio::test]
async fn people_are_looked_up_watched_blocked_and_named() {
    let (shapes, lab) = (Shapes::read(), Lab::start(Addressing::Lid).await);
    let contact = lab.contact("contact", "491701000002").await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let own = party.address().jid();
    let (gateway, webhooks) = party.as_gateway();
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);

    let known = "/api/contacts/check-exists?phone=491701000002&session=default";
    let known = shapes.call(gateway, (get.clone(), "/api/contacts/check-exists"), known, None).await;
    assert_eq!(known, json!({"numberExists": true, "chatId": TO, "pn": TO}));
    let unknown = "/api/checkNumberStatus?phone=%2B491701000009&session=";
    let unknown = shapes.call(gateway, (get.clone(), "/api/checkNumberStatus"), unknown, None).await;
    assert_eq!(unknown, json!({"numberExists": false}));
    let about = format!("/api/contacts/about?contactId={TO}");
    let about = shapes.call(gateway, (get.clone(), "/api/contacts/about"), &about, None).await;
    assert!(about["about"].as_str().is_some_and(|text| !text.is_empty()), "{about}");
    let picture = format!("/api/contacts/profile-picture?contactId={TO}&refresh=True");
    shapes.call(gateway, (get.clone(), "/api/contacts/profile-picture"), &picture, None).await;

    let by_phone = "/api/{session}/lids/pn/{phoneNumber}";
    let both = shapes.call(gateway, (get.clone(), by_phone), "/api/default/lids/pn/491701000002", None).await;
    let lid = both["lid"].as_str().unwrap_or_else(|| panic!("{both}")).to_owned();
    assert_eq!(both["pn"], TO);
    let bare = lid.strip_suffix("@lid").expect("a hidden id");
    for lid in [lid.as_str(), bare] {
        let filled = format!("/api/default/lids/{lid}");
        let same = shapes.call(gateway, (get.clone(), "/api/{session}/lids/{lid}"), &filled, None).await;
        assert_eq!(same, both);
    }
    let stranger = "/api/default/lids/123456789012345";
    let stranger = shapes.call(gateway, (get.clone(), "/api/{session}/lids/{lid}"), stranger, None).await;
    assert_eq!(stranger, json!({"lid": "123456789012345@lid", "pn": null}));
    let lids = (get.clone(), "/api/{session}/lids");
    let listed = wakeeper_e2e::journal::eventually("both names to be listed", PATIENCE, async || {
        let listed = shapes.call(gateway, lids.clone(), "/api/default/lids?limit=100&offset=0", None).await;
        if listed.as_array().unwrap().contains(&both) { Ok(listed) } else { Err(listed.to_string()) }
    })
    .await;
    let counted = (get.clone(), "/api/{session}/lids/count");
    let counted = shapes.call(gateway, counted, "/api/default/lids/count", None).await;
    assert_eq!(counted["count"].as_u64(), listed.as_array().map(|all| all.len() as u64));
    let past = format!("/api/default/lids?offset={}", counted["count"]);
    assert_eq!(shapes.call(gateway, lids, &past, None).await, json!([]));

    let one = "/api/{session}/presence/{chatId}";
    let filled = format!("/api/default/presence/{TO}");
    let seen = shapes.call(gateway, (get.clone(), one), &filled, None).await;
    assert_eq!((&seen["id"], &seen["presences"][0]["participant"]), (&json!(TO), &json!(TO)), "{seen}");
    let subscribe = "/api/{session}/presence/{chatId}/subscribe";
    shapes.call(gateway, (post.clone(), subscribe), &format!("{filled}/subscribe"), None).await;
    let all = (get.clone(), "/api/{session}/presence");
    wakeeper_e2e::journal::eventually("the contact to be seen writing", PATIENCE, async || {
        // Again each time: the answer to the subscription may come behind it.
        contact.phone.post("typing", json!({"to": own})).await;
        let all = shapes.call(gateway, all.clone(), "/api/default/presence", None).await;
        let seen = all.to_string();
        if seen.contains("typing") { Ok(()) } else { Err(seen) }
    })
    .await;
    let told = webhooks.wait("presence.update", PATIENCE, |seen| {
        seen["id"] == TO && seen["presences"][0]["lastKnownPresence"] == "typing"
    });
    shapes.check_event("presence.update", told.await.payload()).unwrap();
    let show = (post.clone(), "/api/{session}/presence");
    for body in [
        json!({"presence": "typing", "chatId": TO}),
        json!({"presence": "recording", "chatId": TO}),
        json!({"presence": "paused", "chatId": TO}),
        json!({"presence": "offline", "chatId": ""}),
    ] {
        shapes.call(gateway, show.clone(), "/api/default/presence", Some(body)).await;
    }
    let info = gateway.call(Method::GET, "/api/sessions/default", None).await;
    assert_eq!(info["presence"], "offline");
    shapes.call(gateway, show, "/api/default/presence", Some(json!({"presence": "online"}))).await;

    for path in ["/api/contacts/block", "/api/contacts/unblock"] {
        let body = json!({"contactId": TO, "session": "default"});
        shapes.call(gateway, (post.clone(), path), path, Some(body)).await;
    }
    let nobody = json!({"contactId": "491701000009", "session": "default"});
    let refused =
        gateway.answer(gateway.request(Method::POST, "/api/contacts/block").json(&nobody)).await.unwrap();
    assert_eq!((refused.status.as_u16(), &refused.body["code"]), (400, &json!("invalid_request")));
    let named = json!({"firstName": "Ann", "lastName": "Lee"});
    let named_at = format!("/api/default/contacts/{TO}");
    shapes.call(gateway, (put, "/api/{session}/contacts/{chatId}"), &named_at, Some(named)).await;

    for what in ["capping", "timelock"] {
        let path = format!("/api/sessions/{{session}}/{what}");
        let filled = format!("/api/sessions/default/{what}");
        shapes.call(gateway, (get.clone(), &path), &filled, None).await;
    }
    shapes.call(gateway, (get.clone(), "/api/server/status"), "/api/server/status", None).await;
    for query in ["", "?all=True"] {
        let filled = format!("/api/server/environment{query}");
        let settings = (get.clone(), "/api/server/environment");
        let settings = shapes.call(gateway, settings, &filled, None).await;
        assert!(settings["PORT"].is_string() && settings["API_KEY"].is_string(), "{settings}");
        assert!(!settings.to_string().contains(wakeeper_e2e::gateway::API_KEY), "{settings}");
    }
}

/// Whoever runs the gateway by its API alone can end it in order.
#[tokio::test]
async fn a_gateway_that_is_told_to_stop_ends_in_order() {
    let (shapes, lab) = (Shapes::read(), Lab::start(Addressing::PhoneNumber).await);
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let (gateway, _) = party.as_gateway();
    let stop = (Method::POST, "/api/server/stop");
    for force in [false, true] {
        // A stream that is open does not keep it from ending.
        let stream = gateway.request(Method::GET, "/api/events").send().await.unwrap();
        assert_eq!(stream.status(), 200);
        shapes.call(gateway, stop.clone(), "/api/server/stop", Some(json!({"force": force}))).await;
        gateway.ended().await;
        drop(stream);
        gateway.start().await;
        gateway.wait_working().await;
    }
}
