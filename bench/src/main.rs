//! Measures the session doctor on a folder of many session files, against `tar` reading the same bytes and one `jq` per
//! file, in one run and as ratios, because seconds alone say more about the machine than about the program.
#![allow(clippy::print_stdout, reason = "a benchmark speaks on the terminal")]

mod burst;
mod folder;
mod logs;
mod measure;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::{Parser, Subcommand};

use measure::Measured;

/// Measure the session doctor against tar and jq, or against grep
#[derive(Parser)]
struct Arguments {
    /// The program to measure; build it with `cargo build --release`
    #[arg(long, default_value = "target/release/wakeeper")]
    wakeeper: PathBuf,
    /// Session files
    #[arg(long, default_value_t = 100_000)]
    files: usize,
    /// Session files that jq is run on, one process each; fewer than all are counted up to all
    #[arg(long, default_value_t = 5_000)]
    jq_files: usize,
    /// How often everything but jq is measured; the median counts
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    #[command(subcommand)]
    inner: Option<Inner>,
}

#[derive(Subcommand)]
enum Inner {
    /// Classify a log of mixed lines, and let grep count in it; fails below half of grep's speed
    Logs {
        /// Size of the log
        #[arg(default_value_t = 1024)]
        mebibytes: u64,
    },
    /// Let the monitor read a quiet night and the worst one, and print the memory that it took
    Burst,
    /// Run a command and print what it took (used by the benchmark itself)
    #[command(hide = true)]
    Measure {
        /// The command
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

/// Something to measure.
struct Contender {
    name: &'static str,
    command: Vec<String>,
    taken: Vec<Measured>,
}

impl Contender {
    fn new(name: &'static str, command: &[&str]) -> Self {
        Self { name, command: command.iter().map(|word| (*word).to_owned()).collect(), taken: Vec::new() }
    }

    fn run(&mut self) -> anyhow::Result<()> {
        self.taken.push(measure::in_process_of_its_own(&self.command)?);
        Ok(())
    }

    fn seconds(&self) -> f64 {
        let mut all: Vec<f64> = self.taken.iter().map(|one| one.seconds).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    }

    fn peak_mb(&self) -> f64 {
        self.taken.iter().map(|one| one.peak_kb).max().unwrap_or_default() as f64 / 1000.0
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    match &arguments.inner {
        Some(Inner::Logs { mebibytes }) if !logs::run(*mebibytes)? => return Ok(ExitCode::FAILURE),
        Some(Inner::Logs { .. }) => {}
        Some(Inner::Burst) => burst::run(&program(&arguments)?)?,
        Some(Inner::Measure { command }) => measure::here(command)?,
        None => compare(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn program(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    arguments.wakeeper.canonicalize().with_context(|| {
        format!("{} is not there: cargo build --release -p wakeeper", arguments.wakeeper.display())
    })
}

fn compare(arguments: &Arguments) -> anyhow::Result<()> {
    let program = program(arguments)?;
    let scratch = tempfile::tempdir().context("cannot make a folder")?;
    let session = scratch.path().join("auth_info");
    let bytes = folder::make(&session, arguments.files)?;
    println!("{} session files, {:.1} MB", arguments.files, bytes as f64 / 1e6);

    let mut contenders = contenders(&program, scratch.path());
    // Once for the page cache: what is compared is the work, not the disk.
    for contender in &mut contenders {
        contender.run()?;
        contender.taken.clear();
    }
    for _ in 0..arguments.rounds {
        // One after the other within a round, so that a busy machine is busy for all.
        for contender in &mut contenders {
            contender.run()?;
        }
    }
    let jq = one_jq_per_file(&session, arguments)?;
    print(&contenders, jq, arguments);
    Ok(())
}

fn contenders(program: &Path, scratch: &Path) -> Vec<Contender> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (program, folder) = (text(program), text(scratch));
    let (session, shelf) = (text(&scratch.join("auth_info")), text(&scratch.join("backups")));
    // tar writes nothing at all when its output is /dev/null itself, hence the pipe.
    let tar = format!("tar cf - -C '{folder}' auth_info | cat > /dev/null");
    vec![
        Contender::new("tar c | cat", &["sh", "-c", &tar]),
        Contender::new("wakeeper examine", &[&program, "examine", "--json", &session]),
        Contender::new(
            "wakeeper backup create",
            &[
                &program,
                "backup",
                "create",
                "--always",
                "--json",
                "--auth-info-dir",
                &session,
                "--backup-dir",
                &shelf,
            ],
        ),
    ]
}

/// `find -exec jq empty`, on some of the files, counted up to all of them.
fn one_jq_per_file(session: &Path, arguments: &Arguments) -> anyhow::Result<f64> {
    let count = arguments.jq_files.min(arguments.files);
    let some = tempfile::tempdir().context("cannot make a folder")?;
    for index in 0..count {
        let name = folder::session_name(index);
        std::fs::hard_link(session.join(&name), some.path().join(&name))
            .or_else(|_| std::fs::copy(session.join(&name), some.path().join(&name)).map(drop))
            .context("cannot copy a session file")?;
    }
    let folder = some.path().to_string_lossy().into_owned();
    let command = ["find", &folder, "-type", "f", "-exec", "jq", "empty", "{}", ";"];
    let taken = measure::in_process_of_its_own(&command.map(str::to_owned))?;
    ensure!(count > 0, "--jq-files must not be 0");
    Ok(taken.seconds * arguments.files as f64 / count as f64)
}

fn print(contenders: &[Contender], jq: f64, arguments: &Arguments) {
    let base = contenders.first().map(Contender::seconds).unwrap_or_default();
    println!("\n| what | seconds | times tar | times faster than jq | peak memory |\n|---|---|---|---|---|");
    for contender in contenders {
        let seconds = contender.seconds();
        println!(
            "| `{}` | {seconds:.2} | {:.2} | {:.0} | {:.0} MB |",
            contender.name,
            seconds / base,
            jq / seconds,
            contender.peak_mb()
        );
    }
    let counted = if arguments.jq_files < arguments.files {
        format!(" (measured on {} files and counted up)", arguments.jq_files)
    } else {
        String::new()
    };
    println!("| `find -exec jq empty`{counted} | {jq:.1} | {:.0} | 1 | |", jq / base);
}
