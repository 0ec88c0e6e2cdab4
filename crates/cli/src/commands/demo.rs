//! `wakeeper demo`: a simulated WhatsApp, a real gateway, and a conversation between them.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use wakeeper_demo::{DemoConfig, Output};
use wakeeper_logging::LogSettings;
use wakeeper_offline::preflight;

use crate::environment;
use crate::settings::{DEFAULT_PORT, parse_host};

use wakeeper_gateway::serving::asked_to_stop;

/// Run the gateway against a simulated WhatsApp, with simulated contacts: no phone needed
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper demo\n  wakeeper demo --exit\n  wakeeper demo --data-dir ./demo\n  wakeeper demo --host 0.0.0.0"
)]
pub struct Demo {
    /// End after the story; the exit code is 0 only if every message arrived
    #[arg(long)]
    exit: bool,
    /// Address that the gateway listens on: 0.0.0.0 to look at it from other machines
    #[arg(long, env = "HOST", value_name = "IP", default_value = "127.0.0.1", value_parser = host)]
    host: IpAddr,
    /// Port of the gateway; 0 takes a free one
    #[arg(long, env = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,
    /// Port of the simulated WhatsApp; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    simulator_port: u16,
    /// Folder to keep everything in for a next demo; without it all is thrown away at the end
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

fn host(text: &str) -> Result<IpAddr, &'static str> {
    parse_host(text).ok_or("an IP address such as 0.0.0.0 or 127.0.0.1 is expected")
}

/// `METRICS`, as for the gateway.
fn metrics() -> anyhow::Result<bool> {
    let Some(text) = environment::variable("METRICS") else { return Ok(false) };
    wakeeper_settings::parse_bool(&text)
        .with_context(|| format!("METRICS is {text:?}; allowed: true or false"))
}

impl Demo {
    /// Goes through the conversation, then stays up unless told to exit.
    pub async fn run(self) -> anyhow::Result<()> {
        let stop = tokio::spawn(asked_to_stop()?);
        let (folder, _thrown_away) = if let Some(folder) = &self.data_dir {
            (folder.clone(), None)
        } else {
            let folder = tempfile::Builder::new().prefix("wakeeper-demo-").tempdir()?;
            (folder.path().to_owned(), Some(folder))
        };
        tokio::select! {
            asked = stop => asked.map(drop).map_err(anyhow::Error::from),
            ran = self.in_folder(&folder) => ran,
        }
    }

    async fn in_folder(&self, folder: &Path) -> anyhow::Result<()> {
        let auth_info = folder.join("auth_info");
        preflight::prepare_auth_info(&auth_info)?;
        let log = folder.join("demo.log");
        let file = OpenOptions::new().create(true).append(true).open(&log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        wakeeper_logging::to_file(
            &LogSettings::without_files(false, environment::variable("RUST_LOG")),
            file,
        )?;
        let config = DemoConfig {
            auth_info,
            listen: SocketAddr::new(self.host, self.port),
            metrics: metrics()?,
            simulator_port: self.simulator_port,
            simulator_state: self.data_dir.as_ref().map(|_| folder.join("simulator.json")),
            stays: !self.exit,
            log,
        };
        let colours = io::stdout().is_terminal() && environment::colours();
        Ok(wakeeper_demo::run(config, Output::new(Box::new(io::stdout()), colours)).await?)
    }
}
