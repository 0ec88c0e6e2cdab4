//! Processes that use a folder, as far as the kernel tells: also those of containers, which know it by another path.
//!
//! A path means nothing across containers, so folders are compared by device and inode, seen through the process's own
//! root, working folder and mounts. Nothing is opened; what a process has there is looked up and compared.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Programs that Baileys runs in.
const RUNTIMES: [&str; 3] = ["node", "bun", "deno"];
/// What Node calls the thread that the kernel names a process by.
const NODE_THREADS: [&str; 2] = ["MainThread", "node-MainThread"];
/// Parts of the names of whatsmeow's gateways and of ours, which are programs of their own: GOWA, mautrix-whatsapp and
/// whatsapp-bridge, wuzapi, WAHA's GOWS, evolution-go, wakeeper.
const GATEWAYS: [&str; 8] =
    ["whatsapp", "whatsap", "whatsmeow", "wuzapi", "gowa", "gows", "evolution-go", "wakeeper"];
/// So far above a file its folder is searched: a gateway's databases lie three folders deep.
const ABOVE_FILE: usize = 4;
/// So many mounts of a process are looked at.
const MOUNTS: usize = 2_000;

/// Device and inode.
type Id = (u64, u64);

/// A process that uses a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct User {
    /// Its number.
    pub pid: u32,
    /// Its program.
    pub program: String,
    /// The id of the container that it runs in.
    pub container: Option<String>,
}

impl fmt::Display for User {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {} ({})", self.pid, self.program)?;
        match &self.container {
            Some(id) => write!(formatter, " in container {}", id.get(..12).unwrap_or(id)),
            None => Ok(()),
        }
    }
}

/// What was seen of a folder's users.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Who uses it.
    pub users: Vec<User>,
    /// Runtimes of gateways, and gateways, that could not be looked into.
    pub hidden: Vec<User>,
    /// The kernel tells nothing of other processes at all.
    pub blind: bool,
}

impl Seen {
    /// What could not be seen, and what to do; `None` when everything was.
    pub fn doubt(&self) -> Option<String> {
        if self.blind {
            let why =
                "the processes of this machine cannot be seen (/proc), so a program may use it unnoticed";
            return Some(format!("{why}: make sure that none does"));
        }
        let (first, more) = (self.hidden.first()?, self.hidden.len() - 1);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        Some(format!("{first}{more} could not be looked into: run this as root (sudo) to be sure"))
    }
}

/// Those that are not in this container, by name.
pub fn outside(folder: &Path, container: &str) -> Vec<String> {
    let seen = seen(folder).users.into_iter();
    let others = seen.filter(|user| user.container.as_deref() != Some(container));
    others.map(|user| user.to_string()).collect()
}

/// Looks at all processes but this one and those that started it: `node fix-session-errors-docker.js` is no owner of the
/// session that it has repaired.
pub fn seen(folder: &Path) -> Seen {
    Wanted::of(folder).map(|wanted| look(|pid| wanted.is_used_by(pid))).unwrap_or_default()
}

/// Looks at the same for those that have one of these files open, under whatever path.
pub fn with_open(files: &[PathBuf]) -> Seen {
    let files: Vec<Id> = files.iter().filter_map(|file| id(file)).collect();
    look(|pid| {
        let open = match fs::read_dir(format!("/proc/{pid}/fd")) {
            Ok(open) => open,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return None,
            // It ended, or is the kernel's own.
            Err(_) => return Some(false),
        };
        Some(open.filter_map(|item| id(&item.ok()?.path())).any(|file| files.contains(&file)))
    })
}

fn look(is_user: impl Fn(u32) -> Option<bool>) -> Seen {
    let (Ok(processes), true) = (fs::read_dir("/proc"), Path::new("/proc/1").exists()) else {
        return Seen { blind: true, ..Seen::default() };
    };
    let ours = ancestors();
    let pids = processes.filter_map(|item| item.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let mut seen = Seen::default();
    for pid in pids.filter(|pid| !ours.contains(pid)) {
        match is_user(pid) {
            Some(true) => seen.users.push(user(pid)),
            None if is_runtime(pid) || is_gateway(&names(pid)) => seen.hidden.push(user(pid)),
            Some(false) | None => {}
        }
    }
    seen.users.sort();
    seen.hidden.sort();
    seen
}

/// The folder that is asked about.
struct Wanted {
    path: PathBuf,
    itself: Id,
    /// The folder that holds it.
    parent: Option<Id>,
    /// Itself and the folders above, without the root.
    line: Vec<Id>,
    /// The mounts that this process sees.
    namespace: Option<Id>,
}

impl Wanted {
    fn of(folder: &Path) -> Option<Self> {
        let path = folder.canonicalize().ok()?;
        let line = path.ancestors().filter(|above| above.parent().is_some());
        Some(Self {
            itself: id(&path)?,
            parent: path.parent().and_then(id),
            line: line.filter_map(id).collect(),
            namespace: id(Path::new("/proc/self/ns/mnt")),
            path,
        })
    }

    /// Whether a process uses the folder; `None` when it cannot be looked into.
    fn is_used_by(&self, pid: u32) -> Option<bool> {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let work = match fs::read_link(process.join("cwd")) {
            Ok(_) => id(&process.join("cwd")),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return None,
            // It ended, or is the kernel's own.
            Err(_) => return Some(false),
        };
        let elsewhere = id(&process.join("ns/mnt")) != self.namespace;
        let beside = work.is_some_and(|work| work == self.itself || self.parent == Some(work));
        // A service of this machine may have mounts of its own, too, and the same root.
        let contained = elsewhere && id(&process.join("root")) != id(Path::new("/"));
        let by_place = beside || (contained && self.is_mounted_in(&process));
        Some((by_place && is_runtime(pid)) || self.has_open_file(&process, elsewhere))
    }

    /// Whether the process has a file of the folder open.
    fn has_open_file(&self, process: &Path, elsewhere: bool) -> bool {
        let Ok(files) = fs::read_dir(process.join("fd")) else { return false };
        let mut open = files.filter_map(|item| {
            let path = item.ok()?.path();
            Some((fs::read_link(&path).ok()?, path))
        });
        open.any(|(file, handle)| {
            if !elsewhere {
                // A shell whose working folder this is has the folder open, not a file in it.
                return file.starts_with(&self.path) && file != self.path;
            }
            // Everything in a folder is on its device.
            let is_near =
                fs::metadata(&handle).is_ok_and(|stat| stat.dev() == self.itself.0 && stat.is_file());
            let root = process.join("root");
            let mut above = file.ancestors().skip(1).take(ABOVE_FILE);
            is_near && above.any(|above| inside(&root, above).as_deref().and_then(id) == Some(self.itself))
        })
    }

    /// Whether the process's mounts give it the folder, to be written to.
    fn is_mounted_in(&self, process: &Path) -> bool {
        let Ok(mounts) = fs::read_to_string(process.join("mountinfo")) else { return false };
        let root = process.join("root");
        mounts.lines().take(MOUNTS).filter_map(wakeeper_doctor::mount::writable).any(|point| {
            let seen = inside(&root, Path::new(&point)).as_deref().and_then(id);
            seen.is_some_and(|seen| self.line.contains(&seen))
        })
    }
}

/// A path as a process sees it.
fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    Some(root.join(path.strip_prefix("/").ok()?))
}

fn id(path: &Path) -> Option<Id> {
    let stat = fs::metadata(path).ok()?;
    Some((stat.dev(), stat.ino()))
}

fn user(pid: u32) -> User {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    User { pid, program: program(pid), container: container_of(&groups) }
}

/// The container that control groups name.
fn container_of(groups: &str) -> Option<String> {
    let parts = groups.split(|c: char| !c.is_ascii_hexdigit());
    parts.filter(|part| part.len() == 64).map(ToOwned::to_owned).next_back()
}

fn is_runtime(pid: u32) -> bool {
    RUNTIMES.contains(&program(pid).as_str())
}

/// Whether a program calls itself as a gateway does that is a program of its own.
fn is_gateway(names: &[String; 2]) -> bool {
    let is_one = |name: &String| {
        let name = name.to_ascii_lowercase();
        GATEWAYS.iter().any(|gateway| name.contains(gateway))
    };
    names.iter().any(is_one)
}

/// What a process calls itself, and what it was started as: everybody may know both.
fn names(pid: u32) -> [String; 2] {
    let own = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let first = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let first =
        String::from_utf8_lossy(first.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
    let called = Path::new(&first).file_name().map(|name| name.to_string_lossy().into_owned());
    [own.trim().to_owned(), called.unwrap_or_default()]
}

/// The name of a process's program; of another user's process only what it calls itself is told.
fn program(pid: u32) -> String {
    let last = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    if let Some(name) = fs::read_link(format!("/proc/{pid}/exe")).ok().as_deref().and_then(last) {
        return name;
    }
    let [own, called] = names(pid);
    let runtime = RUNTIMES.iter().find(|runtime| [own.as_str(), &called].contains(runtime));
    match runtime {
        Some(runtime) => (*runtime).to_owned(),
        None if NODE_THREADS.contains(&own.as_str()) => "node".to_owned(),
        None if own.is_empty() => "unknown".to_owned(),
        None => own,
    }
}

/// This process and those that started it.
fn ancestors() -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut pid = std::process::id();
    while pid > 1 && found.insert(pid) {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok());
        pid = parent.unwrap_or(0);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_told_by_its_control_group() {
        let id = "3f9a1b2c".repeat(8);
        for groups in [
            format!("0::/system.slice/docker-{id}.scope\n"),
            format!("12:pids:/docker/{id}\n11:cpu:/docker/{id}\n"),
            format!("0::/machine.slice/libpod-{id}.scope/container\n"),
        ] {
            assert_eq!(container_of(&groups), Some(id.clone()), "{groups}");
        }
        assert_eq!(container_of("0::/user.slice/user-1000.slice\n"), None);
        let user = User { pid: 7, program: "node".to_owned(), container: Some(id) };
        assert_eq!(user.to_string(), "process 7 (node) in container 3f9a1b2c3f9a");
    }

    #[test]
    fn gateways_that_are_programs_of_their_own_are_known_by_name() {
        let names = |own: &str, called: &str| [own.to_owned(), called.to_owned()];
        for (own, called) in [
            ("whatsapp", "whatsapp"),
            ("wuzapi", ""),
            ("mautrix-whatsap", "mautrix-whatsapp"),
            ("x", "GOWS"),
            ("wakeeper", ""),
        ] {
            assert!(is_gateway(&names(own, called)), "{own} {called}");
        }
        for (own, called) in [("sshd", "/usr/sbin/sshd"), ("postgres", ""), ("", ""), ("go", "go")] {
            assert!(!is_gateway(&names(own, called)), "{own} {called}");
        }
        assert_eq!(super::names(std::process::id())[1], program(std::process::id()));
    }

    #[test]
    fn what_cannot_be_seen_is_said() {
        assert_eq!(Seen::default().doubt(), None);
        let node = |pid| User { pid, program: "node".to_owned(), container: None };
        let some = Seen { hidden: vec![node(7), node(9)], ..Seen::default() };
        let expected =
            "process 7 (node) and 1 more could not be looked into: run this as root (sudo) to be sure";
        assert_eq!(some.doubt().as_deref(), Some(expected));
        assert!(Seen { blind: true, ..Seen::default() }.doubt().unwrap().contains("/proc"));
    }

    #[test]
    fn a_runtime_in_a_root_of_its_own_is_seen_by_its_mounts() {
        let folder = tempfile::tempdir().unwrap();
        let session = folder.path().join("auth_info");
        fs::create_dir(&session).unwrap();
        // A program of that name, in a root of its own that has the folder under another path, and works elsewhere.
        let node = folder.path().join("node");
        fs::copy("/bin/sleep", &node).unwrap();
        let inner = format!(
            "set -e; mount -t tmpfs none /mnt; cd /mnt; mkdir usr app proc; mount --bind /usr usr; cp -a /bin /lib /lib64 . \
             || true; mount --bind {} app; echo ready; exec chroot /mnt /app/node 600",
            folder.path().display(),
        );
        let mut child = std::process::Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &inner])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        if line.trim() != "ready" {
            // Only root may make mounts; there the test says nothing.
            assert!(!rustix::process::geteuid().is_root(), "mounts cannot be made");
            child.wait().unwrap();
            return;
        }
        let mut seen = seen(&session);
        // Until it is the program that is waited for.
        while seen.users.iter().all(|user| user.pid != child.id()) {
            assert!(child.try_wait().unwrap().is_none(), "{seen:?}");
            seen = super::seen(&session);
        }
        assert_eq!(seen.users[0].program, "node");
        assert!(super::seen(Path::new("/etc")).users.iter().all(|user| user.pid != child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
