//! `wakeeper simulator`: the simulated WhatsApp alone.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use wakeeper_logging::LogSettings;
use wakeeper_simulator::server::Addressing;
use wakeeper_simulator::{Simulator, SimulatorConfig};

use crate::environment;

use super::log_colours;

/// Run the simulated WhatsApp alone, with its control API
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper simulator\n  \
    WHATSAPP_WS_URL=ws://127.0.0.1:8193/ws/chat wakeeper serve\n  \
    curl -d '{\"number\":\"15555550100\",\"name\":\"Wanda\"}' -H 'Content-Type: application/json' http://127.0.0.1:8193/sim/phones")]
pub struct SimulatorCommand {
    /// Where to listen; loopback only
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8193")]
    listen: SocketAddr,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How people are addressed
    #[arg(long, value_enum, default_value_t = AddressingFlag::Pn)]
    addressing: AddressingFlag,
    /// File that keeps accounts, devices and phones across restarts; it holds private keys
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
}

/// How people are addressed.
#[derive(Clone, Copy, ValueEnum)]
enum AddressingFlag {
    /// By phone number
    Pn,
    /// By hidden id (LID)
    Lid,
}

impl SimulatorCommand {
    /// Serves until the process is asked to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        let json = environment::variable("LOG_FORMAT").is_some_and(|format| format == "json");
        let settings = LogSettings::without_files(json, environment::variable("RUST_LOG"));
        wakeeper_logging::to_stdout(&settings, log_colours())?;
        let stop = tokio::spawn(wakeeper_gateway::serving::asked_to_stop()?);
        let simulator = Simulator::start(SimulatorConfig {
            listen: self.listen,
            seed: self.seed,
            state_file: self.state,
            addressing: match self.addressing {
                AddressingFlag::Pn => Addressing::PhoneNumber,
                AddressingFlag::Lid => Addressing::Lid,
            },
            ..SimulatorConfig::default()
        })
        .await
        .with_context(|| format!("the simulator cannot start on {}", self.listen))?;
        tracing::info!("the simulated WhatsApp listens on {}", simulator.base_url());
        tracing::info!("for a gateway: WHATSAPP_WS_URL={}", simulator.websocket_url());
        stop.await?;
        simulator.stop().await?;
        tracing::info!("stopped");
        Ok(())
    }
}
