//! Media servers of a simulator.
//!
//! The client insists on `https` for media. A simulator on this machine has no certificate that
//! anybody signed, so demo builds (which never talk to WhatsApp) accept any, and only from loopback
//! and private addresses. Production builds do not contain this file's code.
#![cfg(feature = "demo")]

use std::time::Duration;

use whatsapp_rust::anyhow::{self, anyhow};
use whatsapp_rust::async_trait;
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse};

use crate::addresses::is_private;

/// Fetches from, and uploads to, nearby hosts alone.
pub(super) struct NearbyHttpClient {
    client: Option<reqwest::Client>,
}

impl NearbyHttpClient {
    pub(super) fn new() -> Self {
        let client = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_mins(1))
            .no_proxy()
            .build()
            .inspect_err(|error| tracing::error!(%error, "no HTTP client for media"))
            .ok();
        Self { client }
    }
}

async fn refuse_public(url: &reqwest::Url) -> anyhow::Result<()> {
    let host = url.host_str().ok_or_else(|| anyhow!("a media URL names no host"))?;
    let port = url.port_or_known_default().unwrap_or(443);
    let mut addresses = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await?;
    if addresses.all(|address| is_private(address.ip())) {
        Ok(())
    } else {
        Err(anyhow!("a demo build talks to nearby hosts only"))
    }
}

#[async_trait]
impl HttpClient for NearbyHttpClient {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        let client = self.client.as_ref().ok_or_else(|| anyhow!("no HTTP client"))?;
        let url: reqwest::Url = request.url.parse()?;
        refuse_public(&url).await?;
        let mut call = client.request(request.method.parse()?, url);
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        if let Some(body) = request.body {
            call = call.body(body);
        }
        let response = call.send().await?;
        let status_code = response.status().as_u16();
        Ok(HttpResponse { status_code, body: response.bytes().await?.to_vec() })
    }
}
