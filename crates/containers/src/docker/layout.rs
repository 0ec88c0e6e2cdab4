//! Where a container keeps its session.

use std::path::{Path, PathBuf};

use wakeeper_doctor::layout::{FOLDERS, HOME_FOLDERS, Layout};

use crate::docker::container::Container;
use crate::docker::engine::Engine;
use crate::docker::entry;
use crate::docker::volumes::{Checkout, Purpose};
use wakeeper_bounded_tar::Kind;

/// Labels that say where the session is, for gateways that keep it at unusual places.
pub const LABEL_AUTH_INFO: &str = "whatsapp.session.auth-info";
/// The label for `baileys_store.json`.
pub const LABEL_STORE: &str = "whatsapp.session.store";
/// The label for the backup folder.
pub const LABEL_BACKUPS: &str = "whatsapp.session.backups";

/// Where programs have their home folder, when the container's environment does not say so.
const HOMES: [&str; 2] = ["/root", "/home/node"];

/// Where a container keeps its session, as paths of the container.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SessionLayout {
    /// The folder of credentials and Signal state.
    pub auth_info: PathBuf,
    /// `baileys_store.json`.
    pub store: PathBuf,
    /// Where backups go, if the container has a place for them.
    pub backups: PathBuf,
    /// It is not where the container says or usually has it: somebody named it, or it was found by a search. The container
    /// may have others.
    #[serde(skip)]
    pub is_one_of_many: bool,
}

impl SessionLayout {
    /// By label, by the settings in its environment, by what is mounted, and last `auth_info` in its working folder.
    pub fn of(container: &Container) -> Self {
        Self::told(container)
            .unwrap_or_else(|| Self::with(container, container.working_dir.join("auth_info")))
    }

    /// The same, as far as the container itself says it.
    pub fn told(container: &Container) -> Option<Self> {
        let setting = |name: &str| container.variable(name).map(|value| container.working_dir.join(value));
        let auth_info = label(container, LABEL_AUTH_INFO)
            .or_else(|| setting("AUTH_INFO_DIR"))
            .or_else(|| mounted(container))
            .or_else(|| setting("DATA_DIR").map(|folder| folder.join("auth_info")))?;
        Some(Self::with(container, auth_info))
    }

    /// One of the container's sessions, at this path.
    pub fn at(container: &Container, auth_info: &Path) -> Self {
        let auth_info = container.working_dir.join(auth_info);
        Self { is_one_of_many: true, ..Self::with(container, auth_info) }
    }

    fn with(container: &Container, auth_info: PathBuf) -> Self {
        let setting = |name: &str| container.variable(name).map(|value| container.working_dir.join(value));
        let data = setting("DATA_DIR").or_else(|| auth_info.parent().map(Path::to_owned)).unwrap_or_default();
        Self {
            store: label(container, LABEL_STORE)
                .or_else(|| setting("BAILEYS_STORE"))
                .unwrap_or_else(|| data.join("baileys_store.json")),
            backups: label(container, LABEL_BACKUPS)
                .or_else(|| setting("BACKUP_DIR"))
                .unwrap_or_else(|| data.join("session_backups")),
            auth_info,
            is_one_of_many: false,
        }
    }

    /// The same as [`SessionLayout::of`]; where the container does not say it and nothing is at the usual place, the places
    /// of other gateways and its mounts are searched. A folder of one session is that session's.
    pub async fn find(engine: &Engine, container: &Container) -> Self {
        let usual = Self::of(container);
        // Something that is there and cannot be used is told; nothing else is looked for then.
        let there = entry::ask(engine, &container.id, &usual.auth_info, false).await;
        if Self::told(container).is_some() || !matches!(there, Ok(None)) {
            return usual;
        }
        for path in places(container) {
            if let Some(found) = Self::session_at(engine, container, &path).await {
                return found;
            }
        }
        usual
    }

    /// The container's other sessions, besides this one: in the places of known gateways and in its mounts.
    pub async fn others(&self, engine: &Engine, container: &Container) -> Vec<PathBuf> {
        let mut others: Vec<PathBuf> = Vec::new();
        let data = self.auth_info.parent().filter(|data| *data != container.working_dir);
        let beside = data.into_iter().flat_map(|data| FOLDERS.iter().map(|name| data.join(name)));
        for path in places(container).into_iter().chain(beside) {
            // What is above or below of one that is known is the same session, or the folder of it.
            let known = |other: &PathBuf| path.starts_with(other) || other.starts_with(&path);
            if known(&self.auth_info) || others.iter().any(known) {
                continue;
            }
            if let Some(found) = Self::session_at(engine, container, &path).await {
                others.push(found.auth_info);
            }
        }
        others
    }

    /// The session, or the sessions, in a folder of the container.
    async fn session_at(engine: &Engine, container: &Container, path: &Path) -> Option<Self> {
        if !is_folder(engine, container, path).await {
            return None;
        }
        let layout = Self::at(container, path);
        let checkout = Checkout::of(engine, container, &layout, Purpose::Read).await.ok()?;
        match Layout::at(checkout.auth_info()) {
            Some(Layout::Sessions(found)) if found.len() == 1 => {
                Some(Self::at(container, &path.join(&found[0])))
            }
            Some(Layout::Session | Layout::Sessions(_)) => Some(layout),
            Some(Layout::Empty | Layout::Foreign(_)) | None => None,
        }
    }
}

fn label(container: &Container, name: &str) -> Option<PathBuf> {
    container.labels.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A mount that is named as such folders are.
fn mounted(container: &Container) -> Option<PathBuf> {
    FOLDERS.iter().find_map(|name| {
        let mount = container.mounts.iter().find(|mount| mount.destination.ends_with(name))?;
        Some(mount.destination.clone())
    })
}

/// Where gateways keep their sessions, each place once.
fn places(container: &Container) -> Vec<PathBuf> {
    let home = container.variable("HOME").map(PathBuf::from);
    let homes = home.into_iter().chain(HOMES.map(PathBuf::from));
    let at_home = homes.flat_map(|home| HOME_FOLDERS.iter().map(move |name| home.join(name)));
    let at_work = FOLDERS.iter().map(|name| container.working_dir.join(name));
    let mut places: Vec<PathBuf> = Vec::new();
    let mounts = container.mounts.iter().map(|mount| mount.destination.clone());
    for place in at_work.chain(at_home).chain(mounts).filter(|place| place.is_absolute()) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// Whether a container has a folder at a path, as far as its engine tells.
async fn is_folder(engine: &Engine, container: &Container, path: &Path) -> bool {
    let entry = entry::ask(engine, &container.id, path, false).await;
    entry.is_ok_and(|entry| entry.is_some_and(|entry| entry.kind == Kind::Folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::testing::{container_with, mount};

    fn session_of(mounts: &[&str], environment: &[(&str, &str)]) -> PathBuf {
        let mounts = mounts.iter().map(|place| mount("/srv", place, true)).collect();
        SessionLayout::of(&container_with("api", mounts, environment)).auth_info
    }

    #[test]
    fn a_container_says_where_its_session_is() {
        assert_eq!(session_of(&[], &[]), Path::new("/app/auth_info"));
        assert_eq!(session_of(&["/data"], &[("AUTH_INFO_DIR", "keys")]), Path::new("/app/keys"));
        assert_eq!(session_of(&["/bot/baileys_auth_info"], &[]), Path::new("/bot/baileys_auth_info"));
        assert_eq!(session_of(&["/app/.sessions/noweb"], &[]), Path::new("/app/.sessions/noweb"));
        assert_eq!(session_of(&["/evolution/instances"], &[]), Path::new("/evolution/instances"));
        assert_eq!(session_of(&["/data"], &[("DATA_DIR", "/data")]), Path::new("/data/auth_info"));
    }

    #[test]
    fn one_that_was_named_is_below_the_working_folder_or_absolute() {
        let container = container_with("waha", Vec::new(), &[]);
        let named = SessionLayout::at(&container, Path::new(".sessions/noweb/default"));
        assert!(named.is_one_of_many);
        assert_eq!(named.auth_info, Path::new("/app/.sessions/noweb/default"));
        assert_eq!(SessionLayout::at(&container, Path::new("/x")).auth_info, Path::new("/x"));
    }

    #[test]
    fn the_places_of_known_gateways_are_searched_each_once() {
        let mounts = vec![mount("/srv", "/app/.sessions", true), mount("/srv/x", "/app/auth", true)];
        let places = places(&container_with("waha", mounts, &[("HOME", "/root")]));
        for place in [
            "/app/.sessions/noweb",
            "/app/store/auth",
            "/app/instances",
            "/root/.openclaw/credentials/whatsapp",
            "/home/node/.openclaw/credentials/whatsapp",
            "/app/.sessions",
            "/app/auth",
        ] {
            assert_eq!(places.iter().filter(|found| *found == Path::new(place)).count(), 1, "{place}");
        }
    }
}
