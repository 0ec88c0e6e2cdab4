//! The way to WhatsApp's server: TCP, TLS and WebSocket, with a deadline, and with eyes on every frame.
//!
//! TLS is whatsapp-rust's own default, which verifies certificates. A proxy of a session will be dialled in [`Dialer::dial`],
//! instead of the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
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
    #[error("{host} refused the WebSocket: {source}")]
    Upgrade { host: String, source: tokio_websockets::Error },
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Makes the connections of one session.
pub(crate) struct Dialer {
    url: String,
    line: Arc<Line>,
    client: u64,
}

impl Dialer {
    /// Connects a new client to `url`, or to WhatsApp's own server.
    pub(crate) fn new(url: Option<String>, line: Arc<Line>) -> Self {
        let client = line.next_client();
        Self { url: url.unwrap_or_else(|| WHATSAPP_WEB_WS_URL.to_owned()), line, client }
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
        self.line.begin(self.client, &format!("{host}:{port}"));
        let stream = self.connect(&host, port).await?;
        // Messages are small and wait for their answers: holding them back to fill a packet only costs time.
        let _ = stream.set_nodelay(true);
        let connector = if secure { default_tls_connector() } else { Connector::Plain };
        self.enter(Phase::Securing);
        let stream = connector
            .wrap(&host, stream)
            .await
            .map_err(|source| DialError::Tls { host: host.clone(), source })?;
        self.enter(Phase::Upgrading);
        let refused = |source| DialError::Upgrade { host: host.clone(), source };
        let origin = http::HeaderValue::from_static(WHATSAPP_WEB_ORIGIN);
        let builder =
            ClientBuilder::from_uri(uri.clone()).add_header(http::header::ORIGIN, origin).map_err(refused)?;
        let (socket, _) = builder.connect_on(stream).await.map_err(refused)?;
        Ok(socket)
    }

    /// The first of the host's addresses that answers. One that is silent does not hold up the others.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
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
