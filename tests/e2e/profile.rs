//! The account's own profile: what is changed through the API is seen by its other device and by other people.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::party::{Message, chat_id};
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Addressing, Baileys, Lab, PATIENCE, Party, told};

/// Enough of a JPEG for whoever looks at the beginning.
fn jpeg(filling: u8) -> Vec<u8> {
    [&[0xff, 0xd8, 0xff, 0xe0], [filling; 5_000].as_slice(), &[0xff, 0xd9]].concat()
}

async fn fetched(url: &str) -> Vec<u8> {
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    client.get(url).send().await.unwrap().bytes().await.unwrap().to_vec()
}

async fn peers(party: &Party, method: &str, arguments: Value) -> Value {
    party.as_peer().call("ask", json!({"method": method, "args": arguments})).await["result"].clone()
}

async fn profile(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let shapes = Shapes::read();
        let mut party = lab.linked_gateway("gateway", "491701000001").await;
        let sibling = lab.peer("sibling", version).await;
        sibling.link(&party.phone).await;
        let other = lab.linked_peer("other", version, "491701000002").await;
        other.send(&party.chat(), &Message::Text("hello".to_owned())).await;
        party.wait_texts(other.address(), &["hello".to_owned()]).await;
        let own = party.address().jid();
        let shown_as = chat_id(&party.chat());
        let (gateway, _) = party.as_gateway();
        let at = |below: &str| (format!("/api/{{session}}/profile{below}"), format!("/api/default/profile{below}"));
        let put = async |below: &str, body: Value| {
            let (path, filled) = at(below);
            shapes.call(gateway, (Method::PUT, &path), &filled, Some(body)).await
        };
        let read = async || {
            let (path, filled) = at("");
            shapes.call(gateway, (Method::GET, &path), &filled, None).await
        };
        let done = json!({"success": true});
        assert_eq!(read().await, json!({"id": shown_as, "picture": null, "name": "gateway"}));

        assert_eq!(put("/name", json!({"name": "A new name"})).await, done);
        assert_eq!(read().await["name"], "A new name");
        let me = gateway.call(Method::GET, "/api/sessions/default/me", None).await;
        assert_eq!(me["pushName"], "A new name", "{me}");
        sibling.wait("own-name", PATIENCE, |event| event["name"] == "A new name").await;

        // What WhatsApp does not take is no success, and changes nothing.
        let target = json!({"kind": "rate_limit", "target": "491701000001", "for": "10m"});
        lab.simulator().fault(target).await;
        let refused = gateway.request(Method::PUT, "/api/default/profile/name").json(&json!({"name": "Lost"}));
        let refused = gateway.answer(refused).await.unwrap();
        assert!(refused.status.is_client_error() || refused.status.is_server_error(), "{}", refused.body);
        lab.simulator().clear_faults().await;
        assert_eq!(read().await["name"], "A new name");

        let about = "Busy until Monday 🎉";
        assert_eq!(put("/status", json!({"status": about})).await, done);
        let seen = peers(&other, "fetchStatus", json!([own])).await;
        assert!(seen.to_string().contains(about), "{seen}");

        let picture = jpeg(1);
        let file = json!({"mimetype": "image/jpeg", "filename": "me.jpg", "data": STANDARD.encode(&picture)});
        assert_eq!(put("/picture", json!({"file": file})).await, done);
        let url = read().await["picture"].as_str().expect("an address").to_owned();
        assert_eq!(fetched(&url).await, picture);
        let theirs = peers(&other, "profilePictureUrl", json!([own, "image"])).await;
        assert_eq!(fetched(theirs.as_str().expect("an address")).await, picture);
        other.as_peer().wait("picture", PATIENCE, |event| event["imgUrl"] == "changed").await;

        let png = json!({"mimetype": "image/png", "filename": "me.png", "data": STANDARD.encode(b"\x89PNG\r\n\x1a\n")});
        let refused = gateway.request(Method::PUT, "/api/default/profile/picture").json(&json!({"file": png}));
        let refused = gateway.answer(refused).await.unwrap();
        assert_eq!((refused.status.as_u16(), &refused.body["code"]), (422, &json!("not_converted")));
        let long = gateway.request(Method::PUT, "/api/default/profile/name").json(&json!({"name": "n".repeat(26)}));
        assert_eq!(gateway.answer(long).await.unwrap().status, 400);

        let (path, filled) = at("/picture");
        assert_eq!(shapes.call(gateway, (Method::DELETE, &path), &filled, None).await, done);
        assert_eq!(read().await["picture"], Value::Null);
        other.as_peer().wait("picture", PATIENCE, |event| event["imgUrl"] == "removed").await;
        assert_eq!(put("/status", json!({"status": ""})).await, done);

        // The name goes with the next message.
        party.send(&other.chat(), &Message::Text("it is me".to_owned())).await;
        let named = |event: &Value| event["content"]["text"] == "it is me" && event["pushName"] == "A new name";
        other.as_peer().wait("message", PATIENCE, named).await;
    })
    .await;
}

#[tokio::test]
async fn the_profile_is_changed_and_seen_by_baileys6() {
    profile(Baileys::Six).await;
}

#[tokio::test]
async fn the_profile_is_changed_and_seen_by_baileys7() {
    profile(Baileys::Seven).await;
}
