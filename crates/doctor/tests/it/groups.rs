//! Our own sender keys of groups, and the lists of those who were told them.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use wakeeper_doctor::address::Address;
use wakeeper_doctor::clean::{CleanOptions, Outcome, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::{Severity, examine};

use crate::support::{NOW_MS, codes, contents, copy};

const MEMORY: &str = "sender-key-memory-120363000000000001@g.us.json";
const OTHER_MEMORY: &str = "sender-key-memory-120363000000000002@g.us.json";
const OWN_KEY: &str = "sender-key-120363000000000001@g.us--100000000000011_1--12.json";
const OTHER_OWN_KEY: &str = "sender-key-120363000000000002@g.us--100000000000011_1--12.json";
const BOBS_KEY: &str = "sender-key-120363000000000001@g.us--6281100000002--0.json";
const BOB: &str = "session-6281100000002.0.json";

fn cleaned(dir: &Path, options: &Options<'_>) -> Outcome {
    let shelf = tempfile::tempdir().unwrap();
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf: shelf.path(),
        label: "bot",
        passphrase: None,
        approve: None,
    };
    clean(dir, options, &how).unwrap()
}

/// Two groups, so that what is done to one of them can be told from what is done to all.
fn two_groups() -> tempfile::TempDir {
    let dir = copy("baileys7");
    std::fs::copy(dir.path().join(MEMORY), dir.path().join(OTHER_MEMORY)).unwrap();
    std::fs::copy(dir.path().join(OWN_KEY), dir.path().join(OTHER_OWN_KEY)).unwrap();
    dir
}

fn list(dir: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(dir.join(name)).unwrap()).unwrap()
}

#[test]
fn one_group_is_reset_and_nothing_else() {
    for named in ["120363000000000001@g.us", "120363000000000001"] {
        let dir = two_groups();
        let mut expected = contents(dir.path());
        let groups = [named.to_owned()];
        let options = Options { groups: &groups, ..Options::at(NOW_MS) };
        let found = examine(dir.path(), &options).unwrap();
        assert_eq!(codes(&found, Severity::Warning), ["sender_key_chosen", "sender_key_chosen"]);
        let outcome = cleaned(dir.path(), &options);
        assert!(outcome.applied && outcome.healthy && outcome.login_kept, "{outcome:?}");
        expected.remove(MEMORY);
        expected.remove(OWN_KEY);
        assert!(expected.contains_key(BOBS_KEY) && contents(dir.path()) == expected);
    }
}

#[test]
fn a_group_without_a_key_of_ours_is_told_beside_those_that_are_known() {
    let about = |dir: &Path, group: &str| {
        let groups = [group.to_owned()];
        let options = Options { groups: &groups, ..Options::at(NOW_MS) };
        let report = examine(dir, &options).unwrap();
        assert!(report.healthy, "{report:?}");
        let outcome = cleaned(dir, &options);
        assert!(!outcome.applied && outcome.plan.is_empty(), "{outcome:?}");
        outcome.notes.concat()
    };
    let dir = two_groups();
    let told = about(dir.path(), "120363999999999999@g.us");
    assert!(
        told.contains("knows no group 120363999999999999@g.us; it knows 120363000000000001@g.us"),
        "{told}"
    );
    std::fs::remove_file(dir.path().join(MEMORY)).unwrap();
    std::fs::remove_file(dir.path().join(OWN_KEY)).unwrap();
    let told = about(dir.path(), "120363000000000001@g.us");
    assert!(told.contains("no sender key of its own for group 120363000000000001@g.us"), "{told}");
}

#[test]
fn a_named_contact_is_told_our_sender_keys_again() {
    // By the phone number, by the LID, and one device of it.
    for (named, gone, kept) in [
        ("6281100000003", "100000000000033:3@lid", "6281100000002@s.whatsapp.net"),
        ("100000000000033@lid", "100000000000033:3@lid", "6281100000002@s.whatsapp.net"),
        ("100000000000033:3@lid", "100000000000033:3@lid", "6281100000002@s.whatsapp.net"),
        ("6281100000002", "6281100000002@s.whatsapp.net", "100000000000033:3@lid"),
    ] {
        let dir = two_groups();
        let peers = [Address::from_any(named).unwrap()];
        let outcome = cleaned(dir.path(), &Options { peers: &peers, ..Options::at(NOW_MS) });
        assert!(outcome.healthy && outcome.login_kept, "{named}: {outcome:?}");
        for memory in [MEMORY, OTHER_MEMORY] {
            assert_eq!(list(dir.path(), memory), json!({ kept: true }), "{named}: {gone} is off the list");
        }
        assert!(dir.path().join(OWN_KEY).exists(), "the others go on with the key that they have");
    }
    // Another device of theirs is somebody else here.
    let dir = two_groups();
    let before = contents(dir.path());
    let peers = [Address::from_any("100000000000033:4@lid").unwrap()];
    cleaned(dir.path(), &Options { peers: &peers, ..Options::at(NOW_MS) });
    assert_eq!(contents(dir.path()), before);
}

#[test]
fn whoever_is_the_last_on_a_list_takes_it_along() {
    let dir = copy("baileys7");
    std::fs::write(dir.path().join(MEMORY), "{\"6281100000002@s.whatsapp.net\":true}").unwrap();
    let peers = [Address::from_any("6281100000002").unwrap()];
    let outcome = cleaned(dir.path(), &Options { peers: &peers, ..Options::at(NOW_MS) });
    assert!(outcome.healthy && !dir.path().join(MEMORY).exists(), "{outcome:?}");
}

/// Bob's open session is with another identity than the archived one; `edit` sees the open one.
fn new_phone(dir: &Path, edit: impl Fn(&mut Value)) {
    let mut record = list(dir, BOB);
    for entry in record["_sessions"].as_object_mut().unwrap().values_mut() {
        if entry["indexInfo"]["closed"] == json!(-1) {
            edit(entry);
        } else {
            let carol = list(dir, "session-6281100000004.0.json");
            let other = carol["_sessions"].as_object().unwrap().values().next().unwrap();
            entry["indexInfo"]["remoteIdentityKey"] = other["indexInfo"]["remoteIdentityKey"].clone();
        }
    }
    std::fs::write(dir.join(BOB), record.to_string()).unwrap();
}

fn written(dir: &Path, memory: &str, before: Duration) {
    let file = std::fs::File::options().write(true).open(dir.join(memory)).unwrap();
    file.set_modified(SystemTime::now() - before).unwrap();
}

#[test]
fn a_list_older_than_a_members_new_phone_is_found() {
    let dir = two_groups();
    let now_ms = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64;
    new_phone(dir.path(), |open| open["indexInfo"]["created"] = json!(now_ms - 3_600_000));
    written(dir.path(), MEMORY, Duration::from_hours(2));
    // The other group was written to since, so Bob was told.
    written(dir.path(), OTHER_MEMORY, Duration::from_mins(5));
    let options = Options::at(now_ms);
    let found = examine(dir.path(), &options).unwrap();
    assert_eq!(codes(&found, Severity::Warning), ["sender_key_memory_stale"], "{:#?}", found.findings);
    let finding = found.findings.iter().find(|f| f.severity == Severity::Warning).unwrap();
    assert_eq!((finding.path.as_str(), finding.repair.word()), (MEMORY, "forget_devices"));
    assert_eq!(finding.peer.as_ref().unwrap().user, "6281100000002");
    let outcome = cleaned(dir.path(), &options);
    assert!(outcome.healthy, "{outcome:?}");
    assert_eq!(list(dir.path(), MEMORY), json!({"100000000000033:3@lid": true}));
    assert_eq!(list(dir.path(), OTHER_MEMORY).as_object().unwrap().len(), 2);
    assert_eq!(codes(&examine(dir.path(), &options).unwrap(), Severity::Warning), Vec::<&str>::new());
}

/// Whatever the times of files say, who was sent nothing was not told anything.
#[test]
fn a_new_identity_that_nothing_was_sent_to_was_not_told() {
    let dir = two_groups();
    new_phone(dir.path(), |_| {});
    assert_eq!(
        codes(&examine(dir.path(), &Options::at(NOW_MS)).unwrap(), Severity::Warning),
        Vec::<&str>::new()
    );
    new_phone(dir.path(), |open| {
        for chain in open["_chains"].as_object_mut().unwrap().values_mut() {
            if chain["chainType"] == json!(1) {
                chain["chainKey"]["counter"] = json!(-1);
            }
        }
    });
    let found = examine(dir.path(), &Options::at(NOW_MS)).unwrap();
    assert_eq!(codes(&found, Severity::Warning), ["sender_key_memory_stale"; 2], "{:#?}", found.findings);
}
