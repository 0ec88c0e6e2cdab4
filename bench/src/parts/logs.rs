//! Classifies a log of mixed lines in one pass, and lets `grep` count in the same file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::Outcome;
use crate::figures::Figure;
use crate::plan::Plan;
use wakeeper_doctor::symptoms::{self, Class};

/// Errors in the log, whatever its size: the worst night that was reported, two hours of it.
const ERRORS: u64 = 168_000;
/// Each measurement is made so often, and the best one counts: the others tell of the machine.
const RUNS: usize = 11;
/// What must be reached of grep's speed.
const SHARE: f64 = 0.5;

/// Measures.
pub fn run(plan: &Plan) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("gateway.log");
    let written = write(&path, plan.mebibytes << 20).context("cannot write the log")?;
    let size = std::fs::metadata(&path)?.len();

    let (mut grep, mut bytewise, mut ours) = (Duration::MAX, Duration::MAX, Duration::MAX);
    // By turns, so that what else the machine does meets all of them.
    for _ in 0..RUNS {
        let counted = timed(&mut grep, || count(&path, None))?;
        timed(&mut bytewise, || count(&path, Some("C")))?;
        let seen = timed(&mut ours, || classify(&path))?;
        ensure!(counted == written.bad_macs, "grep counted {counted} lines");
        ensure!(seen == written.bad_macs, "{seen} symptoms of Bad MAC");
    }

    let case = format!("{} MiB, {} lines, {} of them `Bad MAC`", size >> 20, written.lines, written.bad_macs);
    let speed = |time: Duration| size as f64 / time.as_secs_f64() / f64::from(1 << 20);
    let fastest = speed(grep.min(bytewise));
    let row = |contender: &str, time| {
        let figure = Figure::new(&case, contender).with("MiB per second", speed(time));
        figure.with("of the faster grep", speed(time) / fastest)
    };
    let share = speed(ours) / fastest;
    let mut missed = Vec::new();
    if share < SHARE && !plan.smoke {
        missed.push(format!(
            "{:.0} % of the faster grep; {:.0} % are asked for",
            share * 100.0,
            SHARE * 100.0
        ));
    }
    Ok(Outcome {
        figures: vec![
            row("grep -c \"Bad MAC\"", grep),
            row("LC_ALL=C grep -c \"Bad MAC\"", bytewise),
            row("all tables, with contacts", ours),
        ],
        about: vec![format!(
            "By turns, {RUNS} times; the best time of each counts. The tables are this program's own build."
        )],
        missed,
        ..Outcome::default()
    })
}

/// Keeps the best time.
fn timed(best: &mut Duration, measured: impl FnOnce() -> anyhow::Result<u64>) -> anyhow::Result<u64> {
    let started = Instant::now();
    let result = measured()?;
    *best = started.elapsed().min(*best);
    Ok(result)
}

fn count(path: &Path, locale: Option<&str>) -> anyhow::Result<u64> {
    let mut command = Command::new("grep");
    if let Some(locale) = locale {
        command.env("LC_ALL", locale);
    }
    let output =
        command.args(["-c", "Bad MAC"]).arg(path).stdin(Stdio::null()).output().context("cannot run grep")?;
    String::from_utf8(output.stdout)?.trim().parse().context("grep counts")
}

fn classify(path: &Path) -> anyhow::Result<u64> {
    let mut bad_macs = 0;
    symptoms::scan_each(File::open(path)?, None, |symptom| {
        bad_macs += u64::from(symptom.class == Class::BadMac && symptom.peer.is_some());
    })?;
    Ok(bad_macs)
}

struct Written {
    lines: u64,
    bad_macs: u64,
}

/// A gateway's log: what it says all day, and failures spread over it in bursts.
fn write(path: &Path, size: u64) -> std::io::Result<Written> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut written = Written { lines: 0, bad_macs: 0 };
    let (mut bytes, mut n) = (0, 0u64);
    while bytes < size {
        // The share of the log that is written is the share of the errors that are.
        let due = u128::from(ERRORS) * u128::from(bytes) / u128::from(size);
        let text = if u128::from(written.bad_macs) < due { burst(n) } else { ordinary(n) };
        written.bad_macs += text.matches("Session error:Error: Bad MAC").count() as u64;
        written.lines += text.matches('\n').count() as u64;
        file.write_all(text.as_bytes())?;
        bytes += text.len() as u64;
        n += 1;
    }
    file.into_inner()?.sync_all()?;
    Ok(written)
}

fn ordinary(n: u64) -> String {
    let time = 1_700_000_000_000 + n * 37;
    match n % 7 {
        0 => format!(
            "{{\"level\":30,\"time\":{time},\"pid\":19,\"hostname\":\"api\",\"msg\":\"recv 1 messages\"}}\n"
        ),
        1 => format!(
            "{{\"level\":30,\"time\":{time},\"req\":{{\"method\":\"POST\",\"url\":\"/api/send\",\"id\":{n}}},\
             \"res\":{{\"status\":200}},\"responseTime\":{},\"msg\":\"request completed\"}}\n",
            n % 90
        ),
        2 => format!("[{n}] message.any from 62812…{:02} type=text length={}\n", n % 100, n % 700),
        3 => format!(
            "{{\"level\":20,\"time\":{time},\"attrs\":{{\"class\":\"receipt\",\"id\":\"3EB0{n:016X}\"}},\"msg\":\"sent ack\"}}\n"
        ),
        4 => "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)\n".to_owned(),
        5 => format!("webhook delivered in {} ms, status 200, attempt 1 of 5\n", n % 400),
        _ => {
            format!(
                "connection.update: {{ isOnline: true, receivedPendingNotifications: {} }}\n",
                n.is_multiple_of(2)
            )
        }
    }
}

/// One message that fails, with an error and a stack for each stored session.
pub fn burst(n: u64) -> String {
    use std::fmt::Write;
    let (user, device) = (628_110_000_000 + n % 50, n % 4);
    let mut text = "Failed to decrypt message with any known session...\n".to_owned();
    for _ in 0..10 {
        let _ = write!(
            text,
            "Session error:Error: Bad MAC Error: Bad MAC\n    \
             at Object.verifyMAC (/app/node_modules/libsignal/src/crypto.js:87:15)\n    \
             at SessionCipher.doDecryptWhisperMessage (/app/node_modules/libsignal/src/session_cipher.js:250:16)\n    \
             at async SessionCipher.decryptWithSessions (/app/node_modules/libsignal/src/session_cipher.js:147:29)\n    \
             at async {user}.{device} [as awaitable] (/app/node_modules/libsignal/src/session_cipher.js:171:28)\n"
        );
    }
    text
}
