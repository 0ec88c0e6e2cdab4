//! A folder as it would be: the files as they are, with the plan's changes laid over them.

use std::collections::BTreeMap;

use crate::source::{Folder, Limits};

/// Changes to files that have not been made yet.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    changes: BTreeMap<String, Change>,
}

/// What becomes of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The file will have this content.
    Put(Vec<u8>),
    /// The file will have the content of this SHA-256 (hex), which is handed over when the change is made: everything
    /// that a backup gives back would be too much to hold.
    Supplied(String),
    /// The file will be gone.
    Remove,
    /// What stands there will be moved out of the way under another name.
    Aside(String),
    /// The permissions will be these.
    Mode(u32),
}

impl Overlay {
    /// The content of a file as it would be.
    pub fn read(&self, folder: &Folder, limits: &Limits, name: &str) -> Option<Vec<u8>> {
        match self.changes.get(name) {
            Some(Change::Put(content)) => Some(content.clone()),
            Some(Change::Remove | Change::Aside(_) | Change::Supplied(_)) => None,
            Some(Change::Mode(_)) | None => folder.read(name, limits).ok(),
        }
    }

    /// Gives a file this content.
    pub fn put(&mut self, name: &str, content: Vec<u8>) {
        self.set(name, Change::Put(content));
    }

    /// Gives a file the content of this SHA-256, which [`super::apply_supplied`] is handed.
    pub fn put_supplied(&mut self, name: &str, sha256: String) {
        self.set(name, Change::Supplied(sha256));
    }

    /// Removes a file, or moves aside what is none.
    pub(crate) fn take_away(&mut self, name: &str, is_file: bool) {
        let change = if is_file { Change::Remove } else { Change::Aside(super::plan::aside_name(name)) };
        self.set(name, change);
    }

    pub(super) fn set(&mut self, name: &str, change: Change) {
        self.changes.insert(name.to_owned(), change);
    }

    /// The changes by name.
    pub fn changes(&self) -> &BTreeMap<String, Change> {
        &self.changes
    }

    /// Whether anything would change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}
