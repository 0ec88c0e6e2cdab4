//! The gateway as a whole: opens rows, webhooks and sessions, serves HTTP, shuts down in order.

use std::future::Future;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wakeeper_access::{KeyError, Keys};
use wakeeper_delivery::streams::StreamError;
use wakeeper_delivery::webhook::{WebhookError, WebhookSettings, Webhooks};
use wakeeper_engine::{EngineConfig, EngineError, Lock, Rows, Sessions};

use crate::api::{self, ApiConfig};
use crate::incidents::{IncidentConfig, Keeping};
use crate::serving::{self, ServeLimits};

/// How long readers of live streams may take for the end.
const STREAMS: Duration = Duration::from_secs(2);

/// How a gateway runs.
pub struct GatewayConfig {
    /// The sessions.
    pub engine: EngineConfig,
    /// Receivers of every session's events, and how deliveries are made.
    pub webhooks: WebhookSettings,
    /// The HTTP surface.
    pub api: ApiConfig,
    /// What connections may do.
    pub serving: ServeLimits,
    /// How long a shutdown may take.
    pub shutdown_timeout: Duration,
    /// How incidents of the sessions are kept; `None` keeps none.
    pub incidents: Option<IncidentConfig>,
}

/// Why a gateway did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The webhooks cannot work.
    #[error(transparent)]
    Webhooks(#[from] WebhookError),
    /// Rows or sessions could not be opened.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The keys of the API cannot be read.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// What live streams asked for cannot be read.
    #[error(transparent)]
    Streams(#[from] StreamError),
    /// The listener failed.
    #[error("serving HTTP failed: {0}")]
    Serve(#[source] std::io::Error),
}

/// A running gateway.
pub struct Gateway {
    router: Router,
    sessions: Sessions,
    webhooks: Webhooks,
    rows: Rows,
    stopping: CancellationToken,
    at_once: CancellationToken,
    serving: ServeLimits,
    shutdown_timeout: Duration,
    incidents: Option<Keeping>,
}

impl Gateway {
    /// Opens everything under `auth_info`, on which the caller holds the lock, and starts the
    /// sessions that were running.
    ///
    /// # Errors
    /// When another process holds a session, or something in the folder cannot be opened.
    pub async fn open(mut config: GatewayConfig, lock: Lock) -> Result<Self, GatewayError> {
        let clock = config.webhooks.clock.clone();
        let rows = Rows::open(&mut config.engine, clock.now_ms()).await?;
        let webhooks = Webhooks::new(rows.storage(), config.webhooks)?;
        let keys = Keys::open(rows.storage(), clock.clone()).await?;
        // Before the first event.
        webhooks.streams().remember().await?;
        let incidents = config.incidents.map(|incidents| Keeping::start(incidents, clock.clone()));
        let sessions = Sessions::open(config.engine, lock, rows.storage(), webhooks.sink(), clock).await?;
        webhooks.start();
        let stopping = CancellationToken::new();
        let at_once = CancellationToken::new();
        let (stop, force) = (stopping.clone(), at_once.clone());
        let router = api::router(config.api, sessions.clone(), webhooks.clone(), keys, stop, force);
        let (serving, shutdown_timeout) = (config.serving, config.shutdown_timeout);
        Ok(Self { router, sessions, webhooks, rows, stopping, at_once, serving, shutdown_timeout, incidents })
    }

    /// The sessions, for callers in the same process.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The HTTP surface, for callers in the same process.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves until `stop` resolves, then flushes everything and ends within the shutdown time.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        mut self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), GatewayError> {
        let stopping = self.stopping.clone();
        let signal = stopping.clone();
        let mut serving = tokio::spawn(serving::serve(listener, self.router.clone(), self.serving, signal));
        let served = tokio::select! {
            () = stop => None,
            // A caller of the API. Live streams keep their connections until they are told of the end.
            () = stopping.cancelled() => None,
            ended = &mut serving => Some(ended),
        };
        stopping.cancel();
        let at_once = self.at_once.clone();
        tokio::select! {
            biased;
            () = at_once.cancelled() => self.leave(&mut serving).await,
            flushed = tokio::time::timeout(self.shutdown_timeout, self.shut_down(&mut serving, served.is_some())) => {
                if flushed.is_err() {
                    tracing::warn!(
                        seconds = self.shutdown_timeout.as_secs(),
                        "shutting down took too long; going without"
                    );
                }
            }
        }
        serving.abort();
        if let Some(incidents) = self.incidents.take() {
            incidents.end().await;
        }
        match served {
            Some(Err(error)) => Err(GatewayError::Serve(std::io::Error::other(error))),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Ends at once. Whatever was accepted is on the disk, and the next start goes on with it.
    async fn leave(&self, serving: &mut tokio::task::JoinHandle<()>) {
        tracing::warn!("what is under way is broken off, as a caller of the API wants it");
        // For the answer to that caller.
        let _ = tokio::time::timeout(Duration::from_secs(1), serving).await;
        let _ = tokio::time::timeout(self.shutdown_timeout, self.rows.close()).await;
    }

    /// Sends under way end first, then deliveries, then live streams, then the rows close.
    async fn shut_down(&self, serving: &mut tokio::task::JoinHandle<()>, already_ended: bool) {
        self.sessions.shutdown().await;
        self.webhooks.shutdown(self.shutdown_timeout / 3).await;
        // Everything that happened is committed now.
        self.webhooks.streams().end(STREAMS).await;
        // Open connections without a request (keep-alive) must not hold up the end for long.
        if !already_ended {
            let _ = tokio::time::timeout(Duration::from_secs(1), serving).await;
        }
        self.rows.close().await;
    }
}
