//! `wakeeper examine`: findings of one session folder or backup.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use wakeeper_engine_store::Copies;

use crate::care::evidence::{self, EvidenceFlags};
use crate::care::{Console, TargetFlags, examine, now_ms};

use super::verdict;

/// Examine a session folder or a backup, and say what is wrong with it; never writes
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper examine ./auth_info\n  \
    wakeeper examine ./auth_info --log app.log\n  \
    docker logs my-bot 2>&1 | wakeeper examine ./auth_info --log -\n  \
    wakeeper examine session_backups/auth_info_20260131T120000000Z.tar.zst --json\n\n\
    Exit code 1 when a finding of severity error exists. docs/findings.md explains every code.")]
pub struct Examine {
    /// Session folder (the one that holds creds.json), backup archive, or a gateway's session database (engine.db)
    path: PathBuf,
    /// The store that belongs to it
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    evidence: EvidenceFlags,
}

impl Examine {
    /// Examines and reports.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let console = Console::new(self.json);
        // Settings only tell the passphrase of backups here.
        let (_, settings) = TargetFlags::default().resolve()?;
        let evidence = evidence::of_folder(&self.path, &self.evidence).context("cannot use --log")?;
        let passphrase = settings.backup_passphrase.as_ref();
        let report = match wakeeper_engine_store::database_in(&self.path) {
            Some(database) => {
                let options = evidence.options(now_ms());
                let examined = wakeeper_engine_store::examine(&database, &options, &Copies::default()).await;
                examined.with_context(|| format!("cannot examine {}", database.display()))?.report
            }
            None => examine::examine_path(&self.path, self.store.as_deref(), &evidence, passphrase, console)?,
        };
        console.show(&report, |page| examine::show(page, &report, &evidence))?;
        Ok(verdict(report.healthy))
    }
}
