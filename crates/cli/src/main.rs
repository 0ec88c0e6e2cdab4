//! The wakeeper binary: reads settings, wires the parts, sets the exit code.
//!
//! Exit codes: 0 fine, 1 the operation failed or the thing asked about is unhealthy, 2 wrong usage.

mod chosen;
mod commands;
#[cfg(test)]
mod documented;
mod environment;
mod output;
mod settings;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};
use wakeeper_offline::preflight::PreflightError;
use wakeeper_settings::SettingsError;
use wakeeper_terminal::{Failure, say_failure, typed};

use commands::Command;

/// musl's own allocator has one lock for all threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Link once. Never scan again: a WhatsApp gateway whose sessions survive crashes.
#[derive(Parser)]
#[command(name = "wakeeper", version, arg_required_else_help = true, propagate_version = true)]
#[command(max_term_width = 80)]
#[command(after_help = "Settings come from flags, the environment and wakeeper.toml, in this order. \
                        `wakeeper serve --help` lists them.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // The only TLS provider in the program; clients panic without one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = parse();
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(cli.command.run()));
    match result {
        Ok(code) => code,
        Err(error) => {
            let is_usage = error.is::<SettingsError>();
            say_failure(&failure(&error), typed::wants_json());
            ExitCode::from(if is_usage { 2 } else { 1 })
        }
    }
}

/// The command line; ends the program where it is wrong, or only asks for help.
fn parse() -> Cli {
    let program = Cli::command();
    let parsed = program.clone().try_get_matches().and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        typed::remember(program, &matches);
        Ok(cli)
    });
    parsed.unwrap_or_else(|error| typed::wrong_usage(&error, std::env::args()))
}

fn failure(error: &anyhow::Error) -> Failure {
    // These say by themselves what to do.
    let code = if error.is::<SettingsError>() {
        Some("invalid_settings")
    } else if error.is::<PreflightError>() {
        Some("not_ready")
    } else {
        None
    };
    Failure::of(error.chain(), code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::other("no such file");
        let path = std::path::PathBuf::from("key");
        let error = anyhow::Error::from(SettingsError::SecretFile { name: "API_KEY", path, source: cause() });
        let told = failure(&error.context("cannot start"));
        assert_eq!(told.message, "cannot start: setting API_KEY_FILE: cannot read key: no such file");
        assert_eq!(told.code, "invalid_settings");
        let told = failure(&anyhow::Error::from(cause()).context("cannot read"));
        assert_eq!((told.message.as_str(), told.code), ("cannot read: no such file", "failed"));
    }
}
