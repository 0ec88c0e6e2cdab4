//! `wakeeper health`, also called `check`.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use wakeeper_containers::docker::Purpose;
use wakeeper_engine::offline;

use crate::care::container::{self, ContainerReport, OpenSession};
use crate::care::evidence::{self, EvidenceFlags};
use crate::care::{Console, Target, TargetFlags, health};

use super::verdict;

/// Check a session, its store and its backups, and say what to do; never changes anything
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper health\n  wakeeper health --data-dir /srv/bot\n  \
    wakeeper health --container my-whatsapp-api\n  \
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

/// The report on a session in a container.
#[derive(Serialize)]
struct InContainer {
    container: ContainerReport,
    #[serde(flatten)]
    session: offline::Health,
}

impl Health {
    /// Examines and reports.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let console = Console::new(self.json);
        let (target, _) = self.target.resolve()?;
        match target.present().await? {
            Target::Folder(places) => {
                let evidence = places.with_backups(evidence::of_folder(&places.auth_info, &self.evidence)?);
                let health =
                    offline::health(&places.session_paths(), &evidence, console.progress("examining"))
                        .await?;
                console.show(&health, |page| health::show(page, &health, &evidence, &places))?;
                Ok(verdict(health.report.healthy))
            }
            Target::Container(target) => {
                let session = OpenSession::open(&target, &self.evidence, Purpose::Read).await?;
                let (places, evidence) = (session.places.clone(), session.evidence.clone());
                let examined =
                    offline::health(&places.session_paths(), &evidence, console.progress("examining"))
                        .await?;
                let report = InContainer { container: session.report(), session: examined };
                console.show(&report, |page| {
                    container::show(page, &report.container);
                    health::show(page, &report.session, &evidence, &places);
                })?;
                Ok(verdict(report.session.report.healthy && report.container.well))
            }
        }
    }
}
