//! Measurements, each against a yardstick: `cargo run --release -p wakeeper-bench -- logs`.
//!
//! A measurement that misses its yardstick ends with exit code 1.

mod logs;

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let within = match arguments.next().as_deref() {
        Some("logs") => logs::run(arguments.next().as_deref())?,
        _ => anyhow::bail!("usage: wakeeper-bench logs [MEBIBYTES]"),
    };
    Ok(if within { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
