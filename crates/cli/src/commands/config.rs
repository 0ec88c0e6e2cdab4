//! `wakeeper config`: the settings, checked all at once.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde::Serialize;
use wakeeper_offline::preflight::{judge_folders, judge_writable};
use wakeeper_settings::{Listed, Note, Values, notes};
use wakeeper_terminal::{Page, Tone};

use crate::environment;
use crate::output::console;
use crate::settings::{AllSettings, CATALOG, Settings, Typed};

use super::verdict;

/// Check all settings, and say where each comes from
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper config check\n  wakeeper config check --config /etc/wakeeper.toml --json"
)]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the settings that are set, where they come from, and everything that is wrong with them
    Check(Check),
}

#[derive(Args)]
#[command(after_help = "Exit code 1 when something is wrong. Secrets are not shown.")]
struct Check {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Settings file (TOML) [env: WAKEEPER_CONFIG; default: wakeeper.toml, when it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    settings: Vec<Row>,
    problems: Vec<String>,
    /// Settings of another program that are taken over.
    taken: Vec<String>,
    /// Those that protected something there.
    protected: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    value: String,
    from: String,
}

impl Config {
    /// Checks and reports.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let Action::Check(check) = self.action;
        let sources = || environment::sources([], check.config.clone());
        let values = Values::collect(&CATALOG, sources())?;
        let (notes, problems) = match AllSettings::resolve(sources()) {
            Ok(settings) => (settings.notes, Vec::new()),
            Err(error) => (values.notes().to_vec(), error.each()),
        };
        // The folders are judged as `serve` does.
        let folders = Settings::resolve(sources()).ok().and_then(|settings| {
            judge_folders(settings.named_data_dir(), &settings.auth_info_dir)
                .and_then(|()| judge_writable(&settings.auth_info_dir))
                .err()
                .map(|error| error.to_string())
        });
        let problems: Vec<_> = problems.iter().map(ToString::to_string).chain(folders).collect();
        let report = report(values.list(), &notes, problems);
        console(check.json).show(&report, |page| show(page, &report))?;
        Ok(verdict(report.problems.is_empty()))
    }
}

fn report(listed: Vec<Listed>, foreign: &[Note], problems: Vec<String>) -> Report {
    let row = |one: Listed| Row { name: one.name, value: one.value, from: one.origin.to_string() };
    let (protected, taken) = notes(foreign);
    Report { settings: listed.into_iter().map(row).collect(), problems, taken, protected }
}

fn show(page: &mut Page, report: &Report) {
    if report.settings.is_empty() {
        page.line("No setting is set: all have their usual values.");
    }
    let width = report.settings.iter().map(|row| row.name.len()).max().unwrap_or(0);
    for row in &report.settings {
        page.line(format!("{:<width$}  {}  ({})", row.name, row.value, row.from));
    }
    page.gap();
    for problem in &report.problems {
        page.line(page.tone(Tone::Bad, problem));
    }
    for told in &report.protected {
        page.line(page.tone(Tone::Warning, told));
    }
    report.taken.iter().for_each(|told| page.line(told));
    page.gap();
    match report.problems.len() {
        0 => page.line(page.tone(Tone::Good, "The settings are OK.")),
        1 => page.line("1 setting must be corrected."),
        count => page.line(format!("{count} settings must be corrected.")),
    }
}
