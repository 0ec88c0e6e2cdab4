//! Whatever happens to whichever files: no panic, and a plan that is carried out leaves no error that a program may mend.

use std::path::Path;

use proptest::prelude::*;
use wakeeper_doctor::clean::{CleanOptions, clean};
use wakeeper_doctor::examine::Options;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::restore::{RestoreOptions, What, restore};
use wakeeper_doctor::source::Folder;
use wakeeper_doctor::symptoms::{LogFacts, read_log};
use wakeeper_doctor::{Repair, Severity, backup, examine};

use crate::support::{NOW_MS, contents, copy};

#[derive(Debug, Clone)]
enum Damage {
    Truncate(f64),
    Flip(f64, u8),
    Insert(f64, Vec<u8>),
    Replace(Vec<u8>),
    Duplicate,
    Remove,
    /// The content of another file.
    Other(usize),
    /// A number in the text becomes another one.
    Number(usize, i64),
    Directory,
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        1 => (0.0..1.0).prop_map(Damage::Truncate),
        4 => (0.0..1.0, 0u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => (0.0..1.0, proptest::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => proptest::collection::vec(any::<u8>(), 0..60).prop_map(Damage::Replace),
        1 => Just(Damage::Duplicate),
        1 => Just(Damage::Remove),
        1 => any::<usize>().prop_map(Damage::Other),
        3 => (any::<usize>(), any::<i64>()).prop_map(|(which, number)| Damage::Number(which, number)),
        1 => Just(Damage::Directory),
    ]
}

fn apply(dir: &Path, which: usize, damage: &Damage) {
    let names: Vec<_> = contents(dir).into_keys().collect();
    let Some(name) = names.get(which % names.len().max(1)) else { return };
    let path = dir.join(name);
    let mut content = std::fs::read(&path).unwrap();
    let place = |at: f64, len: usize| ((len as f64 * at) as usize).min(len.saturating_sub(1));
    match damage {
        Damage::Truncate(at) => content.truncate(place(*at, content.len())),
        Damage::Flip(at, bit) => {
            let at = place(*at, content.len());
            if let Some(byte) = content.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        Damage::Insert(at, bytes) => {
            let at = place(*at, content.len());
            content.splice(at..at, bytes.iter().copied());
        }
        Damage::Replace(bytes) => content.clone_from(bytes),
        Damage::Duplicate => content.extend_from_within(..),
        Damage::Remove => return std::fs::remove_file(path).unwrap(),
        Damage::Other(other) => content = std::fs::read(dir.join(&names[other % names.len()])).unwrap(),
        Damage::Number(which, number) => {
            let text = String::from_utf8_lossy(&content).into_owned();
            let starts: Vec<_> = text.match_indices(':').map(|(at, _)| at + 1).collect();
            let numbers: Vec<_> = starts
                .into_iter()
                .filter(|at| text[*at..].starts_with(|c: char| c.is_ascii_digit() || c == '-'))
                .collect();
            if let Some(at) = numbers.get(which % numbers.len().max(1)) {
                let end = text[*at..].find([',', '}']).map_or(text.len(), |end| at + end);
                content = format!("{}{number}{}", &text[..*at], &text[end..]).into_bytes();
            }
        }
        Damage::Directory => {
            std::fs::remove_file(&path).unwrap();
            return std::fs::create_dir(path).unwrap();
        }
    }
    std::fs::write(path, content).unwrap();
}

fn how(shelf: &Path) -> CleanOptions<'_> {
    CleanOptions {
        extent: Extent::Damaged,
        dry_run: false,
        shelf,
        label: "web",
        passphrase: None,
        approve: None,
    }
}

fn is_mended(fixture: &str, damages: &[(usize, Damage)]) -> Result<(), TestCaseError> {
    let dir = copy(fixture);
    let shelf = tempfile::tempdir().unwrap();
    let options = Options::at(NOW_MS);
    let create = backup::CreateOptions { shelf: shelf.path(), label: "web", passphrase: None, always: false };
    let folder = Folder::open(dir.path()).unwrap();
    backup::create(&folder, &options, &create).unwrap();
    for (which, damage) in damages {
        apply(dir.path(), *which, damage);
    }
    let damaged = contents(dir.path());
    let report = examine(dir.path(), &options).unwrap();
    let flagged: std::collections::BTreeSet<_> = report.findings.iter().map(|f| f.path.clone()).collect();
    let outcome = clean(dir.path(), &options, &how(shelf.path())).unwrap();
    let left: Vec<_> = outcome.remaining.iter().filter(|f| f.severity == Severity::Error).collect();
    prop_assert!(left.iter().all(|f| matches!(f.repair, Repair::Manual(_))), "{left:#?}");
    prop_assert!(outcome.login_kept, "a backup holds the login: {outcome:#?}");
    // What no finding names is as it was. Some findings need the credentials, and show only once those are mended.
    let after = contents(dir.path());
    let credentials_were_mended = outcome.plan.iter().any(|action| action.path == "creds.json");
    for (name, content) in &damaged {
        let planned = outcome.plan.iter().any(|action| action.path == *name);
        prop_assert!(planned || after.get(name) == Some(content), "{name} was touched");
        prop_assert!(
            !planned
                || flagged.contains(name)
                || name.starts_with("sender-key-memory")
                || credentials_were_mended && outcome.plan.iter().all(|action| action.code.is_some()),
            "{name} for no reason"
        );
    }
    // A second run finds nothing to do.
    let again = clean(dir.path(), &options, &how(shelf.path())).unwrap();
    prop_assert!(!again.applied, "{:#?}", again.plan);
    Ok(())
}

/// A byte of the credentials flipped, and all of them written twice.
#[test]
fn damage_below_damage_is_mended() {
    let damages = [
        (17_601_188_809_361_371_522, Damage::Flip(0.851_760_788_449_319_6, 0)),
        (8_744_958_789_160_281_082, Damage::Duplicate),
    ];
    is_mended("baileys6", &damages).unwrap();
}

/// Credentials and Signal sessions are gone, and what is left tells that there was a login.
#[test]
fn pre_keys_alone_tell_of_a_lost_login() {
    for damages in [
        [(12_104_984_639_238_886_895, Damage::Remove), (334_000_542_732_232_080, Damage::Remove)].to_vec(),
        // All but the pre-keys.
        vec![(0, Damage::Remove), (0, Damage::Remove), (13, Damage::Remove)],
    ] {
        is_mended("baileys7-contaminated-ours", &damages).unwrap();
    }
}

/// A key that a backup holds, beside credentials that do not tell whose backup it is before they are mended.
#[test]
fn a_key_comes_from_a_backup_once_the_credentials_can_be_read() {
    let damages =
        [(1_471_994_598_801_916_460, Damage::Truncate(0.0)), (13_644_203_012_325_616_762, Damage::Duplicate)];
    is_mended("baileys6", &damages).unwrap();
}

/// The newest backup may have been made when the file was damaged already.
#[test]
fn a_key_comes_from_the_newest_backup_that_holds_a_sound_one() {
    let dir = copy("baileys6");
    let shelf = tempfile::tempdir().unwrap();
    let options = Options::at(NOW_MS);
    let key = contents(dir.path()).into_keys().find(|name| name.starts_with("app-state-sync-key-")).unwrap();
    let sound = std::fs::read(dir.path().join(&key)).unwrap();
    for (made_ms, content) in [(NOW_MS - 1000, &sound[..]), (NOW_MS, &sound[..sound.len() / 2])] {
        std::fs::write(dir.path().join(&key), content).unwrap();
        let create =
            backup::CreateOptions { shelf: shelf.path(), label: "web", passphrase: None, always: true };
        backup::create(&Folder::open(dir.path()).unwrap(), &Options::at(made_ms), &create).unwrap();
    }
    let outcome = clean(dir.path(), &options, &how(shelf.path())).unwrap();
    assert!(outcome.applied && outcome.healthy, "{outcome:#?}");
    assert_eq!(std::fs::read(dir.path().join(&key)).unwrap(), sound);
}

/// Files that contradict each other do not tell which of them is wrong, so nothing is derived from them.
#[test]
fn contradicting_lid_mappings_are_left_alone() {
    for (file, wrong) in [
        ("lid-mapping-100000000000033_reverse.json", "\"6281100000002\""),
        ("lid-mapping-6281100000003.json", "\"100000000000022\""),
    ] {
        let dir = copy("baileys7");
        std::fs::write(dir.path().join(file), wrong).unwrap();
        std::fs::remove_file(dir.path().join("device-list-6281100000003.json")).unwrap();
        let shelf = tempfile::tempdir().unwrap();
        let before = contents(dir.path());
        let outcome = clean(dir.path(), &Options::at(NOW_MS), &how(shelf.path())).unwrap();
        assert!(outcome.plan.is_empty(), "{file}: {:#?}", outcome.plan);
        assert_eq!(contents(dir.path()), before, "{file}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn random_damage_is_mended(
        fixture in prop_oneof![Just("baileys6"), Just("baileys7"), Just("baileys7-contaminated-ours")],
        damages in proptest::collection::vec((any::<usize>(), damage()), 1..6),
    ) {
        is_mended(fixture, &damages)?;
    }

    #[test]
    fn a_damaged_folder_is_backed_up_and_restored_as_it_was(
        damages in proptest::collection::vec((any::<usize>(), damage()), 0..6),
    ) {
        let dir = copy("baileys6");
        for (which, damage) in &damages {
            apply(dir.path(), *which, damage);
        }
        let shelf = tempfile::tempdir().unwrap();
        let options = Options::at(NOW_MS);
        let create = backup::CreateOptions { shelf: shelf.path(), label: "web", passphrase: None, always: false };
        let created = backup::create(&Folder::open(dir.path()).unwrap(), &options, &create).unwrap();
        let target = tempfile::tempdir().unwrap();
        let how = RestoreOptions { what: What::All { force: None }, dry_run: false, shelf: shelf.path(), label: "web", makes_room: false };
        restore(&created.path, target.path(), &options, &how).unwrap();
        prop_assert_eq!(contents(target.path()), contents(dir.path()));
    }
}

#[test]
fn an_undamaged_folder_is_never_touched() {
    for fixture in ["baileys6", "baileys7"] {
        let dir = copy(fixture);
        let shelf = tempfile::tempdir().unwrap();
        let before = contents(dir.path());
        for extent in [Extent::Damaged, Extent::Stale] {
            let options = Options::at(1_700_000_000_000);
            let outcome = clean(dir.path(), &options, &CleanOptions { extent, ..how(shelf.path()) }).unwrap();
            assert!(!outcome.applied && outcome.healthy && outcome.login_kept && outcome.plan.is_empty());
        }
        assert_eq!(contents(dir.path()), before);
        assert_eq!(std::fs::read_dir(shelf.path()).unwrap().count(), 0);
    }
}

/// A folder of files that nobody knows; at least one.
fn strange_files() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let file = ("[a-z]{3,12}(\\.(txt|json|db|log))?", proptest::collection::vec(any::<u8>(), 0..80));
    proptest::collection::vec(file, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// A folder and a log are healthy together when something of both was understood, and not otherwise.
    #[test]
    fn what_was_not_understood_is_never_healthy(
        strange in proptest::option::of(strange_files()),
        noise in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
    ) {
        let dir = match &strange {
            None => copy("logs/auth_info"),
            Some(files) => {
                let dir = tempfile::tempdir().unwrap();
                for (name, content) in files {
                    std::fs::write(dir.path().join(name), content).unwrap();
                }
                dir
            }
        };
        let quiet = b"{\"level\":30,\"time\":1795168840123,\"msg\":\"connected to WA\"}\n".to_vec();
        let Ok(log) = read_log(&noise.clone().unwrap_or(quiet)[..], "x.log".to_owned(), None) else { return Ok(()) };
        let log = LogFacts { named: true, ..log };
        let options = Options { peer_failures: &log.peer_failures, log: Some(&log), ..Options::at(NOW_MS) };
        let report = examine(dir.path(), &options).unwrap();
        if strange.is_none() && noise.is_none() {
            prop_assert!(report.healthy, "{:?}", report.findings);
        }
        let understood = strange.is_none() && log.reading.is_understood();
        prop_assert!(understood || !report.healthy, "{:?}", report.findings);
    }
}
