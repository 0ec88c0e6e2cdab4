//! The memory that `wakeeper monitor` takes while a log brings the worst night that was reported, beside that of a quiet log.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{Outcome, logs};
use crate::figures::Figure;
use crate::plan::Plan;
use crate::session_folder;

/// A monitor that has not read a log by then hangs.
const PATIENCE: Duration = Duration::from_mins(10);

/// A quiet night has this part of the worst one's errors.
const QUIET: u64 = 100;

/// Measures.
pub fn run(plan: &Plan) -> anyhow::Result<Outcome> {
    let nights = [("a quiet night", plan.errors / QUIET), ("the worst night", plan.errors)];
    let figures = nights.map(|(night, errors)| {
        let (peak_kb, seconds) = watched(&plan.wakeeper, errors)?;
        let figure = Figure::new(&format!("{night}, {errors} errors"), "wakeeper monitor");
        anyhow::Ok(figure.with("MB at most", peak_kb as f64 / 1000.0).with("seconds", seconds))
    });
    Ok(Outcome {
        figures: figures.into_iter().collect::<anyhow::Result<_>>()?,
        about: vec!["Peak memory of the monitor until it has read a log of so many errors.".to_owned()],
        ..Outcome::default()
    })
}

fn watched(program: &Path, errors: u64) -> anyhow::Result<(u64, f64)> {
    let scratch = tempfile::tempdir().context("cannot make a folder")?;
    session_folder::make(&scratch.path().join("auth_info"), 10)?;
    let log = scratch.path().join("gateway.log");
    let mut file = File::create(&log).context("cannot write the log")?;
    for message in 0..errors / 10 {
        file.write_all(logs::burst(message).as_bytes())?;
    }
    let mut monitor = Command::new(program)
        .args(["monitor", "--data-dir"])
        .arg(scratch.path())
        .arg("--log")
        .arg(&log)
        .arg("--state")
        .arg(scratch.path().join("monitor"))
        // Nothing of this environment may change what it does.
        .env_clear()
        .env("HOME", scratch.path())
        .env("MONITOR_LISTEN", "127.0.0.1:0")
        .env("SESSION_CLEANUP_ENABLED", "false")
        .env("BACKUP_DIR", scratch.path().join("backups"))
        .current_dir(scratch.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let measured = measure(&mut monitor, errors);
    let _ = monitor.kill();
    let _ = monitor.wait();
    measured
}

/// The greatest memory until everything was read, in KB, and the seconds that this took.
fn measure(monitor: &mut Child, errors: u64) -> anyhow::Result<(u64, f64)> {
    let begun = Instant::now();
    let output = monitor.stdout.take().context("its output")?;
    let mut lines = BufReader::new(output).lines();
    let address = loop {
        let line = lines.next().context("the monitor ended")??;
        if let Some((_, address)) = line.split_once("metrics on http://") {
            break address.trim_end_matches("/metrics").to_owned();
        }
    };
    // Whoever prints must be listened to.
    std::thread::spawn(move || lines.for_each(drop));
    // Ten for each message.
    while read(&address)? < errors / 10 * 10 {
        if begun.elapsed() > PATIENCE {
            bail!("{errors} errors are not read after {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", monitor.id()))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("its memory")?;
    Ok((peak.trim().trim_end_matches(" kB").parse()?, begun.elapsed().as_secs_f64()))
}

/// How many errors the monitor counted.
fn read(address: &str) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(
        format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let counted = text
        .lines()
        .filter(|line| line.starts_with("wakeeper_symptoms_total{") && line.contains("class=\"BadMac\""))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    Ok(counted.sum())
}
