//! Stores of one file name that share a backup folder.

use wakeeper_doctor::backup::{Own, Reason, Retention, Shelf, place_mark, prune};
use wakeeper_doctor::source::Limits;

use super::*;

/// A store with two devices: no login tells it from another.
fn store_of_two() -> (TempDir, PathBuf) {
    let (dir, path) = store("baileys7");
    let mut second = session("baileys6");
    "6281199999999".clone_into(&mut second.credentials.me.phone.user);
    second.credentials.me.lid = None;
    fill::add(&path, &second);
    (dir, path)
}

fn made(store: &Path, shelf: &Path, now_ms: i64) -> Created {
    let how = CreateOptions { shelf, label: "whatsapp-db", passphrase: None, always: false };
    whatsmeow::create(&Store::open(store).unwrap(), &Options::at(now_ms), &how, Reason::ByHand).unwrap()
}

#[test]
fn each_has_a_series_of_its_own() {
    let shelf = tempfile::tempdir().unwrap();
    let (stores, mut paths) = ([store_of_two(), store_of_two()], Vec::new());
    for (n, (_, store)) in (0_i64..).zip(&stores) {
        let first = made(store, shelf.path(), NOW_MS + n);
        assert!(!first.unchanged && first.manifest.account.is_none());
        paths.push(first.path);
    }
    // The other one's newer backup is no reason to make another.
    for (n, (_, store)) in (10_i64..).zip(&stores) {
        let again = made(store, shelf.path(), NOW_MS + n);
        assert!(again.unchanged, "{}", again.path.display());
    }
    change(&stores[0].1, "UPDATE whatsmeow_device SET push_name = 'Ann'");
    let newer = made(&stores[0].1, shelf.path(), NOW_MS + 20).path;
    let place = place_mark(&stores[0].1);
    let own = Own { account: None, place: Some(&place) };
    let on_shelf = Shelf::at(shelf.path());
    let of_one: Vec<_> =
        on_shelf.archives_of("whatsapp-db", own).unwrap().into_iter().map(|(path, ..)| path).collect();
    assert_eq!(of_one, [newer.clone(), paths[0].clone()]);
    let list = on_shelf.list(Some("whatsapp-db"), None, &Limits::default()).unwrap();
    assert_eq!(list.iter().filter(|backup| backup.may_be_of(own)).count(), 2, "{list:?}");
    let policy = Retention { last: 1, daily: 0, weekly: 0 };
    let pruned = prune(&on_shelf, "whatsapp-db", own, &policy, None, false).unwrap();
    assert_eq!(pruned.removed, [paths[0].clone()]);
    assert!(paths[1].exists() && newer.exists());
}
