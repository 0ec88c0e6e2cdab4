//! Requests whose answers are compared with `openapi.json`.

use std::collections::BTreeSet;
use std::sync::Mutex;

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::document::Document;
use wakeeper_e2e::gateway::Answer;
use wakeeper_e2e::{Gateway, Webhooks};

/// The operations of WAHA's tag "Groups".
const OPERATIONS: usize = 35;

/// Asks the gateway.
pub struct Asking<'a> {
    gateway: &'a Gateway,
    document: Document,
    /// What was answered with success.
    asked: Mutex<BTreeSet<(String, String)>>,
}

impl<'a> Asking<'a> {
    /// Of this gateway.
    pub fn of(gateway: &'a Gateway) -> Self {
        Self { gateway, document: Document::read(), asked: Mutex::default() }
    }

    /// Sends a request to what lies below `/api/{session}/groups` and checks that the answer is as promised, errors too.
    pub async fn answer(
        &self,
        method: &str,
        below: &str,
        group: &str,
        query: &str,
        body: Option<Value>,
    ) -> Answer {
        let path = format!("/api/{{session}}/groups{below}");
        let address = path.replace("{session}", "default").replace("{id}", group) + query;
        let mut request = self.gateway.request(method.parse::<Method>().unwrap(), &address);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let answer = self.gateway.answer(request).await.unwrap();
        let wrong = self.document.wrong_answer(method, &path, answer.status.as_u16(), &answer.body);
        assert_eq!(wrong, None, "{method} {address}: {} {}", answer.status, answer.body);
        if answer.status.is_success() {
            self.asked.lock().unwrap().insert((method.to_owned(), path));
        }
        answer
    }

    async fn succeeded(
        &self,
        method: &str,
        below: &str,
        group: &str,
        query: &str,
        body: Option<Value>,
    ) -> Value {
        let answer = self.answer(method, below, group, query, body).await;
        let wanted = if (method, below) == ("POST", "") { 201 } else { 200 };
        assert_eq!(answer.status.as_u16(), wanted, "{method} {below}: {}", answer.body);
        answer.body
    }

    /// `GET`, which must succeed.
    pub async fn get(&self, below: &str, group: &str) -> Value {
        self.succeeded("GET", below, group, "", None).await
    }

    /// `GET` with a query string, which must succeed.
    pub async fn find(&self, below: &str, query: &str) -> Value {
        self.succeeded("GET", below, "", query, None).await
    }

    /// `PUT`, which must succeed.
    pub async fn put(&self, below: &str, group: &str, body: Value) -> Value {
        self.succeeded("PUT", below, group, "", Some(body)).await
    }

    /// `POST`, which must succeed.
    pub async fn post(&self, below: &str, group: &str, body: Option<Value>) -> Value {
        self.succeeded("POST", below, group, "", body).await
    }

    /// `DELETE`, which must succeed.
    pub async fn delete(&self, below: &str, group: &str) -> Value {
        self.succeeded("DELETE", below, group, "", None).await
    }

    /// A request that must be refused like this.
    pub async fn refused(
        &self,
        method: &str,
        below: &str,
        group: &str,
        body: Option<Value>,
        status: u16,
        code: &str,
    ) {
        let answer = self.answer(method, below, group, "", body).await;
        let told = (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default());
        assert_eq!(told, (status, code), "{method} {below} of {group}: {}", answer.body);
    }

    /// A text to a group that must be refused like this.
    pub async fn send_refused(&self, group: &str, status: u16, code: &str) {
        let body = json!({"session": "default", "chatId": group, "text": "is anybody there?"});
        let request = self.gateway.request(Method::POST, "/api/sendText").json(&body);
        let answer = self.gateway.answer(request).await.unwrap();
        let told = (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default());
        assert_eq!(told, (status, code), "{}", answer.body);
    }

    /// Whether each operation of the resource was answered with success.
    pub fn assert_every_operation_was_asked(&self) {
        let all: BTreeSet<_> = self.document.operations("groups").into_iter().collect();
        assert_eq!(all.len(), OPERATIONS, "{all:#?}");
        let asked = self.asked.lock().unwrap();
        let missing: Vec<_> = all.difference(&asked).collect();
        assert!(missing.is_empty(), "never asked: {missing:#?}");
    }

    /// The gateway.
    pub fn gateway(&self) -> &Gateway {
        self.gateway
    }
}

/// Whether every event of a group that was told is as promised.
pub fn assert_events_are_as_promised(webhooks: &Webhooks) {
    let document = Document::read();
    webhooks.deliveries().read(|all| {
        for delivery in all.iter().filter(|delivery| delivery.event().starts_with("group.")) {
            let wrong = document.wrong_event(delivery.event(), &delivery.body);
            assert_eq!(wrong, None, "{}", delivery.body);
        }
    });
}
