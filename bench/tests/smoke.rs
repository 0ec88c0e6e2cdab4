//! Does the benchmark work? Everything, tiny, with the contenders that need no packages of Node. Judges no speed.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Each part, and how many rows it has: contenders (or programs) by cases.
const PARTS: [(&str, usize); 8] = [
    ("send", 2 * 4 * 2),
    ("receive", 2 * 2 * 2),
    ("sessions", 2),
    ("start", 2),
    ("idle", 2),
    ("folder", 4),
    ("logs", 3),
    ("burst", 2),
];
/// What each row has whose messages were counted.
const OF_MESSAGES: [&str; 6] =
    ["per second", "CPU ms", "KB to disk", "KB written", "server cores", "arrived"];
/// What those rows have besides whose system calls were counted.
const OF_CALLS: [&str; 2] = ["fsyncs", "system calls"];
/// What those rows have besides whose messages were timed one by one.
const OF_TIMES: [&str; 3] = ["p50 ms", "p99 ms", "p99.9 ms"];

#[test]
fn every_figure_comes_and_every_message_arrives() {
    let program =
        std::env::var("WAKEEPER_BIN").expect("run this test with cargo nextest, which builds the program");
    let output = tempfile::tempdir().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_wakeeper-bench"))
        .args(["--smoke", "--wakeeper", &program, "--output"])
        .arg(output.path())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    let page = std::fs::read_to_string(output.path().join("RESULTS.md")).unwrap();
    for (part, rows) in PARTS {
        assert!(page.contains(&format!("\n## {part}\n")), "{page}");
        let figures = figures(output.path(), part);
        assert_eq!(figures.len(), rows, "{part}: {figures:#?}");
        figures.iter().for_each(check);
    }
}

fn figures(output: &Path, part: &str) -> Vec<Value> {
    let text = std::fs::read(output.join("results").join(format!("{part}.json"))).unwrap();
    let section: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(section["troubles"], serde_json::json!([]), "{part}");
    section["figures"].as_array().unwrap().clone()
}

fn check(figure: &Value) {
    let value = |name: &str| {
        let found = figure["values"].as_array().unwrap().iter().find(|pair| pair[0] == name);
        found.unwrap_or_else(|| panic!("no {name} in {figure:#}"))[1].as_f64().unwrap()
    };
    let case = figure["case"].as_str().unwrap();
    assert!(figure["values"].as_array().unwrap().len() > 1, "{figure:#}");
    let of_messages = ["at once", "at a time", "a second", "queue"].iter().any(|word| case.contains(word));
    if !of_messages {
        return;
    }
    for name in OF_MESSAGES {
        assert!(value(name).is_finite(), "{name} in {figure:#}");
    }
    assert!(value("per second") > 0.0, "{figure:#}");
    assert!(value("arrived") >= value("asked for"), "{figure:#}");
    // What a start takes is taken off, and so few messages take less than one start differs from another.
    if case.contains("queue") {
        return;
    }
    assert!(value("KB written") > 0.0, "{figure:#}");
    for name in OF_TIMES {
        assert!(value(name) > 0.0, "{name} in {figure:#}");
    }
    if !case.contains("slower") && !case.contains("each") {
        let [syncs, calls] = OF_CALLS.map(value);
        assert!(calls > 1.0 && calls > syncs, "{figure:#}");
        assert!(syncs > 0.0 || figure["contender"] == "bare", "{figure:#}");
    }
}
