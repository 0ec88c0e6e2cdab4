//! `wakeeper examine`: findings of one session folder or backup.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use wakeeper_doctor::layout::{name_of, sessions_at, sessions_in};
use wakeeper_doctor::symptoms::{LogFacts, Seen};
use wakeeper_doctor::whatsmeow::{self, store_at};
use wakeeper_doctor::{KnownFacts, Options, examine};
use wakeeper_engine_store::Copies;
use wakeeper_terminal::{Console, one_by_one, quoted};

use crate::chosen::{FactFlags, SessionsFlag, now_ms, show_log_read};
use crate::environment;
use crate::output::{console, heading, show_findings};
use crate::settings::ArchiveSettings;

use super::{health, verdict};

/// Examine a session folder or a backup, and say what is wrong with it; never writes
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper examine ./auth_info\n  \
    wakeeper examine ./auth_info --log app.log\n  \
    docker logs my-bot 2>&1 | wakeeper examine ./auth_info --log -\n  \
    wakeeper examine session_backups/auth_info_20260131T120000000Z.tar.zst --json\n\n\
    Exit code 1 when a finding of severity error exists: also when you name a log of another program.\n\
    docs/findings.md explains every code.")]
pub struct Examine {
    /// Session folder (the one that holds creds.json), backup archive, a gateway's session database (engine.db), or a
    /// whatsmeow store
    path: PathBuf,
    /// One device of a whatsmeow store, by its JID or phone number [default: all of them]
    #[arg(long, value_name = "JID")]
    device: Option<String>,
    /// The store that belongs to it
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    facts: FactFlags,
    #[command(flatten)]
    sessions: SessionsFlag,
}

/// The report, which log was read for it, and what was seen there.
#[derive(Serialize)]
struct Examined<'a, R> {
    #[serde(flatten)]
    report: &'a R,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    log: &'a [Seen],
    log_read: Option<&'a LogFacts>,
}

impl<'a, R> Examined<'a, R> {
    fn of(report: &'a R, facts: &'a KnownFacts) -> Self {
        let log_read = facts.log.as_ref();
        Self { report, log: log_read.map_or(&[], |log| &log.seen), log_read }
    }
}

impl Examine {
    /// Examines and reports.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let console = console(self.json);
        if !self.sessions.all_sessions {
            return self.one(&self.path, console).await;
        }
        let sessions = sessions_at(&self.path)?.into_iter();
        let named = sessions.map(|path| (name_of(&path, &self.path), path)).collect();
        Ok(one_by_one(named, console, async |path: PathBuf| self.one(&path, console).await).await?)
    }

    async fn one(&self, path: &Path, console: Console) -> anyhow::Result<ExitCode> {
        // Settings only tell the passphrase of backups here.
        let settings: ArchiveSettings = environment::settings([], None)?;
        let facts = self.facts.looking_beside().of_folder(path).await.context("cannot use --log")?;
        let progress = console.progress("examining");
        let options = Options {
            store: self.store.as_deref(),
            database: Some(wakeeper_engine_store::DATABASE),
            passphrase: settings.backup_passphrase.as_ref(),
            progress: Some(progress.as_ref()),
            ..facts.options(now_ms())
        };
        let own = wakeeper_engine_store::database_in(path);
        if own.is_none()
            && let Some(store) = store_at(path)?
        {
            return self.whatsmeow(&store, &facts, console);
        }
        let failed = |path: &Path| format!("cannot examine {}", path.display());
        let report = if let Some(database) = own {
            let options = facts.options(now_ms());
            let examined = wakeeper_engine_store::examine(&database, &options, &Copies::default()).await;
            examined.with_context(|| failed(&database))?.report
        } else {
            examine(path, &options).with_context(|| failed(path))?
        };
        console.show(&Examined::of(&report, &facts), |page| {
            heading(page, &report);
            health::show_log(page, &facts);
            show_findings(page, &report.findings);
            page.gap();
            show_log_read(page, &facts, path);
            let inside = sessions_in(path).into_iter().take(3);
            let steps: Vec<_> = inside.map(|path| format!("wakeeper examine {}", quoted(&path))).collect();
            page.next(&steps.into_iter().map(|step| (step, "is about this one")).collect::<Vec<_>>());
        })?;
        Ok(verdict(report.healthy))
    }

    /// The devices of a store, one after the other.
    fn whatsmeow(&self, store: &Path, facts: &KnownFacts, console: Console) -> anyhow::Result<ExitCode> {
        let options = facts.options(now_ms());
        let examined = whatsmeow::examine(store, self.device.as_deref(), &options)?;
        console.show(&Examined::of(&examined, facts), |page| {
            for device in examined.all() {
                heading(page, &device.report);
                page.fact("device", device.session.as_deref().unwrap_or("none is linked"));
                show_findings(page, &device.report.findings);
                page.gap();
            }
            health::show_log(page, facts);
            show_log_read(page, facts, store);
        })?;
        Ok(verdict(examined.healthy()))
    }
}
