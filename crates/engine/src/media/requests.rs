//! What the client fetches and sends over HTTP: media, and the number of WhatsApp's newest version.
//!
//! The client's own way knows no proxy, so a session that has one uses this. Demo builds use it always: a simulator's media
//! host has no certificate that anybody signed, so demo builds (which never talk to WhatsApp) accept any, and only from
//! loopback and private addresses.

use std::io::{self, Read};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::runtime::Handle;
use whatsapp_rust::anyhow::{self, anyhow};
use whatsapp_rust::async_trait;
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse};
use whatsapp_rust::wacore::net::{StreamingHttpResponse, UploadBody};

use crate::life::transport::proxy::Proxy;

/// So much of a file is in memory while it is uploaded.
const PIECE: usize = 64 << 10;
/// The largest answer: WhatsApp's largest file, and what encrypting adds (`DEFAULT_MAX_BODY_BYTES` of
/// whatsapp-rust-ureq-http-client 0.7.0 is about the same).
const MOST_BYTES: u64 = (2 << 30) + (1 << 20);
/// So much is read of an answer that says why something failed.
const MOST_BYTES_OF_REFUSAL: usize = 64 << 10;
/// How often a host may send on to another. WhatsApp's do not.
const MOST_REDIRECTS: usize = 3;

/// Sends a session's requests.
pub(crate) struct RequestClient {
    client: reqwest::Client,
    proxy: Option<Proxy>,
}

impl RequestClient {
    /// Sends all of them through `proxy`, if there is one; whatever the environment says of proxies.
    pub(crate) fn new(proxy: Option<&Proxy>) -> reqwest::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::limited(MOST_REDIRECTS))
            .connect_timeout(Duration::from_secs(15))
            .read_timeout(Duration::from_mins(1))
            .no_proxy();
        if let Some(proxy) = proxy {
            builder = builder.proxy(proxy.for_requests()?);
        }
        #[cfg(feature = "demo")]
        {
            builder =
                builder.tls_danger_accept_invalid_certs(true).redirect(reqwest::redirect::Policy::none());
        }
        Ok(Self { client: builder.build()?, proxy: proxy.cloned() })
    }

    async fn send(
        &self,
        request: &HttpRequest,
        body: Option<reqwest::Body>,
    ) -> anyhow::Result<reqwest::Response> {
        let url: reqwest::Url = request.url.parse()?;
        #[cfg(feature = "demo")]
        self.refuse_public(&url).await?;
        let mut call = self.client.request(request.method.parse()?, url);
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        if let Some(body) = body {
            call = call.body(body);
        }
        call.send().await.map_err(|error| match &self.proxy {
            // Where it goes is a secret of the file's.
            Some(proxy) => anyhow!("through the session's proxy {}: {}", proxy.name(), error.without_url()),
            None => error.into(),
        })
    }

    /// Refuses what is not near. Behind a proxy only the proxy is looked at: it looks the names up.
    #[cfg(feature = "demo")]
    async fn refuse_public(&self, url: &reqwest::Url) -> anyhow::Result<()> {
        let host = url.host_str().ok_or_else(|| anyhow!("a media URL names no host"))?;
        let (host, port) = match &self.proxy {
            Some(proxy) => proxy.address(),
            None => (host.trim_matches(['[', ']']), url.port_or_known_default().unwrap_or(443)),
        };
        let mut addresses = tokio::net::lookup_host((host, port)).await?;
        if addresses.all(|address| wakeeper_delivery::addresses::is_private(address.ip())) {
            Ok(())
        } else {
            Err(anyhow!("a demo build talks to nearby hosts only"))
        }
    }
}

async fn read(mut response: reqwest::Response) -> anyhow::Result<HttpResponse> {
    let status_code = response.status().as_u16();
    let is_refusal = !response.status().is_success();
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        body.extend_from_slice(&piece);
        if is_refusal && body.len() >= MOST_BYTES_OF_REFUSAL {
            body.truncate(MOST_BYTES_OF_REFUSAL);
            break;
        }
        if body.len() as u64 > MOST_BYTES {
            return Err(anyhow!("the answer has more than {MOST_BYTES} bytes"));
        }
    }
    Ok(HttpResponse { status_code, body })
}

#[async_trait]
impl HttpClient for RequestClient {
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
        let body = Incoming { runtime, response, piece: Bytes::new() }.take(MOST_BYTES);
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
