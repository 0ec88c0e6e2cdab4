//! The way to a path of a container, asked of the engine one folder at a time.
//!
//! The engine follows links on the way with root's rights, and passes folders that the container's user may not enter. A
//! container can put both there, so both are refused.

use std::path::{Component, Path, PathBuf};

use wakeeper_bounded_tar::Kind;
use wakeeper_private_fs::FsError;

use super::super::{Purpose, VolumeError};
use crate::docker::container::Container;
use crate::docker::engine::Engine;
use crate::docker::entry;
use crate::docker::user::{User, Wanted};

/// Whether something is at a path; refused unless every folder on the way is one that the container's user may pass, and
/// the user may do at its end what is wanted.
pub(super) async fn leads_there(
    engine: &Engine,
    container: &Container,
    user: &User,
    remote: &Path,
    purpose: Purpose,
) -> Result<bool, VolumeError> {
    let refused = || VolumeError::LeadsOut {
        container: container.name.clone(),
        path: remote.to_owned(),
        reason: FsError::LeadsOut,
    };
    for path in folders_to(remote).ok_or_else(refused)? {
        let Some(found) = entry::ask(engine, &container.id, &path, false).await? else { return Ok(false) };
        let is_end = path == remote;
        let wanted = match found.kind {
            Kind::Folder if !is_end => Wanted::Pass,
            Kind::Folder if purpose == Purpose::Write => Wanted::Change,
            Kind::Folder => Wanted::Look,
            Kind::File | Kind::HardLink if is_end => Wanted::Read,
            _ => return Err(refused()),
        };
        if !user.may(wanted, found.uid, found.gid, found.mode) {
            let facts = (found.uid, found.gid, found.mode);
            return Err(VolumeError::not_theirs(container, &path, user, facts));
        }
    }
    Ok(true)
}

/// Every path on the way, the shortest first, without the root; `None` when it leads up again.
fn folders_to(remote: &Path) -> Option<Vec<PathBuf>> {
    let mut path = PathBuf::from("/");
    let mut found = Vec::new();
    for part in remote.components() {
        match part {
            Component::Normal(name) => {
                path.push(name);
                found.push(path.clone());
            }
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_on_the_way_is_asked_for() {
        let to = |path: &str| folders_to(Path::new(path));
        let expected = ["/app", "/app/data", "/app/data/auth"].map(PathBuf::from);
        assert_eq!(to("/app/./data/auth/").as_deref(), Some(&expected[..]));
        assert_eq!(to("/").as_deref(), Some(&[][..]));
        assert_eq!(to("/app/../secret"), None);
    }
}
