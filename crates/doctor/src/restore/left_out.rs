//! What a backup holds and a restore does not give back. A name decides what is written into a folder, and an archive may
//! come from anywhere: only names that Baileys itself uses are written.

use wakeeper_bounded_tar::shown;

use crate::backup::archive::SESSION;
use crate::backup::manifest::Manifest;
use crate::examine::Options;
use crate::formats::baileys::name::Name;

/// So many names are told.
const TOLD: usize = 5;

/// Files that are passed over, a few of them by name.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    count: usize,
    names: Vec<String>,
}

impl LeftOut {
    /// Counts a name that is none of a session.
    pub(super) fn see(&mut self, name: &str, kind: &Name) {
        if !kind.is_baileys() {
            self.add(name);
        }
    }

    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < TOLD {
            self.names.push(shown(name));
        }
    }

    /// Adds what a person should know to the notes.
    pub(super) fn tell(self, manifest: &Manifest, options: &Options<'_>, notes: &mut Vec<String>) {
        if self.count > 0 {
            notes.push(self.note("no session has files of such names"));
        }
        let mut large = Self::default();
        for row in manifest.files.iter().filter(|row| row.len > options.limits.file) {
            if let Some(name) = row.path.strip_prefix(SESSION) {
                large.add(name);
            }
        }
        if large.count > 0 {
            notes.push(large.note("no file of a session is so large"));
        }
    }

    fn note(&self, why: &str) -> String {
        let more = match self.count - self.names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("Not restored, because {why}: {}{more}", self.names.join(", "))
    }
}
