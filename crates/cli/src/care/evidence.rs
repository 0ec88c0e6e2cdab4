//! What is known of a session besides its files.

use std::path::Path;

use clap::Args;
use wakeeper_doctor::address::Address;
use wakeeper_doctor::backup::{Reached, Shelf};
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::symptoms::{self, PeerTrouble, Symptom};
use wakeeper_doctor::{Options, mount};

use super::{Places, log, now_ms, owners};

/// What is known of a session besides its files.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// What its log shows.
    pub symptoms: Vec<Symptom>,
    /// The same, summed up contact by contact.
    pub troubles: Vec<PeerTrouble>,
    /// How far its ratchets are known to have come: what its newest backup holds.
    pub reached: Option<Reached>,
    /// Contacts that a person named.
    pub peers: Vec<Address>,
    /// Processes or containers that run on it.
    pub owners: Vec<String>,
    /// Whether its folder is on a mount; `None` outside a container.
    pub on_mount: Option<bool>,
    /// The Baileys that will run on it, when that is not the one that wrote it.
    pub version: Option<Version>,
}

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

impl Evidence {
    /// What flags and this machine tell about a folder.
    pub fn of_folder(folder: &Path, flags: &EvidenceFlags) -> anyhow::Result<Self> {
        let symptoms = match &flags.log {
            Some(path) => log::read(path)?,
            None => Vec::new(),
        };
        Ok(Self {
            troubles: symptoms::troubles(&symptoms),
            symptoms,
            reached: None,
            peers: Vec::new(),
            owners: owners::of_folder(folder),
            on_mount: crate::surroundings::in_container().then(|| on_mount(folder)),
            version: flags.baileys,
        })
    }

    /// Adds what the backups tell.
    #[must_use]
    pub fn with_backups(self, places: &Places) -> Self {
        let shelf = Shelf::at(&places.backups);
        let reached = Reached::of_newest(&shelf, &places.label, places.passphrase.as_ref());
        Self { reached, ..self }
    }

    /// What the examiner is told.
    pub fn options<'a>(&'a self, places: &'a Places) -> Options<'a> {
        Options {
            store: Some(&places.store),
            passphrase: places.passphrase.as_ref(),
            ..self.options_without_places()
        }
    }

    /// What the examiner is told of something that has no store and no backups.
    pub fn options_without_places(&self) -> Options<'_> {
        Options {
            version: self.version,
            troubles: &self.troubles,
            reached: self.reached.as_ref(),
            peers: &self.peers,
            owners: &self.owners,
            on_mount: self.on_mount,
            ..Options::at(now_ms())
        }
    }
}

fn on_mount(folder: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    mount::is_on_mount(&mounts, &folder)
}
