//! README, docs, compose files and the n8n flow: what they name is there.
//!
//! Commands of `wakeeper` itself are parsed by the program's own tests, and those of the session guide are run by `tests/guide`.
// Helpers of tests are not marked as tests themselves.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod commands;
mod flow;
mod links;
mod waha;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository's folder.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_path_buf()
}

fn text(name: &str) -> String {
    let path = repository().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// README and every page of docs, by name.
fn pages() -> Vec<(String, String)> {
    let items = fs::read_dir(repository().join("docs")).expect("docs").flatten();
    let mut names: Vec<String> = items
        .map(|item| format!("docs/{}", item.file_name().to_string_lossy()))
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "md"))
        .collect();
    names.sort();
    names.insert(0, "README.md".to_owned());
    names.into_iter().map(|name| (name.clone(), text(&name))).collect()
}
