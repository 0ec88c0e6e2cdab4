//! Posts, their edits and deletions, and reactions to them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::PATIENCE;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::stanza_id;

use super::Cast;

/// A PNG of one dot.
const DOT: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

impl Cast<'_> {
    async fn sent(&self, method: Method, path: &str, filled: &str, body: Option<Value>) -> Value {
        self.shapes.call(self.gateway, (method, path), filled, body).await
    }

    async fn seen(&self, channel: &str, id: &str, is: impl Fn(&Value) -> bool) -> Value {
        let of = |event: &Value| {
            event["key"]["remoteJid"] == channel && event["key"]["id"] == id && is(&event["content"])
        };
        self.peer.wait("message", PATIENCE, of).await
    }
}

/// What the gateway posts in its own channel is seen by who follows it.
pub async fn own(cast: &Cast<'_>) {
    let made = cast.ask(Method::POST, "", "", "", Some(json!({"name": "Own"}))).await;
    let channel = made["id"].as_str().unwrap();
    cast.peers("newsletterFollow", json!([channel])).await;
    let text = json!({"session": "default", "chatId": channel, "text": "hello followers"});
    let sent = cast.sent(Method::POST, "/api/sendText", "/api/sendText", Some(text)).await;
    let id = sent["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with(&format!("true_{channel}_")), "{id}");
    cast.seen(channel, stanza_id(&id), |content| content["text"] == "hello followers").await;
    cast.told("message.any", channel, |payload| payload["id"] == id.as_str()).await;

    let file = json!({"mimetype": "image/png", "filename": "a.png", "data": DOT});
    let body = json!({"session": "default", "chatId": channel, "file": file, "caption": "a dot"});
    let image = cast.sent(Method::POST, "/api/sendImage", "/api/sendImage", Some(body)).await;
    let seen = cast
        .seen(channel, stanza_id(image["id"].as_str().unwrap()), |content| content["caption"] == "a dot")
        .await;
    assert_eq!(seen["content"]["sealed"], false, "files of channels are not encrypted: {seen}");
    let shown =
        cast.ask(Method::GET, "/{id}/messages/preview", channel, "?limit=2&downloadMedia=true", None).await;
    let url = shown[0]["message"]["media"]["url"].as_str().expect("a file").to_owned();
    let path = &url[url.find("/api/").unwrap()..];
    let answer = cast.gateway.request(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap().as_ref(), STANDARD.decode(DOT).unwrap());
    assert_eq!((&shown[1]["viewCount"], &shown[1]["message"]["fromMe"]), (&json!(1), &json!(true)));

    changed(cast, channel, &id).await;
    let poll = json!({"session": "default", "chatId": channel,
        "poll": {"name": "Which?", "options": ["a", "b"], "multipleAnswers": false}});
    let poll = cast.sent(Method::POST, "/api/sendPoll", "/api/sendPoll", Some(poll)).await;
    let poll = poll["id"].as_str().unwrap();
    cast.seen(channel, stanza_id(poll), |content| content["name"] == "Which?").await;
    unfit(cast, channel, poll).await;
    // Only its owner posts in a channel.
    let theirs = cast.peers("newsletterCreate", json!(["Theirs alone", ""])).await;
    let body = json!({"session": "default", "chatId": theirs["id"], "text": "not mine"});
    cast.refused(Method::POST, "/api/sendText", Some(body), 403, "channel_forbidden").await;
    let body = json!({"session": "default", "chatId": "120363000000000001@newsletter", "text": "to nobody"});
    cast.refused(Method::POST, "/api/sendText", Some(body), 404, "channel_not_found").await;
}

async fn changed(cast: &Cast<'_>, channel: &str, id: &str) {
    let path = "/api/{session}/chats/{chatId}/messages/{messageId}";
    let filled = format!("/api/default/chats/{channel}/messages/{id}");
    let edited = cast.sent(Method::PUT, path, &filled, Some(json!({"text": "hello again"}))).await;
    assert_eq!(edited["editedMessageId"], stanza_id(id));
    cast.seen(channel, stanza_id(id), |content| content["text"] == "hello again").await;
    let texts = |shown: Vec<(String, Value)>| shown.into_iter().map(|(text, _)| text).collect::<Vec<_>>();
    assert_eq!(texts(cast.preview(channel).await), ["a dot", "hello again"]);
    let stored = cast.sent(Method::GET, path, &filled, None).await;
    assert_eq!(stored["body"], "hello again");
    let deleted = cast.sent(Method::DELETE, path, &filled, None).await;
    assert_eq!(deleted["revokedMessageId"], stanza_id(id), "{deleted}");
    assert_eq!(texts(cast.preview(channel).await), ["a dot"]);
}

/// A post and its edit go out under one id: the edit waits until WhatsApp has the post.
pub async fn changed_at_once(cast: &Cast<'_>) {
    let made = cast.ask(Method::POST, "", "", "", Some(json!({"name": "Changed at once"}))).await;
    let channel = made["id"].as_str().unwrap();
    cast.peers("newsletterFollow", json!([channel])).await;
    let chosen = "3EB0A0B1C2D3E4F5A6B7C8";
    let far = json!({"kind": "long_way", "target": super::GATEWAY, "delay_ms": 2000, "for": "10m"});
    cast.lab.simulator().fault(far).await;
    let text = json!({"session": "default", "chatId": channel, "id": chosen, "text": "too early"});
    let send = cast.sent(Method::POST, "/api/sendText", "/api/sendText", Some(text));
    let id = format!("true_{channel}_{chosen}");
    let edit = async {
        // Others have it; that WhatsApp has it is still on its way here.
        cast.seen(channel, chosen, |content| content["text"] == "too early").await;
        let path = "/api/{session}/chats/{chatId}/messages/{messageId}";
        let filled = format!("/api/default/chats/{channel}/messages/{id}");
        cast.sent(Method::PUT, path, &filled, Some(json!({"text": "in time"}))).await
    };
    let (sent, edited) = tokio::join!(send, edit);
    cast.lab.simulator().clear_faults().await;
    assert_eq!((&sent["id"], &edited["editedMessageId"]), (&json!(id), &json!(chosen)));
    assert_eq!(cast.preview(channel).await[0].0, "in time");
}

/// What channels do not have is refused by its name.
async fn unfit(cast: &Cast<'_>, channel: &str, poll: &str) {
    for (path, field, body) in [
        ("/api/sendText", "reply_to", json!({"text": "x", "reply_to": poll})),
        ("/api/sendText", "mentions", json!({"text": "@628111", "mentions": ["628111@c.us"]})),
        ("/api/sendLocation", "chatId", json!({"latitude": 1.0, "longitude": 1.0, "title": "x"})),
        (
            "/api/sendPollVote",
            "pollServerId",
            json!({"pollMessageId": poll, "pollServerId": 100, "votes": ["a"]}),
        ),
        ("/api/sendPollVote", "chatId", json!({"pollMessageId": poll, "votes": ["a"]})),
    ] {
        let mut body = body;
        body["session"] = json!("default");
        body["chatId"] = json!(channel);
        let answer = cast.gateway.answer(cast.gateway.request(Method::POST, path).json(&body)).await.unwrap();
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert_eq!(answer.status, 400, "{path}: {}", answer.body);
        assert!(message.contains(field), "{path}: {message}");
    }
}

/// What the other side posts and changes comes in, and what the gateway feels about it is counted there.
pub async fn theirs(cast: &Cast<'_>) {
    let made = cast.peers("newsletterCreate", json!(["Theirs", ""])).await;
    let channel = made["id"].as_str().unwrap();
    cast.ask(Method::POST, "/{id}/follow", channel, "", None).await;
    let post = cast.posts(channel, "as it was").await;
    let told = cast.told("message", channel, |payload| payload["body"] == "as it was").await;
    let id = told["id"].as_str().unwrap();

    let counted = async |expected: Value| {
        eventually("the reaction to count", PATIENCE, async || {
            let reactions = cast.preview(channel).await[0].1.clone();
            if reactions == expected { Ok(()) } else { Err(reactions.to_string()) }
        })
        .await;
    };
    // By its whole id, by WhatsApp's number for it, and by both.
    let by_number = format!("false_{channel}_100");
    let by_both = format!("false_{channel}_100_{post}");
    for (named, emoji) in [(id, "❤️"), (&*by_number, "👍"), (&*by_both, "🔥"), (id, "")] {
        let body = json!({"session": "default", "messageId": named, "reaction": emoji});
        cast.sent(Method::PUT, "/api/reaction", "/api/reaction", Some(body)).await;
        counted(if emoji.is_empty() { json!({}) } else { json!({emoji: 1}) }).await;
    }
    let body = json!({"session": "default", "messageId": format!("false_{channel}_3EB0NOSUCHPOST"), "reaction": "x"});
    cast.refused(Method::PUT, "/api/reaction", Some(body), 404, "message_not_found").await;

    cast.peer.call("change-post", json!({"channel": channel, "id": post, "text": "as it is"})).await;
    let edited = cast.told("message.edited", channel, |payload| payload["body"] == "as it is").await;
    assert_eq!(edited["editedMessageId"], post.as_str());
    let stored = format!("/api/default/chats/{channel}/messages/{id}");
    let path = "/api/{session}/chats/{chatId}/messages/{messageId}";
    assert_eq!(cast.sent(Method::GET, path, &stored, None).await["body"], "as it is");
    cast.peer.call("change-post", json!({"channel": channel, "id": post})).await;
    let revoked = cast.told("message.revoked", channel, |_| true).await;
    assert_eq!(revoked["revokedMessageId"], post.as_str());
    assert_eq!(revoked["before"]["body"], "as it is");
}
