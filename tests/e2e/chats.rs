//! Chats and people through the API: listed, read, archived, deleted; what the account's other device sees of it, and what
//! it does itself.

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::{Message, chat_id};
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Address, Addressing, Baileys, Gateway, Lab, PATIENCE, Peer, Webhooks, told};

/// A gateway whose session `default` is asked as WAHA's clients ask.
struct Asked<'a> {
    shapes: Shapes,
    gateway: &'a Gateway,
}

impl Asked<'_> {
    async fn call(&self, method: Method, operation: &str, filled: &str, body: Option<Value>) -> Value {
        self.shapes.call(self.gateway, (method, operation), filled, body).await
    }

    async fn get(&self, operation: &str, filled: &str) -> Value {
        self.call(Method::GET, operation, filled, None).await
    }

    /// One chat of the list.
    async fn chat(&self, id: &str) -> Option<Value> {
        let all = self.get("/api/{session}/chats", "/api/default/chats").await;
        all.as_array().unwrap().iter().find(|chat| chat["id"] == id).cloned()
    }

    async fn until(&self, what: &str, id: &str, is: impl Fn(&Value) -> bool) {
        eventually(what, PATIENCE, async || {
            let chat = self.chat(id).await.unwrap_or_default();
            if is(&chat) { Ok(()) } else { Err(chat.to_string()) }
        })
        .await;
    }

    async fn of_chat(&self, method: Method, id: &str, rest: &str) -> Value {
        let operation = format!("/api/{{session}}/chats/{{chatId}}{rest}");
        self.call(method, &operation, &format!("/api/default/chats/{id}{rest}"), None).await
    }
}

/// The other device may know the chat under either name.
fn is_with(event: &Value, whom: &Address) -> bool {
    event["id"].as_str().is_some_and(|id| whom.is(id))
}

async fn sees(sibling: &Peer, whom: &Address, field: &str, value: Value) {
    let is = |event: &Value| is_with(event, whom) && event[field] == value;
    sibling.wait("chat-update", PATIENCE, is).await;
}

async fn archived(webhooks: &Webhooks, id: &str, archived: bool) {
    let is = |payload: &Value| payload["id"] == id && payload["archived"] == archived;
    let told = webhooks.wait("chat.archive", PATIENCE, is).await;
    Shapes::read().check_event("chat.archive", told.payload()).unwrap();
}

#[tokio::test]
async fn chats_are_listed_and_changed_as_baileys_sees_them() {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let mut party = lab.linked_gateway("gateway", "491701000001").await;
        let sibling = lab.peer("sibling", Baileys::Seven).await;
        sibling.link(&party.phone).await;
        let other = lab.linked_peer("other", Baileys::Seven, "491701000002").await;
        let sent = other.send(&party.chat(), &Message::Text("a question".to_owned())).await;
        party.wait_texts(other.address(), &["a question".to_owned()]).await;
        sibling.wait("message", PATIENCE, |event| event["key"]["id"] == sent).await;
        let own = party.chat();
        let (gateway, webhooks) = party.as_gateway();
        let asked = Asked { shapes: Shapes::read(), gateway };
        let (id, wire) = (chat_id(&other.chat()), other.address().jid());

        listed(&asked, &id).await;
        people(&asked, &id, &other.address().lid_jid()).await;

        for (verb, on) in [("/archive", true), ("/unarchive", false)] {
            assert_eq!(asked.of_chat(Method::POST, &id, verb).await, json!({"success": true}));
            sees(&sibling, other.address(), "archived", json!(on)).await;
            archived(webhooks, &id, on).await;
            assert_eq!(asked.chat(&id).await.unwrap()["archived"], on);
        }
        let told = webhooks.deliveries().read(<[_]>::len);
        sibling.call("modify", json!({"chat": wire, "change": {"archive": true}, "last": sent})).await;
        asked.until("the archive of the other device", &id, |chat| chat["archived"] == true).await;
        let again = |all: &[wakeeper_e2e::webhook::Delivery]| {
            all[told..].iter().any(|one| one.event() == "chat.archive").then_some(())
        };
        webhooks.deliveries().wait("the archive to be told", PATIENCE, again).await;

        assert_eq!(asked.of_chat(Method::POST, &id, "/unread").await, json!({"success": true}));
        sees(&sibling, other.address(), "unreadCount", json!(-1)).await;
        assert_eq!(asked.chat(&id).await.unwrap()["markedAsUnread"], true);
        let read = asked.of_chat(Method::POST, &id, "/messages/read").await;
        assert_eq!(read["ids"], json!([format!("false_{id}_{sent}")]));
        sees(&sibling, other.address(), "unreadCount", json!(0)).await;
        let is = |event: &Value| event["key"]["id"] == sent && event["status"].as_i64() >= Some(4);
        other.as_peer().wait("status", PATIENCE, is).await;
        let chat = asked.chat(&id).await.unwrap();
        assert_eq!((&chat["unreadCount"], &chat["markedAsUnread"]), (&json!(0), &json!(false)));
        assert_eq!(asked.of_chat(Method::POST, &id, "/messages/read").await["ids"], json!([]), "once");

        assert_eq!(asked.of_chat(Method::DELETE, &id, "/messages").await, json!({"success": true}));
        let path = "/api/{session}/chats/{chatId}/messages";
        let messages = format!("/api/default/chats/{id}/messages?limit=10");
        assert_eq!(asked.get(path, &messages).await, json!([]));
        let overview = asked.get("/api/{session}/chats/overview", "/api/default/chats/overview").await;
        assert_eq!((&overview[0]["id"], &overview[0]["lastMessage"]), (&json!(id), &json!({})));

        other.send(&own, &Message::Text("more".to_owned())).await;
        asked.until("the next message", &id, |chat| chat["unreadCount"] == 1).await;
        let path_of_chat = format!("/api/default/chats/{id}");
        let deleted = asked.call(Method::DELETE, "/api/{session}/chats/{chatId}", &path_of_chat, None).await;
        assert_eq!(deleted, json!({"success": true}));
        sibling.wait("chat-delete", PATIENCE, |event| is_with(event, other.address())).await;
        assert_eq!(asked.chat(&id).await, None);
        assert_eq!(asked.get(path, &messages).await, json!([]));
        refused(gateway, &id).await;
    })
    .await;
}

async fn listed(asked: &Asked<'_>, id: &str) {
    let chat = asked.chat(id).await.expect("the chat");
    assert_eq!((&chat["unreadCount"], &chat["archived"]), (&json!(1), &json!(false)), "{chat}");
    assert!(
        chat["name"].is_string() && chat["conversationTimestamp"].as_i64() > Some(1_700_000_000),
        "{chat}"
    );
    let path = "/api/{session}/chats";
    for query in
        ["?sortBy=name&sortOrder=asc&limit=1", "?sortBy=id&sortOrder=desc", "?sortBy=conversationTimestamp"]
    {
        let chats = asked.get(path, &format!("/api/default/chats{query}")).await;
        assert_eq!(chats[0]["id"], id, "{query}");
    }
    assert_eq!(asked.get(path, "/api/default/chats?offset=1").await, json!([]));
    let path = "/api/{session}/chats/overview";
    let overview =
        asked.get(path, &format!("/api/default/chats/overview?limit=5&ids={id}&ids=12025550123")).await;
    assert_eq!(overview.as_array().map(Vec::len), Some(1), "{overview}");
    assert_eq!(overview[0]["lastMessage"]["body"], "a question");
    assert_eq!((&overview[0]["picture"], &overview[0]["name"]), (&Value::Null, &chat["name"]));
    let body = json!({"pagination": {"limit": 20, "offset": 0}, "filter": {"ids": [id]}});
    assert_eq!(asked.call(Method::POST, path, "/api/default/chats/overview", Some(body)).await, overview);
    let older =
        asked.get("/api/messages", &format!("/api/messages?chatId={id}&session=default&limit=10")).await;
    let newer = format!("/api/default/chats/{id}/messages?limit=10");
    assert_eq!(older, asked.get("/api/{session}/chats/{chatId}/messages", &newer).await);
    assert_eq!(older[0]["body"], "a question");
    let path = "/api/{session}/chats/{chatId}/picture";
    let picture = asked.get(path, &format!("/api/default/chats/{id}/picture?refresh=True")).await;
    assert_eq!(picture, json!({"url": null}));
}

async fn people(asked: &Asked<'_>, id: &str, lid: &str) {
    let all = asked.get("/api/contacts/all", "/api/contacts/all?session=default&sortBy=name&limit=100").await;
    let person = all.as_array().unwrap().iter().find(|one| one["id"] == id).expect("the person").clone();
    let number = id.trim_end_matches("@c.us");
    assert_eq!((&person["number"], &person["isMyContact"]), (&json!(number), &json!(false)), "{person}");
    assert_eq!((&person["isMe"], &person["isWAContact"]), (&json!(false), &json!(true)), "{person}");
    assert!(person["pushname"].is_string() && person["isBlocked"] == false, "{person}");
    for name in [id, number, lid] {
        assert_eq!(asked.get("/api/contacts", &format!("/api/contacts?contactId={name}")).await, person);
        let path = format!("/api/default/contacts/{name}");
        assert_eq!(asked.get("/api/{session}/contacts/{id}", &path).await, person);
    }
    let unknown = asked.get("/api/contacts", "/api/contacts?contactId=12025550123").await;
    assert_eq!((&unknown["isWAContact"], &unknown["pushname"]), (&json!(false), &Value::Null));
}

async fn refused(gateway: &Gateway, id: &str) {
    for (method, path) in [
        (Method::GET, "/api/default/chats?merge=false".to_owned()),
        (Method::GET, "/api/default/chats?limit=0".to_owned()),
        (Method::GET, "/api/default/chats/overview?ids=nonsense".to_owned()),
        (Method::GET, "/api/messages?session=default".to_owned()),
        (Method::GET, format!("/api/messages?chatId={id}&speed=1")),
        (Method::POST, "/api/default/chats/status@broadcast/archive".to_owned()),
        (Method::POST, format!("/api/default/chats/{id}/messages/read?messages=0")),
    ] {
        let answer = gateway.answer(gateway.request(method, &path)).await.unwrap();
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
    }
}
