//! What of a copy is not as it was.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Was;

/// What is not as it was.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) put: Vec<PathBuf>,
    pub(super) removed: Vec<PathBuf>,
}

impl Changes {
    pub(super) fn between(was: &BTreeMap<PathBuf, Was>, folder: &Path) -> std::io::Result<Self> {
        let now = walk(folder)?;
        let mut changes = Self::default();
        for path in &now {
            let local = folder.join(path);
            let same = match was.get(path) {
                None => false,
                Some(Was { content: None, .. }) => local.is_dir(),
                Some(Was { content: Some(hash), .. }) => local.is_file() && hash_of(&local)? == *hash,
            };
            if !same {
                changes.put.push(path.clone());
            }
        }
        let now: std::collections::BTreeSet<_> = now.into_iter().collect();
        // Deepest first, so that a folder is empty when its turn comes.
        changes.removed = was.keys().filter(|path| !now.contains(*path)).rev().cloned().collect();
        Ok(changes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.put.is_empty() && self.removed.is_empty()
    }
}

fn hash_of(path: &Path) -> std::io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    std::io::copy(&mut File::open(path)?, &mut HashWriter(&mut hash))?;
    Ok(hash.finalize().into())
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything below a folder, folders before what is in them, as paths below it.
pub(super) fn walk(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(path.clone());
            }
            if kind.is_dir() || kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
