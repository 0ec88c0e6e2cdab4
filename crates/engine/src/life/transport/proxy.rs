//! The proxy of a session. Whatever goes to WhatsApp for it goes through it: the socket, media, and the question for the
//! newest version. Names are looked up by the proxy, and a proxy that fails is never gone round.

use std::future::ready;
use std::io;
use std::sync::Arc;

use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_websockets::Connector;
use tower::service_fn;
use tower::util::ServiceExt as _;
use wakeeper_waha::{ProxyConfig, Secret};

use crate::EngineError;
use crate::life::state::SessionState;

/// What a SOCKS proxy takes of a user name or a password (RFC 1929), in bytes.
const MOST_SOCKS_BYTES: usize = 255;

/// Why a setting is no proxy.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ProxyError {
    /// It cannot be read. What it says is not repeated: people write passwords into it.
    #[error(
        "config.proxy.server is no address of a proxy: write HOST:PORT for an HTTP proxy, or http://HOST:PORT, \
         https://HOST:PORT or socks5://HOST:PORT"
    )]
    Address,
    /// A kind that is not spoken here.
    #[error("config.proxy.server: proxies of the kind {0} are not supported; http, https and socks5 are")]
    Kind(String),
    /// User name or password in the address, which answers show.
    #[error(
        "config.proxy.server holds a user name or a password: write them into config.proxy.username and \
         config.proxy.password, where they are kept secret"
    )]
    CredentialsInAddress,
    /// A password alone.
    #[error("config.proxy.password needs config.proxy.username")]
    NoUser,
    /// What cannot be sent to a proxy of this kind.
    #[error("config.proxy.username and config.proxy.password: {0}")]
    Credentials(&'static str),
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    /// As `Http`, inside TLS.
    Https,
    Socks5,
}

/// A user of a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: Secret,
}

/// A proxy that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    kind: Kind,
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

impl Proxy {
    /// The proxy that settings ask for, if they do.
    pub(crate) fn of(config: Option<&ProxyConfig>) -> Result<Option<Self>, ProxyError> {
        config.filter(|config| config.is_set()).map(Self::parse).transpose()
    }

    /// The proxy of a session, as its settings are now.
    pub(crate) fn of_session(state: &SessionState) -> Result<Option<Self>, EngineError> {
        Self::of(state.config().proxy.as_ref())
            .map_err(|source| EngineError::Proxy { session: state.name().clone(), source })
    }

    fn parse(config: &ProxyConfig) -> Result<Self, ProxyError> {
        let server = config.server.trim();
        // Without a kind it is an HTTP proxy, as WAHA has it.
        let full = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        let url: Url = full.parse().map_err(|_| ProxyError::Address)?;
        let kind = match url.scheme() {
            "http" => Kind::Http,
            "https" => Kind::Https,
            "socks5" | "socks5h" => Kind::Socks5,
            other => return Err(ProxyError::Kind(other.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ProxyError::CredentialsInAddress);
        }
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|host| bare && !host.is_empty()).ok_or(ProxyError::Address)?;
        let port = url.port_or_known_default().unwrap_or(1080);
        if port == 0 {
            return Err(ProxyError::Address);
        }
        let credentials = credentials(kind, config)?;
        Ok(Self { kind, host: host.trim_matches(['[', ']']).to_owned(), port, credentials })
    }

    /// Its own host and port.
    pub(crate) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// What puts the connection to it into TLS, where it is to be. Its certificate may be signed by whoever this machine trusts
    /// (`SSL_CERT_FILE` names others), as with media; WhatsApp's own is judged by whatsapp-rust.
    pub(crate) fn connector(&self) -> io::Result<Connector> {
        if self.kind != Kind::Https {
            return Ok(Connector::Plain);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(io::Error::other)?
            .with_no_client_auth();
        Ok(Connector::Rustls(TlsConnector::from(Arc::new(config))))
    }

    /// How it is named to people.
    pub(crate) fn name(&self) -> String {
        let host = bracketed(&self.host);
        format!("{}://{host}:{}", self.scheme("socks5"), self.port)
    }

    fn scheme(&self, socks: &'static str) -> &'static str {
        match self.kind {
            Kind::Http => "http",
            Kind::Https => "https",
            Kind::Socks5 => socks,
        }
    }

    /// Opens a way to `host:port` over `stream`, which is connected to the proxy.
    pub(crate) async fn open_way<S>(&self, stream: S, host: &str, port: u16) -> io::Result<S>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let uri = |host: &str, port: u16| -> io::Result<http::Uri> {
            format!("http://{}:{port}", bracketed(host)).parse().map_err(io::Error::other)
        };
        let (proxy, target) = (uri(&self.host, self.port)?, uri(host, port)?);
        let mut stream = Some(TokioIo::new(stream));
        let connected = service_fn(move |_: http::Uri| {
            ready(stream.take().ok_or_else(|| io::Error::other("the proxy was connected to once")))
        });
        let opened = match self.kind {
            Kind::Http | Kind::Https => {
                let mut tunnel = Tunnel::new(proxy, connected);
                if let Some(header) = self.authorization().map_err(io::Error::other)? {
                    tunnel = tunnel.with_auth(header);
                }
                tunnel.oneshot(target).await.map_err(io::Error::other)?
            }
            Kind::Socks5 => {
                let mut socks = SocksV5::new(proxy, connected);
                if let Some(Credentials { user, password }) = &self.credentials {
                    socks = socks.with_auth(user.clone(), password.expose().to_owned());
                }
                socks.oneshot(target).await.map_err(io::Error::other)?
            }
        };
        Ok(opened.into_inner())
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, InvalidHeaderValue> {
        let Some(Credentials { user, password }) = &self.credentials else { return Ok(None) };
        let text = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            format!("{user}:{}", password.expose()),
        );
        HeaderValue::try_from(format!("Basic {text}")).map(Some)
    }

    /// The same proxy for requests over HTTP.
    pub(crate) fn for_requests(&self) -> reqwest::Result<reqwest::Proxy> {
        // With the `h` the proxy looks names up.
        let url = format!("{}://{}:{}", self.scheme("socks5h"), bracketed(&self.host), self.port);
        let mut proxy = reqwest::Proxy::all(url)?;
        if let Some(Credentials { user, password }) = &self.credentials {
            proxy = proxy.basic_auth(user, password.expose());
        }
        Ok(proxy)
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

fn credentials(kind: Kind, config: &ProxyConfig) -> Result<Option<Credentials>, ProxyError> {
    let user = config.username.clone().unwrap_or_default();
    let password = config.password.clone().unwrap_or_else(|| Secret::from(""));
    if user.is_empty() {
        return if password.expose().is_empty() { Ok(None) } else { Err(ProxyError::NoUser) };
    }
    let too_long = |text: &str| text.len() > MOST_SOCKS_BYTES;
    match kind {
        Kind::Http | Kind::Https if user.contains(':') => {
            Err(ProxyError::Credentials("an HTTP proxy takes no user name with a colon"))
        }
        Kind::Socks5 if too_long(&user) || too_long(password.expose()) => {
            Err(ProxyError::Credentials("a SOCKS proxy takes at most 255 bytes of each"))
        }
        _ => Ok(Some(Credentials { user, password })),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn config(server: &str, username: Option<&str>, password: Option<&str>) -> ProxyConfig {
        ProxyConfig {
            server: server.to_owned(),
            username: username.map(ToOwned::to_owned),
            password: password.map(Secret::from),
        }
    }

    fn parse(server: &str) -> Result<Proxy, ProxyError> {
        Proxy::parse(&config(server, None, None))
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let table = [
            ("proxy.example:3128", "http://proxy.example:3128"),
            (" 10.0.0.7:8080 ", "http://10.0.0.7:8080"),
            ("http://proxy.example:3128/", "http://proxy.example:3128"),
            ("https://proxy.example", "https://proxy.example:443"),
            ("HTTP://proxy", "http://proxy:80"),
            ("socks5://proxy", "socks5://proxy:1080"),
            ("socks5h://127.0.0.1:9050", "socks5://127.0.0.1:9050"),
            ("[::1]:3128", "http://[::1]:3128"),
            ("socks5://[fd00::7]:1080", "socks5://[fd00::7]:1080"),
        ];
        for (written, named) in table {
            assert_eq!(parse(written).expect(written).name(), named);
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_and_not_repeated() {
        for written in
            ["http://", "proxy.example:port", "proxy:0", "proxy:99999", "http://proxy/hush", "a b:1"]
        {
            assert_eq!(parse(written), Err(ProxyError::Address), "{written}");
        }
        assert_eq!(parse("socks4://proxy:1"), Err(ProxyError::Kind("socks4".to_owned())));
        for written in ["user:hush@proxy:3128", "socks5://user:hush@proxy:1080", "http://user@proxy:1"] {
            assert_eq!(parse(written), Err(ProxyError::CredentialsInAddress), "{written}");
        }
        let alone = Proxy::parse(&config("proxy:1", None, Some("hush")));
        assert_eq!(alone, Err(ProxyError::NoUser));
        let colon = Proxy::parse(&config("proxy:1", Some("a:b"), Some("hush")));
        assert!(matches!(colon, Err(ProxyError::Credentials(_))));
        let long = "x".repeat(256);
        let long = Proxy::parse(&config("socks5://proxy:1", Some("user"), Some(&long)));
        assert!(matches!(long, Err(ProxyError::Credentials(_))));
        assert_eq!(Proxy::of(Some(&config("", Some(""), None))), Ok(None));
        assert_eq!(Proxy::of(None), Ok(None));
    }

    #[tokio::test]
    async fn an_http_proxy_is_asked_by_name_and_told_who_asks() {
        let proxy = Proxy::parse(&config("proxy:3128", Some("user"), Some("hush"))).expect("a proxy");
        let (near, mut far) = duplex(4096);
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(far.read_u8().await.expect("a byte"));
            }
            far.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("answered");
            String::from_utf8(asked).expect("text")
        });
        proxy.open_way(near, "web.whatsapp.com", 443).await.expect("a way");
        let asked = asked.await.expect("asked");
        assert!(asked.starts_with("CONNECT web.whatsapp.com:443 HTTP/1.1\r\n"), "{asked}");
        assert!(
            asked.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjpodxno\r\n"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn a_refusal_of_an_http_proxy_says_what_is_missing() {
        let proxy = parse("proxy:3128").expect("a proxy");
        let (near, mut far) = duplex(4096);
        far.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.expect("answered");
        let error = proxy.open_way(near, "web.whatsapp.com", 443).await.expect_err("refused").to_string();
        assert!(error.contains("authorization"), "{error}");
    }

    #[tokio::test]
    async fn a_socks_proxy_gets_the_name_not_an_address() {
        let proxy = Proxy::parse(&config("socks5://proxy", Some("user"), Some("hush"))).expect("a proxy");
        let (near, mut far) = duplex(4096);
        let asked = tokio::spawn(async move {
            // RFC 1928: version, one method, user and password; RFC 1929: both; then the request.
            let mut method = [0; 3];
            far.read_exact(&mut method).await.expect("a greeting");
            far.write_all(&[5, 2]).await.expect("chosen");
            let mut user = [0; 11];
            far.read_exact(&mut user).await.expect("a user");
            far.write_all(&[1, 0]).await.expect("let in");
            let mut request = [0; 5 + 16 + 2];
            far.read_exact(&mut request).await.expect("a request");
            far.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.expect("opened");
            (method, user, request)
        });
        proxy.open_way(near, "web.whatsapp.com", 443).await.expect("a way");
        let (method, user, request) = asked.await.expect("asked");
        assert_eq!(method, [5, 1, 2]);
        assert_eq!(&user, b"\x01\x04user\x04hush");
        assert_eq!(&request, b"\x05\x01\x00\x03\x10web.whatsapp.com\x01\xbb");
    }
}
