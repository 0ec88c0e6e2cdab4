//! Somebody else's rights, for the time of one piece of work.
//!
//! Rights belong to a thread on Linux. The calling thread takes the other's user, group and further groups, gives up its
//! own, and with them the capabilities that pass over permissions; dropping [`Worn`] takes root's rights back. Other
//! threads of the process, such as those that serve requests, never change. Threads that are started meanwhile inherit
//! the other's rights for good.

use std::marker::PhantomData;
use std::sync::Arc;

use rustix::process::{Gid, Uid, getegid, geteuid, getgroups};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Whose rights a folder is used with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Further groups, in order.
    pub groups: Arc<[u32]>,
    /// The container runs as root. Files in its folder that its owner may not use, the container itself may, so root's
    /// rights are used for them.
    pub root_in_container: bool,
}

impl Rights {
    /// The rights of a folder's owner, where this process is root and the owner is not. A folder of root's is used with
    /// root's rights, and then only the confinement protects. Only for a folder whose owner the container could be
    /// anyway, because it runs as root: a container can rename somebody else's folder into the place of its own.
    pub fn of_owner(uid: u32, gid: u32, root_in_container: bool) -> Option<Self> {
        (geteuid().is_root() && uid != 0).then(|| Self { uid, gid, groups: Arc::new([]), root_in_container })
    }

    /// Exactly the rights of a container's user, where this process is root and can take them.
    pub fn of_user(uid: u32, gid: u32, groups: &[u32]) -> Option<Self> {
        let mut groups = groups.to_vec();
        groups.sort_unstable();
        groups.dedup();
        let of_user = || Self { uid, gid, groups: groups.into(), root_in_container: false };
        (geteuid().is_root() && uid != 0).then(of_user)
    }

    /// Root's, for what a container that runs as root may do in its folder anyway.
    pub(crate) fn root() -> Self {
        Self { uid: 0, gid: 0, groups: Arc::new([]), root_in_container: true }
    }

    /// Puts them on, for this thread and until the value is dropped. May be nested.
    ///
    /// # Errors
    /// When the kernel refuses; then this thread has the rights that it had.
    pub fn wear(&self) -> std::io::Result<Worn> {
        let mut before =
            Worn { uid: geteuid(), gid: getegid(), groups: getgroups()?, changed: false, here: PhantomData };
        let mut worn: Vec<u32> = before.groups.iter().map(|group| group.as_raw()).collect();
        worn.sort_unstable();
        let same_groups = self.uid == 0 || worn == *self.groups;
        if (before.uid.as_raw(), before.gid.as_raw()) == (self.uid, self.gid) && same_groups {
            return Ok(before);
        }
        // From here on a drop takes everything back.
        before.changed = true;
        become_root()?;
        let groups: Vec<Gid> = self.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        set_thread_groups(&groups)?;
        set_thread_res_gid(None, Some(Gid::from_raw(self.gid)), None)?;
        set_thread_res_uid(None, Some(Uid::from_raw(self.uid)), None)?;
        Ok(before)
    }
}

/// The saved user is still root, which is what makes the way back possible.
fn become_root() -> rustix::io::Result<()> {
    set_thread_res_uid(None, Some(Uid::ROOT), None)
}

/// Another's rights, until this is dropped. Cannot be sent to another thread.
#[derive(Debug)]
pub struct Worn {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
    changed: bool,
    here: PhantomData<*const ()>,
}

impl Drop for Worn {
    fn drop(&mut self) {
        if !self.changed {
            return;
        }
        // Only root may change groups, so the user comes last. None of it can fail while the saved user is root's; if it
        // did, this thread would go on with too few rights, and its next use of a folder would say so.
        let _ = become_root();
        let _ = set_thread_groups(&self.groups);
        let _ = set_thread_res_gid(None, Some(self.gid), None);
        let _ = set_thread_res_uid(None, Some(self.uid), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_this_threads_alone_and_come_back() {
        if !geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "root's").unwrap();
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let groups = getgroups().unwrap();
        let rights = Rights::of_owner(10_001, 10_002, false).unwrap();
        let others = Rights::of_user(10_003, 10_002, &[30, 20, 30]).unwrap();
        {
            let _worn = rights.wear().unwrap();
            let _again = rights.wear().unwrap();
            let other = others.wear().unwrap();
            let groups: Vec<_> = getgroups().unwrap().into_iter().map(Gid::as_raw).collect();
            assert_eq!(groups, [20, 30]);
            assert_eq!(geteuid().as_raw(), 10_003);
            drop(other);
            assert_eq!((geteuid().as_raw(), getegid().as_raw()), (10_001, 10_002));
            assert!(getgroups().unwrap().is_empty());
            assert_eq!(std::fs::read(&secret).unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
            // Threads that are there already keep theirs; this test's own thread pool is another process's business.
            let status = std::fs::read_to_string(format!("/proc/{}/status", std::process::id())).unwrap();
            assert!(status.lines().any(|line| line.starts_with("Uid:\t0\t0\t")), "{status}");
        }
        assert!(geteuid().is_root() && getegid().is_root());
        assert_eq!(getgroups().unwrap(), groups);
        assert_eq!(std::fs::read(&secret).unwrap(), b"root's");
    }
}
