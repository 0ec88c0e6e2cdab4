//! docs/waha.md tells the operations of WAHA that are served, and by which tests that is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{repository, text};

/// A row of the table.
struct Row {
    here: String,
    tests: Vec<String>,
}

/// `GET /api/{session}/x`, whatever the part in braces is called.
fn nameless(operation: &str) -> String {
    let mut parts = operation.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| told + "{" + part.split_once('}').map_or("", |(_, rest)| rest))
}

fn rows() -> BTreeMap<String, Row> {
    let page = text("docs/waha.md");
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let operation = cells[0].split('`').nth(1).expect("an operation");
        let tests = cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let before = rows.insert(operation.to_owned(), Row { here: cells[1].to_owned(), tests });
        assert!(before.is_none(), "{operation} stands there twice");
    }
    rows
}

fn served() -> BTreeSet<String> {
    let document: Value = serde_json::from_str(&text("openapi.json")).expect("openapi.json");
    let paths = document["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, operations)| {
        let methods = operations.as_object().expect("operations").keys();
        methods.map(move |method| nameless(&format!("{} {path}", method.to_uppercase())))
    });
    all.collect()
}

#[test]
fn every_operation_of_wahas_is_told_of_as_it_is_served() {
    let facts: Value = serde_json::from_str(&text("tests/waha/shapes.json")).expect("the facts");
    let (rows, served) = (rows(), served());
    let mut wrong = Vec::new();
    let mut known = BTreeSet::new();
    for operation in facts["operations"].as_array().expect("operations") {
        let name = format!(
            "{} {}",
            operation["method"].as_str().expect("a method"),
            operation["path"].as_str().expect("a path")
        );
        match rows.get(&name) {
            None => wrong.push(format!("{name} is missing")),
            Some(row) => {
                let told = row.here == "yes" || row.here.starts_with("partly: ");
                if !told && row.here != "not yet" && !row.here.starts_with("not needed: ") {
                    wrong.push(format!("{name}: {:?} is none of the four answers", row.here));
                }
                if told != served.contains(&nameless(&name)) {
                    wrong.push(format!("{name}: {:?}, and openapi.json says otherwise", row.here));
                }
                if told == row.tests.is_empty() {
                    wrong.push(format!("{name}: {:?} is shown by {:?}", row.here, row.tests));
                }
            }
        }
        known.insert(name);
    }
    wrong.extend(rows.keys().filter(|name| !known.contains(*name)).map(|name| format!("WAHA has no {name}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_counts_on_the_page_are_those_of_the_table() {
    let (page, rows) = (text("docs/waha.md"), rows());
    for word in ["yes", "partly", "not yet", "not needed"] {
        let count = rows.values().filter(|row| row.here.split(':').next() == Some(word)).count();
        assert!(page.contains(&format!("**{word}** ({count})")), "{word}: {count}");
    }
}

fn tests_below(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "node_modules" && name != "target" {
            tests_below(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let source = fs::read_to_string(&path).expect("a source");
            let mut is_test = false;
            for line in source.lines().map(str::trim) {
                if line == "#[test]" || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some((_, rest)) = line.split_once("fn ") {
                    let name = rest.split(['(', '<']).next().unwrap_or_default();
                    if is_test {
                        into.insert(name.to_owned());
                    }
                    is_test = false;
                }
            }
        }
    }
}

#[test]
fn the_tests_that_the_page_names_are_there() {
    let mut known = BTreeSet::new();
    for folder in ["crates", "tests"] {
        tests_below(&repository().join(folder), &mut known);
    }
    for (operation, row) in rows() {
        for test in row.tests {
            assert!(known.contains(&test), "{operation}: there is no test {test}");
        }
    }
}
