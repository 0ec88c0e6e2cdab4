//! Files that look like pre-keys, and counters that no pre-key can have.

use std::path::Path;

use wakeeper_doctor::clean::{CleanOptions, Outcome, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::{Severity, examine};

use crate::support::{NOW_MS, codes, copy, fixture_path};

/// Writes counters into the copy of a fixture whose counters are at 15.
fn counters(dir: &Path, next: &str, first: &str) {
    let path = dir.join("creds.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text
        .replace("\"nextPreKeyId\":15", &format!("\"nextPreKeyId\":{next}"))
        .replace("\"firstUnuploadedPreKeyId\":15", &format!("\"firstUnuploadedPreKeyId\":{first}"));
    std::fs::write(path, text).unwrap();
}

/// The counters that are there now.
fn now(dir: &Path) -> [u64; 2] {
    let creds = std::fs::read_to_string(dir.join("creds.json")).unwrap();
    ["\"nextPreKeyId\":", "\"firstUnuploadedPreKeyId\":"].map(|name| {
        let number = creds.split(name).nth(1).unwrap();
        number.split([',', '}']).next().unwrap().parse().unwrap()
    })
}

fn cleaned(dir: &Path) -> Outcome {
    let shelf = tempfile::tempdir().unwrap();
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf: shelf.path(),
        label: "test",
        passphrase: None,
        approve: None,
    };
    clean(dir, &Options::at(NOW_MS), &how).unwrap()
}

fn found(dir: &Path) -> Vec<&'static str> {
    codes(&examine(dir, &Options::at(NOW_MS)).unwrap(), Severity::Error)
}

#[test]
fn a_name_alone_moves_no_counter() {
    type Make = fn(&Path) -> std::io::Result<()>;
    let empty: Make = |path| std::fs::write(path, b"");
    let whole: Make = |path| std::fs::copy(fixture_path("baileys7").join("pre-key-14.json"), path).map(drop);
    let link: Make = |path| std::os::unix::fs::symlink("/etc/passwd", path);
    let folder: Make = |path| std::fs::create_dir(path);
    let cases = [
        ("pre-key-4294967295.json", empty, None),
        ("pre-key-4294967295.json", whole, None),
        ("pre-key-16777216.json", link, None),
        ("pre-key-77.json", link, Some("file_not_regular")),
        ("pre-key-77.json", folder, Some("file_not_regular")),
        ("pre-key-77.json", empty, Some("file_empty")),
    ];
    for (name, make, code) in cases {
        let dir = copy("baileys7");
        make(&dir.path().join(name)).unwrap();
        assert_eq!(found(dir.path()), code.into_iter().collect::<Vec<_>>(), "{name}");
        assert!(cleaned(dir.path()).healthy, "{name}");
        assert_eq!(now(dir.path()), [15, 15], "{name}");
    }
}

#[test]
fn counters_that_no_pre_key_can_have_are_set_back_behind_a_gap() {
    for (next, first, expected) in [
        ("4294967295", "4294967295", 1015),
        ("16777216", "16777216", 1015),
        ("9223372036854775807", "15", 1015),
        ("16777216", "2000", 3000),
        ("15", "16777216", 1015),
        ("9", "16777216", 1015),
        ("-9223372036854775808", "16777216", 1015),
    ] {
        let dir = copy("baileys7");
        counters(dir.path(), next, first);
        assert_eq!(found(dir.path()), ["pre_key_counter_range"], "{next} {first}");
        let outcome = cleaned(dir.path());
        assert!(outcome.healthy && outcome.login_kept, "{next} {first}: {outcome:#?}");
        assert_eq!(now(dir.path()), [expected; 2], "{next} {first}");
    }
}

#[test]
fn counters_below_one_are_crossed_and_nothing_overflows() {
    let dir = copy("baileys7");
    counters(dir.path(), "-9223372036854775808", "-9223372036854775808");
    for item in std::fs::read_dir(dir.path()).unwrap() {
        let path = item.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("pre-key-") {
            std::fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(found(dir.path()), ["pre_key_counters_crossed"]);
    assert!(cleaned(dir.path()).login_kept);
}

#[test]
fn the_last_id_leaves_none_behind_it_and_a_person_decides() {
    let dir = copy("baileys7");
    let last = dir.path().join("pre-key-16777215.json");
    std::fs::copy(fixture_path("baileys7").join("pre-key-14.json"), &last).unwrap();
    assert_eq!(found(dir.path()), ["pre_key_counter_behind"]);
    let outcome = cleaned(dir.path());
    assert!(!outcome.healthy && now(dir.path()) == [15, 15] && last.exists());
}
