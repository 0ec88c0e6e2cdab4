//! Where sessions are taken on: once in the life of a session, never for a write.

use std::collections::BTreeSet;

use crate::source::all;

/// Crate and module of whoever becomes the owner of a session's rows.
const OWNERS: [(&str, &str); 5] = [
    // Sessions are taken on when they are loaded or made ...
    ("engine", "life::registry"),
    // ... and taken back when whoever had taken them over is gone.
    ("engine", "journal"),
    // Those that no gateway has open are owned for one deed.
    ("offline", ""),
    ("offline", "transfer::export"),
    ("offline", "transfer::import"),
];

#[test]
fn sessions_are_taken_on_in_few_places() {
    let sources = all();
    let found: BTreeSet<_> = sources
        .iter()
        .filter(|source| source.krate != "storage" && acquires(&source.text))
        .map(|source| (source.krate.as_str(), source.module.as_str()))
        .collect();
    assert_eq!(found, BTreeSet::from(OWNERS));
}

/// Whether a storage is asked for a session. A semaphore is asked for nothing by name.
fn acquires(text: &str) -> bool {
    text.split(".acquire(").skip(1).any(|rest| !rest.starts_with(')'))
}
