//! `docs/findings.md` is what the findings' own files say.

use super::*;

/// The module documentation of a source text.
fn documentation(source: &str) -> Vec<&str> {
    source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect()
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let refused = ReadError::Io(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
    let report = crate::examine::examine_file(Entry::in_memory("creds.json", 1), Err(&refused));
    assert_eq!(report.findings[0].code.as_str(), "file_unreadable");
    assert!(report.findings[0].evidence.contains("permission denied"));
    let other = crate::examine::examine_file(Entry::in_memory("notes.txt", 1), Err(&refused));
    assert!(other.findings.iter().all(|finding| finding.code.as_str() == "file_unknown"));
}

fn page() -> String {
    let mut page = "# Findings\n\nWhat `wakeeper examine` and `wakeeper health` can find in a stored session, what it \
                    means and what cures it.\nThis page is generated from the findings' own source files; do not edit it.\n"
        .to_owned();
    for (_, code, source) in SOURCES {
        let lines = documentation(source);
        let (title, text) = lines.split_first().expect("a title");
        let text = text.join("\n");
        page.extend(["\n## `", code.as_str(), "`\n\n**", title, "**\n\n", text.trim(), "\n"]);
    }
    page
}

#[test]
fn codes_are_file_names_and_documented() {
    for (name, code, source) in SOURCES {
        assert_eq!(code.as_str(), *name);
        let lines = documentation(source);
        assert!(
            lines.len() >= 3 && lines[1].is_empty() && lines[0].ends_with('.'),
            "{name}: title, blank, text"
        );
    }
    assert_eq!(CODES.len(), SOURCES.len());
}

/// `cargo xtask findings` writes the page anew.
#[test]
fn the_page_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/findings.md");
    if std::env::var_os("WAKEEPER_WRITE_FINDINGS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    // Not `assert_eq`, which would print both pages.
    let is_current = std::fs::read_to_string(&path).is_ok_and(|text| text == page());
    assert!(is_current, "docs/findings.md is not what the findings say: run `cargo xtask findings`");
}
