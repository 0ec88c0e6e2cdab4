//! Media servers of a simulator.
//!
//! The client insists on `https` for media. A simulator on this machine has no certificate that
//! anybody signed, so demo builds (which never talk to WhatsApp) accept any, and only from loopback
//! and private addresses. Production builds do not contain this file's code.
#![cfg(feature = "demo")]

use std::io::{self, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::runtime::Handle;
use wakeeper_delivery::addresses::is_private;
use whatsapp_rust::anyhow::{self, anyhow};
use whatsapp_rust::async_trait;
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse};
use whatsapp_rust::wacore::net::{StreamingHttpResponse, UploadBody};

/// So much of a file is in memory while it is uploaded.
const PIECE: usize = 64 << 10;

/// Fetches from, and uploads to, nearby hosts alone.
pub(crate) struct NearbyHttpClient {
    client: Option<reqwest::Client>,
}

impl NearbyHttpClient {
    pub(crate) fn new() -> Self {
        let client = reqwest::Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_mins(1))
            .no_proxy()
            .build()
            .inspect_err(|error| tracing::error!(%error, "no HTTP client for media"))
            .ok();
        Self { client }
    }

    async fn send(
        &self,
        request: &HttpRequest,
        body: Option<reqwest::Body>,
    ) -> anyhow::Result<reqwest::Response> {
        let client = self.client.as_ref().ok_or_else(|| anyhow!("no HTTP client"))?;
        let url: reqwest::Url = request.url.parse()?;
        refuse_public(&url).await?;
        let mut call = client.request(request.method.parse()?, url);
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        if let Some(body) = body {
            call = call.body(body);
        }
        Ok(call.send().await?)
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

async fn read(response: reqwest::Response) -> anyhow::Result<HttpResponse> {
    let status_code = response.status().as_u16();
    Ok(HttpResponse { status_code, body: response.bytes().await?.to_vec() })
}

#[async_trait]
impl HttpClient for NearbyHttpClient {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        read(self.send(&request, request.body.clone().map(Into::into)).await?).await
    }

    fn supports_streaming(&self) -> bool {
        true
    }

    fn execute_streaming(&self, request: HttpRequest) -> anyhow::Result<StreamingHttpResponse> {
        let runtime = Handle::try_current()?;
        let response = runtime.block_on(self.send(&request, None))?;
        let status_code = response.status().as_u16();
        let body = Incoming { runtime, response, piece: Bytes::new() };
        Ok(StreamingHttpResponse { status_code, body: Box::new(body) })
    }

    fn supports_upload_streaming(&self) -> bool {
        true
    }

    fn execute_upload(
        &self,
        mut request: HttpRequest,
        body: UploadBody,
        content_length: u64,
    ) -> anyhow::Result<HttpResponse> {
        request.headers.insert("Content-Length".to_owned(), content_length.to_string());
        let body = reqwest::Body::wrap_stream(pieces(body));
        Handle::try_current()?.block_on(async { read(self.send(&request, Some(body)).await?).await })
    }
}

fn pieces(body: UploadBody) -> impl futures::Stream<Item = io::Result<Bytes>> + Send {
    futures::stream::try_unfold(Some(body), async |body| {
        let Some(mut body) = body else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; PIECE];
            let length = body.read(&mut piece)?;
            piece.truncate(length);
            Ok::<_, io::Error>((Bytes::from(piece), body))
        });
        let (piece, body) = read.await.map_err(io::Error::other)??;
        if piece.is_empty() { Ok(None) } else { Ok(Some((piece, Some(body)))) }
    })
}

/// Reads an answer as it comes. For threads that may block.
struct Incoming {
    runtime: Handle,
    response: reqwest::Response,
    piece: Bytes,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            let next = self.runtime.block_on(self.response.chunk()).map_err(io::Error::other)?;
            self.piece = next.unwrap_or_default();
        }
        let length = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
