//! README and docs, for tests that compare them with the program.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the repository is.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the repository.
pub fn text(name: &str) -> String {
    let path = repository().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// README and the pages that people write by hand.
pub fn pages() -> Vec<(String, String)> {
    let names = fs::read_dir(repository().join("docs")).expect("docs").flatten();
    let pages = names.map(|item| format!("docs/{}", item.file_name().to_string_lossy()));
    let pages = pages.filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "md"));
    std::iter::once("README.md".to_owned()).chain(pages).map(|name| (name.clone(), text(&name))).collect()
}
