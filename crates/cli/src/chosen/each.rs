//! Commands that work on every session of a folder, one after the other.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use wakeeper_containers::docker::Purpose;
use wakeeper_doctor::layout::{name_of, sessions_at};
use wakeeper_terminal::{Console, one_by_one};

use super::{FactFlags, Places, Target, TargetFlags};

/// Whether a command is about one session or about all of a folder.
#[derive(Args, Debug, Clone, Copy, Default)]
pub struct SessionsFlag {
    /// Work on every session in the folder, one after the other, when the folder holds several
    #[arg(long, help_heading = "Which session")]
    pub all_sessions: bool,
}

impl SessionsFlag {
    /// Runs a command once, or for every session below the folder that is meant: one that fails keeps no other from its turn.
    pub async fn each(
        self,
        flags: TargetFlags,
        console: Console,
        run: impl AsyncFn(TargetFlags) -> anyhow::Result<ExitCode>,
    ) -> anyhow::Result<ExitCode> {
        if !self.all_sessions {
            return run(flags).await;
        }
        Ok(one_by_one(flags.each().await?, console, run).await?)
    }
}

impl TargetFlags {
    /// The same flags for each session below the folder that they mean, by the session's name.
    pub async fn each(self) -> anyhow::Result<Vec<(String, Self)>> {
        let this = self.of_all()?;
        let (target, _) = this.clone().existing()?;
        let session = match target.present().await? {
            Target::Folder(Places { session, .. }) => {
                let sessions = sessions_at(&session.auth_info)?;
                let named = |path: PathBuf| {
                    let flags = Self { auth_info_dir: Some(path.clone()), ..this.clone() };
                    (name_of(&path, &session.auth_info), flags)
                };
                return Ok(sessions.into_iter().map(named).collect());
            }
            target @ Target::Container(_) => target.open(&FactFlags::default(), Purpose::Read).await?,
        };
        let (here, there) =
            (&session.places.auth_info, session.container.as_ref().map(|found| &found.auth_info));
        let named = |path: PathBuf| {
            let below = path.strip_prefix(here).unwrap_or(Path::new(""));
            let flags = Self { inside: there.map(|there| there.join(below)), ..this.clone() };
            (name_of(&path, here), flags)
        };
        Ok(sessions_at(here)?.into_iter().map(named).collect())
    }
}
