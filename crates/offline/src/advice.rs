//! What a person is told to do next about a session, as commands that can be pasted.

use std::path::Path;

use wakeeper_bounded_tar::quoted;
use wakeeper_doctor::backup::not_opened;
use wakeeper_doctor::clean::Outcome;
use wakeeper_doctor::examine::{CredentialsState, Format};
use wakeeper_model::{ago, plural};
use wakeeper_private_fs::shown;

use super::folder::Health;
use super::paths::SessionPaths;

/// A command, and what it does.
pub type Step = (String, &'static str);

/// So many copies are offered.
const OFFERED: usize = 3;

impl Health {
    /// What is said of the backups, and whether that is well.
    pub fn about_backups(&self, now_ms: i64) -> (bool, String) {
        let (well, mut text) = match (&self.newest_sound_backup, self.backups) {
            (_, 0) => (false, "none yet".to_owned()),
            (None, count) => (false, format!("{count}, none with a login that is OK")),
            (Some(newest), count) => {
                let made = ago(newest.created_ms, now_ms);
                let with = match (newest.credentials, newest.encrypted) {
                    (Some(_), _) => "with a login that is OK",
                    (None, true) => "that may hold a login (encrypted, not looked into)",
                    (None, false) => "that may hold a login (not looked into)",
                };
                (true, format!("{count}, the newest {with} made {made}"))
            }
        };
        if self.links > 0 {
            let are = if self.links == 1 { "is" } else { "are" };
            text = format!("{text}; {} there {are} not followed", plural(self.links, "link"));
        }
        if let Some(sentence) = &self.not_opened {
            text = format!("{text}; {sentence}");
        }
        (well, text)
    }

    /// What to do now.
    pub fn next_steps(&self, paths: &SessionPaths, log_was_piped: bool) -> Vec<Step> {
        let report = &self.report;
        let mendable = report.findings.iter().filter(|finding| finding.repair.is_automatic()).count();
        let by_hand = self.planned.as_ref().filter(|planned| planned.plan.is_empty());
        // No backup goes back into a store of whatsmeow by itself: its findings say what to do.
        let is_ours = report.format != Format::Whatsmeow && self.planned.is_none();
        let is_lost = report.credentials == CredentialsState::Damaged && self.newest_sound_backup.is_none();
        let mut steps = Vec::new();
        if let Some(planned) = by_hand {
            steps.extend(self.by_hand(planned, paths));
        } else if is_ours && is_lost {
            steps.push(elsewhere());
        } else if !report.healthy && mendable > 0 {
            if !self.owners.is_empty() {
                steps.push(("stop what runs on it".to_owned(), "nothing is repaired while it runs"));
            }
            if log_was_piped {
                steps.push(("pipe the log in again".to_owned(), "for each of these commands"));
            }
            let command = |text| (paths.command)(text);
            steps.push((command("clean --dry-run"), "shows what would be repaired"));
            steps.push((command("clean"), "repairs it after a verified backup; the login is kept"));
        } else if report.healthy && mendable > 0 {
            steps.push(((paths.command)("clean"), "optional: repairs what the warnings are about"));
        }
        if report.credentials == CredentialsState::Sound && self.newest_sound_backup.is_none() {
            let why = match self.backups {
                0 => "there is no backup of this login yet",
                _ => "no backup here holds a login that is OK",
            };
            steps.push(((paths.command)("backup create"), why));
        }
        steps
    }

    /// What helps where no repair does.
    fn by_hand(&self, planned: &Outcome, paths: &SessionPaths) -> Vec<Step> {
        let mut steps = way_out(planned, paths);
        if planned.restore_from.is_some() {
            return steps;
        }
        if self.not_opened.is_some() {
            let again = "set BACKUP_PASSPHRASE, and check again".to_owned();
            steps.push((again, "a backup that was not opened may hold the login"));
        }
        if steps.is_empty() {
            steps.push(elsewhere());
        }
        steps
    }
}

fn elsewhere() -> Step {
    let look = "look for a copy of the login elsewhere".to_owned();
    (look, "no backup or copy that could be read has it; `restore PATH` gives it back")
}

/// The ways to give a login back that only a person can choose.
pub fn way_out(planned: &Outcome, paths: &SessionPaths) -> Vec<Step> {
    let restore = |path: &Path| (paths.command)(&format!("restore {}", quoted(path)));
    if let Some(from) = &planned.restore_from {
        // One in the backup folder is found by its name, also where a container's folder is meant.
        let shelved = from.parent() == Some(&shown(&paths.backups.shelf));
        let name = from.file_name().map(Path::new).filter(|_| shelved);
        return vec![(restore(name.unwrap_or(from)), "puts back the login that the other files belong to")];
    }
    // A container's own paths lead nowhere here.
    let offered = if paths.is_copy { 0 } else { OFFERED };
    let copies = planned.unproven.iter().take(offered);
    let copies =
        copies.map(|copy| (restore(copy), "takes this copy: only if you know that it is this account's"));
    let packed = planned.unpack.iter().take(offered);
    let packed =
        packed.map(|unpack| (unpack.clone(), "unpacks what may hold the login; then `restore FOLDER`"));
    copies.chain(packed).collect()
}

/// What is said of encrypted backups that were not opened.
pub(super) fn locked(count: usize, paths: &SessionPaths) -> Option<String> {
    not_opened(count, paths.backups.passphrase.is_some())
}
