//! An older copy of a folder that was put back, told by a younger backup.

use std::path::Path;

use wakeeper_doctor::backup::{CreateOptions, Reached, Shelf, create};
use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::source::Folder;
use wakeeper_doctor::{Severity, examine};

use crate::support::{NOW_MS, codes, contents, copy};

const BOB: &str = "session-6281100000002.0.json";
const OWN_6: &str = "sender-key-120363000000000001@g.us--6281100000001--12.json";

fn back_up(folder: &Path, shelf: &Path) {
    let how = CreateOptions { shelf, label: "web", passphrase: None, always: true };
    create(&Folder::open(folder).unwrap(), &Options::at(NOW_MS), &how).unwrap();
}

fn advance(folder: &Path, name: &str, from: &str, to: &str) {
    let path = folder.join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.rfind(from).unwrap_or_else(|| panic!("{from} in {name}: {text}"));
    std::fs::write(path, format!("{}{to}{}", &text[..at], &text[at + from.len()..])).unwrap();
}

fn how(shelf: &Path, extent: Extent) -> CleanOptions<'_> {
    CleanOptions { extent, dry_run: false, shelf, label: "web", passphrase: None, approve: None }
}

#[test]
fn what_lies_behind_the_newest_backup_is_dropped_and_nothing_else() {
    let dir = copy("baileys6");
    let old = contents(dir.path());
    let shelf = tempfile::tempdir().unwrap();
    // The gateway sends on; then the backup is made; then the old copy comes back.
    let sending = r#""chainKey":{"counter":0,"#;
    advance(dir.path(), BOB, sending, r#""chainKey":{"counter":7,"#);
    advance(dir.path(), OWN_6, r#""iteration":"#, r#""iteration":1"#);
    back_up(dir.path(), shelf.path());
    let reached = Reached::of_newest(&Shelf::at(shelf.path()), "web", None).unwrap();
    let options = Options { reached: Some(&reached), ..Options::at(NOW_MS) };
    let report = examine(dir.path(), &options).unwrap();
    assert!(report.healthy, "as far as the backup: {:#?}", report.findings);
    for (name, content) in &old {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    let report = examine(dir.path(), &options).unwrap();
    assert_eq!(codes(&report, Severity::Error), ["ratchet_rolled_back"; 2], "{:#?}", report.findings);

    let outcome = clean(dir.path(), &options, &how(shelf.path(), Extent::Damaged)).unwrap();
    assert!(outcome.healthy && outcome.login_kept, "{outcome:#?}");
    let after = contents(dir.path());
    let gone: Vec<_> = old.keys().filter(|name| !after.contains_key(*name)).collect();
    assert_eq!(gone, [OWN_6, "sender-key-memory-120363000000000001@g.us.json", BOB]);
    assert!(after.iter().all(|(name, content)| old.get(name) == Some(content)), "the rest is untouched");
}

#[test]
fn a_mended_record_and_another_login_are_not_behind() {
    // Dropping a spoilt session leaves an older one open; the backup that was made before holds the spoilt one.
    let dir = copy("baileys7-contaminated-ours");
    let shelf = tempfile::tempdir().unwrap();
    let outcome = clean(dir.path(), &Options::at(NOW_MS), &how(shelf.path(), Extent::Damaged)).unwrap();
    assert!(outcome.applied && outcome.healthy);
    let reached = Reached::of_newest(&Shelf::at(shelf.path()), "web", None).unwrap();
    let options = Options { reached: Some(&reached), ..Options::at(NOW_MS) };
    assert!(examine(dir.path(), &options).unwrap().healthy);
    // Another login under the same label, as after a new QR code.
    let other = copy("baileys6");
    assert!(examine(other.path(), &options).unwrap().healthy);
}

#[test]
fn every_ratchet_of_ours_can_be_given_up_with_the_login_kept() {
    for fixture in ["baileys6", "baileys7"] {
        let dir = copy(fixture);
        let before = contents(dir.path());
        let shelf = tempfile::tempdir().unwrap();
        let outcome = clean(dir.path(), &Options::at(NOW_MS), &how(shelf.path(), Extent::Ratchets)).unwrap();
        assert!(outcome.applied && outcome.healthy && outcome.login_kept && !outcome.needs_qr);
        let after = contents(dir.path());
        let is_kept = |name: &str| {
            let own = name.starts_with("sender-key-1") && !name.contains("--6281100000002--");
            !name.starts_with("session-") && !name.starts_with("sender-key-memory-") && !own
        };
        let expected: Vec<_> = before.keys().filter(|name| is_kept(name)).collect();
        assert_eq!(after.keys().collect::<Vec<_>>(), expected, "{fixture}");
    }
}
