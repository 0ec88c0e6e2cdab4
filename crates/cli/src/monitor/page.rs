//! The monitor's own page: metrics for Prometheus, and whether it is alive.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wakeeper_gateway::measurements::MetricsRenderer;
use wakeeper_gateway::serving::{self, ServeLimits};

/// Most connections to the monitor's metrics at the same time.
const CONNECTIONS: usize = 64;

/// Upper bounds, in seconds, of the buckets that downtimes are counted in.
pub const BUCKETS: [f64; 8] = [1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0];

/// Serves until the monitor stops.
pub async fn serve(
    listen: SocketAddr,
    render: MetricsRenderer,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}; set MONITOR_LISTEN to another address, or to off")
    })?;
    tracing::info!("metrics on http://{}/metrics", listener.local_addr()?);
    let page = move || std::future::ready(render());
    let app = Router::new().route("/metrics", get(page)).route("/health", get(|| async { "ok\n" }));
    serving::serve(listener, app, ServeLimits::with_connections(CONNECTIONS), stop).await;
    Ok(())
}
