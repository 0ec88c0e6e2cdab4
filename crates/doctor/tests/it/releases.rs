//! The releases of Baileys: what each writes is healthy, and a change says what becomes unreadable.

use std::path::Path;
use std::time::{Duration, SystemTime};

use wakeeper_doctor::clean::{CleanOptions, Outcome, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::{Report, Severity, examine};

use crate::support::{NOW_MS, codes, contents, copy, report};

fn for_release(dir: &Path, release: &str) -> (Report, Outcome) {
    let options = Options { version: Version::of_release(release), ..Options::at(NOW_MS) };
    let shelf = tempfile::tempdir().unwrap();
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: true,
        shelf: shelf.path(),
        label: "bot",
        passphrase: None,
        approve: None,
    };
    (examine(dir, &options).unwrap(), clean(dir, &options, &how).unwrap())
}

#[test]
fn what_6_7_24_wrote_is_healthy_and_nothing_of_it_is_renamed() {
    let dir = copy("baileys6.7.24");
    let found = report(dir.path());
    assert!(found.healthy, "{:#?}", found.findings);
    assert_eq!(codes(&found, Severity::Warning), Vec::<&str>::new());
    assert_eq!(found.releases.as_deref(), Some("6.7.19 to 6.7.24"));
    assert_eq!(serde_json::to_value(&found).unwrap()["version"], "6");
    for release in ["6.7.19", "6.7.21", "6.7.24"] {
        let (found, outcome) = for_release(dir.path(), release);
        assert!(found.healthy && outcome.plan.is_empty(), "{release}: {outcome:?}");
    }
}

/// Fixture, the release that comes after, and what is found then.
#[test]
fn a_change_of_release_says_what_becomes_unreadable() {
    let lids = [("signal_session_other_version", "rename_file"); 3];
    let key = ("sender_key_other_version", "remove_file");
    let memory = ("sender_key_memory_orphan", "remove_file");
    for (fixture, release, expected) in [
        ("baileys6.7.24", "6.7.18", vec![key, memory]),
        ("baileys6.7.24", "6.17.16", vec![key, memory]),
        ("baileys6.7.24", "7.0.0-rc.1", lids.to_vec()),
        ("baileys6.7.24", "7.0.0-rc14", lids.to_vec()),
        ("baileys6", "6.17.16", vec![]),
        ("baileys6", "6.7.19", vec![key, key, memory]),
        ("baileys6", "7.0.0-rc.9", vec![("signal_session_other_version", "rename_file"), key, key, memory]),
        ("baileys7", "7.0.0-rc.1", vec![]),
        ("baileys7", "6.7.24", vec![("signal_session_other_version", "rename_file")]),
        ("baileys7", "6.7.18", vec![("signal_session_other_version", "rename_file"), key, key, memory]),
    ] {
        let dir = copy(fixture);
        let (_, outcome) = for_release(dir.path(), release);
        let mut plan: Vec<_> =
            outcome.plan.iter().map(|action| (action.code.unwrap().as_str(), action.repair)).collect();
        plan.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(plan, expected, "{fixture} under {release}");
    }
}

#[test]
fn evidence_names_the_releases() {
    let dir = copy("baileys6");
    let (found, _) = for_release(dir.path(), "6.7.19");
    let evidence: Vec<_> = found.findings.iter().map(|finding| finding.evidence.as_str()).collect();
    let expected = "written by Baileys 6.7.18 or before; Baileys 6.7.19 to 6.7.24 cannot read it";
    assert!(evidence.contains(&expected), "{evidence:?}");
}

/// Sender keys of both shapes, as old as each other: nobody can tell which are in use.
#[test]
fn nothing_is_removed_while_nothing_tells_which_release_runs() {
    let dir = copy("baileys6.7.24");
    let old = "sender-key-120363000000000001@g.us--6281100000002--0.json";
    std::fs::copy(copy("baileys6").path().join(old), dir.path().join(old)).unwrap();
    let found = report(dir.path());
    assert!(found.healthy);
    assert_eq!(codes(&found, Severity::Warning), ["sender_key_other_version"]);
    // An hour between them tells.
    let hour = SystemTime::now() - Duration::from_hours(1);
    std::fs::File::options().write(true).open(dir.path().join(old)).unwrap().set_modified(hour).unwrap();
    let found = report(dir.path());
    assert_eq!(codes(&found, Severity::Error), ["sender_key_other_version"]);
    assert_eq!(found.findings[0].path, old);
}

/// Seven, gone back to 6.7.24: what is in use is left alone, also among files that only 7.x writes.
#[test]
fn live_files_of_a_downgrade_are_left_alone() {
    let dir = copy("baileys6.7.24");
    let seven = copy("baileys7");
    for (name, content) in contents(seven.path()) {
        let only_7 =
            ["lid-mapping-", "device-list-", "session-1000"].iter().any(|start| name.starts_with(start));
        if only_7 {
            std::fs::write(dir.path().join(&name), content).unwrap();
        }
    }
    let found = report(dir.path());
    let about_live =
        found.findings.iter().filter(|finding| finding.severity == Severity::Error).filter(|finding| {
            finding.path.starts_with("session-10000000000000") && !finding.path.contains("_1")
        });
    assert_eq!(about_live.count(), 0, "{:#?}", found.findings);
    // Names alone: the mappings are there, and no session that is named as 7.x names it.
    std::fs::remove_file(dir.path().join("session-100000000000033_1.3.json")).unwrap();
    let found = report(dir.path());
    assert!(found.healthy, "{:#?}", found.findings);
}

#[test]
fn six_is_what_the_folder_shows_or_the_release_of_years() {
    for fixture in ["baileys6", "baileys6.7.24"] {
        let (found, outcome) = for_release(copy(fixture).path(), "6");
        assert!(found.healthy && outcome.plan.is_empty(), "{fixture}: {outcome:?}");
    }
    // A folder of 7.x shows none: as ever, 6.7.18 is meant.
    let plans = ["6", "6.7.18"].map(|release| for_release(copy("baileys7").path(), release).1.plan);
    assert!(!plans[0].is_empty() && plans[0] == plans[1], "{plans:?}");
    // Keys of both in one: what is meant is asked for.
    let mixed = copy("baileys6.7.24");
    for (name, content) in contents(copy("baileys6").path()) {
        if name.starts_with("sender-key-1") {
            std::fs::write(mixed.path().join(name), content).unwrap();
        }
    }
    let options = Options { version: Version::of_release("6"), ..Options::at(NOW_MS) };
    let refused = examine(mixed.path(), &options).unwrap_err().to_string();
    assert!(refused.contains("--baileys 6.7.18 or --baileys 6.7.24"), "{refused}");
}

#[test]
fn nothing_is_renamed_or_removed_for_a_release_that_is_not_known() {
    for (fixture, release) in
        [("baileys6", "8.0.0"), ("baileys6.7.24", "6.8.0"), ("baileys7", "6.8.0"), ("baileys6", "7.0.0")]
    {
        let (found, outcome) = for_release(copy(fixture).path(), release);
        assert!(found.healthy && outcome.plan.is_empty(), "{fixture} under {release}: {outcome:?}");
    }
    let (found, _) = for_release(copy("baileys6").path(), "8.0.0");
    assert!(codes(&found, Severity::Warning).contains(&"sender_key_other_version"), "{:?}", found.findings);
}
