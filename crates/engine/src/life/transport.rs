//! The way to WhatsApp's server: TCP, the session's proxy if it has one, TLS and WebSocket, with a deadline, and with eyes on
//! every frame. TLS is whatsapp-rust's own default, which verifies certificates.

pub(crate) mod proxy;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_websockets::{ClientBuilder, Connector, MaybeTlsStream, WebSocketStream};
use whatsapp_rust::async_channel::{self, Receiver, Sender};
use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::transport::{
    DisconnectReason, Transport, TransportEvent, TransportFactory, default_tls_connector, from_websocket,
};
use whatsapp_rust::wacore::net::{WHATSAPP_WEB_ORIGIN, WHATSAPP_WEB_WS_URL};
use whatsapp_rust::{anyhow, async_trait};

use crate::life::line::{Line, Phase};
use proxy::Proxy;

/// How long an attempt may take in all. whatsapp-rust gives up after 20 s; this is told before.
const CONNECT: Duration = Duration::from_secs(18);
/// How long one address of several may be silent before the next one is tried beside it.
const NEXT_ADDRESS: Duration = Duration::from_secs(1);
/// How long a closing handshake may take; a server that went deaf never finishes it.
const CLOSE: Duration = Duration::from_secs(2);
/// Frames that wait for the client, as in whatsapp-rust's own transport.
const WAITING_FRAMES: usize = 64;

/// Why a connection could not be made.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error("{0} is no address of a WebSocket server")]
    Address(String),
    #[error("the address of {host} cannot be looked up ({source}); is DNS working?")]
    Lookup { host: String, source: std::io::Error },
    #[error("{host} has no address")]
    NoAddress { host: String },
    #[error("no connection to {address}: {source}")]
    Tcp { address: SocketAddr, source: std::io::Error },
    #[error("the TLS handshake with {host} failed: {source}")]
    Tls { host: String, source: tokio_websockets::Error },
    #[error("the certificates that this machine trusts cannot be read: {0}")]
    Certificates(io::Error),
    #[error("{host} refused the WebSocket: {source}")]
    Upgrade { host: String, source: tokio_websockets::Error },
    #[error("the session's proxy {proxy} cannot be used: {source}")]
    Proxy { proxy: String, source: Box<DialError> },
    #[error("behind the session's proxy {proxy}: {source}")]
    BehindProxy { proxy: String, source: Box<DialError> },
    #[error("it opens no way to {host} ({source}); are its address, user name and password right?")]
    NoWay { host: String, source: io::Error },
}

/// A connection on which bytes go both ways.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type Socket = WebSocketStream<MaybeTlsStream<Box<dyn Stream>>>;

/// Makes the connections of one session.
pub(crate) struct Dialer {
    url: String,
    proxy: Option<Proxy>,
    line: Arc<Line>,
    client: u64,
}

impl Dialer {
    /// Connects a new client to `url`, or to WhatsApp's own server; through the proxy, if there is one.
    pub(crate) fn new(url: Option<String>, proxy: Option<Proxy>, line: Arc<Line>) -> Self {
        let client = line.next_client();
        Self { url: url.unwrap_or_else(|| WHATSAPP_WEB_WS_URL.to_owned()), proxy, line, client }
    }

    fn enter(&self, phase: Phase) {
        self.line.enter(self.client, phase);
    }

    async fn dial(&self) -> Result<Socket, DialError> {
        let address = || DialError::Address(self.url.clone());
        let uri: http::Uri = self.url.parse().map_err(|_| address())?;
        let secure = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            _ => return Err(address()),
        };
        let host = uri.host().ok_or_else(address)?.trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = self.reach(&host, port).await?;
        let opened = self.open_socket(stream, secure, &host, &uri).await;
        opened.map_err(|source| match &self.proxy {
            Some(proxy) => DialError::BehindProxy { proxy: proxy.name(), source: Box::new(source) },
            None => source,
        })
    }

    async fn open_socket(
        &self,
        stream: Box<dyn Stream>,
        secure: bool,
        host: &str,
        uri: &http::Uri,
    ) -> Result<Socket, DialError> {
        let connector = if secure { default_tls_connector() } else { Connector::Plain };
        self.enter(Phase::Securing);
        let stream = connector
            .wrap(host, stream)
            .await
            .map_err(|source| DialError::Tls { host: host.to_owned(), source })?;
        self.enter(Phase::Upgrading);
        let refused = |source| DialError::Upgrade { host: host.to_owned(), source };
        let origin = http::HeaderValue::from_static(WHATSAPP_WEB_ORIGIN);
        let builder =
            ClientBuilder::from_uri(uri.clone()).add_header(http::header::ORIGIN, origin).map_err(refused)?;
        let (socket, _) = builder.connect_on(stream).await.map_err(refused)?;
        Ok(socket)
    }

    /// A connection to the host, through the proxy if there is one. Without an answer of the proxy there is none.
    async fn reach(&self, host: &str, port: u16) -> Result<Box<dyn Stream>, DialError> {
        let server = format!("{host}:{port}");
        let Some(proxy) = &self.proxy else {
            self.line.begin(self.client, &server);
            return Ok(Box::new(self.connect(host, port).await?));
        };
        self.line.begin(self.client, &format!("the session's proxy {}", proxy.name()));
        let stream = self
            .reach_through(proxy, host, port)
            .await
            .map_err(|source| DialError::Proxy { proxy: proxy.name(), source: Box::new(source) })?;
        self.line.reached(self.client, &server);
        Ok(stream)
    }

    async fn reach_through(
        &self,
        proxy: &Proxy,
        host: &str,
        port: u16,
    ) -> Result<Box<dyn Stream>, DialError> {
        let (name, at) = proxy.address();
        let stream = self.connect(name, at).await?;
        self.enter(Phase::Securing);
        let connector = proxy.connector().map_err(DialError::Certificates)?;
        let secured = connector.wrap(name, stream).await;
        let stream = secured.map_err(|source| DialError::Tls { host: name.to_owned(), source })?;
        self.enter(Phase::Tunnelling);
        let opened = proxy.open_way(stream, host, port).await;
        let stream = opened.map_err(|source| DialError::NoWay { host: host.to_owned(), source })?;
        Ok(Box::new(stream))
    }

    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let stream = self.first_of(host, port).await?;
        // Messages are small and wait for their answers: holding them back to fill a packet only costs time.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// The first of the host's addresses that answers. One that is silent does not hold up the others.
    async fn first_of(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let found = lookup_host((host, port)).await;
        let addresses: Vec<SocketAddr> =
            found.map_err(|source| DialError::Lookup { host: host.to_owned(), source })?.collect();
        self.enter(Phase::Dialing);
        let mut attempts: FuturesUnordered<_> = (0u32..)
            .zip(addresses)
            .map(|(place, address)| async move {
                tokio::time::sleep(NEXT_ADDRESS * place).await;
                TcpStream::connect(address).await.map_err(|source| DialError::Tcp { address, source })
            })
            .collect();
        let mut failed = DialError::NoAddress { host: host.to_owned() };
        while let Some(outcome) = attempts.next().await {
            match outcome {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

// The trait wants `anyhow::Error`; nothing else of this crate uses it.
#[async_trait]
impl TransportFactory for Dialer {
    async fn create_transport(
        &self,
    ) -> Result<(Arc<dyn Transport>, Receiver<TransportEvent>), anyhow::Error> {
        let dialled = match tokio::time::timeout(CONNECT, self.dial()).await {
            Ok(dialled) => dialled.map_err(|error| error.to_string()),
            // Where it got stuck stays the phase; the words are of this moment.
            Err(_) => Err(self.line.stuck()),
        };
        let socket = dialled.map_err(|why| {
            self.enter(Phase::Failed(why.clone()));
            anyhow::Error::msg(why)
        })?;
        self.enter(Phase::Open);
        let (transport, events) = from_websocket(socket);
        let (seen, watched) = async_channel::bounded(WAITING_FRAMES);
        tokio::spawn(watch(events, seen, Arc::clone(&self.line), self.client));
        Ok((Arc::new(Watched(transport)), watched))
    }
}

/// Hands on what comes in, and notes it.
async fn watch(
    events: Receiver<TransportEvent>,
    reader: Sender<TransportEvent>,
    line: Arc<Line>,
    client: u64,
) {
    while let Ok(event) = events.recv().await {
        match &event {
            TransportEvent::DataReceived(_) => line.heard(client),
            TransportEvent::Disconnected(reason) => line.enter(client, Phase::Closed(closed(reason))),
            TransportEvent::Connected => {}
        }
        // The client reads no more: its end of the connection is closed by itself.
        if reader.send(event).await.is_err() {
            return;
        }
    }
}

fn closed(reason: &DisconnectReason) -> String {
    match reason {
        DisconnectReason::ServerClose { code: Some(code), .. } => {
            format!("the server closed it (code {code})")
        }
        DisconnectReason::ServerClose { .. } | DisconnectReason::StreamEnded => {
            "the server closed it".to_owned()
        }
        DisconnectReason::ReadError(error) => error.clone(),
        DisconnectReason::Unknown => "it ended".to_owned(),
    }
}

/// A transport that leaves a server that went deaf without waiting for its goodbye.
struct Watched(Arc<dyn Transport>);

#[async_trait]
impl Transport for Watched {
    async fn send(&self, data: Bytes) -> Result<(), anyhow::Error> {
        self.0.send(data).await
    }

    async fn disconnect(&self) {
        let _ = tokio::time::timeout(CLOSE, self.0.disconnect()).await;
    }
}
