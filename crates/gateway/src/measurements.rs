//! What is measured, for Prometheus: recorded once for the process, rendered wherever it is asked for.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder};
use thiserror::Error;

/// How often old measurements are summed up, as the recorder wants it.
const SUM_UP_EVERY: Duration = Duration::from_secs(30);

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
