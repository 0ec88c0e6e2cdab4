//! Fetching files to send from URLs that callers give.
//!
//! The URL comes from outside, so it must not reach into the machine or the private network
//! (server-side request forgery): names are resolved here, every address is checked, and the
//! connection goes to exactly the checked addresses. Redirects are followed by hand, with the same
//! checks.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::StreamExt;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Url};
use wakeeper_delivery::addresses::AddressPolicy;

use crate::media::convert::Converter;
use crate::media::pace::{LeastRate, Pace, TooSlow};
use crate::media::spool::{Spool, SpoolError, Spooled};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the name of a host to the headers of its answer. The file itself may take as long as it
/// needs, as long as it keeps coming.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 5;

/// Why a file was not fetched. Does not repeat the URL, which may hold a token.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not an `http` or `https` URL.
    #[error("the URL must begin with http:// or https://")]
    Malformed,
    /// The name does not resolve.
    #[error("the host name does not resolve")]
    Unresolved,
    /// It leads into the machine or the private network.
    #[error("the URL leads to a private address, which this gateway does not fetch from")]
    PrivateAddress,
    /// No answer, or a broken one.
    #[error("the server did not answer properly ({0})")]
    Failed(&'static str),
    /// An answer other than 200.
    #[error("the server answered {0}")]
    Status(u16),
    /// Larger than allowed.
    #[error("the file has more than {0} bytes")]
    TooLarge(u64),
    /// It came too slowly, or stopped.
    #[error("the server gives the file too slowly: {0}")]
    TooSlow(#[from] TooSlow),
    /// It could not be kept on its way.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// A fetched file.
pub(crate) struct Fetched {
    /// The file.
    pub content: Spooled,
    /// What the server says it is.
    pub mimetype: Option<String>,
    /// The last part of the path, when it looks like a file name.
    pub filename: Option<String>,
}

/// Limits of a fetch.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Largest file, in bytes.
    pub max_bytes: u64,
    /// Loopback and private addresses are fine.
    pub allow_private: bool,
    /// How slowly a file may come.
    pub least_rate: LeastRate,
    /// Where files lie on their way.
    pub spool: Spool,
    /// Makes files into what WhatsApp's apps show.
    pub converter: Converter,
}

/// Fetches a file. It goes to disk as it comes.
pub(crate) async fn fetch(url: &str, limits: &Limits) -> Result<Fetched, FetchError> {
    let mut url = Url::parse(url).map_err(|_| FetchError::Malformed)?;
    for _ in 0..=MOST_REDIRECTS {
        let asked = tokio::time::timeout(ANSWER_TIMEOUT, request(&url, limits)).await;
        let response = asked.map_err(|_| FetchError::Failed("time-out"))??;
        let status = response.status();
        if status.is_redirection() {
            let target = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            url =
                target.and_then(|target| url.join(target).ok()).ok_or(FetchError::Status(status.as_u16()))?;
            continue;
        }
        if !status.is_success() {
            return Err(FetchError::Status(status.as_u16()));
        }
        let mimetype =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let content = body(response, limits).await?;
        return Ok(Fetched { content, mimetype, filename: filename(&url) });
    }
    Err(FetchError::Failed("too many redirects"))
}

async fn request(url: &Url, limits: &Limits) -> Result<reqwest::Response, FetchError> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FetchError::Malformed);
    }
    let host = url.host_str().ok_or(FetchError::Malformed)?;
    let addresses = resolve(url, host).await?;
    let policy = AddressPolicy { private: limits.allow_private, allowed: Vec::new() };
    if addresses.iter().any(|address| policy.check(host, address.ip()).is_err()) {
        return Err(FetchError::PrivateAddress);
    }
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .no_proxy()
        .resolve_to_addrs(host, &addresses)
        .build()
        .map_err(|_| FetchError::Failed("no HTTP client"))?;
    client.get(url.clone()).send().await.map_err(|_| FetchError::Failed("no connection"))
}

async fn resolve(url: &Url, host: &str) -> Result<Vec<SocketAddr>, FetchError> {
    let port = url.port_or_known_default().ok_or(FetchError::Malformed)?;
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = tokio::net::lookup_host((host, port)).await.map_err(|_| FetchError::Unresolved)?;
    let addresses: Vec<_> = found.collect();
    if addresses.is_empty() { Err(FetchError::Unresolved) } else { Ok(addresses) }
}

async fn body(response: reqwest::Response, limits: &Limits) -> Result<Spooled, FetchError> {
    let limit = limits.max_bytes;
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(FetchError::TooLarge(limit));
    }
    let mut stream = response.bytes_stream();
    let mut pace = Pace::new(limits.least_rate);
    let mut draft = limits.spool.begin();
    let length = |chunk: &Option<Result<bytes::Bytes, _>>| match chunk {
        Some(Ok(bytes)) => bytes.len(),
        _ => 0,
    };
    while let Some(chunk) = pace.next(stream.next(), length).await? {
        let chunk = chunk.map_err(|_| FetchError::Failed("the file broke off"))?;
        if draft.length() + chunk.len() as u64 > limit {
            return Err(FetchError::TooLarge(limit));
        }
        draft.write(&chunk).await?;
    }
    Ok(draft.finish().await?)
}

fn filename(url: &Url) -> Option<String> {
    let last = url.path_segments()?.next_back()?;
    (last.contains('.') && last.len() <= 128).then(|| last.to_owned())
}

#[cfg(test)]
mod tests;
