//! `wakeeper clean`: mends what is damaged, and nothing else.

use std::process::ExitCode;

use clap::Args;
use wakeeper_containers::docker::{NotReady, Purpose};
use wakeeper_doctor::address::Address;
use wakeeper_doctor::clean::Outcome;
use wakeeper_doctor::repair::Extent;
use wakeeper_engine::offline::Hold;
use wakeeper_recovery::Rules;

use crate::care::clean::{self, Order};
use crate::care::console::agrees;
use crate::care::container::{ContainerTarget, OpenSession, say};
use crate::care::evidence::{self, EvidenceFlags};
use crate::care::{Console, KnownFacts, Places, Target, TargetFlags, now_ms};

use super::verdict;

/// Mend what is damaged in a session, after a verified backup; the login is kept
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper clean --dry-run\n  wakeeper clean --container my-whatsapp-api\n  wakeeper clean --data-dir /srv/bot\n  \
    docker logs my-bot 2>&1 | wakeeper clean --data-dir /srv/bot --log -\n  \
    wakeeper clean --peer 628123456789\n  wakeeper clean --stale\n\n\
    A container is stopped for the time of the repair and started again. Stop a gateway that runs on a folder yourself:\n\
    what it holds in memory would be written over the repair.\n\
    Exit code 1 when errors remain, or the login could not be kept."
)]
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
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let console = Console::new(self.json);
        let order =
            Order { extent: self.extent(), dry_run: self.dry_run, yes: self.yes, hold: Hold::ByCaller };
        let (target, settings) = self.target.clone().resolve()?;
        match target.present().await? {
            Target::Folder(places) => self.in_folder(&places, order, console).await,
            Target::Container(target) => {
                self.in_container(&target, order, console, &settings.care.rules).await
            }
        }
    }

    async fn in_folder(self, places: &Places, order: Order, console: Console) -> anyhow::Result<ExitCode> {
        let evidence = places.with_backups(evidence::of_folder(&places.auth_info, &self.evidence)?);
        let evidence = KnownFacts { peers: self.peers, ..evidence };
        let order = Order { hold: Hold::ByRepair { assume_stopped: self.assume_stopped }, ..order };
        let outcome = clean::run(places, &evidence, order, console).await?;
        console.show(&outcome, |page| clean::show(page, &outcome, order, places))?;
        Ok(verdict(clean::succeeded(&outcome, order)))
    }

    /// Plans while the container runs, and stops it only when there is something to mend.
    async fn in_container(
        self,
        target: &ContainerTarget,
        order: Order,
        console: Console,
        rules: &Rules,
    ) -> anyhow::Result<ExitCode> {
        let plan = Order { dry_run: true, ..order };
        let session = OpenSession::open(target, &self.evidence, Purpose::Read).await?;
        let troubles =
            if session.container().is_up() { session.evidence.troubles.clone() } else { Vec::new() };
        let (outcome, places) = mend(session, self.peers.clone(), plan, console).await?;
        if order.dry_run || (outcome.plan.is_empty() && order.extent != Extent::Everything) {
            console.show(&outcome, |page| clean::show(page, &outcome, order, &places))?;
            return Ok(verdict(clean::succeeded(&outcome, order)));
        }
        if order.extent == Extent::Everything && !order.yes {
            console.page(|page| clean::show_plan(page, &outcome, false))?;
            let question = "This removes the login too: the session must be linked again with a new QR code.";
            if !agrees(question, "--yes")? {
                console.page(|page| page.line("Nothing was changed."))?;
                return Ok(verdict(false));
            }
        }
        let left = rules.handshake_left(&troubles, now_ms());
        if let Some(left) = left.filter(|_| order.extent != Extent::Everything) {
            let seconds = left.as_secs() + 1;
            say(&format!(
                "messages failed a moment ago; waiting {seconds} s until the gateway has asked for them again"
            ));
            tokio::time::sleep(left).await;
        }
        let session = OpenSession::open(target, &self.evidence, Purpose::Write).await?;
        let container = session.container().name.clone();
        let (outcome, places, unwell) =
            mend_and_close(session, self.peers, Order { yes: true, ..order }, console).await?;
        console.show(&outcome, |page| clean::show(page, &outcome, order, &places))?;
        if let Some(reason) = unwell {
            anyhow::bail!("the session was mended, but container {container} did not come up well: {reason}");
        }
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

async fn mend(
    session: OpenSession,
    peers: Vec<Address>,
    order: Order,
    console: Console,
) -> anyhow::Result<(Outcome, Places)> {
    let (places, evidence) = (session.places.clone(), KnownFacts { peers, ..session.evidence.clone() });
    // The session stays open until the work on its files is done.
    let outcome = clean::run(&places, &evidence, order, console).await;
    drop(session);
    Ok((outcome?, places))
}

async fn mend_and_close(
    session: OpenSession,
    peers: Vec<Address>,
    order: Order,
    console: Console,
) -> anyhow::Result<(Outcome, Places, Option<NotReady>)> {
    let (places, evidence) = (session.places.clone(), KnownFacts { peers, ..session.evidence.clone() });
    let outcome = clean::run(&places, &evidence, order, console).await?;
    let unwell = session.close().await?;
    Ok((outcome, places, unwell))
}
