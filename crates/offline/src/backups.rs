//! The backups of a name, as they are listed for people: whose each is, and what can be done with them.

use std::path::Path;

use wakeeper_bounded_tar::quoted;
use wakeeper_doctor::backup::{BackupInfo, MARK, Own, accounts_of};
use wakeeper_private_fs::shown;

use super::advice::Step;
use super::paths::SessionPaths;

/// What is said of each backup of a list besides what is in it: its name and whose it is, where there are several.
pub fn whose(list: &[BackupInfo], own: Own<'_>, paths: &SessionPaths) -> Vec<String> {
    let several = list.iter().any(|backup| backup.label != list[0].label);
    let accounts = accounts_of(list);
    let one = |backup: &BackupInfo| {
        let label = if several { format!("  {}", backup.label) } else { String::new() };
        if backup.is_of_a_store() && !backup.may_be_of(own) {
            return label + "  of a store at another place";
        }
        let mark = backup.login().filter(|_| accounts.len() > 1);
        let told = mark.map(|mark| {
            let is_own = own.account == Some(mark) && backup.label == paths.backups.label;
            let whose = if is_own { " (this session)" } else { "" };
            format!("  account {}{whose}", mark.get(..MARK).unwrap_or(mark))
        });
        label + &told.unwrap_or_default()
    };
    list.iter().map(one).collect()
}

/// What to do with the backups of a list.
pub fn steps(list: &[BackupInfo], own: Own<'_>, paths: &SessionPaths) -> Vec<Step> {
    let is_own = |backup: &&BackupInfo| backup.label == paths.backups.label && backup.may_be_of(own);
    let mut mine = list.iter().filter(is_own).peekable();
    if mine.peek().is_none() {
        return Vec::new();
    }
    let verify = ((paths.command)("backup verify --all"), "reads all of them back");
    let best = mine.find(|backup| backup.problem.is_none() && backup.may_hold_login());
    let accounts = accounts_of(list).len();
    let use_it = best.and_then(|backup| {
        if backup.is_of_a_store() {
            return unpack(backup, paths);
        }
        // A time names those of one account alone.
        let name = match backup.path.file_name().filter(|_| accounts > 1 && own.account.is_none()) {
            Some(name) => quoted(Path::new(name)),
            None => backup.time(),
        };
        let restore = (paths.command)(&format!("restore --dry-run {name}"));
        Some((restore, "shows what this one would give back"))
    });
    std::iter::once(verify).chain(use_it).collect()
}

/// The database of another gateway is taken out by hand. A container's own paths lead nowhere here.
fn unpack(backup: &BackupInfo, paths: &SessionPaths) -> Option<Step> {
    let path = quoted(&shown(&backup.path));
    let command = if backup.encrypted {
        format!("age -d {path} | zstd -d | tar x")
    } else {
        format!("zstd -d < {path} | tar x")
    };
    let why = "takes the database out; for a store that is lost, and with its gateway stopped";
    (!paths.is_copy).then_some((command, why))
}
