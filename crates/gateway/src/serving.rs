//! Serves a router over TCP with bounds that a stranger cannot stretch: how many connections there
//! are, how long one may stay silent, how slowly it may be read. HTTP/1.1 only.
//!
//! What is bounded elsewhere: bodies of requests, by [`crate::pace`] and the API's intake.

mod connection;
mod crowd;
mod wire;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use connection::Connection;
use crowd::Crowd;
use wire::Wire;

/// How long the listener rests when the system gives it no connection (no descriptor left, as a rule).
const REST: Duration = Duration::from_millis(100);

/// What connections may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeLimits {
    /// Most connections at the same time. When they are all taken, a new one takes the place of
    /// one that waits without a request; when none waits, it is answered 503.
    pub connections: usize,
    /// How long a connection may be without a request that is complete up to its body: silent
    /// from the start, in the middle of its headers, or kept alive between two requests.
    pub silence: Duration,
    /// How long an answer may wait for a client that does not read at all.
    pub unread: Duration,
    /// Most bytes of a request's headers.
    pub head: usize,
    /// How connections end that have not sent everything.
    pub farewell: Farewell,
}

/// A connection that is closed before its client has sent everything: what still comes is read and
/// thrown away for a while, because a socket that is closed over unread bytes resets the
/// connection, and the client then often loses the answer too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// How long at most.
    pub total: Duration,
    /// How long without a byte.
    pub pause: Duration,
    /// How many connections at the same time; others are closed at once.
    pub most: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            silence: Duration::from_secs(30),
            unread: Duration::from_mins(1),
            head: 64 << 10,
            farewell: Farewell { total: Duration::from_secs(30), pause: Duration::from_secs(3), most: 256 },
        }
    }
}

impl ServeLimits {
    /// The limits for this process: as many connections as are `wanted`, or as usual. Half of the descriptors stay for
    /// sessions, files and webhooks: a gateway without descriptors loses messages, one without connections only callers.
    #[must_use]
    pub fn for_this_process(wanted: Option<usize>) -> Self {
        let descriptors = raised_descriptors();
        let room = (descriptors / 2).max(1);
        if let Some(wanted) = wanted
            && wanted > room
        {
            tracing::warn!(
                "MAX_CONNECTIONS is {wanted}, but this process may open only {descriptors} files: it takes {room} \
                 connections. Raise the limit of open files (ulimit -n) or lower MAX_CONNECTIONS"
            );
        }
        Self::with_connections(wanted.unwrap_or(Self::default().connections).min(room))
    }

    /// The limits for so many connections.
    #[must_use]
    pub fn with_connections(connections: usize) -> Self {
        let usual = Self::default();
        let most = usual.farewell.most.min(connections / 4).max(1);
        Self { connections, farewell: Farewell { most, ..usual.farewell }, ..usual }
    }
}

/// How many files this process may open, after it asked for as many as it may ask for: shells and
/// service managers set the first limit low for the sake of old programs.
fn raised_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum
        && let Err(error) =
            setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
    {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| most as usize)
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another program listens there.
    #[error("port {} on {} is in use by another program; stop it or set PORT to another one", address.port(), address.ip())]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// The system refused.
    #[error("cannot listen on {address} (settings HOST and PORT): {source}")]
    Other {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        source: io::Error,
    },
}

/// An address to connect to for one to listen on.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Resolves when the process is asked to stop: SIGTERM (Docker), SIGINT (Ctrl-C). Both are caught from the call on, not only
/// once somebody waits.
///
/// # Errors
/// When the system does not let them be caught.
pub fn asked_to_stop() -> io::Result<impl Future<Output = &'static str> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// A listener for callers of the API.
///
/// # Errors
/// One line that says what to do.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        _ => BindError::Other { address, source: error },
    })
}

/// The address that a request's connection came from. What headers say of it counts for nothing.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Serves `router` until `stopping`; then takes no new connection, lets requests under way finish
/// and returns when all are done.
/// A listener that fails is tried again.
pub async fn serve(listener: TcpListener, router: Router, limits: ServeLimits, stopping: CancellationToken) {
    let crowd = Crowd::new(limits.connections);
    let farewells = Arc::new(Semaphore::new(limits.farewell.most));
    let open = TaskTracker::new();
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = stopping.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    after_failure(&error, &crowd).await;
                    continue;
                }
            },
        };
        let seat = crowd.admit(peer.ip());
        let wire = Wire::new(stream, limits, Arc::clone(&farewells), seat.clone());
        match seat {
            Some(seat) => {
                let connection = Connection {
                    router: router.clone(),
                    limits,
                    seat,
                    peer: Peer(peer.ip()),
                    stopping: stopping.clone(),
                };
                open.spawn(connection.run(wire));
            }
            None => drop(open.spawn(connection::refuse(wire))),
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// A client that was gone before it was accepted costs nothing. Everything else means that the
/// system has no room: one that waits goes, and the listener rests.
async fn after_failure(error: &io::Error, crowd: &Arc<Crowd>) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::warn!(%error, connections = crowd.count(), "no connection could be accepted; trying again");
    crowd.dismiss_one();
    tokio::time::sleep(REST).await;
}

/// What is set on every accepted socket.
fn prepare(stream: &TcpStream) {
    // Answers are small and written at once; waiting for more only delays them.
    let _ = stream.set_nodelay(true);
}

#[cfg(test)]
mod tests;
