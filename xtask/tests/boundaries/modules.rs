//! Who may name whom inside a crate, read from `crate::...` in its text.

use std::collections::BTreeMap;

use crate::assert_only_known;
use crate::source::{Source, all};

/// Crate, module, and which other modules of the crate it may name. Modules that are not listed may name any.
const MAY_NAME: [(&str, &str, &[&str]); 22] = [
    ("delivery", "addresses", &[]),
    ("engine", "media::pace", &[]),
    ("engine", "media::spool", &[]),
    ("engine", "outbound::outgoing", &["media", "status", "structured"]),
    ("engine", "message", &["structured"]),
    // What moves a session repairs none.
    ("offline", "transfer", &[]),
    ("delivery", "webhook", &["addresses", "events", "streams"]),
    ("delivery", "events", &["streams", "webhook"]),
    ("gateway", "serving", &[]),
    // How a format is read knows nothing of what is judged or repaired.
    ("doctor", "formats", &["address", "curve", "json", "secret"]),
    // A finding proposes a repair and makes none.
    (
        "doctor",
        "findings",
        &[
            "address",
            "backup",
            "curve",
            "examine",
            "finding",
            "formats",
            "inventory",
            "json",
            "layout",
            "model",
            "source",
            "state",
            "symptoms",
        ],
    ),
    // A log beside a folder is read where no other login lies there.
    ("doctor", "symptoms", &["address", "json", "login", "state"]),
    // The policy is a pure machine: no clock, no folder, no row.
    ("recovery", "policy", &["kind", "ladder", "reports", "rules", "session", "tally"]),
    ("recovery", "reports", &["kind", "policy"]),
    ("recovery", "session", &["ladder"]),
    // The engine's client knows nothing of sessions in trouble.
    ("containers", "docker", &[]),
    ("storage", "sqlite", &["disk", "error", "ownership", "rows"]),
    ("cli", "settings", &[]),
    ("cli", "environment", &["settings"]),
    ("cli", "output", &["environment"]),
    ("cli", "chosen", &["environment", "output", "settings"]),
    // Before it starts, a gateway looks at folders and has no session yet.
    ("offline", "preflight", &["users"]),
];

/// What is to go: crate, module, whom it names, how often.
const NOT_YET: [((&str, &str, &str), usize); 0] = [];

#[test]
fn modules_name_whom_they_may() {
    let sources = all();
    let mut found = BTreeMap::new();
    for (krate, module, may) in MAY_NAME {
        let mut its =
            sources.iter().filter(|source| source.krate == krate && source.is_in(module)).peekable();
        assert!(its.peek().is_some(), "crates/{krate} has no module {module}");
        for name in its.flat_map(|source| named(&source.text)) {
            if name != module && !may.contains(&name) {
                *found.entry((krate, module, name)).or_insert(0) += 1;
            }
        }
    }
    assert_only_known("modules that name whom they may not", found, &NOT_YET);
}

/// The modules that follow `crate::`. Types and functions that the root has brought in are no modules.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split("crate::").skip(1).flat_map(|rest| {
        let list = rest.strip_prefix('{').and_then(|list| list.split(['}', ';']).next());
        let names = list.map_or_else(|| vec![rest], |list| list.split(',').collect());
        names.into_iter().map(first_word).filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
    })
}

fn first_word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[test]
fn libraries_read_no_environment() {
    let reads = |source: &Source| source.text.contains("env::var") || source.text.contains("env::args");
    let is_program = |source: &Source| ["cli", "chown-mounts"].contains(&source.krate.as_str());
    let found: Vec<_> = all().into_iter().filter(|source| !is_program(source) && reads(source)).collect();
    let found: Vec<_> = found.iter().map(|source| format!("{}::{}", source.krate, source.module)).collect();
    assert!(found.is_empty(), "settings are read by the binary and passed on: {found:?}");
}

#[test]
fn reads_what_follows_the_crate() {
    let text =
        "use crate::engine::{A, B};\nuse crate::{model, api::x};\nlet y = crate::gateway::Z; crate::Lock";
    assert_eq!(named(text).collect::<Vec<_>>(), ["engine", "model", "api", "gateway"]);
}
