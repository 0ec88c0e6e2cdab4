//! What is known of a session besides its files.

use std::path::Path;

use clap::Args;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::{KnownFacts, mount, symptoms};
use wakeeper_engine::users;

use super::log;

/// Flags that add to what the files tell.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "What else is known")]
pub struct EvidenceFlags {
    /// Log of the gateway; damage that only shows at run time is found in it (`-` reads standard input)
    #[arg(long, value_name = "FILE")]
    pub log: Option<std::path::PathBuf>,
    /// Baileys that will run on the session, 6 or 7, when it is not the one that wrote it
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub baileys: Option<Version>,
}

fn version(text: &str) -> Result<Version, String> {
    match text.split('.').next() {
        Some("6") => Ok(Version::V6),
        Some("7") => Ok(Version::V7),
        _ => Err("6 or 7 is expected".to_owned()),
    }
}

/// What flags and this machine tell about a folder.
pub fn of_folder(folder: &Path, flags: &EvidenceFlags) -> anyhow::Result<KnownFacts> {
    let symptoms = match &flags.log {
        Some(path) => log::read(path)?,
        None => Vec::new(),
    };
    Ok(KnownFacts {
        troubles: symptoms::troubles(&symptoms),
        symptoms,
        reached: None,
        peers: Vec::new(),
        owners: users::of_folder(folder),
        on_mount: crate::surroundings::in_container().then(|| on_mount(folder)),
        version: flags.baileys,
    })
}

fn on_mount(folder: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    mount::is_on_mount(&mounts, &folder)
}
