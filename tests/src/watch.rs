//! A running `wakeeper monitor`, the incidents that it keeps, and the metrics that it serves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::PATIENCE;
use crate::docker::Engine;
use crate::journal::eventually;
use crate::lab::{Binary, Lab};
use crate::process::Process;

/// A running monitor.
pub struct Watch {
    process: Process,
    binary: Binary,
    folder: PathBuf,
    state: PathBuf,
    /// The engine, for what is asked of the container.
    host: Option<String>,
    /// What it watches: a container by name, or a folder.
    target: [String; 2],
}

/// What a monitor watches.
pub enum Watched<'w> {
    /// This container.
    Container(&'w Engine, &'w str),
    /// Every labelled container.
    Labelled(&'w Engine),
    /// A data folder, and the log of what runs on it.
    Folder(&'w Path, &'w Path),
}

impl Watch {
    /// Starts the monitor and waits until it watches the container. `settings` go to its environment.
    pub async fn start(lab: &Lab, engine: &Engine, container: &str, settings: &[(&str, &str)]) -> Self {
        let off = [("MONITOR_LISTEN", "off")];
        let mut watch =
            Self::spawn(lab, &Watched::Container(engine, container), &[], &[&off, settings].concat());
        watch.process.wait_line(&format!("watching container {container}"), PATIENCE).await;
        watch
    }

    /// Starts a monitor that serves its metrics on any free port, without waiting for anything.
    pub fn spawn(lab: &Lab, watched: &Watched<'_>, flags: &[&str], settings: &[(&str, &str)]) -> Self {
        let state = lab.folder().join("monitor");
        let mut command = lab.binary().command(lab.folder());
        command.arg("monitor").args(flags).arg("--state").arg(&state);
        command.env("MONITOR_LISTEN", "127.0.0.1:0");
        command.env("BACKUP_DIR", lab.folder().join("backups"));
        let (engine, target) = match watched {
            Watched::Container(engine, name) => {
                command.args(["--container", name]);
                (Some(engine), ["--container".to_owned(), (*name).to_owned()])
            }
            Watched::Labelled(engine) => (Some(engine), [String::new(), String::new()]),
            Watched::Folder(data, log) => {
                command.arg("--data-dir").arg(data).arg("--log").arg(log);
                (None, ["--data-dir".to_owned(), data.display().to_string()])
            }
        };
        let host = engine.map(|engine| engine.host().to_owned());
        command.envs(host.iter().map(|host| ("DOCKER_HOST", host)));
        command.envs(settings.iter().copied());
        Self {
            process: Process::start("monitor", &mut command, &lab.logs()),
            binary: lab.binary().clone(),
            folder: lab.folder().to_owned(),
            state,
            host,
            target,
        }
    }

    /// Waits for a line that it prints.
    pub async fn wait_line(&mut self, text: &str) -> String {
        self.process.wait_line(text, PATIENCE).await
    }

    /// Asks it to end; it must end well.
    pub async fn terminate(self) {
        let status = self.process.terminate(PATIENCE).await;
        assert!(status.success(), "the monitor ended: {status}");
    }

    /// Ends it as a power cut would.
    pub async fn kill(self) {
        self.process.kill().await;
    }

    /// Asks its own page, at the address that it prints; the status and the body.
    pub async fn page(&self, path: &str) -> Result<(u16, String), reqwest::Error> {
        let address =
            |line: &String| Some(line.split_once("metrics on ")?.1.strip_suffix("/metrics")?.to_owned());
        let lines = self.process.lines();
        let found = |all: &[String]| all.iter().find_map(address);
        let address = lines.wait("the address of the monitor's page", PATIENCE, found).await;
        let response = reqwest::get(format!("{address}{path}")).await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// The sum of a metric over all its labels that hold `label`; `None` as long as there is none.
    pub async fn metric(&self, name: &str, label: &str) -> Option<f64> {
        let (_, text) = self.page("/metrics").await.ok()?;
        let is_named = |line: &&str| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(label)
        };
        let values =
            text.lines().filter(is_named).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        values.reduce(|sum, value| sum + value)
    }

    /// Waits until a metric, summed up over all labels, has this value.
    pub async fn wait_metric(&self, name: &str, label: &str, wanted: f64) {
        eventually(&format!("{name} of {wanted}"), PATIENCE, async || {
            let value = self.metric(name, label).await;
            if value == Some(wanted) { Ok(()) } else { Err(format!("{value:?}")) }
        })
        .await;
    }

    /// What the monitor printed.
    pub fn lines(&self) -> Vec<String> {
        self.process.lines().read(<[String]>::to_vec)
    }

    /// Runs `wakeeper <arguments> --container C --json` and returns its document.
    pub async fn run_on_target(&self, arguments: &[&str]) -> Value {
        let [flag, target] = &self.target;
        self.json(&[arguments, &[flag.as_str(), target.as_str()]].concat()).await
    }

    /// All incidents, newest first.
    pub async fn incidents(&self) -> Vec<Value> {
        let list = self.json(&["incidents", "--state", &self.state.to_string_lossy()]).await;
        list.as_array().expect("a list of incidents").clone()
    }

    /// Waits until an incident about the stored state is closed, and returns it with its steps. One that ended by itself before any
    /// message failed is passed over: a look may fall into the moment in which a file is written.
    pub async fn closed(&self, deadline: Duration) -> Value {
        let id = eventually("an incident that is over", deadline, async || {
            let all = self.incidents().await;
            let is_passing = |i: &Value| i["outcome"] == "nothing_found" && i["messages"] == 0;
            let is_over = |i: &&Value| i["kind"] == "session_state" && !i["closed_ms"].is_null();
            let over = all.iter().find(|i| is_over(i) && !is_passing(i));
            over.and_then(|incident| incident["id"].as_i64()).ok_or_else(|| format!("{all:?}"))
        })
        .await;
        self.json(&["incidents", &id.to_string(), "--state", &self.state.to_string_lossy()]).await
    }

    /// Runs a command on the monitor's own state and returns its document.
    pub async fn asks(&self, arguments: &[&str]) -> Value {
        self.json(&[arguments, &["--state", &self.state.to_string_lossy()]].concat()).await
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let mut command = self.binary.command(&self.folder);
        command.args(arguments).arg("--json").envs(self.host.iter().map(|host| ("DOCKER_HOST", host)));
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
