//! What a container does, in a few words.

use wakeeper_model::plural;

use crate::docker::container::{Container, HealthState, Status};

impl Container {
    /// In one line: `running, healthy, up 5 minutes`.
    pub fn summary(&self, now_ms: i64) -> String {
        let now_ns = now_ms.saturating_mul(1_000_000);
        let mut parts = vec![self.status.to_string()];
        if let Some(health) = self.health.as_ref().filter(|_| self.is_up()) {
            parts.push(health.state.to_string());
        }
        if self.is_up() {
            parts.extend(self.started_ns.map(|started| format!("up {}", lasting(now_ns - started))));
        } else if let Some(code) = self.exit_code {
            let memory = if self.oom_killed { ", out of memory" } else { "" };
            let ended = self.finished_ns.map(|ended| format!(" {} ago", lasting(now_ns - ended)));
            parts.push(format!("exit code {code}{memory}{}", ended.unwrap_or_default()));
        }
        parts.join(", ")
    }

    /// Whether it is as it should be: it runs, and its health check does not say otherwise.
    pub fn is_well(&self) -> bool {
        let unwell = self.health.as_ref().is_some_and(|health| health.state == HealthState::Unhealthy);
        self.status == Status::Running && !unwell
    }

    /// What its health check printed last, in a line: of the gateway's own answer only what failed, or that all is well.
    pub fn health_words(&self) -> Option<String> {
        let output = &self.health.as_ref()?.last_output;
        (!output.is_empty()).then(|| health_words(output))
    }
}

fn health_words(output: &str) -> String {
    let answer: serde_json::Value =
        serde_json::from_str(output.lines().next().unwrap_or_default()).unwrap_or_default();
    match (answer["status"].as_str(), answer["error"].as_object()) {
        (Some("ok"), _) => {
            let checks = answer["info"].as_object().map(|checks| checks.keys().cloned().collect::<Vec<_>>());
            format!("ok ({})", checks.unwrap_or_default().join(", "))
        }
        (Some(status), Some(failed)) => {
            let failed: Vec<String> = failed.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            format!("{status}: {}", failed.join("; "))
        }
        _ => output.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect(),
    }
}

/// A span of time, as people say it.
fn lasting(nanoseconds: i64) -> String {
    let seconds = (nanoseconds / 1_000_000_000).max(0) as usize;
    match seconds {
        0..120 => plural(seconds, "second"),
        120..7200 => plural(seconds / 60, "minute"),
        7200..172_800 => plural(seconds / 3600, "hour"),
        _ => plural(seconds / 86_400, "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_health_check_only_what_failed_is_told() {
        let answer = r#"{"status":"error","info":{},"error":{"sessions":"none works"}}"#;
        assert_eq!(health_words(answer), "error: sessions: \"none works\"");
        assert_eq!(health_words(r#"{"status":"ok","info":{"disk":{},"rows":{}}}"#), "ok (disk, rows)");
        assert_eq!(health_words("curl: (7)\n failed"), "curl: (7) failed");
    }

    #[test]
    fn spans_are_told_in_their_usual_unit() {
        let told = [90, 600, 10_000, 200_000].map(|seconds| lasting(seconds * 1_000_000_000));
        assert_eq!(told, ["90 seconds", "10 minutes", "2 hours", "2 days"]);
        assert_eq!(lasting(-5), "0 seconds");
    }
}
