//! Every source file is formatted, those too that only a macro names: `cargo fmt` does not see them.

use std::process::Command;

use crate::source::{below, workspace};

#[test]
fn files_that_a_macro_names_are_formatted() {
    let files = ["crates", "fuzz/targets"].into_iter().flat_map(|folder| below(&workspace().join(folder)));
    let sources: Vec<_> = files.filter(|file| file.extension().is_some_and(|kind| kind == "rs")).collect();
    assert!(sources.len() > 500, "{} files only", sources.len());
    let mut rustfmt = Command::new("rustfmt");
    rustfmt.args(["--edition", "2024", "--check", "--files-with-diff"]).args(sources);
    let output = rustfmt.current_dir(workspace()).output().expect("rustfmt");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "not formatted; run `rustfmt --edition 2024` on:\n{told}");
}
