//! `wakeeper clean`: mends what is damaged, and nothing else.

use std::process::ExitCode;

use clap::Args;
use wakeeper_session::address::Address;
use wakeeper_session::repair::Extent;

use crate::care::clean::{self, Order};
use crate::care::evidence::EvidenceFlags;
use crate::care::{Console, Evidence, Target, TargetFlags, owners};

use super::verdict;

/// Mend what is damaged in a session, after a verified backup; the login is kept
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper clean --dry-run\n  wakeeper clean --data-dir /srv/bot\n  \
    docker logs my-bot 2>&1 | wakeeper clean --data-dir /srv/bot --log -\n  \
    wakeeper clean --peer 628123456789\n  wakeeper clean --stale\n\n\
    Stop the gateway first: what it holds in memory would be written over the repair.\n\
    Exit code 1 when errors remain, or the login could not be kept.")]
pub struct Clean {
    /// Contact whose Signal sessions are negotiated anew: a number, a JID, or `number:device@lid`
    #[arg(long = "peer", value_name = "ADDRESS", value_parser = address)]
    peers: Vec<Address>,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove everything, the login too: a new QR code is needed. Asks first
    #[arg(long, conflicts_with_all = ["stale", "ratchets", "peers"])]
    all: bool,
    /// Also drop every Signal session and our own sender keys, for an old copy of the folder that was put back
    #[arg(long, conflicts_with = "stale")]
    ratchets: bool,
    /// Also remove Signal sessions, pre-keys and leftovers that nobody can use any more
    #[arg(long)]
    stale: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Go on although a process seems to run on the session
    #[arg(long)]
    assume_stopped: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    evidence: EvidenceFlags,
    #[command(flatten)]
    target: TargetFlags,
}

fn address(text: &str) -> Result<Address, String> {
    Address::from_any(text).ok_or_else(|| {
        "a phone number, a JID such as 628123@s.whatsapp.net or 1000:3@lid is expected".to_owned()
    })
}

impl Clean {
    /// Plans, asks where that is due, backs up, mends, and looks again.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let console = Console::new(self.json);
        let order = Order { extent: self.extent(), dry_run: self.dry_run, yes: self.yes };
        let (target, _) = self.target.resolve()?;
        let Target::Folder(places) = target;
        let evidence = Evidence::of_folder(&places.auth_info, &self.evidence)?.with_backups(&places);
        let evidence = Evidence { peers: self.peers, ..evidence };
        let claim =
            if self.dry_run { None } else { Some(owners::claim(&places.auth_info, self.assume_stopped)?) };
        let outcome = clean::run(&places, &evidence, order, console)?;
        drop(claim);
        console.show(&outcome, |page| clean::show(page, &outcome, order, &places))?;
        Ok(verdict(clean::succeeded(&outcome, order)))
    }

    fn extent(&self) -> Extent {
        match (self.all, self.ratchets, self.stale) {
            (true, ..) => Extent::Everything,
            (_, true, _) => Extent::Ratchets,
            (.., true) => Extent::Stale,
            _ => Extent::Damaged,
        }
    }
}
