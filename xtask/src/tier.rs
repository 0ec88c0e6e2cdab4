//! A tier of checks: its stages, one after the other, how long each took, and the closing line.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use crate::run::{first_line, workspace};
use crate::tally::{Failures, Tally};

/// The columns of the file of stage times.
const COLUMNS: &str = "date\ttier\tstage\tseconds\tpassed\tfailed\n";

/// A run of a tier.
pub struct Tier {
    name: &'static str,
    started: Instant,
    stages: Vec<Stage>,
    pub failures: Failures,
}

struct Stage {
    name: String,
    seconds: u64,
    tally: Tally,
}

impl Tier {
    /// Begins one.
    pub fn begin(name: &'static str) -> Self {
        Self { name, started: Instant::now(), stages: Vec::new(), failures: Failures::default() }
    }

    /// Runs a stage, and writes down how long it took.
    pub fn stage(&mut self, name: &str, check: impl FnOnce(&mut Failures) -> Tally) {
        let started = Instant::now();
        println!("\n== {name}");
        let tally = check(&mut self.failures);
        let stage = Stage { name: name.to_owned(), seconds: started.elapsed().as_secs(), tally };
        println!("== {name}: {} passed, {} failed, {} s", tally.passed, tally.failed, stage.seconds);
        if let Err(error) = self.write_down(&stage) {
            eprintln!("xtask: {} cannot be written: {error}", record().display());
        }
        self.stages.push(stage);
    }

    /// Says what failed and how long everything took; the last line reads `N passed, N failed`.
    pub fn end(self) -> ExitCode {
        self.failures.print();
        let mut all = Tally::default();
        self.stages.iter().for_each(|stage| all.add(stage.tally));
        println!();
        for line in table(&self.stages) {
            println!("{line}");
        }
        println!(
            "`{}` took {} s; all runs: {}",
            self.name,
            self.started.elapsed().as_secs(),
            record().display()
        );
        println!("{} passed, {} failed", all.passed, all.failed);
        if all.failed == 0 && all.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn write_down(&self, stage: &Stage) -> std::io::Result<()> {
        let mut file = File::options().create(true).append(true).open(record())?;
        if file.metadata()?.len() == 0 {
            file.write_all(COLUMNS.as_bytes())?;
        }
        let date = first_line("date", &["-u", "+%Y-%m-%dT%H:%M:%SZ"]).unwrap_or_default();
        let Stage { name, seconds, tally } = stage;
        let line = format!("{date}\t{}\t{name}\t{seconds}\t{}\t{}\n", self.name, tally.passed, tally.failed);
        // At once, so that lines of two runs are not mixed.
        file.write_all(line.as_bytes())
    }
}

/// The file of all stages that ever ran here.
fn record() -> PathBuf {
    workspace().join("target/stage-times.tsv")
}

fn table(stages: &[Stage]) -> Vec<String> {
    let width = stages.iter().map(|stage| stage.name.len()).max().unwrap_or_default().max("stage".len());
    let head = format!("{:width$}  seconds  passed  failed", "stage");
    let rows = stages.iter().map(|Stage { name, seconds, tally }| {
        format!("{name:width$}  {seconds:7}  {:6}  {:6}", tally.passed, tally.failed)
    });
    std::iter::once(head).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::{Stage, table};
    use crate::tally::Tally;

    #[test]
    fn the_table_has_a_line_for_each_stage() {
        let stage = |name: &str, seconds, passed, failed| Stage {
            name: name.to_owned(),
            seconds,
            tally: Tally { passed, failed },
        };
        assert_eq!(
            table(&[stage("format", 2, 1, 0), stage("end to end", 1234, 99, 1)]),
            [
                "stage       seconds  passed  failed",
                "format            2       1       0",
                "end to end     1234      99       1",
            ]
        );
    }
}
