//! Which backups to keep: the last few, and one a day and one a week for a while.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;
use wakeeper_private_fs::shown;

use super::BackupError;
use super::info::BackupInfo;
use super::login::login_in;
use super::series::Own;
use super::shelf::Shelf;
use crate::examine::CredentialsState;
use crate::secret::Passphrase;
use crate::source::Limits;

const DAY_MS: i64 = 86_400_000;
/// A temporary archive that is so much older than the newest backup is not being written any more.
const UNFINISHED_MS: i64 = 3_600_000;
/// So many backups that say that they hold a login are read to their ends; an encrypted one takes about a second.
const LOOKED_INTO: usize = 64;

/// How many backups to keep of each kind.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// The newest ones.
    pub last: usize,
    /// The newest of each of so many days.
    pub daily: usize,
    /// The newest of each of so many weeks.
    pub weekly: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { last: 10, daily: 7, weekly: 4 }
    }
}

/// What pruning did, or would do.
#[derive(Debug, Default, Serialize)]
pub struct Pruned {
    /// Kept, newest first.
    pub kept: Vec<PathBuf>,
    /// Removed: what interrupted backups left behind, then backups, newest first.
    pub removed: Vec<PathBuf>,
    /// Bytes that were freed.
    pub freed: u64,
}

/// Removes backups of one session that the policy does not keep, and what interrupted backups left behind. The newest
/// one that can be read to its end and holds sound credentials, and the newest such one of a session without errors, are kept
/// whatever the policy says: damaged backups, and backups of a damaged session, never push the last good one out. Those of other
/// accounts, and those of which nothing tells whose they are, stay: sessions of one name may share a folder.
pub fn prune(
    shelf: &Shelf,
    label: &str,
    own: Own<'_>,
    policy: &Retention,
    passphrase: Option<&Passphrase>,
    dry_run: bool,
) -> Result<Pruned, BackupError> {
    let backups = shelf.list_files(Some(label), passphrase, &Limits::default())?;
    let keep = keep(&backups, own, policy, &mut Proofs { passphrase, left: LOOKED_INTO }.by_reading());
    let mut pruned = Pruned::default();
    let newest_ms = backups.first().map_or(0, |backup| backup.created_ms);
    for left in shelf.leftovers(label, newest_ms - UNFINISHED_MS) {
        let size = left.symlink_metadata().map_or(0, |metadata| metadata.len());
        // Whoever else removed it did the same work.
        if dry_run || shelf.remove(&left).is_ok() {
            pruned.freed += size;
            pruned.removed.push(shown(&left));
        }
    }
    for (index, backup) in backups.into_iter().enumerate() {
        if keep.contains(&index) {
            pruned.kept.push(shown(&backup.path));
            continue;
        }
        if !dry_run {
            shelf.remove(&backup.path)?;
        }
        pruned.freed += backup.size;
        pruned.removed.push(shown(&backup.path));
    }
    Ok(pruned)
}

/// What reading a backup to its end shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// It gives its login back.
    Good,
    /// It does not.
    Bad,
    /// It was not read: too many others were.
    Unread,
}

/// Reads backups to their ends.
struct Proofs<'a> {
    passphrase: Option<&'a Passphrase>,
    /// So many may still be read.
    left: usize,
}

impl<'a> Proofs<'a> {
    fn by_reading(mut self) -> impl FnMut(&BackupInfo) -> Proof + 'a {
        move |backup| {
            let Some(left) = self.left.checked_sub(1) else { return Proof::Unread };
            self.left = left;
            match login_in(&backup.path, self.passphrase, &Limits::default()) {
                Ok(login) if login.sound || backup.is_of_a_store() => Proof::Good,
                _ => Proof::Bad,
            }
        }
    }
}

/// Positions to keep; the list is newest first.
fn keep(
    backups: &[BackupInfo],
    own: Own<'_>,
    policy: &Retention,
    proof: &mut dyn FnMut(&BackupInfo) -> Proof,
) -> BTreeSet<usize> {
    let is_others = |other: &BackupInfo| other.login().is_some() && other.login() != own.account;
    let shared = backups.iter().any(|other| other.is_of_a_store() || is_others(other));
    let is_own = |backup: &BackupInfo| match (backup.login(), backup.place.as_deref()) {
        (_, place) if backup.is_of_a_store() => place.is_some() && place == own.place,
        (Some(login), _) => Some(login) == own.account,
        // One without a login is of the session that lies where it was made.
        (None, Some(place)) if own.place.is_some() => Some(place) == own.place,
        // Another one's may be among those that were not looked into.
        (None, _) => !(shared || backup.passed_over || backup.locked),
    };
    let (own, others): (Vec<usize>, Vec<usize>) =
        (0..backups.len()).partition(|index| is_own(&backups[*index]));
    let series: Vec<&BackupInfo> = own.iter().map(|index| &backups[*index]).collect();
    choose(&series, policy, proof).into_iter().map(|index| own[index]).chain(others).collect()
}

/// The same of the backups of one session.
fn choose(
    backups: &[&BackupInfo],
    policy: &Retention,
    proof: &mut dyn FnMut(&BackupInfo) -> Proof,
) -> BTreeSet<usize> {
    let mut keep: BTreeSet<usize> = (0..backups.len().min(policy.last)).collect();
    for (period, count) in [(DAY_MS, policy.daily), (7 * DAY_MS, policy.weekly)] {
        let mut periods = BTreeSet::new();
        for (index, backup) in backups.iter().enumerate() {
            let new = !periods.contains(&backup.created_ms.div_euclid(period));
            if new && periods.len() < count {
                periods.insert(backup.created_ms.div_euclid(period));
                keep.insert(index);
            }
        }
    }
    if keep.len() == backups.len() {
        return keep;
    }
    let mut bad = BTreeSet::new();
    let mut found = false;
    let mut well = false;
    for (index, backup) in backups.iter().enumerate() {
        // One that cannot be looked into is no reason to let go of one that is known to hold the login.
        let claims = backup.problem.is_none() && backup.credentials == Some(CredentialsState::Sound);
        if !claims || (found && (well || !backup.may_be_well())) {
            continue;
        }
        match proof(backup) {
            Proof::Good => {
                keep.insert(index);
                found = true;
                well |= backup.may_be_well();
            }
            Proof::Bad => {
                bad.insert(index);
            }
            // Any of them may be the last good one.
            Proof::Unread => {
                keep.insert(index);
            }
        }
    }
    let mut rest = backups.iter().enumerate().filter(|(index, _)| !bad.contains(index));
    keep.extend(rest.clone().find(|(_, backup)| backup.may_hold_login()).map(|(index, _)| index));
    keep.extend(rest.find(|(_, backup)| backup.may_be_well()).map(|(index, _)| index));
    keep
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(backups: &[BackupInfo], account: Option<&str>, policy: &Retention) -> BTreeSet<usize> {
        super::keep(backups, Own { account, place: None }, policy, &mut |_| Proof::Good)
    }

    fn backup(created_ms: i64, credentials: CredentialsState) -> BackupInfo {
        BackupInfo {
            path: PathBuf::from(created_ms.to_string()),
            label: "s".into(),
            created_ms,
            size: 1,
            encrypted: false,
            credentials: Some(credentials),
            errors: Some(usize::from(credentials != CredentialsState::Sound)),
            reason: None,
            verified: None,
            files: None,
            signal_sessions: None,
            account: None,
            place: None,
            format: None,
            passed_over: false,
            locked: false,
            is_link: false,
            problem: None,
        }
    }

    #[test]
    fn keeps_last_daily_weekly_and_the_last_sound_one() {
        // One every six hours for sixty days, newest first.
        let mut backups: Vec<_> =
            (0..240).map(|i| backup((20_000 - i) * DAY_MS / 4, CredentialsState::Damaged)).collect();
        backups[200].credentials = Some(CredentialsState::Sound);
        let policy = Retention { last: 3, daily: 4, weekly: 5 };
        let kept = keep(&backups, None, &policy);
        assert!([0, 1, 2].iter().all(|index| kept.contains(index)), "the last three");
        assert!(kept.contains(&200), "the only one with a sound login");
        let days: BTreeSet<_> = kept.iter().map(|i| backups[*i].created_ms.div_euclid(DAY_MS)).collect();
        assert!(days.len() >= 7 && kept.len() <= 3 + 4 + 5 + 1, "{kept:?}");
        assert!(keep(&[], None, &policy).is_empty());
    }

    #[test]
    fn backups_of_other_accounts_and_of_nobody_knows_who_stay() {
        let of = |account: &str, created_ms| BackupInfo {
            account: Some(account.to_owned()),
            ..backup(created_ms, CredentialsState::Sound)
        };
        let locked = |account: Option<&str>, created_ms| BackupInfo {
            account: account.map(str::to_owned),
            credentials: None,
            locked: true,
            ..backup(created_ms, CredentialsState::Sound)
        };
        let nobodys = backup(5, CredentialsState::Missing);
        let damaged = backup(4, CredentialsState::Damaged);
        let list = [
            of("a", 9),
            of("b", 8),
            locked(Some("a"), 7),
            of("a", 6),
            nobodys,
            damaged,
            of("b", 3),
            locked(None, 2),
        ];
        let policy = Retention { last: 1, daily: 0, weekly: 0 };
        assert_eq!(keep(&list, Some("a"), &policy), BTreeSet::from([0, 1, 4, 5, 6, 7]));
        assert_eq!(keep(&list, Some("b"), &policy), BTreeSet::from([0, 1, 2, 3, 4, 5, 7]));
        // Whose folder it is is not known: it may be either's, or a third one's.
        assert_eq!(keep(&list, None, &policy), BTreeSet::from([0, 1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(
            keep(&list[2..4], None, &policy),
            BTreeSet::from([0, 1]),
            "the one that is known to hold it, too"
        );
        assert_eq!(keep(&list[3..6], None, &policy), BTreeSet::from([0, 1, 2]), "it may be another one's");
        assert_eq!(keep(&list[3..6], Some("a"), &policy), BTreeSet::from([0]), "of one account, as ever");
    }

    #[test]
    fn a_backup_of_a_torn_session_is_of_the_place_where_it_was_made() {
        let at = |place: &str, created_ms| BackupInfo {
            place: Some(place.to_owned()),
            ..backup(created_ms, CredentialsState::Damaged)
        };
        let of = |account: &str, created_ms| BackupInfo {
            account: Some(account.to_owned()),
            ..backup(created_ms, CredentialsState::Sound)
        };
        let list = [at("b", 9), at("a", 8), at("b", 7), of("a", 6), of("a", 5), at("b", 4)];
        let policy = Retention { last: 1, daily: 0, weekly: 0 };
        let keep = |account, place| {
            super::keep(&list, Own { account, place: Some(place) }, &policy, &mut |_| Proof::Good)
        };
        assert_eq!(keep(Some("a"), "a"), BTreeSet::from([0, 1, 2, 3, 5]), "the other's torn ones stay");
        assert_eq!(keep(None, "b"), BTreeSet::from([0, 1, 3, 4]), "what has a mark stays");
    }

    #[test]
    fn stores_of_one_name_are_told_apart_by_where_they_lie() {
        let of = |place: &str, account: Option<&str>, created_ms| BackupInfo {
            place: Some(place.to_owned()),
            account: account.map(str::to_owned),
            format: Some(crate::whatsmeow::FORMAT.to_owned()),
            ..backup(created_ms, CredentialsState::Sound)
        };
        // The second device of a store came later.
        let list = [of("a", None, 9), of("b", None, 8), of("a", Some("x"), 7), of("b", Some("y"), 6)];
        let policy = Retention { last: 1, daily: 0, weekly: 0 };
        let keep = |place| super::keep(&list, Own { account: None, place }, &policy, &mut |_| Proof::Good);
        assert_eq!(keep(Some("a")), BTreeSet::from([0, 1, 3]));
        assert_eq!(keep(Some("b")), BTreeSet::from([0, 1, 2]));
        assert_eq!(keep(None).len(), 4, "where the store lies is not known");
        let own =
            |place| list.iter().map(|info| info.may_be_of(Own { account: None, place })).collect::<Vec<_>>();
        assert_eq!(own(Some("a")), [true, false, true, false]);
        // A session of Baileys beside them is none of them.
        let session = Own { account: Some("x"), place: Some("c") };
        assert!(list.iter().all(|info| !info.may_be_of(session)));
    }

    #[test]
    fn the_newest_that_can_be_read_to_its_end_stays() {
        let list: Vec<_> = (0..6).map(|n| backup(10 - n, CredentialsState::Sound)).collect();
        let policy = Retention { last: 1, daily: 0, weekly: 0 };
        let keep = |good: i64| {
            let mut proof =
                |backup: &BackupInfo| if backup.created_ms == good { Proof::Good } else { Proof::Bad };
            super::keep(&list, Own::default(), &policy, &mut proof)
        };
        assert_eq!(keep(10), BTreeSet::from([0]));
        assert_eq!(keep(7), BTreeSet::from([0, 3]));
        assert_eq!(keep(0), BTreeSet::from([0]), "none is good");
        let unread = super::keep(&list, Own::default(), &policy, &mut |_| Proof::Unread);
        assert_eq!(unread.len(), list.len(), "any of them may be the last good one");
    }

    #[test]
    fn what_interrupted_backups_left_behind_goes_and_one_that_is_being_made_stays() {
        let folder = tempfile::tempdir().unwrap();
        let names = [
            "s_20260131T120000000Z.tar.zst",
            ".s_20260131T105959000Z.tar.zst.tmp",
            ".s_20260131T115959000Z.tar.zst.tmp",
            ".other_20260101T000000000Z.tar.zst.age.tmp",
            ".s_notes.tmp",
        ];
        for name in names {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let shelf = Shelf::at(folder.path());
        let dry = prune(&shelf, "s", Own::default(), &Retention::default(), None, true).unwrap();
        let pruned = prune(&shelf, "s", Own::default(), &Retention::default(), None, false).unwrap();
        assert_eq!((pruned.removed.len(), pruned.freed), (1, 1));
        assert_eq!((dry.removed, pruned.kept), (pruned.removed.clone(), vec![folder.path().join(names[0])]));
        let left = |name: &&str| folder.path().join(name).exists();
        assert_eq!(names.iter().filter(|name| !left(name)).collect::<Vec<_>>(), [&names[1]]);
    }

    #[test]
    fn backups_of_a_damaged_session_do_not_push_the_last_good_one_out() {
        let mut backups: Vec<_> =
            (0..50).map(|i| backup(40_000_000 - i * 1000, CredentialsState::Sound)).collect();
        for damaged in &mut backups[..30] {
            damaged.errors = Some(2);
        }
        let policy = Retention { last: 3, daily: 0, weekly: 0 };
        assert_eq!(keep(&backups, None, &policy), BTreeSet::from([0, 1, 2, 30]));
        // One of which it is not known counts as good: an older wakeeper made it, or the passphrase is not here.
        backups[10].errors = None;
        assert_eq!(keep(&backups, None, &policy), BTreeSet::from([0, 1, 2, 10]));
        // One that cannot be read is none.
        backups[5] = BackupInfo {
            credentials: None,
            encrypted: true,
            problem: Some("it is not a backup of wakeeper".into()),
            ..backup(0, CredentialsState::Sound)
        };
        assert_eq!(keep(&backups, None, &policy), BTreeSet::from([0, 1, 2, 10]));
    }
}
