//! What may not grow: the binary's own source, which is arguments and what is printed.

use crate::source::{below, workspace};

/// Lines of `crates/cli/src`, with its tests.
const MOST: usize = 4_000;

#[test]
fn the_binary_stays_small() {
    let files = below(&workspace().join("crates/cli/src"));
    let rust = files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "rs"));
    let lines: usize =
        rust.map(|file| std::fs::read_to_string(file).expect("a source file").lines().count()).sum();
    assert!(lines > 1_000, "{lines} lines: the files were not found");
    assert!(
        lines <= MOST,
        "crates/cli/src has {lines} lines, and {MOST} are allowed: what is not arguments and printing belongs to a library"
    );
}
