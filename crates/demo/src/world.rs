//! The gateway and the simulated WhatsApp, over their HTTP APIs.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::DemoError;
use crate::webhook_sink::WebhookSink;

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The gateway, the simulated WhatsApp, and a program that listens to the webhook.
pub struct World {
    gateway: String,
    key: String,
    simulator: String,
    client: reqwest::Client,
    sink: WebhookSink,
}

impl World {
    /// Of what is running.
    pub fn new(
        gateway: SocketAddr,
        key: &str,
        simulator: String,
        sink: WebhookSink,
    ) -> Result<Self, DemoError> {
        let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
        Ok(Self { gateway: format!("http://{gateway}"), key: key.to_owned(), simulator, client, sink })
    }

    /// `http://host:port` of the gateway.
    pub fn gateway_url(&self) -> &str {
        &self.gateway
    }

    /// `http://host:port` of the simulated WhatsApp.
    pub fn simulator_url(&self) -> &str {
        &self.simulator
    }

    /// The gateway's API key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The webhook's receiver.
    pub fn sink(&self) -> &WebhookSink {
        &self.sink
    }

    /// Asks the gateway for something that must work.
    pub async fn gateway(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, DemoError> {
        match self.try_gateway(method.clone(), path, body).await? {
            Ok(answer) => Ok(answer),
            Err(answer) => Err(refused("gateway", &method, path, &answer)),
        }
    }

    /// Asks the gateway for something; the inner error is its refusal.
    pub async fn try_gateway(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Result<Value, Value>, DemoError> {
        let request = self.client.request(method, format!("{}{path}", self.gateway));
        answer(request.header("X-Api-Key", &self.key), body).await
    }

    /// A file of the gateway.
    pub async fn file(&self, url: &str) -> Result<Vec<u8>, DemoError> {
        let response = self.client.get(url).header("X-Api-Key", &self.key).send().await?;
        Ok(response.error_for_status()?.bytes().await?.to_vec())
    }

    /// Asks the simulated WhatsApp for something that must work.
    pub async fn simulator(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, DemoError> {
        match self.try_simulator(method.clone(), path, body).await? {
            Ok(answer) => Ok(answer),
            Err(answer) => Err(refused("simulator", &method, path, &answer)),
        }
    }

    /// Asks the simulated WhatsApp for something; the inner error is its refusal.
    pub async fn try_simulator(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Result<Value, Value>, DemoError> {
        answer(self.client.request(method, format!("{}{path}", self.simulator)), body).await
    }

    /// A file that a simulated phone holds.
    pub async fn phone_file(&self, number: &str, message: &str) -> Result<Vec<u8>, DemoError> {
        let url = format!("{}/sim/phones/{number}/messages/{message}/media", self.simulator);
        Ok(self.client.get(url).send().await?.error_for_status()?.bytes().await?.to_vec())
    }
}

fn refused(program: &'static str, method: &Method, path: &str, answer: &Value) -> DemoError {
    let (method, path, answer) = (method.to_string(), path.to_owned(), answer.to_string());
    DemoError::Refused { program, method, path, answer }
}

async fn answer(
    request: reqwest::RequestBuilder,
    body: Option<Value>,
) -> Result<Result<Value, Value>, DemoError> {
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    let response = request.send().await.map_err(DemoError::NoAnswer)?;
    let good = response.status().is_success();
    let text = response.text().await.map_err(DemoError::NoAnswer)?;
    let value = if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? };
    Ok(if good { Ok(value) } else { Err(value) })
}
