//! `wakeeper restore`: gives a backup's content back.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, ValueEnum};
use wakeeper_containers::docker::Purpose;
use wakeeper_doctor::restore::{Restored, What};
use wakeeper_engine::{offline, users};

use crate::care::container::{ContainerTarget, OpenSession};
use crate::care::evidence::{self, EvidenceFlags};
use crate::care::{Console, Places, Target, TargetFlags, restore};

use super::verdict;

/// Restore a session from a backup; ratchets never go backwards unless a reason is given
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper restore --dry-run\n  wakeeper restore --data-dir /srv/bot\n  \
    wakeeper restore session_backups/auth_info_20260131T120000000Z.tar.zst --what all\n\n\
    `credentials` gives back the login and what never changes, where it is missing or damaged; Signal sessions stay as\n\
    they are, because an old one reuses message keys while a missing one costs one retry.\n\
    `all` gives back everything, and refuses when ratchets would go backwards.\n\
    What is there now is backed up first.")]
pub struct Restore {
    /// Archive, or its name in the backup folder [default: the newest backup with a sound login]
    archive: Option<PathBuf>,
    /// What to give back
    #[arg(long, value_enum, default_value_t = Part::Credentials)]
    what: Part,
    /// Say what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
    /// With `--what all`: restore although ratchets go backwards or the account is another one, and why
    #[arg(long, value_name = "REASON")]
    force: Option<String>,
    /// Go on although a process seems to run on the session
    #[arg(long)]
    assume_stopped: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetFlags,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The login and what never changes
    Credentials,
    /// Everything
    All,
}

impl Restore {
    /// Restores and reports.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let what = match (self.what, self.force.as_deref()) {
            (Part::All, force) => What::All { force },
            (Part::Credentials, None) => What::Credentials,
            (Part::Credentials, Some(_)) => super::wrong_usage("--force needs --what all"),
        };
        let console = Console::new(self.json);
        let (target, _) = self.target.clone().resolve()?;
        match target.present().await? {
            Target::Folder(places) => {
                let evidence = evidence::of_folder(&places.auth_info, &EvidenceFlags::default())?;
                // A dry run fails where the command itself would.
                let claim = users::claim(&places.auth_info, self.assume_stopped)?;
                let archive = self.archive.as_deref();
                let restored =
                    offline::restore(&places.session_paths(), archive, what, self.dry_run, &evidence).await?;
                drop(claim);
                console.show(&restored, |page| restore::show(page, &restored, self.dry_run, &places))?;
                Ok(verdict(restored.login_kept))
            }
            Target::Container(target) => self.in_container(&target, console).await,
        }
    }

    /// Compares while the container runs, and stops it only when there is something to give back.
    async fn in_container(self, target: &ContainerTarget, console: Console) -> anyhow::Result<ExitCode> {
        let session = OpenSession::open(target, &EvidenceFlags::default(), Purpose::Read).await?;
        let (restored, places) = self.give_back(&session, true).await?;
        drop(session);
        if self.dry_run || (restored.written.is_empty() && restored.removed.is_empty()) {
            console.show(&restored, |page| restore::show(page, &restored, self.dry_run, &places))?;
            return Ok(verdict(restored.login_kept));
        }
        let session = OpenSession::open(target, &EvidenceFlags::default(), Purpose::Write).await?;
        let (restored, places) = self.give_back(&session, false).await?;
        let name = session.container().name.clone();
        let unwell = session.close().await?;
        console.show(&restored, |page| restore::show(page, &restored, self.dry_run, &places))?;
        if let Some(reason) = unwell {
            bail!("the session was restored, but container {name} did not come up well: {reason}");
        }
        Ok(verdict(restored.login_kept))
    }

    async fn give_back(&self, session: &OpenSession, dry_run: bool) -> anyhow::Result<(Restored, Places)> {
        let (places, evidence) = (session.places.clone(), session.evidence.clone());
        let all = self.what == Part::All;
        let what = if all { What::All { force: self.force.as_deref() } } else { What::Credentials };
        let archive = self.archive.as_deref();
        Ok((offline::restore(&places.session_paths(), archive, what, dry_run, &evidence).await?, places))
    }
}
