//! What is known of a session besides its files.

use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use wakeeper_containers::session::name_containers;
use wakeeper_doctor::KnownFacts;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::symptoms::{Symptom, peer_failures, scan};
use wakeeper_offline::{preflight, users};

use crate::environment::{in_container, local_engine};

/// Flags that add to what the files tell.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = crate::typed::FACTS)]
pub struct FactFlags {
    /// Log of the gateway; damage that only shows at run time is found in it (`-` reads standard input)
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Baileys that will run on the session, 6 or 7, when it is not the one that wrote it
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub(super) baileys: Option<Version>,
}

fn version(text: &str) -> Result<Version, String> {
    match text.split('.').next() {
        Some("6") => Ok(Version::V6),
        Some("7") => Ok(Version::V7),
        _ => Err("6 or 7 is expected".to_owned()),
    }
}

impl FactFlags {
    /// What the flags and this machine tell about a folder.
    pub async fn of_folder(&self, folder: &Path) -> anyhow::Result<KnownFacts> {
        let symptoms = self.symptoms()?.unwrap_or_default();
        let mut owners = users::owners_of(folder);
        if let Some(engine) = local_engine().await {
            // An engine that does not tell leaves it at what the processes tell.
            let _ = name_containers(&engine, folder, &mut owners.names).await;
        }
        Ok(KnownFacts {
            peer_failures: peer_failures(&symptoms),
            symptoms,
            reached: None,
            peers: Vec::new(),
            owners: owners.names,
            unseen: owners.unseen,
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
