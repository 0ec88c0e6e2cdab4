//! `wakeeper health`, also called `check`.

use std::process::ExitCode;

use clap::Args;

use crate::care::evidence::EvidenceFlags;
use crate::care::{Console, Evidence, Target, TargetFlags, health};

use super::verdict;

/// Check a session, its store and its backups, and say what to do; never changes anything
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper health\n  wakeeper health --data-dir /srv/bot\n  \
    wakeeper health --data-dir /srv/bot --log /srv/bot/logs/app.log\n\n\
    Exit code 1 when a finding of severity error exists.")]
pub struct Health {
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    evidence: EvidenceFlags,
    #[command(flatten)]
    target: TargetFlags,
}

impl Health {
    /// Examines and reports.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let console = Console::new(self.json);
        let (target, _) = self.target.resolve()?;
        let Target::Folder(places) = target;
        let evidence = Evidence::of_folder(&places.auth_info, &self.evidence)?.with_backups(&places);
        let health = health::health(&places, &evidence, console)?;
        console.show(&health, |page| health::show(page, &health, &evidence, &places))?;
        Ok(verdict(health.report.healthy))
    }
}
