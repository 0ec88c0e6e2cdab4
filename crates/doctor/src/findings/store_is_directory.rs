//! `baileys_store.json` is a directory.
//!
//! Docker made it: a bind mount of a file that does not exist becomes a directory. The history cannot be saved
//! there. Stop the container, remove the directory, `echo '{}' > baileys_store.json`, and create the container
//! anew.

use crate::finding::{Code, Finding, Repair};
use crate::source::{Entry, EntryKind};

pub(crate) const CODE: Code = Code("store_is_directory");

pub(crate) fn detect(path: &str, entry: &Entry) -> Option<Finding> {
    let cure = Repair::Manual("stop the container, replace the directory by a file with {}, create it anew");
    let evidence =
        format!("it is {}: Docker makes one when the mounted file does not exist", entry.kind.word());
    (entry.kind != EntryKind::File).then(|| Finding::warning(CODE, path, evidence).repair(cure))
}
