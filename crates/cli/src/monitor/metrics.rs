//! The monitor's own page: metrics for Prometheus, and whether it is alive.

use std::net::SocketAddr;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wakeeper_gateway::serving::{self, ServeLimits};

/// Most connections to the monitor's metrics at the same time.
const CONNECTIONS: usize = 64;

/// Upper bounds, in seconds, of the buckets that downtimes are counted in.
const BUCKETS: [f64; 8] = [1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0];

/// Starts recording.
pub fn record() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS)?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).context("metrics are recorded already")?;
    metrics::describe_counter!("wakeeper_symptoms_total", "Log lines that told of trouble, by class");
    metrics::describe_counter!("wakeeper_incident_steps_total", "Steps of incidents, by kind");
    metrics::describe_counter!("wakeeper_cures_total", "Cures by rung and result");
    metrics::describe_gauge!("wakeeper_incidents_open", "Incidents that are not over");
    metrics::describe_gauge!(
        "wakeeper_left_alone",
        "1 while a session is left alone because cures did not help"
    );
    metrics::describe_gauge!("wakeeper_watched", "Sessions that are watched");
    metrics::describe_histogram!("wakeeper_cure_downtime_seconds", "How long gateways stood still for cures");
    Ok(handle)
}

/// Serves until the monitor stops.
pub async fn serve(
    listen: SocketAddr,
    handle: PrometheusHandle,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await.with_context(|| {
        format!("cannot listen on {listen}; set MONITOR_LISTEN to another address, or to off")
    })?;
    tracing::info!("metrics on http://{}/metrics", listener.local_addr()?);
    let render = move || {
        handle.run_upkeep();
        std::future::ready(handle.render())
    };
    let app = Router::new().route("/metrics", get(render)).route("/health", get(|| async { "ok\n" }));
    serving::serve(listener, app, ServeLimits::with_connections(CONNECTIONS), stop).await;
    Ok(())
}
