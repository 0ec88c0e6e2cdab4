//! Channels made, looked at, followed, found and ended.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use super::Cast;

/// Enough of a JPEG for whoever looks at the beginning.
fn jpeg() -> Vec<u8> {
    [&[0xff, 0xd8, 0xff, 0xe0], [1; 3_000].as_slice(), &[0xff, 0xd9]].concat()
}

/// The code of an invite link.
fn code(channel: &Value) -> &str {
    let link = channel["invite"].as_str().expect("a link");
    link.strip_prefix("https://www.whatsapp.com/channel/").expect("WhatsApp's link")
}

/// A channel that the API makes; its id.
pub async fn made(cast: &Cast<'_>) -> String {
    let new = json!({"name": "Made by the API", "description": "What it is about",
        "picture": {"mimetype": "image/jpeg", "data": STANDARD.encode(jpeg())}});
    let made = cast.ask(Method::POST, "", "", "", Some(new)).await;
    assert_eq!((&made["name"], &made["role"]), (&json!("Made by the API"), &json!("OWNER")));
    assert_eq!((&made["description"], &made["verified"]), (&json!("What it is about"), &json!(false)));
    for picture in ["picture", "preview"] {
        assert!(made[picture].as_str().unwrap().starts_with("https://mmg.whatsapp.net/"), "{made}");
    }
    let id = made["id"].as_str().unwrap().to_owned();
    assert!(id.ends_with("@newsletter"), "{id}");
    // By its id, and by the code of its invite link.
    for name in [id.as_str(), code(&made)] {
        assert_eq!(cast.ask(Method::GET, "/{id}", name, "", None).await, made, "{name}");
    }
    let seen = cast.peers("newsletterMetadata", json!(["jid", id])).await;
    assert_eq!(seen["thread_metadata"]["name"]["text"], "Made by the API", "{seen}");
    assert_eq!(seen["thread_metadata"]["description"]["text"], "What it is about");
    for (role, count) in [("", 1), ("?role=OWNER", 1), ("?role=SUBSCRIBER", 0), ("?role=ADMIN", 0)] {
        let all = cast.ask(Method::GET, "", "", role, None).await;
        assert_eq!(all.as_array().map(Vec::len), Some(count), "{role}: {all}");
    }
    let picture = json!({"name": "x", "picture": {"mimetype": "image/png", "data": "aGVsbG8="}});
    cast.refused(Method::POST, "/api/default/channels", Some(picture), 422, "not_converted").await;
    id
}

/// A channel that Baileys makes, seen before it is followed; its id.
pub async fn found(cast: &Cast<'_>) -> String {
    let made = cast.peers("newsletterCreate", json!(["Made by Baileys", "News of Baileys"])).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    for text in ["the first post", "the second post"] {
        cast.posts(&id, text).await;
    }
    let channel = cast.ask(Method::GET, "/{id}", &id, "", None).await;
    assert_eq!((&channel["name"], &channel["role"]), (&json!("Made by Baileys"), &json!("GUEST")));
    assert_eq!(channel["subscribersCount"], 0);
    cast.peers("newsletterReactMessage", json!([id, "100", "👍"])).await;
    let expected =
        vec![("the second post".to_owned(), json!({})), ("the first post".to_owned(), json!({"👍": 1}))];
    assert_eq!(cast.preview(&id).await, expected);
    assert_eq!(cast.preview(code(&channel)).await, expected, "by the code of its invite link");
    let newest = cast.ask(Method::GET, "/{id}/messages/preview", &id, "?limit=1", None).await;
    let newest = &newest.as_array().expect("posts")[..];
    assert_eq!(newest.len(), 1);
    assert_eq!(newest[0]["message"]["from"], id.as_str());
    assert_eq!((&newest[0]["message"]["fromMe"], &newest[0]["viewCount"]), (&json!(false), &json!(0)));
    cast.peers("newsletterReactMessage", json!([id, "100"])).await;
    assert_eq!(cast.preview(&id).await[1].1, json!({}), "the reaction is taken back");
    id
}

pub async fn followed(cast: &Cast<'_>, id: &str) {
    let done = json!({"success": true});
    assert_eq!(cast.ask(Method::POST, "/{id}/follow", id, "", None).await, done);
    let listed = cast.ask(Method::GET, "", "", "?role=SUBSCRIBER", None).await;
    assert_eq!(listed.as_array().expect("channels").len(), 1);
    assert_eq!((&listed[0]["id"], &listed[0]["role"]), (&json!(id), &json!("SUBSCRIBER")));
    assert_eq!(cast.ask(Method::GET, "/{id}", id, "", None).await["subscribersCount"], 1);
    for (verb, muted) in [("/{id}/mute", json!([super::GATEWAY])), ("/{id}/unmute", json!([]))] {
        assert_eq!(cast.ask(Method::POST, verb, id, "", None).await, done);
        let state = cast.lab.simulator().state().await;
        let mut channels = state["channels"].as_array().expect("channels").iter();
        let channel = channels.find(|channel| channel["id"] == id).expect("the channel");
        assert_eq!(channel["muted"], muted, "{channel}");
    }
    let post = cast.posts(id, "while it is followed").await;
    let told = cast.told("message", id, |payload| payload["body"] == "while it is followed").await;
    assert_eq!(told["id"], format!("false_{id}_{post}"));
    assert_eq!(cast.ask(Method::POST, "/{id}/unfollow", id, "", None).await, done);
    assert_eq!(cast.ask(Method::GET, "", "", "?role=SUBSCRIBER", None).await, json!([]));
    for verb in ["unfollow", "mute"] {
        let address = format!("/api/default/channels/{id}/{verb}");
        cast.refused(Method::POST, &address, None, 403, "channel_forbidden").await;
    }
    // What is posted now does not come, and what comes after it does.
    cast.posts(id, "while nobody follows").await;
    cast.ask(Method::POST, "/{id}/follow", id, "", None).await;
    cast.posts(id, "followed again").await;
    cast.told("message", id, |payload| payload["body"] == "followed again").await;
    cast.webhooks.deliveries().read(|all| {
        assert!(!all.iter().any(|one| one.payload()["body"] == "while nobody follows"));
    });
}

pub async fn searched(cast: &Cast<'_>) {
    let body = json!({"text": "baileys", "categories": [], "limit": 50, "startCursor": ""});
    let found = cast.ask(Method::POST, "/search/by-text", "", "", Some(body)).await;
    assert_eq!(found["channels"].as_array().map(Vec::len), Some(1), "{found}");
    assert_eq!(found["channels"][0]["name"], "Made by Baileys");
    assert_eq!(found["page"]["hasNextPage"], false);
    let mut cursor = String::new();
    let mut names = Vec::new();
    for last in [false, true] {
        let body = json!({"view": "RECOMMENDED", "countries": ["US"], "categories": [], "limit": 1,
            "startCursor": cursor});
        let page = cast.ask(Method::POST, "/search/by-view", "", "", Some(body)).await;
        assert_eq!(
            (&page["page"]["hasNextPage"], &page["page"]["hasPreviousPage"]),
            (&json!(!last), &json!(last))
        );
        names.extend(page["channels"][0]["name"].as_str().map(str::to_owned));
        page["page"]["endCursor"].as_str().unwrap_or_default().clone_into(&mut cursor);
    }
    names.sort();
    assert_eq!(names, ["Made by Baileys", "Made by the API"]);
    for (path, body) in [
        ("by-text", json!({"text": ""})),
        ("by-view", json!({"limit": 0})),
        ("by-view", json!({"view": "A B"})),
    ] {
        let address = format!("/api/default/channels/search/{path}");
        cast.refused(Method::POST, &address, Some(body), 400, "invalid_request").await;
    }
}

pub async fn lists(cast: &Cast<'_>) {
    for (path, key, value) in
        [("views", "value", "RECOMMENDED"), ("countries", "code", "US"), ("categories", "value", "BUSINESS")]
    {
        let list = cast.ask(Method::GET, &format!("/search/{path}"), "", "", None).await;
        assert!(list.as_array().unwrap().iter().any(|one| one[key] == value), "{path}: {list}");
    }
}

pub async fn ended(cast: &Cast<'_>, own: &str, theirs: &str) {
    let address = format!("/api/default/channels/{theirs}");
    cast.refused(Method::DELETE, &address, None, 403, "channel_forbidden").await;
    assert_eq!(cast.ask(Method::DELETE, "/{id}", own, "", None).await, json!({"success": true}));
    let address = format!("/api/default/channels/{own}");
    for (method, below) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::POST, "/follow"),
        (Method::GET, "/messages/preview"),
    ] {
        cast.refused(method, &format!("{address}{below}"), None, 404, "channel_not_found").await;
    }
    cast.refused(Method::GET, "/api/default/channels/0029VaNoSuchCode", None, 404, "channel_not_found").await;
    cast.refused(Method::GET, "/api/default/channels/628111@c.us", None, 400, "invalid_request").await;
}
