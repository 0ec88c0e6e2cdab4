//! The workspace's own source text.

use std::path::{Path, PathBuf};

/// A source file of a library or the binary, without its tests and comments.
pub struct Source {
    /// The folder below `crates/`.
    pub krate: String,
    /// The module that the file is, such as `media::spool`; empty for the root itself.
    pub module: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// Whether it belongs to a module, or is it.
    pub fn is_in(&self, module: &str) -> bool {
        self.module.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }
}

/// The workspace's root.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_path_buf()
}

/// Every source file below `crates/*/src` that is no test.
pub fn all() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in entries(&workspace().join("crates")) {
        let krate = name(&folder);
        let root = folder.join("src");
        for file in below(&root) {
            let path = file.strip_prefix(&root).expect("below the root").with_extension("");
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            if file.extension().is_none_or(|kind| kind != "rs") || parts.iter().any(|part| part == "tests") {
                continue;
            }
            let module = match parts[0].as_ref() {
                "lib" | "main" | "bin" => String::new(),
                _ => parts.join("::"),
            };
            let text = std::fs::read_to_string(&file).expect("a source file");
            found.push(Source { krate: krate.clone(), module, text: production(&text) });
        }
    }
    found
}

/// Cuts off the tests, which stand last, and comments.
fn production(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

/// The names of all tests below a folder.
pub fn tests_below(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for file in below(folder).into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs")) {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                names.extend(rest.split(['(', '<']).next().map(str::to_owned));
                is_test = false;
            }
        }
    }
    names
}

pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = read.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// Every file below a folder.
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let paths = entries(folder).into_iter();
    paths.flat_map(|path| if path.is_dir() { below(&path) } else { vec![path] }).collect()
}

/// The last part of a path, without what follows the dot.
pub fn name(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}
