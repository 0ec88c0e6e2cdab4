//! Ways to damage a folder, and to look at one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wakeeper_e2e::damaged_session::contents;

/// The files whose names begin so; there must be some.
pub fn files(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let names = contents(folder).into_keys().filter(|name| name.starts_with(prefix));
    let found: Vec<_> = names.map(|name| folder.join(name)).collect();
    assert!(!found.is_empty(), "no file {prefix}* in {}", folder.display());
    found
}

/// The records of Signal sessions with an account, by its number or LID.
pub fn sessions(folder: &Path, of: &wakeeper_e2e::Address) -> Vec<PathBuf> {
    let names = contents(folder).into_keys();
    let is_of = |name: &String| {
        let rest = name.strip_prefix("session-");
        rest.is_some_and(|rest| [&of.number, &of.lid].iter().any(|user| rest.starts_with(user.as_str())))
    };
    let found: Vec<_> = names.filter(is_of).map(|name| folder.join(name)).collect();
    assert!(!found.is_empty(), "no Signal session with {} in {}", of.number, folder.display());
    found
}

/// Cuts a file off in the middle.
pub fn tear(file: &Path) {
    let content = std::fs::read(file).expect("a file");
    std::fs::write(file, &content[..content.len() / 2]).expect("write a file");
}

/// Copies all files of a folder over those of another one, as somebody does who puts an old backup back.
pub fn copy_over(from: &BTreeMap<String, Vec<u8>>, to: &Path) {
    for (name, content) in from {
        std::fs::write(to.join(name), content).expect("write a file");
    }
}

/// Flips one bit in every value of a JSON field that holds base64, which stays base64.
pub fn flip(file: &Path, field: &str) {
    let mut text = std::fs::read(file).expect("a file");
    let key = format!("\"{field}\":\"").into_bytes();
    let mut places = Vec::new();
    for (at, window) in text.windows(key.len()).enumerate() {
        if window == key {
            places.push(at + key.len() + 8);
        }
    }
    assert!(!places.is_empty(), "no {field} in {}", file.display());
    for place in places {
        text[place] = if text[place] == b'A' { b'B' } else { b'A' };
    }
    std::fs::write(file, text).expect("write a file");
}
