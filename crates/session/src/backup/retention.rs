//! Which backups to keep: the last few, and one a day and one a week for a while.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use super::BackupError;
use super::shelf::{BackupInfo, Shelf};
use crate::examine::CredentialsState;
use crate::secret::Passphrase;
use crate::source::Limits;

const DAY_MS: i64 = 86_400_000;

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
    /// Removed, newest first.
    pub removed: Vec<PathBuf>,
    /// Bytes that were freed.
    pub freed: u64,
}

/// Removes backups of one session that the policy does not keep. The newest one that holds sound credentials is
/// kept whatever the policy says.
pub fn prune(
    shelf: &Shelf,
    label: &str,
    policy: &Retention,
    passphrase: Option<&Passphrase>,
    dry_run: bool,
) -> Result<Pruned, BackupError> {
    let backups = shelf.list(Some(label), passphrase, &Limits::default())?;
    let keep = choose(&backups, policy);
    let mut pruned = Pruned::default();
    for (index, backup) in backups.into_iter().enumerate() {
        if keep.contains(&index) {
            pruned.kept.push(backup.path);
            continue;
        }
        if !dry_run {
            std::fs::remove_file(&backup.path).map_err(|reason| BackupError::Io {
                action: "remove",
                path: backup.path.clone(),
                reason,
            })?;
        }
        pruned.freed += backup.size;
        pruned.removed.push(backup.path);
    }
    Ok(pruned)
}

/// Positions to keep; the list is newest first.
fn choose(backups: &[BackupInfo], policy: &Retention) -> BTreeSet<usize> {
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
    // What cannot be looked into may be the last sound one.
    let may_hold_login =
        |backup: &BackupInfo| backup.credentials.map_or(backup.encrypted, |c| c == CredentialsState::Sound);
    keep.extend(backups.iter().position(may_hold_login));
    keep
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backup(created_ms: i64, credentials: CredentialsState) -> BackupInfo {
        BackupInfo {
            path: PathBuf::from(created_ms.to_string()),
            label: "s".into(),
            created_ms,
            size: 1,
            encrypted: false,
            credentials: Some(credentials),
            files: None,
            signal_sessions: None,
            account: None,
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
        let keep = choose(&backups, &policy);
        assert!([0, 1, 2].iter().all(|index| keep.contains(index)), "the last three");
        assert!(keep.contains(&200), "the only one with a sound login");
        let days: BTreeSet<_> = keep.iter().map(|i| backups[*i].created_ms.div_euclid(DAY_MS)).collect();
        assert!(days.len() >= 7 && keep.len() <= 3 + 4 + 5 + 1, "{keep:?}");
        assert!(choose(&[], &policy).is_empty());
    }
}
