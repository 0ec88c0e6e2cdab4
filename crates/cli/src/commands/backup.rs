//! `wakeeper backup`: creating, listing, verifying and pruning backups.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use wakeeper_containers::docker::Purpose;
use wakeeper_doctor::backup::retention::Pruned;
use wakeeper_doctor::backup::{BackupInfo, Created, Reason, Retention, Verified};
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::secret::Passphrase;
use wakeeper_engine_store::recover::Backups;
use wakeeper_model::plural;
use wakeeper_offline as offline;
use wakeeper_private_fs::shown;
use wakeeper_recovery::backups::{BackupStore, Checked, Which};
use wakeeper_terminal::{Console, Page, Tone, say, size};

use crate::chosen::{FactFlags, Places, Session, SessionsFlag, TargetFlags};
use crate::output::{console, show_findings};

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
    /// Remove backups that need not be kept; the newest with a login that is OK always stays
    Prune(Prune),
}

#[derive(Args, Clone)]
struct Create {
    /// Make a new archive even when nothing changed since the newest one
    #[arg(long)]
    always: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Clone)]
struct List {
    /// Backups of all sessions in the backup folder
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Clone)]
struct Verify {
    /// Archive, or the time or name of one in the backup folder [default: the newest backup]
    archive: Option<PathBuf>,
    /// Every backup of the session
    #[arg(long, conflicts_with = "archive")]
    all: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Clone)]
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

#[derive(Args, Clone)]
struct Common {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    sessions: SessionsFlag,
}

impl Common {
    /// Runs the action once, or for every session of a folder.
    async fn each(self, run: impl AsyncFn(Self) -> anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
        let Self { json, target, sessions } = self;
        let one = async |target| run(Self { json, target, sessions }).await;
        sessions.each(target, console(json), one).await
    }

    async fn open(self) -> anyhow::Result<(Console, Session)> {
        let (target, _) = self.target.existing()?;
        let session = target.present().await?.open(&FactFlags::default(), Purpose::Read).await?;
        Ok((console(self.json), session))
    }
}

impl Backup {
    /// Does what was asked for.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Create(this) => {
                let common = this.common.clone();
                common.each(async |common| Create { common, ..this.clone() }.run().await).await
            }
            Action::List(this) => {
                let common = this.common.clone();
                common.each(async |common| List { common, ..this.clone() }.run().await).await
            }
            Action::Verify(this) => {
                let common = this.common.clone();
                common.each(async |common| Verify { common, ..this.clone() }.run().await).await
            }
            Action::Prune(this) => {
                let common = this.common.clone();
                common.each(async |common| Prune { common, ..this.clone() }.run().await).await
            }
        }
    }
}

impl Create {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let (console, session) = self.common.open().await?;
        if session.places.backups.passphrase.as_ref().is_some_and(Passphrase::is_short) {
            say("BACKUP_PASSPHRASE is short enough to be guessed; a longer one protects new backups better");
        }
        let progress = console.progress("examining");
        let created = offline::back_up(&session.places, &session.facts, self.always, progress).await?;
        console.show(&created, |page| show_created(page, &created))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl List {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let (console, session) = self.common.open().await?;
        let places = &session.places;
        let store = session.backup_store().await;
        let backups = store.list_read_back(self.all)?;
        console.show(&backups, |page| show_list(page, &backups, places, &store))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Verify {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let (console, session) = self.common.open().await?;
        let places = &session.places;
        let (which, advice) = match (self.archive, self.all) {
            (Some(path), _) => (Which::Archive(path), String::new()),
            (None, true) => (Which::All, String::new()),
            (None, false) => (Which::Newest, format!("; `{}` makes one", places.command("backup create"))),
        };
        let store = session.backup_store().await;
        let verified = store.check(&which, &session.facts).map_err(|error| places.not_named(error))?;
        if verified.is_empty() {
            let Backups { label, shelf, .. } = &places.backups;
            bail!("there is no backup of {label} in {}{advice}", shown(shelf).display());
        }
        let has_login = store.has_login()
            || verified.iter().any(
                |one| matches!(one, Checked::Read(one) if one.report.credentials == CredentialsState::Sound),
            );
        console.show(&verified, |page| {
            show_verified(page, &verified);
            if !has_login {
                page.line(page.tone(Tone::Bad, "No backup here gives a login back."));
                page.next(&[(places.command("backup create"), "makes one, when the login is OK now")]);
            }
        })?;
        Ok(verdict(has_login && verified.iter().all(Checked::is_good)))
    }
}

impl Prune {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let (console, session) = self.common.open().await?;
        let usual = session.places.retention;
        let retention = Retention {
            last: self.keep_last.unwrap_or(usual.last),
            daily: self.keep_daily.unwrap_or(usual.daily),
            weekly: self.keep_weekly.unwrap_or(usual.weekly),
        };
        let store = BackupStore { retention, ..session.backup_store().await };
        let pruned = store.prune(self.dry_run)?;
        console.show(&pruned, |page| show_pruned(page, &pruned, self.dry_run))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What a new backup is, for people.
fn show_created(page: &mut Page, created: &Created) {
    let manifest = &created.manifest;
    if created.unchanged {
        page.line(format!("Nothing changed since the newest backup {}.", shown(&created.path).display()));
    } else {
        page.line(page.tone(Tone::Good, &format!("Backed up to {}", shown(&created.path).display())));
    }
    page.fact("holds", plural(manifest.files.len(), "file"));
    page.fact("holds", login_word(Some(manifest.credentials)));
    for left_out in &manifest.left_out {
        page.fact("left out", format!("{}: {}", left_out.name, left_out.reason));
    }
}

/// The list for people.
fn show_list(page: &mut Page, backups: &[BackupInfo], places: &Places, store: &BackupStore) {
    if backups.is_empty() {
        page.line(format!("No backups in {}.", shown(&places.backups.shelf).display()));
        page.next(&[(places.command("backup create"), "makes one")]);
        return;
    }
    let folder = shown(&places.backups.shelf);
    page.line(format!("Backups in {}, newest first (times in UTC):", folder.display()));
    let whose = store.with_own(|own| offline::backups::whose(backups, own, places));
    for (backup, whose) in backups.iter().zip(whose) {
        page.line(format!("{}{whose}", row(page, backup)));
    }
    for backup in backups {
        if let Some(problem) = &backup.problem {
            page.line(page.tone(Tone::Bad, &format!("{} cannot be used: {problem}", backup.time())));
        }
    }
    if backups.iter().any(|backup| backup.encrypted && backup.credentials.is_none()) {
        page.line("To look into encrypted ones set BACKUP_PASSPHRASE.");
    }
    page.next(&store.with_own(|own| offline::backups::steps(backups, own, places)));
}

/// One line: when, why, the login, the size, whether it was read back.
fn row(page: &Page, backup: &BackupInfo) -> String {
    let (verified, tone) = match backup.verified {
        Some(true) => ("verified", Tone::Good),
        Some(false) => ("DAMAGED", Tone::Bad),
        None if backup.encrypted => ("encrypted", Tone::Faint),
        None => ("not checked", Tone::Faint),
    };
    let reason = backup.reason.map_or("-", Reason::words);
    let login = login_word(backup.credentials);
    let (time, size) = (backup.time(), size(backup.size));
    format!("  {time}  {reason:<14}  {login:<13}  {size:>9}  {}", page.tone(tone, verified))
}

fn login_word(state: Option<CredentialsState>) -> &'static str {
    match state {
        Some(CredentialsState::Sound) => "login OK",
        Some(CredentialsState::Damaged) => "login damaged",
        Some(CredentialsState::Missing) => "no login",
        None => "login unknown",
    }
}

/// The result of a verification, for people.
fn show_verified(page: &mut Page, checked: &[Checked]) {
    for one in checked {
        match one {
            Checked::Read(verified) => show_read(page, verified),
            Checked::Unusable { path, problem } => {
                page.line(format!("{}: {}", path.display(), page.tone(Tone::Bad, problem)));
            }
        }
    }
}

fn show_read(page: &mut Page, verified: &Verified) {
    let (report, manifest) = (&verified.report, &verified.manifest);
    let verdict = match (verified.is_what_it_says(), report.healthy) {
        (false, _) => page.tone(Tone::Bad, "complete, but its login is not what it says"),
        (true, true) => page.tone(Tone::Good, "verified"),
        (true, false) => page.tone(Tone::Warning, "verified; it holds a damaged session, as it was then"),
    };
    page.line(format!("{}: {verdict}", shown(&verified.path).display()));
    if let Some(reason) = manifest.reason {
        page.fact("made", reason.words());
    }
    page.fact("compared", format!("{}, every SHA-256 is right", plural(manifest.files.len(), "file")));
    page.fact("holds", login_word(Some(report.credentials)));
    if !report.healthy {
        show_findings(page, &report.findings);
    }
}

/// What pruning did, for people.
fn show_pruned(page: &mut Page, pruned: &Pruned, dry_run: bool) {
    let verb = if dry_run { "would be removed" } else { "removed" };
    for path in &pruned.removed {
        page.line(format!("{verb}: {}", path.display()));
    }
    let removed = plural(pruned.removed.len(), "backup");
    page.line(format!("{removed} {verb}, {} kept, {} freed", pruned.kept.len(), size(pruned.freed)));
}
