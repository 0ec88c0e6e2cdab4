//! Who runs on a session's folder: a wakeeper gateway holds a lock in it; other programs can only be guessed from
//! what the kernel tells of their open files and working folders.

use std::fs::File;
use std::path::{Path, PathBuf};

use wakeeper_doctor::in_use::InUseBy;
use wakeeper_private_fs::{Locking, lock_directory, lock_existing};

use wakeeper_engine::folder::FOLDER_LOCK as LOCK_FILE;

mod processes;

pub use processes::{Seen, User, outside, seen};

/// Why a folder must not be changed now.
#[derive(Debug, thiserror::Error)]
pub enum InUse {
    /// A gateway of ours holds it.
    #[error(
        "a wakeeper gateway runs on {folder}{}; stop it first. One in a container is stopped and started again by \
         `wakeeper clean --container NAME` on the container's host", process(*.pid)
    )]
    Gateway {
        /// The folder.
        folder: PathBuf,
        /// The gateway's process, when it says so.
        pid: Option<u32>,
    },
    /// Somebody seems to.
    #[error(transparent)]
    Processes(#[from] InUseBy),
}

fn process(pid: Option<u32>) -> String {
    pid.map(|pid| format!(", process {pid}")).unwrap_or_default()
}

/// A folder that nobody else works on, as long as this value lives.
#[derive(Debug)]
pub struct ExclusiveUse {
    _gateway_lock: Option<File>,
}

/// Claims a folder for changing it. Of the `owners` that were seen containers count: processes are looked at again.
///
/// # Errors
/// When a gateway holds it or a process or container seems to run on it; the latter may be overruled by a person who knows better.
pub fn claim(folder: &Path, assume_stopped: bool, owners: &[String]) -> Result<ExclusiveUse, InUse> {
    let lock = match gateway_lock(folder) {
        GatewayLock::None => None,
        GatewayLock::Free(file) => Some(file),
        GatewayLock::Held(pid) => return Err(InUse::Gateway { folder: folder.to_owned(), pid }),
    };
    let mut users = if assume_stopped { Vec::new() } else { others(folder) };
    if !assume_stopped {
        users.extend(owners.iter().filter(|owner| owner.starts_with("container ")).cloned());
    }
    if users.is_empty() {
        return Ok(ExclusiveUse { _gateway_lock: lock });
    }
    Err(InUseBy { folder: folder.to_owned(), users }.into())
}

/// The same of one database, which others beside it may be open next to.
///
/// # Errors
/// When a process has it open, or what SQLite keeps beside it.
pub fn claim_database(database: &Path, assume_stopped: bool) -> Result<(), InUse> {
    let users = if assume_stopped { Vec::new() } else { of_database(database) };
    if users.is_empty() {
        return Ok(());
    }
    Err(InUseBy { folder: database.to_owned(), users }.into())
}

/// Processes that have a database open, by name.
pub fn of_database(database: &Path) -> Vec<String> {
    let beside = |ending: &str| {
        let mut path = database.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    };
    let files = ["", "-wal", "-shm", "-journal"].map(beside);
    processes::with_open(&files).users.iter().map(ToString::to_string).collect()
}

/// Everybody who runs on a folder.
#[derive(Debug, Default)]
pub struct Owners {
    /// By name.
    pub names: Vec<String>,
    /// What could not be seen, and what to do about that.
    pub unseen: Option<String>,
}

/// Everybody who runs on a folder, as far as can be seen.
pub fn owners_of(folder: &Path) -> Owners {
    let gateway = match gateway_lock(folder) {
        GatewayLock::Held(Some(pid)) => Some((Some(pid), format!("process {pid} (wakeeper)"))),
        GatewayLock::Held(None) => Some((None, "a wakeeper gateway".to_owned())),
        GatewayLock::None | GatewayLock::Free(_) => None,
    };
    let held = gateway.as_ref().and_then(|(pid, _)| *pid);
    let seen = seen(folder);
    let others = seen.users.iter().filter(|user| held != Some(user.pid)).map(ToString::to_string);
    Owners { names: gateway.into_iter().map(|(_, name)| name).chain(others).collect(), unseen: seen.doubt() }
}

/// Their names alone.
pub fn of_folder(folder: &Path) -> Vec<String> {
    owners_of(folder).names
}

/// The folder of a gateway's sessions, which a gateway locks too: its lock file may have been deleted by hand.
fn sessions_held(folder: &Path) -> bool {
    matches!(lock_directory(&folder.join("sessions")), Ok(Locking::Held { .. }))
}

enum GatewayLock {
    /// No gateway ever ran here.
    None,
    Free(File),
    Held(Option<u32>),
}

fn gateway_lock(folder: &Path) -> GatewayLock {
    // Never created here: a folder of Baileys is left without foreign files.
    if sessions_held(folder) && !folder.join(LOCK_FILE).exists() {
        return GatewayLock::Held(None);
    }
    // Only to lock it: what a link or a pipe in its place leads to is none of ours.
    match lock_existing(&folder.join(LOCK_FILE)) {
        Err(_) => GatewayLock::None,
        Ok(Locking::Taken(file) | Locking::Unlockable(file, _)) => GatewayLock::Free(file),
        Ok(Locking::Held { pid }) => GatewayLock::Held(pid),
    }
}

/// Processes that have a file of the folder open, and Node programs that work in it or beside it, or have it mounted.
pub fn others(folder: &Path) -> Vec<String> {
    seen(folder).users.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_open_file_is_an_owner_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("creds.json")).unwrap();
        let mut reader = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(file)
            .spawn()
            .unwrap();
        let expected = format!("process {} (", reader.id());
        // The kernel shows the program's own name only after it was loaded; its open file is there from the start.
        let owners = of_folder(folder.path());
        assert!(owners.iter().any(|owner| owner.starts_with(&expected)), "{owners:?}");
        assert!(claim(folder.path(), false, &[]).unwrap_err().to_string().contains(&expected));
        assert!(claim(folder.path(), true, &[]).is_ok());
        reader.kill().unwrap();
        reader.wait().unwrap();
        assert!(of_folder(folder.path()).is_empty());
        assert!(claim(folder.path(), false, &[]).is_ok());
    }

    #[test]
    fn what_stands_in_a_gateways_places_is_waited_for_by_nobody() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["sessions", LOCK_FILE] {
            let made = std::process::Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap();
            assert!(made.success());
        }
        assert!(claim(folder.path(), true, &[]).is_ok());
        assert!(of_folder(folder.path()).is_empty());
    }

    #[test]
    fn a_gateway_is_refused_by_name_and_leaves_a_free_lock() {
        let folder = tempfile::tempdir().unwrap();
        let gateway = wakeeper_engine::Lock::on_folder(folder.path()).unwrap();
        let refusal = claim(folder.path(), true, &[]).unwrap_err().to_string();
        assert!(
            refusal.contains("wakeeper gateway") && refusal.contains(&std::process::id().to_string()),
            "{refusal}"
        );
        drop(gateway);
        let claim = claim(folder.path(), true, &[]).unwrap();
        assert!(wakeeper_engine::Lock::on_folder(folder.path()).is_err(), "claimed");
        drop(claim);
    }
}
