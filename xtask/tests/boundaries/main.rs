//! Who may import whom, and who may write which name: ARCHITECTURE.md, held by tests.
//!
//! What is not so yet stands in a list beside each rule, with its number. The number may only fall: a test fails when there is more
//! than the list says, and also when there is less, so that the list is shortened.
// Helpers of tests are not marked as tests themselves.
#![allow(clippy::expect_used)]

mod crates;
mod format;
mod modules;
mod names;
mod owners;
mod size;
mod source;
mod traps;

use std::collections::BTreeMap;
use std::fmt::Debug;

/// Compares what was found with what is known and still to be cleared up.
fn assert_only_known<K: Ord + Debug>(rule: &str, mut found: BTreeMap<K, usize>, known: &[(K, usize)]) {
    let mut wrong = Vec::new();
    for (key, number) in known {
        let now = found.remove(key).unwrap_or(0);
        if now > *number {
            wrong.push(format!("{key:?}: {now} times, {number} are known"));
        } else if now < *number {
            wrong.push(format!("{key:?}: {now} times only; lower the {number} in the list"));
        }
    }
    wrong.extend(found.into_iter().map(|(key, now)| format!("{key:?}: {now} times, none is known")));
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

#[test]
#[should_panic(expected = "\"b\": 2 times, 1 are known")]
fn more_than_is_known_is_refused() {
    assert_only_known("b", BTreeMap::from([("a", 1), ("b", 2)]), &[("a", 1), ("b", 1)]);
}

#[test]
#[should_panic(expected = "\"a\": 0 times only; lower the 1 in the list")]
fn an_entry_that_is_needed_no_more_is_refused() {
    assert_only_known("a", BTreeMap::new(), &[("a", 1)]);
}
