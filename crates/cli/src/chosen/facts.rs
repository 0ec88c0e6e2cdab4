//! What is known of a session besides its files.

use std::io::stdin;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::Args;
use wakeeper_containers::session::name_containers;
use wakeeper_doctor::KnownFacts;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::symptoms::{LogError, LogFacts, read_logs_beside, read_named_log, read_piped_log};
use wakeeper_engine_store::database_in;
use wakeeper_offline::{preflight, users};
use wakeeper_terminal::{Page, Tone};

use super::now_ms;
use crate::environment::{in_container, local_engine};

/// Flags that add to what the files tell.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = wakeeper_terminal::typed::FACTS)]
pub struct FactFlags {
    /// Log of the gateway; damage that only shows at run time is found in it (`-` reads standard input). Without it,
    /// *.log and nohup.out beside the session's folder, and in logs or log there, are read
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Baileys that will run on the session, such as 6.7.18 or 7.0.0-rc14 (6 is what the folder shows); else the one installed beside it, or that wrote it
    #[arg(long, value_name = "VERSION", value_parser = release)]
    pub(super) baileys: Option<Version>,
    /// Look for a log beside the folder when none is named.
    #[arg(skip)]
    beside: bool,
    /// What the named log says: standard input can be read once.
    #[arg(skip)]
    read: Arc<OnceLock<LogFacts>>,
}

/// A release of Baileys, as a person types it.
pub fn release(text: &str) -> Result<Version, String> {
    Version::of_release(text).ok_or_else(|| {
        "a version of Baileys is expected: 6, 7, or in full such as 6.7.24 or 7.0.0-rc.9".to_owned()
    })
}

impl FactFlags {
    /// What the flags and this machine tell about a folder.
    pub async fn of_folder(&self, folder: &Path) -> anyhow::Result<KnownFacts> {
        let mut owners = users::owners_of(folder);
        if let Some(engine) = local_engine().await
            && let Err(error) = name_containers(&engine, folder, &mut owners.names).await
        {
            owners.unseen.get_or_insert_with(|| format!("containers could not be looked at: {error}"));
        }
        let facts = KnownFacts {
            owners: owners.names,
            unseen: owners.unseen,
            on_mount: (in_container() && folder.is_dir()).then(|| preflight::on_mount(folder)),
            version: self.baileys,
            ..KnownFacts::default()
        };
        // A session of wakeeper's own gateway needs none.
        let looks = self.beside && folder.is_dir() && database_in(folder).is_none();
        let found = || looks.then(|| read_logs_beside(folder, now_ms()))?;
        Ok(facts.with_log(self.named_log()?.or_else(found)))
    }

    /// The same, looking for a log where it usually lies when none is named.
    #[must_use]
    pub fn looking_beside(&self) -> Self {
        Self { beside: true, ..self.clone() }
    }

    /// What the log says that a flag names.
    pub(super) fn named_log(&self) -> anyhow::Result<Option<LogFacts>> {
        let Some(path) = &self.log else { return Ok(None) };
        if let Some(known) = self.read.get() {
            return Ok(Some(known.clone()));
        }
        let facts = read(path)?;
        Ok(Some(self.read.get_or_init(|| facts).clone()))
    }
}

/// Which log was read, and how much of it was understood.
pub fn show_log_read(page: &mut Page, facts: &KnownFacts, folder: &Path) {
    const NONE: &str =
        "none; if the gateway logs Bad MAC, add --log FILE, or pipe `docker logs NAME 2>&1` into --log -";
    match &facts.log {
        Some(log) => page.long_fact("log read", log.describe()),
        // wakeeper's own gateway repairs what a log would tell.
        None if database_in(folder).is_some() => {}
        None => page.long_fact("log read", page.tone(Tone::Faint, NONE)),
    }
}

/// Reads a log through; `-` is standard input.
fn read(path: &Path) -> Result<LogFacts, LogError> {
    if path == Path::new("-") {
        read_piped_log(stdin().lock(), now_ms())
    } else {
        read_named_log(path, now_ms())
    }
}
