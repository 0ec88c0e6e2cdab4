//! The rights of a folder's owner, for the time of one piece of work.
//!
//! Rights belong to a thread on Linux. The calling thread takes the owner's user and group, gives up all other groups,
//! and with them the capabilities that pass over permissions; dropping [`Worn`] takes root's rights back. Other threads
//! of the process, such as those that serve requests, never change. Threads that are started meanwhile inherit the
//! owner's rights for good.

use std::marker::PhantomData;

use rustix::process::{Gid, Uid, getegid, geteuid, getgroups};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Whose rights a folder is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The container runs as root. Files in its folder that its owner may not use, the container itself may, so root's
    /// rights are used for them.
    pub root_in_container: bool,
}

impl Rights {
    /// The owner's rights, where this process is root and the owner is not. A folder of root's is used with root's
    /// rights: nobody else could write into it, unless it is open to everyone, and then only the confinement protects.
    pub fn of_owner(uid: u32, gid: u32, root_in_container: bool) -> Option<Self> {
        (geteuid().is_root() && uid != 0).then_some(Self { uid, gid, root_in_container })
    }

    /// Root's, for what a container that runs as root may do in its folder anyway.
    pub(crate) fn root() -> Self {
        Self { uid: 0, gid: 0, root_in_container: true }
    }

    /// Puts them on, for this thread and until the value is dropped. May be nested.
    ///
    /// # Errors
    /// When the kernel refuses; then this thread has the rights that it had.
    pub fn wear(self) -> std::io::Result<Worn> {
        let mut before =
            Worn { uid: geteuid(), gid: getegid(), groups: getgroups()?, changed: false, here: PhantomData };
        if (before.uid.as_raw(), before.gid.as_raw()) == (self.uid, self.gid) {
            return Ok(before);
        }
        // From here on a drop takes everything back.
        before.changed = true;
        become_root()?;
        set_thread_groups(&[])?;
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
        {
            let _worn = rights.wear().unwrap();
            let _again = rights.wear().unwrap();
            let other = Rights { uid: 10_003, ..rights }.wear().unwrap();
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
