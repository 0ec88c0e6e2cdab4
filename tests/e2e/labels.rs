//! Labels: what is changed through the API is seen by the account's other device, and the other way round.

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Addressing, Baileys, Gateway, Lab, PATIENCE, Webhooks, told};

const CHAT: &str = "491701000002@c.us";
const ONE: &str = "/api/{session}/labels/{labelId}";
const OF_CHAT: &str = "/api/{session}/labels/chats/{chatId}";

/// Asks for labels as WAHA's clients do.
struct Asking<'a> {
    shapes: Shapes,
    gateway: &'a Gateway,
}

impl Asking<'_> {
    async fn call(&self, method: Method, path: &str, filled: &str, body: Option<Value>) -> Value {
        self.shapes.call(self.gateway, (method, path), &format!("/api/default/labels{filled}"), body).await
    }

    async fn all(&self) -> Value {
        self.call(Method::GET, "/api/{session}/labels", "", None).await
    }

    async fn of_chat(&self) -> Value {
        self.call(Method::GET, OF_CHAT, &format!("/chats/{CHAT}"), None).await
    }

    async fn set(&self, ids: &[&str]) {
        let labels: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
        let body = json!({"labels": labels});
        self.call(Method::PUT, OF_CHAT, &format!("/chats/{CHAT}"), Some(body)).await;
    }

    async fn chats(&self, id: &str) -> Value {
        self.call(Method::GET, "/api/{session}/labels/{labelId}/chats", &format!("/{id}/chats"), None).await
    }

    async fn refused(&self, method: Method, filled: &str, body: Option<Value>) -> (u16, String) {
        let mut request = self.gateway.request(method, &format!("/api/default/labels{filled}"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = self.gateway.answer(request).await.unwrap();
        (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default().to_owned())
    }
}

async fn event(webhooks: &Webhooks, name: &str, is: impl Fn(&Value) -> bool) -> Value {
    let told = webhooks.wait(name, PATIENCE, is).await.payload().clone();
    Shapes::read().check_event(name, &told).unwrap_or_else(|wrong| panic!("{name}: {told}\n{wrong}"));
    told
}

#[tokio::test]
async fn labels_are_shared_with_the_accounts_other_devices() {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let mut party = lab.linked_gateway("gateway", "491701000001").await;
        lab.contact("contact", "491701000002").await;
        let sibling = lab.peer("sibling", Baileys::Seven).await;
        sibling.link(&party.phone).await;
        let (gateway, webhooks) = party.as_gateway();
        let asking = Asking { shapes: Shapes::read(), gateway };
        assert_eq!(asking.all().await, json!([]));

        let body = json!({"name": "Lead", "colorHex": "#FF9485"});
        let lead = asking.call(Method::POST, "/api/{session}/labels", "", Some(body)).await;
        assert_eq!(lead, json!({"id": "1", "name": "Lead", "color": 0, "colorHex": "#ff9485"}));
        assert_eq!(event(webhooks, "label.upsert", |label| label["id"] == "1").await, lead);
        let seen = |name: &'static str, color: i64, deleted: bool| {
            move |label: &Value| {
                label["name"] == name && label["color"] == color && label["deleted"] == deleted
            }
        };
        sibling.wait("label", PATIENCE, seen("Lead", 0, false)).await;
        let body = Some(json!({"name": "Customer", "color": 5}));
        let customer = asking.call(Method::PUT, ONE, "/1", body).await;
        assert_eq!(customer["colorHex"], "#55ccb3");
        sibling.wait("label", PATIENCE, seen("Customer", 5, false)).await;

        asking.set(&["1"]).await;
        assert_eq!(asking.of_chat().await, json!([customer]));
        assert_eq!(asking.chats("1").await, json!([{"id": CHAT}]));
        let of_chat = |association: &Value| association["chatId"] == CHAT && association["labelId"] == "1";
        let added = event(webhooks, "label.chat.added", of_chat).await;
        assert_eq!(added["label"], customer);
        let on = |id: &'static str, kind: &'static str| {
            move |event: &Value| {
                event["type"] == kind
                    && event["labelId"] == id
                    && event["chatId"] == "491701000002@s.whatsapp.net"
            }
        };
        sibling.wait("label-chat", PATIENCE, on("1", "add")).await;

        by_the_other_device(&asking, webhooks, &sibling).await;
        asking.set(&["1"]).await;
        sibling.wait("label-chat", PATIENCE, on("2", "remove")).await;
        event(webhooks, "label.chat.deleted", |association| association["labelId"] == "2").await;
        asking.call(Method::DELETE, ONE, "/1", None).await;
        sibling.wait("label", PATIENCE, |label| label["id"] == "1" && label["deleted"] == true).await;
        event(webhooks, "label.deleted", |label| *label == customer).await;
        assert_eq!(asking.of_chat().await, json!([]));
        refusals(&asking).await;
    })
    .await;
}

async fn by_the_other_device(asking: &Asking<'_>, webhooks: &Webhooks, sibling: &wakeeper_e2e::Peer) {
    let jid = "491701000002@s.whatsapp.net";
    let label = json!({"id": "2", "name": "Paid", "color": 3, "deleted": false});
    sibling.call("ask", json!({"method": "addLabel", "args": [jid, label]})).await;
    let paid = event(webhooks, "label.upsert", |label| label["id"] == "2").await;
    assert_eq!(paid["name"], "Paid");
    sibling.call("ask", json!({"method": "addChatLabel", "args": [jid, "2"]})).await;
    let added = event(webhooks, "label.chat.added", |association| association["labelId"] == "2").await;
    assert_eq!((&added["chatId"], &added["label"]), (&json!(CHAT), &paid));
    assert_eq!(asking.all().await.as_array().map(Vec::len), Some(2));
    assert_eq!(asking.of_chat().await.as_array().map(Vec::len), Some(2));
}

async fn refusals(asking: &Asking<'_>) {
    let body = |name: &str, more: Value| {
        let mut body = json!({"name": name});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(body)
    };
    let not_found = (404, "label_not_found".to_owned());
    assert_eq!(asking.refused(Method::PUT, "/1", body("gone", json!({}))).await, not_found);
    assert_eq!(asking.refused(Method::DELETE, "/99", None).await, not_found);
    assert_eq!(asking.refused(Method::GET, "/99/chats", None).await, not_found);
    let unknown = Some(json!({"labels": [{"id": "99"}]}));
    assert_eq!(asking.refused(Method::PUT, &format!("/chats/{CHAT}"), unknown).await, not_found);
    for chat in ["status@broadcast", "120363012345678901@newsletter"] {
        let invalid = (400, "invalid_request".to_owned());
        let labels = Some(json!({"labels": []}));
        assert_eq!(asking.refused(Method::PUT, &format!("/chats/{chat}"), labels).await, invalid);
        assert_eq!(asking.refused(Method::GET, &format!("/chats/{chat}"), None).await, invalid);
    }
    for wrong in
        [json!({"color": 20}), json!({"colorHex": "#123456"}), json!({"color": 1, "colorHex": "#ff9485"})]
    {
        let refused = asking.refused(Method::POST, "", body("x", wrong)).await;
        assert_eq!(refused, (400, "invalid_request".to_owned()));
    }
    assert_eq!(asking.refused(Method::POST, "", body("", json!({}))).await.0, 400);
    // Number 1 was given before; WhatsApp's apps allow 20.
    let next = asking.call(Method::POST, "/api/{session}/labels", "", body("third", json!({}))).await;
    assert_eq!(next["id"], "3");
    for _ in 0..18 {
        asking.call(Method::POST, "/api/{session}/labels", "", body("more", json!({"color": 19}))).await;
    }
    let refused = asking.refused(Method::POST, "", body("one too many", json!({}))).await;
    assert_eq!(refused, (422, "refused".to_owned()));
}

/// What was there before this device was linked comes with the account's app state, and is no news.
#[tokio::test]
async fn a_new_device_learns_the_labels_that_are_there() {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let phone = lab.simulator().phone("491701000001", "Anna").await;
        lab.contact("contact", "491701000002").await;
        let sibling = lab.peer("sibling", Baileys::Seven).await;
        sibling.link(&phone).await;
        let jid = "491701000002@s.whatsapp.net";
        let label = json!({"id": "4", "name": "Paid", "color": 3, "deleted": false});
        sibling.call("ask", json!({"method": "addLabel", "args": [jid, label]})).await;
        sibling.call("ask", json!({"method": "addChatLabel", "args": [jid, "4"]})).await;
        let webhooks = Webhooks::start().await;
        let mut gateway = lab.gateway("gateway", &webhooks);
        gateway.start().await;
        phone.scan(&gateway.qr().await).await;
        gateway.wait_working().await;
        let asking = Asking { shapes: Shapes::read(), gateway: &gateway };
        let labels = wakeeper_e2e::journal::eventually("the labels", PATIENCE, async || {
            let labels = asking.of_chat().await;
            if labels == json!([]) { Err("none yet".to_owned()) } else { Ok(labels) }
        });
        assert_eq!(labels.await, json!([{"id": "4", "name": "Paid", "color": 3, "colorHex": "#dfaef0"}]));
        webhooks.deliveries().read(|all| {
            assert!(all.iter().all(|delivery| !delivery.event().starts_with("label.")), "it was no news");
        });
        // It outlives the process.
        gateway.terminate().await;
        gateway.start().await;
        gateway.wait_working().await;
        let asking = Asking { shapes: Shapes::read(), gateway: &gateway };
        assert_eq!(asking.chats("4").await, json!([{"id": CHAT}]));
    })
    .await;
}
