//! Stars and pins: what the account's other device and the other side see of them.

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::party::{Message, chat_id, stanza_id};
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Addressing, Baileys, Lab, PATIENCE, told};

#[tokio::test]
async fn stars_and_pins_are_seen_by_baileys() {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let shapes = Shapes::read();
        let mut party = lab.linked_gateway("gateway", "491701000001").await;
        let sibling = lab.peer("sibling", Baileys::Seven).await;
        sibling.link(&party.phone).await;
        let other = lab.linked_peer("other", Baileys::Seven, "491701000002").await;
        other.send(&party.chat(), &Message::Text("a question".to_owned())).await;
        party.wait_texts(other.address(), &["a question".to_owned()]).await;
        let (gateway, webhooks) = party.as_gateway();
        let received = webhooks.wait("message", PATIENCE, |payload| payload["body"] == "a question").await;
        let to = chat_id(&other.chat());
        let full = received.payload()["id"].as_str().unwrap().to_owned();
        let bare = stanza_id(&full).to_owned();

        for (named, on) in [(full.as_str(), true), (bare.as_str(), false)] {
            let body = json!({"session": "default", "chatId": to, "messageId": named, "star": on});
            shapes.call(gateway, (Method::PUT, "/api/star"), "/api/star", Some(body)).await;
            let is = |event: &Value| event["key"]["id"] == bare && event["starred"] == on;
            sibling.wait("starred", PATIENCE, is).await;
        }

        let path = "/api/{session}/chats/{chatId}/messages/{messageId}";
        let message = format!("/api/default/chats/{to}/messages/{full}");
        for (verb, body, kind) in [("pin", Some(json!({"duration": 86400})), 1), ("unpin", None, 2)] {
            let operation = format!("{path}/{verb}");
            let done =
                shapes.call(gateway, (Method::POST, &operation), &format!("{message}/{verb}"), body).await;
            assert_eq!(done, json!({"success": true}));
            let is = |event: &Value| {
                let content = &event["content"];
                content["kind"] == "pin" && content["type"] == kind && content["target"] == bare
            };
            other.as_peer().wait("message", PATIENCE, is).await;
        }
        let unknown = json!({"session": "default", "chatId": to, "messageId": format!("true_{to}_NOSUCH"), "star": true});
        let answer = gateway.answer(gateway.request(Method::PUT, "/api/star").json(&unknown)).await.unwrap();
        assert_eq!(answer.status, 404, "{}", answer.body);
    })
    .await;
}
