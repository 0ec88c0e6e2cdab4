//! `baileys_store.json`: only whether it can be read. It holds no keys and may be very large, so it is read
//! through, not into memory.

use std::io::BufReader;
use std::path::Path;

use crate::finding::Finding;
use crate::findings;
use crate::source::{Folder, Limits};

/// The store may be far larger than any file of the session.
const STORE_LIMIT: u64 = 4 << 30;

pub(super) fn examine(path: &Path) -> Vec<Finding> {
    let shown = path.display().to_string();
    let name = path.file_name().and_then(|name| name.to_str());
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let folder = Folder::open(parent.unwrap_or_else(|| Path::new(".")));
    let (Some(name), Ok(folder)) = (name, folder) else { return Vec::new() };
    // No store is nothing wrong: many gateways keep none.
    let Ok(entry) = folder.entry(name) else { return Vec::new() };
    let limits = Limits { file: STORE_LIMIT, ..Limits::default() };
    let content = match folder.open_file(name, &limits) {
        Ok((file, _)) => check(BufReader::with_capacity(1 << 16, file)),
        Err(error) => Err(error.to_string()),
    };
    findings::for_store(&shown, &entry, content.as_ref().copied().map_err(String::as_str))
}

fn check(reader: impl std::io::Read) -> Result<(), String> {
    use serde_json::error::Category;
    serde_json::from_reader::<_, StoreShape>(reader).map(|_| ()).map_err(|error| match error.classify() {
        Category::Eof => format!("the text breaks off in line {}", error.line()),
        Category::Io => format!("reading it failed in line {}", error.line()),
        Category::Syntax => format!("line {}, column {} is not JSON", error.line(), error.column()),
        Category::Data => "it is JSON, but not an object".to_owned(),
    })
}

/// Any object; its members are read over.
#[derive(serde::Deserialize)]
struct StoreShape {}
