//! What is measured, for Prometheus: recorded once for the process, rendered wherever it is asked for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::serving::{self, ServeLimits};

/// How often old measurements are summed up, as the recorder wants it.
const SUM_UP_EVERY: Duration = Duration::from_secs(30);

/// Most connections to a page of metrics at the same time.
const CONNECTIONS: usize = 64;

/// Renders metrics in Prometheus' text format.
pub type MetricsRenderer = Arc<dyn Fn() -> String + Send + Sync>;

/// Why nothing is measured.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The buckets are none.
    #[error("metrics cannot be recorded: {0}")]
    Build(#[from] BuildError),
    /// Something else records.
    #[error("metrics are recorded already")]
    Taken,
}

/// Why a page of metrics is not served.
#[derive(Debug, Error)]
#[error("cannot listen on {address}; set MONITOR_LISTEN to another address, or to off")]
pub struct PageError {
    /// Where it was to be served.
    address: SocketAddr,
    /// The system's words.
    source: std::io::Error,
}

/// Serves a page of metrics, and one that says that this process is alive, until `stop`, which it asks for itself when the
/// address cannot be listened on.
pub fn serve(
    address: SocketAddr,
    render: MetricsRenderer,
    stop: CancellationToken,
) -> JoinHandle<Result<(), PageError>> {
    tokio::spawn(async move {
        let served = serve_page(address, render, stop.clone()).await;
        if served.is_err() {
            stop.cancel();
        }
        served
    })
}

async fn serve_page(
    address: SocketAddr,
    render: MetricsRenderer,
    stop: CancellationToken,
) -> Result<(), PageError> {
    let failed = |source| PageError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    tracing::info!("metrics on http://{}/metrics", listener.local_addr().map_err(failed)?);
    let page = move || std::future::ready(render());
    let app = Router::new().route("/metrics", get(page)).route("/health", get(|| async { "ok\n" }));
    serving::serve(listener, app, ServeLimits::with_connections(CONNECTIONS), stop).await;
    Ok(())
}

/// Upper bounds, in seconds, of the buckets that request times are counted in.
pub const REQUEST_BUCKETS: [f64; 9] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Starts recording for this process. `buckets` are the upper bounds, in seconds, that times are counted in. Needs a Tokio
/// runtime.
///
/// # Errors
/// When something records already.
pub fn record(buckets: &[f64]) -> Result<MetricsRenderer, RecordError> {
    let recorder = PrometheusBuilder::new().set_buckets(buckets)?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| RecordError::Taken)?;
    let summed_up = handle.clone();
    tokio::spawn(async move {
        let mut every = tokio::time::interval(SUM_UP_EVERY);
        loop {
            every.tick().await;
            summed_up.run_upkeep();
        }
    });
    Ok(Arc::new(move || handle.render()))
}
