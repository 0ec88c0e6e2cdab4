//! Live streams of a gateway that is killed, and API keys on the command line.

use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::Message;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE, Party, Webhooks};

/// What a stream of Server-Sent Events told so far.
struct Stream {
    response: futures::stream::BoxStream<'static, reqwest::Result<Vec<u8>>>,
    text: String,
}

struct Read {
    id: String,
    event: String,
    data: Value,
}

impl Stream {
    async fn open(gateway: &Gateway, last: &str) -> Self {
        let request = gateway.request(Method::GET, "/api/events?session=default&events=message");
        let response = request.header("Last-Event-ID", last).send().await.expect("a stream");
        assert!(response.status().is_success(), "{}", response.status());
        let response = response.bytes_stream().map(|bytes| bytes.map(|bytes| bytes.to_vec())).boxed();
        Self { response, text: String::new() }
    }

    async fn next(&mut self) -> Read {
        let read = async {
            loop {
                if let Some((block, rest)) = self.text.split_once("\n\n") {
                    let field = |name: &str| {
                        let line = block.lines().find_map(|line| line.strip_prefix(name));
                        line.unwrap_or_default().trim().to_owned()
                    };
                    let data = serde_json::from_str(&field("data:")).unwrap_or_default();
                    let read = Read { id: field("id:"), event: field("event:"), data };
                    let rest = rest.to_owned();
                    self.text = rest;
                    if !read.id.is_empty() || !read.event.is_empty() {
                        return read;
                    }
                    continue;
                }
                let bytes = self.response.next().await.expect("no end").expect("bytes");
                self.text.push_str(&String::from_utf8_lossy(&bytes));
            }
        };
        tokio::time::timeout(PATIENCE, read).await.expect("an event")
    }
}

#[tokio::test]
async fn a_stream_misses_nothing_while_the_gateway_is_killed_and_started_again() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let contact = lab.contact("contact", "491701000002").await;
    let phone = lab.simulator().phone("491701000001", "gateway").await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    // No webhook wants messages: they are stored for the stream alone.
    gateway.set("WHATSAPP_HOOK_EVENTS", "session.status");
    gateway.start().await;
    phone.scan(&gateway.qr().await).await;
    gateway.wait_working().await;
    let mut party = Party::gateway("gateway", phone, gateway, webhooks);
    let chat = party.chat();

    contact.send(&chat, &Message::Text("before anybody listens".to_owned())).await;
    let heard = async |gateway: &Gateway, text: &str| {
        eventually("a stored message", PATIENCE, async || {
            let all = gateway.messages("491701000002@c.us").await;
            let is_there = all.iter().any(|message| message["body"] == text);
            if is_there { Ok(()) } else { Err(format!("{} messages", all.len())) }
        })
        .await;
    };
    let (gateway, _) = party.as_gateway();
    heard(gateway, "before anybody listens").await;
    let mut stream = Stream::open(gateway, "").await;
    let begun = stream.next().await;
    assert!(begun.event.is_empty() && !begun.id.is_empty());
    contact.send(&chat, &Message::Text("one".to_owned())).await;
    let one = stream.next().await;
    assert_eq!((one.event.as_str(), &one.data["payload"]["body"]), ("message", &Value::from("one")));
    drop(stream);
    gateway.kill().await;
    contact.send(&chat, &Message::Text("two".to_owned())).await;
    gateway.start().await;
    gateway.wait_working().await;
    contact.send(&chat, &Message::Text("three".to_owned())).await;
    heard(gateway, "two").await;
    heard(gateway, "three").await;
    let mut again = Stream::open(gateway, &one.id).await;
    assert!(again.next().await.event.is_empty(), "no gap");
    for text in ["two", "three"] {
        assert_eq!(again.next().await.data["payload"]["body"], text);
    }
}

/// What a command printed as JSON.
async fn printed(gateway: &Gateway, arguments: &[&str]) -> Value {
    let output = gateway.run(arguments).await;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
}

#[tokio::test]
async fn keys_are_made_on_the_command_line_while_a_gateway_runs_and_while_none_does() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.start().await;
    let create = ["keys", "create", "--session", "default", "--actions", "read,control", "--json"];
    let running = printed(&gateway, &create).await;
    assert!(gateway.terminate().await.success());
    let stopped = printed(&gateway, &create).await;
    assert_eq!(printed(&gateway, &["keys", "list", "--json"]).await.as_array().unwrap().len(), 2);
    gateway.start().await;
    let status = async |key: &Value, path: &str| {
        let request = gateway.request(Method::GET, path).header("X-Api-Key", "none");
        let mut request = request.build().unwrap();
        request.headers_mut().insert("X-Api-Key", key["key"].as_str().unwrap().parse().unwrap());
        reqwest::Client::new().execute(request).await.unwrap().status().as_u16()
    };
    for made in [&running, &stopped] {
        assert_eq!(status(made, "/api/sessions/default").await, 200);
        assert_eq!(status(made, "/api/sessions/other").await, 403);
        assert_eq!(status(made, "/api/keys").await, 403);
    }
    let id = running["id"].as_str().unwrap();
    assert_eq!(printed(&gateway, &["keys", "revoke", id, "--json"]).await["revoked"], true);
    assert_eq!(status(&running, "/api/sessions/default").await, 401);
    assert_eq!(status(&stopped, "/api/sessions/default").await, 200);
    let again = gateway.run(&["keys", "revoke", id]).await;
    assert!(
        !again.status.success() && String::from_utf8_lossy(&again.stderr).contains("no API key"),
        "{again:?}"
    );
}
