//! What a process and its children took, as the kernel counts it.

use std::time::Instant;

use anyhow::Context;
use procfs::process::{Process, all_processes};

/// What a process took since it began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Time on a processor.
    pub cpu_ms: f64,
    /// Bytes that it handed to write calls, to sockets as well.
    pub handed_over: u64,
    /// Bytes that it caused to be written to a disk.
    pub written: u64,
}

impl Totals {
    /// Of a process and its children.
    pub fn of(id: u32) -> anyhow::Result<Self> {
        let mut totals = Self::default();
        for process in family(id.cast_signed()).context("the kernel's counts of a process")? {
            // A child may end while it is looked at.
            let (Ok(stat), Ok(io)) = (process.stat(), process.io()) else { continue };
            let ticks = stat.utime + stat.stime + stat.cutime.cast_unsigned() + stat.cstime.cast_unsigned();
            totals.cpu_ms += ticks as f64 * 1000.0 / procfs::ticks_per_second() as f64;
            totals.handed_over += io.wchar;
            totals.written += io.write_bytes;
        }
        Ok(totals)
    }

    /// What was taken since an earlier look.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            cpu_ms: (self.cpu_ms - earlier.cpu_ms).max(0.0),
            handed_over: self.handed_over.saturating_sub(earlier.handed_over),
            written: self.written.saturating_sub(earlier.written),
        }
    }
}

/// A process and all below it.
fn family(id: i32) -> procfs::ProcResult<Vec<Process>> {
    let mut found = vec![Process::new(id)?];
    let mut others: Vec<(i32, Process)> = all_processes()?
        .filter_map(|process| {
            let process = process.ok()?;
            Some((process.stat().ok()?.ppid, process))
        })
        .collect();
    let mut next = 0;
    while next < found.len() {
        let parent = found[next].pid;
        let (children, rest) = others.into_iter().partition(|(above, _)| *above == parent);
        found.extend(Vec::into_iter(children).map(|(_, process)| process));
        others = rest;
        next += 1;
    }
    Ok(found)
}

/// What a contender took, and the server beside it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// Wall-clock time.
    pub seconds: f64,
    /// The contender's.
    pub totals: Totals,
    /// The server's time on a processor.
    pub server_ms: f64,
}

impl Taken {
    /// How many cores the server filled.
    pub fn server_cores(&self) -> f64 {
        self.server_ms / 1000.0 / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// What is left without another one's part.
    pub fn without(self, other: Self) -> Self {
        Self {
            seconds: self.seconds - other.seconds,
            totals: self.totals.since(other.totals),
            server_ms: (self.server_ms - other.server_ms).max(0.0),
        }
    }
}

/// A measurement that runs.
pub struct Meter {
    begun: Instant,
    process: Option<(u32, Totals)>,
    server: (u32, Totals),
}

impl Meter {
    /// Begins one, of a process that runs already.
    pub fn of(process: u32, server: u32) -> anyhow::Result<Self> {
        let mut meter = Self::of_a_start(server)?;
        meter.process = Some((process, Totals::of(process)?));
        Ok(meter)
    }

    /// Begins one before the process is there.
    pub fn of_a_start(server: u32) -> anyhow::Result<Self> {
        Ok(Self { process: None, server: (server, Totals::of(server)?), begun: Instant::now() })
    }

    /// Ends it now.
    pub fn end(&self, process: u32) -> anyhow::Result<Taken> {
        self.end_at(process, Instant::now())
    }

    /// Ends it, with a time that passed already.
    pub fn end_at(&self, process: u32, end: Instant) -> anyhow::Result<Taken> {
        let before = self.process.map_or_else(Totals::default, |(_, totals)| totals);
        let (server, server_before) = self.server;
        Ok(Taken {
            seconds: end.saturating_duration_since(self.begun).as_secs_f64(),
            totals: Totals::of(process)?.since(before),
            server_ms: Totals::of(server)?.since(server_before).cpu_ms,
        })
    }
}

/// Memory that is a process's own or its share of what several have, in bytes.
pub fn share_of_memory(id: u32) -> anyhow::Result<u64> {
    let rollup = Process::new(id.cast_signed())?.smaps_rollup().context("its memory")?;
    let share = |map: &procfs::process::MemoryMap| map.extension.map.get("Pss").copied().unwrap_or_default();
    Ok(rollup.memory_map_rollup.iter().map(share).sum())
}

/// How many descriptors a process has open.
pub fn descriptors(id: u32) -> anyhow::Result<usize> {
    Process::new(id.cast_signed())?.fd_count().context("its descriptors")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_count_as_their_parent() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let own = std::process::id().cast_signed();
        let ids: Vec<i32> = family(own).unwrap().iter().map(|process| process.pid).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(ids[0], own);
        assert!(ids.contains(&child.id().cast_signed()), "{ids:?}");
        assert!(share_of_memory(std::process::id()).unwrap() > 0);
    }
}
