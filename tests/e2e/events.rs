//! Events of the calendar between the gateway and real Baileys, and the answers to them.

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::party::{Message, chat_id, stanza_id};
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Addressing, Baileys, Lab, PATIENCE, Peer, Webhooks, told};

const PATH: &str = "/api/{session}/events";
const FILLED: &str = "/api/default/events";

/// Answers an event by the client; the id of the answer.
async fn answered(peer: &Peer, to: &str, event: &str, response: u8) -> String {
    let content = json!({"kind": "event-answer", "target": event, "response": response, "guests": 2});
    let sent = peer.call("send", json!({"to": to, "content": content})).await;
    sent["key"]["id"].as_str().expect("an id").to_owned()
}

async fn event(webhooks: &Webhooks, name: &str, id: &str) -> Value {
    let is = |payload: &Value| payload["id"].as_str().is_some_and(|full| stanza_id(full) == id);
    let told = webhooks.wait(name, PATIENCE, is).await.payload().clone();
    Shapes::read().check_event(name, &told).unwrap_or_else(|wrong| panic!("{name}: {told}\n{wrong}"));
    told
}

async fn events(version: Baileys, addressing: Addressing) {
    told(addressing, async |lab: &Lab| {
        let shapes = Shapes::read();
        let mut party = lab.linked_gateway("gateway", "491701000001").await;
        let other = lab.linked_peer("other", version, "491701000002").await;
        let group = lab.simulator().group(&party.phone, "choir", &[other.address()]).await;
        let asked = other.send(&party.chat(), &Message::Text("when?".to_owned())).await;
        party.wait_texts(other.address(), &["when?".to_owned()]).await;
        let own = party.address().jid();
        let (gateway, webhooks) = party.as_gateway();
        let to = chat_id(&other.chat());
        for (chat, back, reply) in [(to.as_str(), own.as_str(), json!(asked)), (&group, &group, Value::Null)] {
            let about = json!({"name": "Rehearsal", "description": "Bring the scores", "startTime": 1_893_456_000,
                "endTime": 1_893_459_600, "location": {"name": "The old hall"}, "extraGuestsAllowed": true});
            let body = json!({"chatId": chat, "reply_to": reply, "event": about});
            let sent = shapes.call(gateway, (Method::POST, PATH), FILLED, Some(body)).await;
            let id = stanza_id(sent["id"].as_str().unwrap()).to_owned();
            let seen = other.as_peer().wait("message", PATIENCE, |event| event["key"]["id"] == *id).await;
            let expected = json!({"kind": "event", "name": "Rehearsal", "description": "Bring the scores",
                "start": 1_893_456_000, "end": 1_893_459_600, "place": "The old hall", "guests": true, "quoted": reply});
            assert_eq!(seen["content"], expected);
            for (response, word) in [(1, "GOING"), (2, "NOT_GOING"), (3, "MAYBE"), (0, "UNKNOWN")] {
                let answer = answered(other.as_peer(), back, &id, response).await;
                let payload = event(webhooks, "event.response", &answer).await;
                let said = json!({"response": word, "timestampMs": 1_700_000_000_000_i64, "extraGuestCount": 2});
                assert_eq!(payload["eventResponse"], said, "{payload}");
                assert_eq!(payload["eventCreationKey"]["id"], sent["id"]);
            }
        }
        // An answer to an event that the gateway never saw cannot be read.
        let about = json!({"eventMessage": {"name": "Party", "startTime": 1_893_456_000}});
        let content = json!({"kind": "proto", "message": about});
        let theirs = other.as_peer().call("send", json!({"to": own, "content": content})).await;
        let theirs = theirs["key"]["id"].as_str().unwrap().to_owned();
        let shown = webhooks.wait("message", PATIENCE, |payload| payload["body"] == "Party").await;
        assert_eq!(shown.payload()["_data"]["type"], "event");
        let stray = json!({"encEventResponseMessage": {"eventCreationMessageKey":
            {"remoteJid": own, "fromMe": true, "id": theirs}, "encPayload": "AAAA", "encIv": "AAAAAAAAAAAAAAAA"}});
        let content = json!({"kind": "proto", "message": stray});
        let stray = other.as_peer().call("send", json!({"to": own, "content": content})).await;
        let failed = event(webhooks, "event.response.failed", stray["key"]["id"].as_str().unwrap()).await;
        assert_eq!(failed.get("eventResponse"), None, "{failed}");

        for (wrong, name) in [
            (json!({"name": "", "startTime": 1}), "event.name"),
            (json!({"name": "x", "startTime": 0}), "event.startTime"),
            (json!({"name": "x", "startTime": 9, "endTime": 8}), "event.endTime"),
        ] {
            let body = json!({"chatId": to, "event": wrong});
            let refused = gateway.answer(gateway.request(Method::POST, FILLED).json(&body)).await.unwrap();
            assert_eq!(refused.status, 400);
            assert!(refused.body["message"].as_str().unwrap().starts_with(name), "{}", refused.body);
        }
    })
    .await;
}

#[tokio::test]
async fn events_are_sent_and_answered_by_baileys6() {
    events(Baileys::Six, Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn events_are_sent_and_answered_by_baileys7_by_lid() {
    events(Baileys::Seven, Addressing::Lid).await;
}
