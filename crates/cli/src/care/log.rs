//! Reads a gateway's log.

use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::Path;

use anyhow::Context;
use wakeeper_doctor::symptoms::{Symptom, scan};

/// Reads a log through; `-` is standard input.
pub fn read(path: &Path) -> anyhow::Result<Vec<Symptom>> {
    if path == Path::new("-") {
        return scan(stdin().lock()).context("cannot read the log from standard input");
    }
    let file = File::open(path).with_context(|| format!("cannot read the log {}", path.display()))?;
    scan(BufReader::new(file)).with_context(|| format!("cannot read the log {}", path.display()))
}
