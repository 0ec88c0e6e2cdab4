//! docs/traps.md names a test for each trap: they have to be there.

use std::collections::BTreeSet;

use crate::source::{entries, tests_below, workspace};

/// What stands in backquotes in the last column of its tables.
fn named() -> BTreeSet<String> {
    let page = std::fs::read_to_string(workspace().join("docs/traps.md")).expect("the page");
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| looks right"));
    let mut named = BTreeSet::new();
    for row in rows {
        let last = row.trim_end_matches(['|', ' ']).rsplit(" | ").next().expect("a column");
        let tests: Vec<_> = last.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert!(!tests.is_empty(), "no test is named in: {row}");
        named.extend(tests);
    }
    named
}

#[test]
fn every_trap_has_a_test_that_is_there() {
    let mut tests = BTreeSet::new();
    for folder in entries(&workspace().join("crates")).into_iter().chain([workspace().join("tests")]) {
        tests.extend(tests_below(&folder));
    }
    let gone: Vec<_> = named()
        .into_iter()
        .filter(|test| !tests.contains(test) && !workspace().join(test).is_file())
        .collect();
    assert!(gone.is_empty(), "docs/traps.md names tests that are not there: {gone:?}");
}

#[test]
fn a_helper_is_no_test() {
    let tests = tests_below(&workspace().join("xtask/tests"));
    assert!(tests.iter().any(|test| test == "a_helper_is_no_test"));
    assert!(!tests.iter().any(|test| test == "named"));
}
