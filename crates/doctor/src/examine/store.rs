//! `baileys_store.json`, read through. That there is none is nothing wrong: many gateways keep none.

use std::path::Path;

use crate::finding::Finding;
use crate::findings;
use crate::formats::baileys_store::{self, StoreSummary};
use crate::source::{Folder, Limits};

/// The store may be far larger than any file of the session.
const STORE_LIMIT: u64 = 4 << 30;

/// What the store holds, and what is wrong with it.
pub(super) fn examine(path: &Path) -> (Option<StoreSummary>, Vec<Finding>) {
    let shown = wakeeper_private_fs::shown(path).display().to_string();
    let name = path.file_name().and_then(|name| name.to_str());
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = Folder::open(parent.unwrap_or_else(|| Path::new(".")));
    let (Some(name), Ok(folder)) = (name, folder) else { return (None, Vec::new()) };
    let Ok(entry) = folder.entry(name) else { return (None, Vec::new()) };
    let limits = Limits { file: STORE_LIMIT, ..Limits::default() };
    let content = match folder.open_file(name, &limits) {
        Ok((file, _)) => baileys_store::read(file).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let findings = findings::for_store(&shown, &entry, content.as_ref().map(|_| ()).map_err(String::as_str));
    (content.ok(), findings)
}
