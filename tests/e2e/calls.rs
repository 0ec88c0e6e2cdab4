//! Calls: they are told of, can be declined, and end once for whoever listens.

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::party::chat_id;
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::simulator::Phone;
use wakeeper_e2e::{Addressing, Baileys, Lab, PATIENCE, Webhooks, told};

const REJECT: &str = "/api/{session}/calls/reject";

async fn event(webhooks: &Webhooks, name: &str, id: &str) -> Value {
    let told = webhooks.wait(name, PATIENCE, |call| call["id"] == id).await.payload().clone();
    Shapes::read().check_event(name, &told).unwrap_or_else(|wrong| panic!("{name}: {told}\n{wrong}"));
    told
}

async fn ring(phone: &Phone, to: &str, video: bool) -> String {
    let rung = phone.post("call", json!({"to": to, "video": video})).await;
    rung["id"].as_str().expect("the id of a call").to_owned()
}

/// Waits until a phone heard that of a call.
async fn heard(phone: &Phone, id: &str, action: &str) -> Value {
    let what = format!("{action} of {id}");
    wakeeper_e2e::journal::eventually(&what, PATIENCE, async || {
        let heard = phone.get("calls").await;
        let signals = heard["signals"].as_array().expect("signals");
        let found = signals.iter().find(|signal| signal["id"] == id && signal["action"] == action);
        found.cloned().ok_or_else(|| heard.to_string())
    })
    .await
}

async fn calls(addressing: Addressing) {
    told(addressing, async |lab: &Lab| {
        let shapes = Shapes::read();
        let contact = lab.contact("contact", "491701000002").await;
        let mut party = lab.linked_gateway("gateway", "491701000001").await;
        let sibling = lab.peer("sibling", Baileys::Seven).await;
        sibling.link(&party.phone).await;
        let (own, to) = (party.phone.clone(), party.address().jid());
        let group = lab.simulator().group(&contact.phone, "both of us", &[party.address()]).await;
        let from = chat_id(&contact.chat());
        let (gateway, webhooks) = party.as_gateway();

        // Declined through the API.
        let id = ring(&contact.phone, &to, true).await;
        let call = event(webhooks, "call.received", &id).await;
        assert_eq!(
            (&call["from"], &call["isVideo"], &call["isGroup"]),
            (&json!(from), &json!(true), &json!(false))
        );
        sibling.wait("call", PATIENCE, |call| call["id"] == *id && call["status"] == "offer").await;
        let other = json!({"from": "491701000009@c.us", "id": id});
        let refused = gateway.request(Method::POST, "/api/default/calls/reject").json(&other);
        let refused = gateway.answer(refused).await.unwrap();
        assert_eq!((refused.status.as_u16(), &refused.body["code"]), (404, &json!("call_not_found")));
        let body = json!({"from": from, "id": id});
        let filled = "/api/default/calls/reject";
        shapes.call(gateway, (Method::POST, REJECT), filled, Some(body.clone())).await;
        assert_eq!(event(webhooks, "call.rejected", &id).await["from"], from);
        heard(&contact.phone, &id, "reject").await;
        let ended = heard(&own, &id, "terminate").await;
        assert_eq!(ended["reason"], "rejected_elsewhere");
        sibling.wait("call", PATIENCE, |call| call["id"] == *id && call["status"] == "terminate").await;
        let again = gateway.answer(gateway.request(Method::POST, filled).json(&body)).await.unwrap();
        assert_eq!((again.status.as_u16(), &again.body["code"]), (404, &json!("call_not_found")));

        // Taken on the phone.
        let id = ring(&contact.phone, &to, false).await;
        assert_eq!(event(webhooks, "call.received", &id).await["isVideo"], false);
        heard(&own, &id, "offer").await;
        own.post("call-step", json!({"id": id, "step": "accept"})).await;
        event(webhooks, "call.accepted", &id).await;
        heard(&contact.phone, &id, "accept").await;
        contact.phone.post("call-step", json!({"id": id, "to": to, "step": "terminate"})).await;

        // Declined by the other linked device.
        let id = ring(&contact.phone, &to, false).await;
        let offer = sibling.wait("call", PATIENCE, |call| call["id"] == *id).await;
        event(webhooks, "call.received", &id).await;
        sibling.call("ask", json!({"method": "rejectCall", "args": [id, offer["from"]]})).await;
        event(webhooks, "call.rejected", &id).await;

        // Given up by who called.
        let id = ring(&contact.phone, &to, false).await;
        event(webhooks, "call.received", &id).await;
        contact.phone.post("call-step", json!({"id": id, "to": to, "step": "terminate"})).await;
        event(webhooks, "call.rejected", &id).await;

        let id = ring(&contact.phone, &group, false).await;
        let call = event(webhooks, "call.received", &id).await;
        assert_eq!((&call["from"], &call["isGroup"]), (&json!(from), &json!(true)));
        ended_once(webhooks);
    })
    .await;
}

/// The end of a call that was taken is no end of its ringing.
fn ended_once(webhooks: &Webhooks) {
    webhooks.deliveries().read(|all| {
        let ends = all.iter().filter(|one| ["call.accepted", "call.rejected"].contains(&one.event()));
        let mut ids: Vec<_> = ends.map(|one| one.payload()["id"].to_string()).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!((count, ids.len()), (4, 4), "{ids:?}");
    });
}

#[tokio::test]
async fn calls_ring_and_are_declined_by_number() {
    calls(Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn calls_ring_and_are_declined_by_lid() {
    calls(Addressing::Lid).await;
}
