//! Which release of Baileys a container has installed.

use wakeeper_doctor::formats::baileys::{Version, installed};

use super::LocatedSession;
use crate::docker::entry;

impl LocatedSession {
    /// The release of Baileys that will run on the session, where the container's own packages tell.
    pub async fn installed(&self) -> Option<Version> {
        let working_dir = Some(self.container.working_dir.as_path());
        for manifest in installed::manifests(&self.layout.auth_info, working_dir) {
            let found = entry::ask(&self.engine, &self.container.id, &manifest.path, true).await;
            // What the engine cannot tell is not known; the session's own files are asked then.
            let release = found.ok().flatten().and_then(|found| manifest.release(&found.content));
            if release.is_some() {
                return release;
            }
        }
        None
    }
}
