//! Ways to damage the session of a gateway that runs.

use std::path::{Path, PathBuf};

use wakeeper_e2e::Address;
use wakeeper_e2e::damaged_session::contents;

/// The files whose names begin so; there must be some.
pub fn files(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let names = contents(folder).into_keys().filter(|name| name.starts_with(prefix));
    let found: Vec<_> = names.map(|name| folder.join(name)).collect();
    assert!(!found.is_empty(), "no file {prefix}* in {}", folder.display());
    found
}

/// The records of Signal sessions with an account; Baileys 7 keeps them under its LID.
pub fn sessions(folder: &Path, of: &Address) -> Vec<PathBuf> {
    let all = files(folder, "session-").into_iter();
    let is_of = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        [&of.number, &of.lid].iter().any(|user| name.starts_with(&format!("session-{user}")))
    };
    let found: Vec<_> = all.filter(is_of).collect();
    assert!(!found.is_empty(), "no Signal session with {} in {}", of.number, folder.display());
    found
}

/// Cuts a file off in the middle.
pub fn tear(file: &Path) {
    let content = std::fs::read(file).expect("a file");
    std::fs::write(file, &content[..content.len() / 2]).expect("write a file");
}

/// Flips one bit of every root and chain key of a Signal session; it stays base64.
pub fn flip(file: &Path) {
    let mut text = std::fs::read(file).expect("a file");
    for field in ["rootKey", "key"] {
        let key = format!("\"{field}\":\"").into_bytes();
        let places: Vec<_> = text
            .windows(key.len())
            .enumerate()
            .filter(|(_, w)| *w == key)
            .map(|(at, _)| at + key.len() + 8)
            .collect();
        assert!(!places.is_empty(), "no {field} in {}", file.display());
        for place in places {
            text[place] = if text[place] == b'A' { b'B' } else { b'A' };
        }
    }
    std::fs::write(file, text).expect("write a file");
}
