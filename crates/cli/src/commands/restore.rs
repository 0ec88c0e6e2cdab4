//! `wakeeper restore`: gives a backup's content back.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use wakeeper_containers::docker::Purpose;
use wakeeper_doctor::restore::{Restored, What};
use wakeeper_model::plural;
use wakeeper_offline::{self as offline, users};
use wakeeper_terminal::{Page, Tone, typed};

use crate::chosen::{FactFlags, Places, Session, Target, TargetFlags};
use crate::output::console;

use super::verdict;

/// Restore a session from a backup; encryption state never goes back unless a reason is given
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper restore --dry-run\n  wakeeper restore --data-dir /srv/bot\n  \
    wakeeper restore 2026-01-31T12:00:07 --what all\n\n\
    `credentials` gives back the login and what never changes, where it is missing or damaged. The encryption state with \
    contacts (their ratchets) stays as it is: an old one uses message keys twice, while a missing one costs one automatic \
    retry.\n\n\
    `all` gives back everything, and refuses when encryption state would go back.\n\n\
    What is there now is backed up first.")]
pub struct Restore {
    /// Archive, or the time or name of one in the backup folder [default: the newest backup with a login that is OK]
    archive: Option<PathBuf>,
    /// What to give back
    #[arg(long, value_enum, default_value_t = Part::Credentials)]
    what: Part,
    /// Say what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
    /// With `--what all`: restore although encryption state goes back or the account is another one, and why
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
        if self.what == Part::Credentials && self.force.is_some() {
            super::wrong_usage("--force needs --what all");
        }
        let (target, _) = self.target.clone().resolve()?;
        let target = target.present().await?.assuming_stopped(self.assume_stopped);
        let in_container = matches!(target, Target::Container(_));
        // Compared while a container runs; it is stopped only when there is something to give back.
        let session = target.open(&FactFlags::default(), Purpose::Read).await?;
        if !in_container {
            // A dry run fails where the command itself would.
            let (folder, owners) = (&session.places.auth_info, &session.facts.owners);
            let _claim = users::claim(folder, self.assume_stopped, owners)?;
            let restored = self.give_back(&session, self.dry_run).await?;
            return self.report(&restored, &session.places);
        }
        let restored = self.give_back(&session, true).await?;
        if self.dry_run || (restored.written.is_empty() && restored.removed.is_empty()) {
            return self.report(&restored, &session.places);
        }
        drop(session);
        let session = target.open(&FactFlags::default(), Purpose::Write).await?;
        let restored = self.give_back(&session, false).await?;
        session.close("restored", |places| self.report(&restored, places)).await
    }

    async fn give_back(&self, session: &Session, dry_run: bool) -> anyhow::Result<Restored> {
        let all = self.what == Part::All;
        let what = if all { What::All { force: self.force.as_deref() } } else { What::Credentials };
        let archive = self.archive.as_deref();
        Ok(offline::restore(&session.places, archive, what, dry_run, &session.facts).await?)
    }

    fn report(&self, restored: &Restored, places: &Places) -> anyhow::Result<ExitCode> {
        console(self.json).show(restored, |page| show(page, restored, self.dry_run, places))?;
        Ok(verdict(restored.login_kept))
    }
}

/// What was, or would be, restored, for people.
fn show(page: &mut Page, restored: &Restored, dry_run: bool, places: &Places) {
    let from = restored.from.display();
    if dry_run {
        page.line(page.tone(Tone::Strong, &format!("From {from}; nothing was changed:")));
    } else if restored.applied {
        page.line(page.tone(Tone::Good, &format!("Restored from {from}")));
    } else {
        page.line(format!("Compared with {from}"));
    }
    let would = if dry_run { "would be " } else { "" };
    for (verb, names) in [("written", &restored.written), ("removed", &restored.removed)] {
        if !names.is_empty() {
            page.fact(&format!("{would}{verb}"), sample(names));
        }
    }
    if let Some(backup) = &restored.backup {
        page.fact("before that", format!("backed up to {}", backup.display()));
    }
    for note in &restored.notes {
        page.line(page.tone(Tone::Warning, note));
    }
    let wanted = !restored.written.is_empty() || !restored.removed.is_empty();
    if dry_run && wanted {
        let again = places.command(&format!("restore{}", typed::again()));
        return page.next(&[(again, "restores it")]);
    }
    let mut why = "checks the whole session";
    if !dry_run && restored.login_kept {
        page.line("The login is OK: no new QR code is needed.");
    } else if !dry_run {
        page.line(page.tone(Tone::Bad, "The login is damaged."));
        why = "says why";
    }
    page.next(&[(places.command("health"), why)]);
}

/// The first names, and how many there are.
fn sample(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len() {
        0..=SHOWN => shown,
        count => format!("{} such as {shown}", plural(count, "file")),
    }
}
