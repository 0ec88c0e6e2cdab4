//! Channels through the API, with real Baileys on the other side: what the gateway does is seen there, what is posted there
//! comes in, and answers and events are of the types that WAHA documents.

mod looking;
mod posting;

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::shapes::Shapes;
use wakeeper_e2e::{Addressing, Baileys, Gateway, Lab, PATIENCE, Peer, Webhooks, told};

const GATEWAY: &str = "491701000001";
const PEER: &str = "491701000002";

/// Who takes part.
struct Cast<'a> {
    lab: &'a Lab,
    gateway: &'a Gateway,
    webhooks: &'a Webhooks,
    peer: &'a Peer,
    shapes: Shapes,
}

impl Cast<'_> {
    /// A documented request below `/api/{session}/channels`, whose answer must be as WAHA documents it.
    async fn ask(
        &self,
        method: Method,
        below: &str,
        channel: &str,
        query: &str,
        body: Option<Value>,
    ) -> Value {
        let path = format!("/api/{{session}}/channels{below}");
        let filled = path.replace("{session}", "default").replace("{id}", channel) + query;
        self.shapes.call(self.gateway, (method, &path), &filled, body).await
    }

    /// A request that must be refused like this.
    async fn refused(&self, method: Method, address: &str, body: Option<Value>, status: u16, code: &str) {
        let mut request = self.gateway.request(method.clone(), address);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = self.gateway.answer(request).await.unwrap();
        let told = (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default());
        assert_eq!(told, (status, code), "{method} {address}: {}", answer.body);
    }

    /// Calls one of Baileys' functions for channels.
    async fn peers(&self, method: &str, arguments: Value) -> Value {
        self.peer.call("channel", json!({"method": method, "args": arguments})).await["result"].clone()
    }

    /// Baileys posts a text; its id.
    async fn posts(&self, channel: &str, text: &str) -> String {
        let content = json!({"kind": "text", "text": text});
        let sent = self.peer.call("send", json!({"to": channel, "content": content})).await;
        // Baileys does not wait for the acknowledgement of a post; an answer to what it asks next comes after it.
        self.peers("newsletterMetadata", json!(["jid", channel])).await;
        sent["key"]["id"].as_str().expect("an id").to_owned()
    }

    /// Waits for an event of a channel.
    async fn told(&self, event: &str, channel: &str, is: impl Fn(&Value) -> bool) -> Value {
        let of = |payload: &Value| {
            let chat = [&payload["from"], &payload["to"], &payload["after"]["from"]];
            chat.contains(&&json!(channel)) && is(payload)
        };
        let payload = self.webhooks.wait(event, PATIENCE, of).await.payload().clone();
        self.shapes.check_event(event, &payload).unwrap_or_else(|wrong| panic!("{payload}\n{wrong}"));
        payload
    }

    /// The newest posts of a channel, oldest last, as `(text, reactions)`.
    async fn preview(&self, channel: &str) -> Vec<(String, Value)> {
        let posts = self.ask(Method::GET, "/{id}/messages/preview", channel, "?limit=100", None).await;
        let posts = posts.as_array().expect("posts").iter();
        let shown = posts
            .map(|post| (post["message"]["body"].as_str().unwrap().to_owned(), post["reactions"].clone()));
        shown.collect()
    }
}

async fn with_cast(version: Baileys, play: impl AsyncFn(&Cast<'_>)) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let mut party = lab.linked_gateway("gateway", GATEWAY).await;
        let other = lab.linked_peer("baileys", version, PEER).await;
        let (gateway, webhooks) = party.as_gateway();
        let cast = Cast { lab, gateway, webhooks, peer: other.as_peer(), shapes: Shapes::read() };
        play(&cast).await;
        webhooks.assert_all_signed();
    })
    .await;
}

#[tokio::test]
async fn channels_are_made_found_and_followed_with_baileys7() {
    with_cast(Baileys::Seven, async |cast: &Cast<'_>| {
        let own = looking::made(cast).await;
        let theirs = looking::found(cast).await;
        looking::followed(cast, &theirs).await;
        looking::searched(cast).await;
        looking::lists(cast).await;
        looking::ended(cast, &own, &theirs).await;
    })
    .await;
}

#[tokio::test]
async fn channels_are_found_and_followed_with_baileys6() {
    with_cast(Baileys::Release("6.7.24"), async |cast: &Cast<'_>| {
        let theirs = looking::found(cast).await;
        looking::followed(cast, &theirs).await;
    })
    .await;
}

#[tokio::test]
async fn posts_of_channels_go_both_ways_with_baileys7() {
    with_cast(Baileys::Seven, async |cast: &Cast<'_>| {
        posting::own(cast).await;
        posting::theirs(cast).await;
        // At the end: the way stays long for the connection.
        posting::changed_at_once(cast).await;
    })
    .await;
}
