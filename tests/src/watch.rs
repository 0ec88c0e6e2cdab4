//! A running `wakeeper monitor`, and the incidents that it keeps.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::PATIENCE;
use crate::docker::Engine;
use crate::journal::eventually;
use crate::lab::{Binary, Lab};
use crate::process::Process;

/// A running monitor of one container.
pub struct Watch {
    process: Process,
    binary: Binary,
    folder: PathBuf,
    state: PathBuf,
    host: String,
    container: String,
}

impl Watch {
    /// Starts the monitor and waits until it watches the container. `settings` go to its environment.
    pub async fn start(lab: &Lab, engine: &Engine, container: &str, settings: &[(&str, &str)]) -> Self {
        let state = lab.folder().join("monitor");
        let mut command = lab.binary().command(lab.folder());
        command.args(["monitor", "--container", container]).arg("--state").arg(&state);
        command.env("DOCKER_HOST", engine.host()).env("MONITOR_LISTEN", "off");
        command.env("BACKUP_DIR", lab.folder().join("backups"));
        command.envs(settings.iter().copied());
        let mut process = Process::start("monitor", &mut command, &lab.logs());
        process.wait_line(&format!("watching container {container}"), PATIENCE).await;
        Self {
            process,
            binary: lab.binary().clone(),
            folder: lab.folder().to_owned(),
            state,
            host: engine.host().to_owned(),
            container: container.to_owned(),
        }
    }

    /// What the monitor printed.
    pub fn lines(&self) -> Vec<String> {
        self.process.lines().read(<[String]>::to_vec)
    }

    /// Runs `wakeeper <arguments> --container C --json` and returns its document.
    pub async fn care(&self, arguments: &[&str]) -> Value {
        let container = ["--container", self.container.as_str()];
        self.json(&[arguments, &container].concat()).await
    }

    /// All incidents, newest first.
    pub async fn incidents(&self) -> Vec<Value> {
        let list = self.json(&["incidents", "--state", &self.state.to_string_lossy()]).await;
        list.as_array().expect("a list of incidents").clone()
    }

    /// Waits until an incident about the stored state is closed, and returns it with its steps.
    pub async fn closed(&self, deadline: Duration) -> Value {
        let id = eventually("an incident that is over", deadline, async || {
            let all = self.incidents().await;
            let over = all.iter().find(|i| i["kind"] == "session_state" && !i["closed_ms"].is_null());
            over.and_then(|incident| incident["id"].as_i64()).ok_or_else(|| format!("{all:?}"))
        })
        .await;
        self.json(&["incidents", &id.to_string(), "--state", &self.state.to_string_lossy()]).await
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let mut command = self.binary.command(&self.folder);
        command.args(arguments).arg("--json").env("DOCKER_HOST", &self.host);
        command.env("BACKUP_DIR", Path::new(&self.folder).join("backups"));
        let output = command.output().await.expect("run wakeeper");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
            panic!("{arguments:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr))
        })
    }
}

/// When an incident first took a step of this kind, milliseconds since 1970.
pub fn step_ms(incident: &Value, step: &str) -> Option<i64> {
    let steps = incident["steps"].as_array()?;
    steps.iter().find(|s| s["step"] == step)?["at_ms"].as_i64()
}
