//! What lies near a folder that has no login, in words.

use std::path::{Path, PathBuf};

use wakeeper_private_fs::shown;

/// What could not be looked into, and why.
pub(crate) type LeftOut = Vec<(PathBuf, String)>;

/// So many are named.
const NAMED: usize = 3;

/// What lies near a folder that has no login.
#[derive(Debug, Default)]
pub(crate) struct Near {
    /// Copies of a linked login.
    pub(crate) logins: Vec<PathBuf>,
    /// One of them lies in the folder itself.
    pub(crate) is_in_folder: bool,
    /// Backups of the session's name hold a login.
    pub(crate) is_in_backups: bool,
    /// What may hold a login and could not be looked into, each with the reason.
    pub(crate) left_out: LeftOut,
    /// What may be another session's, or has to be unpacked first, each with the reason.
    pub(crate) doubtful: LeftOut,
}

impl Near {
    /// Whether there was a login once.
    pub(crate) fn is_of_login(&self) -> bool {
        !self.logins.is_empty() || self.is_in_backups
    }

    /// What is near, for people; `None` when nothing is.
    pub(crate) fn told(&self) -> Option<String> {
        let copies: Vec<_> = self.logins.iter().map(|path| name(path)).collect();
        let copies = (!copies.is_empty()).then(|| format!("a login is in {}", some_of(&copies)));
        let backups = self.is_in_backups.then(|| "a backup holds a login".to_owned());
        let unread = self.unread().map(|unread| format!("this may hold a login: {unread}"));
        let all: Vec<_> = [copies, backups, unread].into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    fn unread(&self) -> Option<String> {
        let all: Vec<_> = self.left_out.iter().chain(&self.doubtful).cloned().collect();
        left_out(&all)
    }
}

/// What was left out, each with its reason: some by name, the others counted.
pub(crate) fn left_out(left_out: &LeftOut) -> Option<String> {
    let all: Vec<_> = left_out.iter().map(|(path, reason)| format!("{} ({reason})", name(path))).collect();
    (!all.is_empty()).then(|| some_of(&all))
}

fn name(path: &Path) -> String {
    shown(path).display().to_string()
}

fn some_of(all: &[String]) -> String {
    let named = all.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}
