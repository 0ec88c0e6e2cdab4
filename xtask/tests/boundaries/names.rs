//! Who may write which name: a file's name and a finding's code are known in one crate, where the rest asks for them.

use std::collections::BTreeMap;

use crate::assert_only_known;
use crate::source::{all, entries, name, workspace};

/// A file's name, the crate that owns it, and whether that crate writes it in one place.
const OWNERS: [(&str, &str, bool); 8] = [
    ("creds.json", "doctor", false),
    ("engine.db", "model", true),
    ("generation.json", "engine", true),
    ("import.json", "engine-store", true),
    ("incidents.db", "storage", true),
    ("session.lock", "engine", true),
    ("wakeeper.db", "model", true),
    ("wakeeper.lock", "engine", true),
];

/// What is to go: the name, where it is written, how often too often.
const NOT_YET: [((&str, &str), usize); 0] = [];

/// Codes of findings outside their crate: where, how often.
const CODES_NOT_YET: [(&str, usize); 0] = [];

#[test]
fn a_file_is_named_by_its_owner_alone() {
    let sources = all();
    let mut found = BTreeMap::new();
    for (file, owner, once) in OWNERS {
        let literal = format!("\"{file}\"");
        for source in &sources {
            let times = source.text.matches(&literal).count();
            if times > 0 && (source.krate != owner || once) {
                *found.entry((file, source.krate.as_str())).or_insert(0) += times;
            }
        }
        if once {
            let own = found.remove(&(file, owner)).unwrap_or(0);
            assert!(own > 0, "{file} is not named by its owner, {owner}");
            if own > 1 {
                found.insert((file, owner), own - 1);
            }
        }
    }
    assert_only_known("names of files outside their owner", found, &NOT_YET);
}

#[test]
fn a_findings_code_is_written_by_its_finding_alone() {
    let findings = workspace().join("crates/doctor/src/findings");
    let codes: Vec<_> = entries(&findings).iter().map(|path| format!("\"{}\"", name(path))).collect();
    assert!(codes.len() > 50, "{} findings", codes.len());
    let mut found = BTreeMap::new();
    let sources = all();
    for source in sources.iter().filter(|source| source.krate != "doctor") {
        let times: usize = codes.iter().map(|code| source.text.matches(code.as_str()).count()).sum();
        if times > 0 {
            *found.entry(source.krate.as_str()).or_insert(0) += times;
        }
    }
    assert_only_known("codes of findings outside their crate", found, &CODES_NOT_YET);
}
