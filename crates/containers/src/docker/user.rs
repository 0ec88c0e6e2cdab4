//! Who the processes of a container run as: with these rights its folders are used, whoever they belong to.
//!
//! A running container is asked by its main process, as this machine counts users. Of a stopped one the engine tells what
//! was configured. Names in it are looked up where the engine looks them up, in the container's own files, which are
//! read as data: they decide which number of the container's own that is, and nothing else.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use wakeeper_private_fs::Rights;

use crate::docker::container::Container;
use crate::docker::endpoint::Endpoint;
use crate::docker::engine::Engine;
use crate::docker::entry;
use crate::docker::error::EngineError;

/// No user is in more groups.
const GROUPS: usize = 1024;
const EVERYBODY: RangeInclusive<u32> = 0..=u32::MAX;

/// The user of a container's processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    /// Over whose files it has all rights, when it is root in its container.
    root_over: Option<RangeInclusive<u32>>,
}

/// What an entry is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The content of a file.
    Read = 4,
    /// The way through a folder.
    Pass = 1,
    /// What is in a folder.
    Look = 5,
    /// To make and remove entries of a folder.
    Change = 7,
}

impl User {
    pub(crate) fn root() -> Self {
        Self { uid: 0, gid: 0, groups: Vec::new(), root_over: Some(EVERYBODY) }
    }

    pub(crate) fn plain(uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        if uid == 0 {
            Self { gid, groups, ..Self::root() }
        } else {
            Self { uid, gid, groups, root_over: None }
        }
    }

    /// It is root of this machine, too.
    pub(crate) fn is_root(&self) -> bool {
        self.root_over == Some(EVERYBODY)
    }

    /// Whether the permission bits of an entry let this user use it.
    pub(crate) fn may(&self, wanted: Wanted, uid: u64, gid: u64, mode: u32) -> bool {
        let is = |own: u32, id: u64| u64::from(own) == id;
        if self.root_over.as_ref().is_some_and(|range| {
            *range == EVERYBODY || u32::try_from(uid).is_ok_and(|uid| range.contains(&uid))
        }) {
            return true;
        }
        let shift = if is(self.uid, uid) {
            6
        } else if is(self.gid, gid) || self.groups.iter().any(|group| is(*group, gid)) {
            3
        } else {
            0
        };
        let wanted = wanted as u32;
        mode >> shift & wanted == wanted
    }

    /// The rights that a folder of this owner is used with; `None` for those of this process. What a container that
    /// runs as root makes in a folder belongs to the folder's owner: most give their rights up after their start.
    pub(crate) fn rights(&self, owner: u32, group: u32) -> Option<Rights> {
        match &self.root_over {
            Some(range) if self.is_root() || range.contains(&owner) => {
                Rights::of_owner(owner, group, self.is_root())
            }
            _ => Rights::of_user(self.uid, self.gid, &self.groups),
        }
    }
}

impl std::fmt::Display for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "user {} and group {}", self.uid, self.gid)
    }
}

/// Users that were seen in running containers, by the containers' ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<HashMap<String, User>>>);

impl Seen {
    fn of(&self, id: &str) -> Option<User> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// A container that begins as root and gives its rights up is taken for what it was at its least.
    fn remember(&self, id: &str, user: User) -> User {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = seen.entry(id.to_owned()).or_insert_with(|| user.clone());
        if !user.is_root() {
            *kept = user;
        }
        kept.clone()
    }
}

/// The user as this machine counts, for folders that are used in place; `None` when it cannot be told from here. The
/// caller has made sure that the engine and the container's processes are this machine's.
pub(crate) async fn here(engine: &Engine, container: &Container) -> Result<Option<User>, EngineError> {
    if let Some(user) = container.pid.and_then(of_process) {
        return Ok(Some(engine.seen_users().remember(&container.id, user)));
    }
    if let Some(user) = engine.seen_users().of(&container.id) {
        return Ok(Some(user));
    }
    if engine.maps_users().await {
        return Ok(None);
    }
    configured(engine, container).await
}

/// The user as the container counts, for what the engine tells of its files.
pub(crate) async fn inside(engine: &Engine, container: &Container) -> Result<Option<User>, EngineError> {
    let is_local = matches!(engine.endpoint(), Endpoint::Unix(_)) && !engine.maps_users().await;
    // The number may be another process's, where the engine counts otherwise than this machine.
    let pid = container.pid.filter(|pid| is_local && is_of(*pid, &container.id));
    if let Some(user) = pid.and_then(of_process) {
        return Ok(Some(engine.seen_users().remember(&container.id, user)));
    }
    match engine.seen_users().of(&container.id).filter(|_| is_local) {
        Some(user) => Ok(Some(user)),
        None => configured(engine, container).await,
    }
}

fn is_of(pid: i32, container: &str) -> bool {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    !container.is_empty() && groups.contains(container)
}

fn of_process(pid: i32) -> Option<User> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let map = std::fs::read_to_string(format!("/proc/{pid}/uid_map")).ok()?;
    parse_process(&status, &map)
}

/// By the effective user and group.
fn parse_process(status: &str, map: &str) -> Option<User> {
    let numbers = |name: &str| -> Option<Vec<u32>> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().map(|number| number.parse().ok()).collect()
    };
    let (uid, gid) = (*numbers("Uid:")?.get(1)?, *numbers("Gid:")?.get(1)?);
    let groups = numbers("Groups:")?;
    let range = map.lines().find_map(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        match (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?) {
            (0, first, count) => Some((first, first.saturating_add(count.saturating_sub(1)))),
            _ => None,
        }
    });
    // All users but the last number, which is nobody's.
    let root_over = range
        .filter(|(first, _)| *first == uid)
        .map(|(first, last)| if first == 0 && last >= u32::MAX - 1 { EVERYBODY } else { first..=last });
    Some(User { uid, gid, groups, root_over })
}

/// What the engine makes of the container's configuration when it starts it.
async fn configured(engine: &Engine, container: &Container) -> Result<Option<User>, EngineError> {
    let (user, group) = match container.user.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (container.user.as_str(), None),
    };
    if container.runs_as_root() {
        return Ok(Some(User::root()));
    }
    let is_number = |name: &str| name.parse::<u32>().is_ok();
    let named_groups = container.further_groups.iter().any(|group| !is_number(group));
    let (mut users, mut groups) = (Some(String::new()), Some(String::new()));
    if !is_number(user) || group.is_none() {
        users = database(engine, container, "/etc/passwd").await?;
    }
    if group.is_none_or(|group| !is_number(group)) || named_groups {
        groups = database(engine, container, "/etc/group").await?;
    }
    let (Some(users), Some(groups)) = (users, groups) else { return Ok(None) };
    Ok(resolve(user, group, &container.further_groups, &users, &groups))
}

/// A file of the container as text; empty when there is none, `None` when something else stands there.
async fn database(engine: &Engine, container: &Container, path: &str) -> Result<Option<String>, EngineError> {
    let etc = entry::ask(engine, &container.id, Path::new("/etc"), false).await?;
    let Some(etc) = etc else { return Ok(Some(String::new())) };
    if etc.kind != wakeeper_bounded_tar::Kind::Folder {
        return Ok(None);
    }
    Ok(match entry::ask(engine, &container.id, Path::new(path), true).await? {
        None => Some(String::new()),
        Some(found) if found.kind == wakeeper_bounded_tar::Kind::File => {
            Some(String::from_utf8_lossy(&found.content).into_owned())
        }
        Some(_) => None,
    })
}

/// As engines do: names before numbers, and for a user that has no group its own and those that list it.
fn resolve(user: &str, group: Option<&str>, further: &[String], users: &str, groups: &str) -> Option<User> {
    let rows = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
    };
    let (users, groups) = (rows(users), rows(groups));
    let number = |row: &[String], column: usize| row.get(column)?.trim().parse::<u32>().ok();
    let group_of = |name: &str| {
        let row = groups.iter().find(|row| row.first().is_some_and(|first| first == name));
        row.and_then(|row| number(row, 2)).or_else(|| name.parse().ok())
    };
    let named = users.iter().find(|row| row.first().is_some_and(|first| first == user));
    let row = named.or_else(|| {
        let uid = user.parse::<u32>().ok()?;
        users.iter().find(|row| number(row, 2) == Some(uid))
    });
    let uid = row.and_then(|row| number(row, 2)).or_else(|| user.parse().ok())?;
    let mut all = Vec::new();
    let gid = if let Some(group) = group {
        group_of(group)?
    } else {
        if let Some(name) = row.and_then(|row| row.first()) {
            let lists = |row: &&Vec<String>| {
                row.get(3).is_some_and(|members| members.split(',').any(|member| member.trim() == name))
            };
            all.extend(groups.iter().filter(lists).filter_map(|row| number(row, 2)));
        }
        row.and_then(|row| number(row, 3)).unwrap_or(0)
    };
    for name in further {
        all.push(group_of(name)?);
    }
    all.truncate(GROUPS);
    Some(User::plain(uid, gid, all))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str =
        "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n7:x:70:71::/:\nbad\n";
    const GROUPS: &str = "root:x:0:\naudio:x:29:node,other\nnode:x:1000:\nwheel:x:10:other\n";

    #[test]
    fn a_configured_user_is_what_the_engine_makes_of_it() {
        let is = |user: &str, group: Option<&str>, further: &[&str]| {
            let further: Vec<_> = further.iter().map(|name| (*name).to_owned()).collect();
            resolve(user, group, &further, USERS, GROUPS).map(|user| (user.uid, user.gid, user.groups))
        };
        assert_eq!(is("node", None, &[]), Some((1000, 1000, vec![29])));
        assert_eq!(is("1000", None, &["wheel", "5"]), Some((1000, 1000, vec![29, 10, 5])));
        assert_eq!(is("node", Some("audio"), &[]), Some((1000, 29, vec![])));
        assert_eq!(is("node", Some("77"), &[]), Some((1000, 77, vec![])));
        assert_eq!(is("10001", None, &[]), Some((10_001, 0, vec![])), "without an entry the group is root's");
        assert_eq!(is("7", None, &[]), Some((70, 71, vec![])), "a name comes before a number");
        for (user, group, further) in
            [("nobody", None, vec![]), ("node", Some("none"), vec![]), ("node", None, vec!["x"])]
        {
            assert_eq!(is(user, group, &further), None, "{user}");
        }
        assert!(resolve("root", None, &[], USERS, GROUPS).unwrap().is_root());
    }

    #[test]
    fn a_process_tells_who_it_is() {
        let status =
            |uid: u32| format!("Name:\tnode\nUid:\t0\t{uid}\t0\t0\nGid:\t0\t7\t0\t0\nGroups:\t29 30 \n");
        let plain = "         0          0 4294967295\n";
        let user = parse_process(&status(1000), plain).unwrap();
        assert_eq!(
            (user.uid, user.gid, user.groups.as_slice(), user.is_root()),
            (1000, 7, &[29, 30][..], false)
        );
        assert!(parse_process(&status(0), plain).unwrap().is_root());
        let mapped = "0 100000 65536\n";
        let root = parse_process(&status(100_000), mapped).unwrap();
        assert!(!root.is_root());
        assert!(root.may(Wanted::Read, 100_999, 0, 0) && !root.may(Wanted::Read, 0, 0, 0o700));
        assert!(!parse_process(&status(101_000), mapped).unwrap().may(Wanted::Read, 100_999, 0, 0o700));
        assert_eq!(parse_process("Uid:\tx\n", plain), None);
        assert!(of_process(i32::try_from(std::process::id()).unwrap()).is_some());
    }

    #[test]
    fn permission_bits_count_as_the_kernel_counts_them() {
        let user = User::plain(1000, 1000, vec![29]);
        for (wanted, uid, gid, mode, may) in [
            (Wanted::Read, 1000, 0, 0o400, true),
            (Wanted::Read, 1000, 0, 0o044, false),
            (Wanted::Read, 0, 29, 0o040, true),
            (Wanted::Read, 0, 1000, 0o004, false),
            (Wanted::Read, 0, 0, 0o004, true),
            (Wanted::Look, 0, 0, 0o704, false),
            (Wanted::Change, 1000, 0, 0o500, false),
            (Wanted::Pass, 0, 0, 0o711, true),
            (Wanted::Read, u64::MAX, u64::MAX, 0o770, false),
        ] {
            assert_eq!(user.may(wanted, uid, gid, mode), may, "{wanted:?} {uid}:{gid} {mode:o}");
            assert!(User::root().may(wanted, uid, gid, mode));
        }
    }

    #[test]
    fn what_a_container_was_at_its_least_is_remembered() {
        let seen = Seen::default();
        assert!(seen.remember("a", User::root()).is_root());
        assert_eq!(seen.remember("a", User::plain(1000, 0, vec![])).uid, 1000);
        assert_eq!(seen.remember("a", User::root()).uid, 1000);
        assert_eq!((seen.of("a").unwrap().uid, seen.of("b")), (1000, None));
    }
}
