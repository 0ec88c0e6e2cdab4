//! System calls of a process, counted by `strace`. It slows what it counts, so this is done in a round of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Calls that wait for a disk.
const SYNCS: [&str; 4] = ["fsync", "fdatasync", "sync_file_range", "msync"];

/// How often a process called the kernel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// For anything.
    pub calls: u64,
    /// To wait for a disk.
    pub syncs: u64,
}

impl Counts {
    /// What is left without another one's part.
    pub fn without(self, other: Self) -> Self {
        Self { calls: self.calls.saturating_sub(other.calls), syncs: self.syncs.saturating_sub(other.syncs) }
    }
}

/// A count that runs.
pub struct Counting {
    strace: Child,
    table: PathBuf,
}

impl Counting {
    /// Counts the calls of a process and all its threads from now on.
    pub async fn of(id: u32, folder: &Path) -> anyhow::Result<Self> {
        let table = folder.join(format!("strace-{id}"));
        let mut strace = Command::new("strace")
            .args(["--follow-forks", "--summary-only", "--summary-columns=calls,name", "--output"])
            .arg(&table)
            .args(["--attach", &id.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start strace; `cargo xtask bench` installs it")?;
        let errors = strace.stderr.take().context("what strace says")?;
        let mut lines = BufReader::new(errors).lines();
        let first = lines.next_line().await?.unwrap_or_default();
        if !first.contains(" attached") {
            bail!("strace cannot watch another process here: {first}");
        }
        // Whoever speaks must be listened to: it tells of each new thread.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { strace, table })
    }

    /// Lets the process go.
    pub async fn end(mut self) -> anyhow::Result<Counts> {
        // One that ended with its process has none any more.
        if let Some(id) = self.strace.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            kill_process(id, Signal::INT).context("cannot stop strace")?;
        }
        self.strace.wait().await?;
        let text = tokio::fs::read_to_string(&self.table).await.context("what strace counted")?;
        Ok(read(&text))
    }
}

/// Reads its table: a number and a name in each line, between lines that have none.
fn read(table: &str) -> Counts {
    let rows = table.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let calls: u64 = words.next()?.parse().ok()?;
        Some((calls, words.last()?)).filter(|(_, name)| *name != "total")
    });
    rows.fold(Counts::default(), |counts, (calls, name)| Counts {
        calls: counts.calls + calls,
        syncs: counts.syncs + if SYNCS.contains(&name) { calls } else { 0 },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        let table = "    calls syscall\n--------- ----------------\n      120 futex\n        7 fdatasync\n        3 fsync\n\
                     --------- ----------------\n      130 total\n";
        assert_eq!(read(table), Counts { calls: 130, syncs: 10 });
    }
}
