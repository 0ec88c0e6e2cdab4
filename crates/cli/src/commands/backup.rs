//! `wakeeper backup`: creating, listing, verifying and pruning backups.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use wakeeper_containers::docker::Purpose;
use wakeeper_doctor::backup::Retention;
use wakeeper_engine::offline;

use crate::care::backup::{self, Which};
use crate::care::container::OpenSession;
use crate::care::evidence::{self, EvidenceFlags};
use crate::care::{Console, KnownFacts, Places, Target, TargetFlags};

use super::verdict;

/// Make, list, verify and prune backups of a session
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper backup create\n  wakeeper backup list --data-dir /srv/bot\n  \
    wakeeper backup verify --all\n  wakeeper backup prune --keep-last 5 --dry-run\n\n\
    With BACKUP_PASSPHRASE (or BACKUP_PASSPHRASE_FILE) backups are encrypted with age.")]
pub struct Backup {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Back the session up; what runs on it may go on running
    Create(Create),
    /// List the backups, newest first, and what each can restore
    List(List),
    /// Restore backups into memory, compare every hash, and examine the result
    Verify(Verify),
    /// Remove backups that the retention does not keep; the newest with a sound login always stays
    Prune(Prune),
}

#[derive(Args)]
struct Create {
    /// Make a new archive even when nothing changed since the newest one
    #[arg(long)]
    always: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct List {
    /// Backups of all sessions in the backup folder
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Verify {
    /// Archive, or its name in the backup folder [default: the newest backup]
    archive: Option<PathBuf>,
    /// Every backup of the session
    #[arg(long, conflicts_with = "archive")]
    all: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Prune {
    /// Keep the newest N [env: BACKUP_KEEP_LAST; default: 10]
    #[arg(long, value_name = "N")]
    keep_last: Option<usize>,
    /// Keep the newest of each of N days [env: BACKUP_KEEP_DAILY; default: 7]
    #[arg(long, value_name = "N")]
    keep_daily: Option<usize>,
    /// Keep the newest of each of N weeks [env: BACKUP_KEEP_WEEKLY; default: 4]
    #[arg(long, value_name = "N")]
    keep_weekly: Option<usize>,
    /// Say what would be removed and remove nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetFlags,
}

impl Common {
    /// The session stays open as long as the last value lives.
    async fn open(self) -> anyhow::Result<(Console, Places, KnownFacts, Option<OpenSession>)> {
        let (target, _) = self.target.resolve()?;
        let console = Console::new(self.json);
        match target.present().await? {
            Target::Folder(places) => {
                let evidence = evidence::of_folder(&places.auth_info, &EvidenceFlags::default())?;
                Ok((console, places, evidence, None))
            }
            Target::Container(target) => {
                let session = OpenSession::open(&target, &EvidenceFlags::default(), Purpose::Read).await?;
                Ok((console, session.places.clone(), session.evidence.clone(), Some(session)))
            }
        }
    }
}

impl Backup {
    /// Does what was asked for.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Create(create) => create.run().await,
            Action::List(list) => list.run().await,
            Action::Verify(verify) => verify.run().await,
            Action::Prune(prune) => prune.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let (console, places, evidence, session) = self.common.open().await?;
        let created =
            offline::back_up(&places.session_paths(), &evidence, self.always, console.progress("examining"))
                .await?;
        close(session).await?;
        console.show(&created, |page| backup::show_created(page, &created))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let (console, places, _, session) = self.common.open().await?;
        let backups = backup::list(&places, self.all)?;
        close(session).await?;
        console.show(&backups, |page| backup::show_list(page, &backups, &places))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Verify {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let (console, places, evidence, session) = self.common.open().await?;
        let which = match (self.archive, self.all) {
            (Some(path), _) => Which::Archive(path),
            (None, true) => Which::All,
            (None, false) => Which::Newest,
        };
        let verified = backup::verify(&places, &which, &evidence)?;
        close(session).await?;
        if verified.is_empty() {
            bail!(
                "there is no backup of {} in {}",
                places.label,
                wakeeper_private_fs::shown(&places.backups).display()
            );
        }
        console.show(&verified, |page| backup::show_verified(page, &verified))?;
        Ok(verdict(verified.iter().all(|verified| verified.report.healthy)))
    }
}

impl Prune {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let (console, places, _, session) = self.common.open().await?;
        let policy = Retention {
            last: self.keep_last.unwrap_or(places.retention.last),
            daily: self.keep_daily.unwrap_or(places.retention.daily),
            weekly: self.keep_weekly.unwrap_or(places.retention.weekly),
        };
        let pruned = backup::prune(&places, &policy, self.dry_run)?;
        close(session).await?;
        console.show(&pruned, |page| backup::show_pruned(page, &pruned, self.dry_run))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Gives new archives to the container's user.
async fn close(session: Option<OpenSession>) -> anyhow::Result<()> {
    if let Some(session) = session {
        session.close().await?;
    }
    Ok(())
}
