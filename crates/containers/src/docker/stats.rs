//! What a container uses.

use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptions;
use futures::StreamExt;
use serde::Serialize;

use crate::docker::engine::Engine;
use crate::docker::error::EngineError;

/// What a container uses now.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Of one processor, so 200 is two; `None` when the engine has only one sample.
    pub cpu_percent: Option<f64>,
    /// Bytes, without the file cache that can be given back.
    pub memory: u64,
    /// The most it may use, bytes.
    pub memory_limit: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
}

impl Engine {
    /// Measures a running container; takes one to two seconds, because the processor is measured over time.
    pub async fn stats(&self, name: &str) -> Result<Stats, EngineError> {
        let options = StatsOptions { stream: false, one_shot: false };
        let action = format!("measure container {name}");
        match Box::pin(self.docker.stats(name, Some(options))).next().await {
            Some(Ok(response)) => Ok(stats_of(&response)),
            Some(Err(error)) => Err(EngineError::of(action, name, error)),
            None => Err(EngineError::Failed { action, reason: "it sent no measurement".to_owned() }),
        }
    }
}

fn stats_of(response: &ContainerStatsResponse) -> Stats {
    let memory = response.memory_stats.clone().unwrap_or_default();
    let details = memory.stats.unwrap_or_default();
    // cgroup v2 and v1 have different names for it.
    let cache =
        details.get("inactive_file").or_else(|| details.get("total_inactive_file")).copied().unwrap_or(0);
    let networks = response.networks.clone().unwrap_or_default();
    Stats {
        cpu_percent: cpu_percent(response),
        memory: memory.usage.unwrap_or(0).saturating_sub(cache),
        memory_limit: memory.limit.unwrap_or(0),
        processes: response.pids_stats.as_ref().and_then(|pids| pids.current).unwrap_or(0),
        received: networks.values().filter_map(|network| network.rx_bytes).sum(),
        sent: networks.values().filter_map(|network| network.tx_bytes).sum(),
    }
}

fn cpu_percent(response: &ContainerStatsResponse) -> Option<f64> {
    let (now, before) = (response.cpu_stats.as_ref()?, response.precpu_stats.as_ref()?);
    let used = now.cpu_usage.as_ref()?.total_usage?.checked_sub(before.cpu_usage.as_ref()?.total_usage?)?;
    let passed = now.system_cpu_usage?.checked_sub(before.system_cpu_usage?)?;
    let processors = f64::from(now.online_cpus.unwrap_or(1).max(1));
    (passed > 0).then(|| used as f64 / passed as f64 * processors * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_cgroup_versions() {
        let text = r#"{"cpu_stats":{"cpu_usage":{"total_usage":300},"system_cpu_usage":2000,"online_cpus":2},
            "precpu_stats":{"cpu_usage":{"total_usage":100},"system_cpu_usage":1000},
            "memory_stats":{"usage":1000,"limit":4000,"stats":{"total_inactive_file":400}},
            "pids_stats":{"current":7},"networks":{"eth0":{"rx_bytes":5,"tx_bytes":6}}}"#;
        let stats = stats_of(&serde_json::from_str(text).unwrap());
        assert_eq!((stats.memory, stats.memory_limit, stats.processes), (600, 4000, 7));
        assert!((stats.cpu_percent.unwrap() - 40.0).abs() < 1e-9);
        let v2 = text
            .replace("total_inactive_file", "inactive_file")
            .replace("\"system_cpu_usage\":1000", "\"x\":1");
        let stats = stats_of(&serde_json::from_str(&v2).unwrap());
        assert_eq!((stats.memory, stats.cpu_percent), (600, None));
    }
}
