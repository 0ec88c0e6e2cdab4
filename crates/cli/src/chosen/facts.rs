//! What is known of a session besides its files.

use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use wakeeper_doctor::KnownFacts;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::symptoms::{Symptom, peer_failures, scan};
use wakeeper_engine::{preflight, users};

use crate::environment::in_container;

/// Flags that add to what the files tell.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "What else is known")]
pub struct FactFlags {
    /// Log of the gateway; damage that only shows at run time is found in it (`-` reads standard input)
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Baileys that will run on the session, such as 6.7.18 or 7.0.0-rc14; else the one installed beside it, or that wrote it
    #[arg(long, value_name = "VERSION", value_parser = release)]
    pub(super) baileys: Option<Version>,
}

/// A release of Baileys, as a person types it.
pub fn release(text: &str) -> Result<Version, String> {
    Version::of_release(text).ok_or_else(|| {
        "a version of Baileys is expected: 6, 7, or in full such as 6.7.24 or 7.0.0-rc.9".to_owned()
    })
}

impl FactFlags {
    /// What the flags and this machine tell about a folder.
    pub fn of_folder(&self, folder: &Path) -> anyhow::Result<KnownFacts> {
        let symptoms = self.symptoms()?.unwrap_or_default();
        Ok(KnownFacts {
            peer_failures: peer_failures(&symptoms),
            symptoms,
            reached: None,
            peers: Vec::new(),
            groups: Vec::new(),
            owners: users::of_folder(folder),
            on_mount: in_container().then(|| preflight::on_mount(folder)),
            version: self.baileys,
        })
    }

    /// What the log shows that a flag names.
    pub(super) fn symptoms(&self) -> anyhow::Result<Option<Vec<Symptom>>> {
        self.log.as_deref().map(read).transpose()
    }
}

/// Reads a log through; `-` is standard input.
fn read(path: &Path) -> anyhow::Result<Vec<Symptom>> {
    if path == Path::new("-") {
        return scan(stdin().lock()).context("cannot read the log from standard input");
    }
    let file = File::open(path).with_context(|| format!("cannot read the log {}", path.display()))?;
    scan(BufReader::new(file)).with_context(|| format!("cannot read the log {}", path.display()))
}
