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

use clap::Parser;
use wakeeper_settings::SettingsError;

use commands::Command;

/// musl's own allocator has one lock for all threads.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Link once. Never scan again: a WhatsApp gateway whose sessions survive crashes.
#[derive(Parser)]
#[command(name = "wakeeper", version, arg_required_else_help = true, propagate_version = true)]
#[command(after_help = "Settings come from flags, the environment and wakeeper.toml, in this order. \
                        `wakeeper serve --help` lists them.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // The only TLS provider in the program; clients panic without one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(cli.command.run()));
    match result {
        Ok(code) => code,
        Err(error) => {
            complain(&error);
            ExitCode::from(if error.is::<SettingsError>() { 2 } else { 1 })
        }
    }
}

/// One line on standard error: what failed and, behind it, why.
#[expect(clippy::print_stderr, reason = "this is where the program talks to its caller")]
fn complain(error: &anyhow::Error) {
    let told = told(error);
    // Names in it may come from a container, an archive or a log.
    let told: Vec<_> = told.lines().map(wakeeper_bounded_tar::shown_whole).collect();
    eprintln!("error: {}", told.join("\n"));
}

/// What failed and why, each thing once: many an error's own words end with those of its cause.
fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::other("no such file");
        let path = std::path::PathBuf::from("key");
        let error = anyhow::Error::from(SettingsError::SecretFile { name: "API_KEY", path, source: cause() });
        assert_eq!(
            told(&error.context("cannot start")),
            "cannot start: setting API_KEY_FILE: cannot read key: no such file"
        );
        assert_eq!(told(&anyhow::Error::from(cause()).context("cannot read")), "cannot read: no such file");
    }
}
