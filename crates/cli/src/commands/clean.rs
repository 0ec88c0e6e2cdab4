//! `wakeeper clean`: shows the plan, backs up, repairs what is damaged and nothing else, and looks again.

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use wakeeper_containers::docker::Purpose;
use wakeeper_doctor::address::{Address, group_jid};
use wakeeper_doctor::clean::Outcome;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::symptoms::LogFacts;
use wakeeper_doctor::{Finding, KnownFacts, Severity};
use wakeeper_model::plural;
use wakeeper_offline::{self as offline, Hold, RepairOrder};
use wakeeper_private_fs::shown;
use wakeeper_recovery::Rules;
use wakeeper_terminal::{Console, Page, Tone, agrees, say, size, typed};

use crate::chosen::{FactFlags, Places, Session, SessionsFlag, Target, TargetFlags, now_ms, show_log_read};
use crate::output::{console, show_findings};

use super::verdict;

/// Steps of one kind that are shown one by one.
const SHOWN_ALIKE: usize = 10;
/// What is asked before the login goes.
const QUESTION: &str = "This removes the login too: the session must be linked again with a new QR code.";

/// How far to go.
#[derive(Debug, Clone, Copy)]
struct Order {
    /// What is repaired or removed.
    extent: Extent,
    /// Stop after the plan.
    dry_run: bool,
    /// Never ask.
    yes: bool,
    /// Contacts were named.
    contacts: bool,
    /// Who keeps others from the session.
    hold: Hold,
}

/// Repair what is damaged in a session, after a verified backup; the login is kept
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper clean --dry-run\n  wakeeper clean --container my-whatsapp-api\n  wakeeper clean --data-dir /srv/bot\n  \
    docker logs my-bot 2>&1 | wakeeper clean --data-dir /srv/bot --log -\n  \
    wakeeper clean --peer 628123456789\n  wakeeper clean --group 120363000000000001@g.us\n  wakeeper clean --stale\n\n\
    A container is stopped for the time of the repair and started again. Stop a gateway that runs on a folder yourself: \
    what it holds in memory would be written over the repair.\n\n\
    Exit code 1 when errors remain, or the login could not be kept."
)]
pub struct Clean {
    /// Contact whose encryption is agreed anew: a number, a JID, or `number:device@lid`
    #[arg(long = "peer", value_name = "ADDRESS", value_parser = address)]
    peers: Vec<Address>,
    /// Group whose sender key of ours is made anew and handed out to all members, by its JID
    #[arg(long = "group", value_name = "JID", value_parser = group)]
    groups: Vec<String>,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove everything, the login too: a new QR code is needed. Asks first
    #[arg(long, conflicts_with_all = ["stale", "ratchets", "peers", "groups"])]
    all: bool,
    /// Also drop the encryption state with every contact and group, for an old copy of the folder that was put back
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
    facts: FactFlags,
    #[command(flatten)]
    target: TargetFlags,
    #[command(flatten)]
    sessions: SessionsFlag,
}

fn address(text: &str) -> Result<Address, String> {
    Address::from_any(text).ok_or_else(|| {
        "a phone number, a JID such as 628123@s.whatsapp.net or 1000:3@lid is expected".to_owned()
    })
}

fn group(text: &str) -> Result<String, String> {
    group_jid(text).ok_or_else(|| "a group's JID such as 120363000000000001@g.us is expected".to_owned())
}

impl Clean {
    /// Plans, asks where that is due, backs up, repairs, and looks again.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let console = console(self.json);
        self.sessions.each(self.target.clone(), console, |flags| self.one(flags)).await
    }

    async fn one(&self, flags: TargetFlags) -> anyhow::Result<ExitCode> {
        let (target, settings) = flags.existing()?;
        let target = target.present().await?.assuming_stopped(self.assume_stopped);
        let session = target.open(&self.facts.looking_beside(), Purpose::Read).await?;
        if matches!(target, Target::Container(_)) {
            let rules = Rules { handshake: settings.handshake, ..Rules::default() };
            self.in_container(&target, session, &rules).await
        } else {
            self.in_folder(&session).await
        }
    }

    fn order(&self) -> Order {
        let extent = match (self.all, self.ratchets, self.stale) {
            (true, ..) => Extent::Everything,
            (_, true, _) => Extent::Ratchets,
            (.., true) => Extent::Stale,
            _ => Extent::Damaged,
        };
        Order {
            extent,
            dry_run: self.dry_run,
            yes: self.yes,
            contacts: !self.peers.is_empty(),
            hold: Hold::ByCaller,
        }
    }

    async fn in_folder(&self, session: &Session) -> anyhow::Result<ExitCode> {
        let hold = Hold::ByRepair { assume_stopped: self.assume_stopped };
        let order = Order { hold, ..self.order() };
        let outcome = self.repair(session, order).await?;
        self.report(&outcome, order, &session.places, &session.facts)
    }

    /// Plans while the container runs, and stops it only when there is something to repair.
    async fn in_container(
        &self,
        target: &Target,
        session: Session,
        rules: &Rules,
    ) -> anyhow::Result<ExitCode> {
        let (order, everything) = (self.order(), self.order().extent == Extent::Everything);
        let planned = self.repair(&session, Order { dry_run: true, ..order }).await?;
        if order.dry_run || (planned.plan.is_empty() && !everything) {
            return self.report(&planned, order, &session.places, &session.facts);
        }
        let (failures, running) = (session.facts.peer_failures.clone(), session.in_running_container());
        // It may be a copy of the login, which must not lie about while a person thinks: a Ctrl-C would leave it behind.
        drop(session);
        let console = console(self.json);
        if everything && !order.yes {
            console.page(|page| show_plan(page, &planned, false))?;
            if !agrees(QUESTION, "--yes")? {
                console.page(|page| page.line("Nothing was changed."))?;
                return Ok(verdict(false));
            }
        }
        let left = rules.handshake_left(&failures, now_ms());
        if let Some(left) = left.filter(|_| !everything && running) {
            let seconds = left.as_secs() + 1;
            say(&format!(
                "messages failed a moment ago; waiting {seconds} s until the gateway has asked for them again"
            ));
            tokio::time::sleep(left).await;
        }
        let session = target.open(&self.facts, Purpose::Write).await?;
        let outcome = self.repair(&session, Order { yes: true, ..order }).await?;
        let facts = session.facts.clone();
        session.close("repaired", |places| self.report(&outcome, order, places, &facts)).await
    }

    /// Repairs a session, Baileys' or wakeeper's own, showing the plan and asking where that is due. Whatever runs on it must be
    /// stopped before, and stay stopped: `order` says who sees to it.
    async fn repair(&self, session: &Session, order: Order) -> anyhow::Result<Outcome> {
        let console = console(self.json);
        // A plan is only approved or not; why it could not be shown is told afterwards.
        let failure = Arc::new(OnceLock::new());
        let failed = Arc::clone(&failure);
        let approve = move |plan: &Outcome| {
            approved(plan, order, console).unwrap_or_else(|error| failed.set(format!("{error:#}")).is_err())
        };
        let how = RepairOrder {
            extent: order.extent,
            dry_run: order.dry_run,
            hold: order.hold,
            approve: Arc::new(approve),
        };
        let facts =
            KnownFacts { peers: self.peers.clone(), groups: self.groups.clone(), ..session.with_backups() };
        let outcome = offline::repair(&session.places, &facts, how, console.progress("examining")).await;
        match failure.get() {
            Some(error) => bail!("{error}"),
            None => Ok(outcome?),
        }
    }

    fn report(
        &self,
        outcome: &Outcome,
        order: Order,
        places: &Places,
        facts: &KnownFacts,
    ) -> anyhow::Result<ExitCode> {
        let cleaned = Cleaned { outcome, log_read: facts.log.as_ref() };
        console(self.json).show(&cleaned, |page| {
            show(page, outcome, order, places);
            page.gap();
            show_log_read(page, facts, &places.auth_info);
            page.next(&next_steps(outcome, order, places));
        })?;
        Ok(verdict(succeeded(outcome, order)))
    }
}

/// What was done, and which log was read for it.
#[derive(Serialize)]
struct Cleaned<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    log_read: Option<&'a LogFacts>,
}

/// Shows the plan, and asks where that is due.
fn approved(plan: &Outcome, order: Order, console: Console) -> anyhow::Result<bool> {
    console.page(|page| show_plan(page, plan, false))?;
    Ok(order.extent != Extent::Everything || order.yes || agrees(QUESTION, "--yes")?)
}

/// The steps of a plan.
fn show_plan(page: &mut Page, plan: &Outcome, dry_run: bool) {
    if plan.plan.is_empty() {
        return;
    }
    page.gap();
    let steps = plural(plan.plan.len(), "step");
    let heading = if dry_run {
        format!("This would be done, in {steps} (nothing was changed):")
    } else {
        format!("The plan has {steps}:")
    };
    page.line(page.tone(Tone::Strong, &heading));
    for alike in plan.plan.chunk_by(|one, next| (one.repair, one.code) == (next.repair, next.code)) {
        for action in alike.iter().take(SHOWN_ALIKE) {
            let peer = action.peer.as_ref().map(|peer| format!(" ({peer})")).unwrap_or_default();
            page.line(format!("  {}{peer}: {}", action.path, action.description));
        }
        if alike.len() > SHOWN_ALIKE {
            page.line(format!("  and {} more like this (--json shows all)", alike.len() - SHOWN_ALIKE));
        }
    }
}

/// What was done, for people; the plan was shown before it was applied.
fn show(page: &mut Page, outcome: &Outcome, order: Order, places: &Places) {
    if order.dry_run {
        show_plan(page, outcome, true);
    }
    page.gap();
    for note in &outcome.notes {
        page.line(page.tone(Tone::Warning, note));
    }
    if outcome.plan.is_empty() {
        let login = outcome.login_unchanged();
        if order.contacts {
            page.line("No encryption state of the contacts that --peer names is stored here.");
        }
        if !outcome.applied {
            let nothing = if outcome.healthy { "Nothing to repair" } else { "Nothing was changed" };
            page.line(format!("{nothing} in {}{login}.", shown(&places.auth_info).display()));
        }
    } else if outcome.applied {
        result(page, outcome, order);
    } else if !order.dry_run {
        page.line("Nothing was changed.");
    }
    let is_error = |finding: &&Finding| finding.severity == Severity::Error;
    let errors: Vec<_> = outcome.remaining.iter().filter(is_error).cloned().collect();
    if !errors.is_empty() {
        page.gap();
        page.line("What remains, for a person to decide:");
        show_findings(page, &errors);
    }
}

fn result(page: &mut Page, outcome: &Outcome, order: Order) {
    let steps = plural(outcome.plan.len(), "step");
    page.line(page.tone(Tone::Good, &format!("Done: {steps}.")));
    if let Some(backup) = &outcome.backup {
        page.fact("backup", backup.display().to_string());
    }
    if order.extent != Extent::Damaged {
        page.fact("freed", size(outcome.freed));
    }
    let login = match (outcome.login_kept, order.extent) {
        (false, Extent::Everything) => "removed: scan a new QR code".to_owned(),
        (true, _) => page.tone(Tone::Good, outcome.login()),
        _ if outcome.misses_no_login() => outcome.login().to_owned(),
        _ => page.tone(Tone::Bad, outcome.login()),
    };
    page.fact("login", login);
    let checked = if outcome.healthy { "no error is left" } else { "errors are left" };
    page.fact("checked again", checked);
}

fn next_steps(outcome: &Outcome, order: Order, places: &Places) -> Vec<(String, &'static str)> {
    if order.dry_run && !outcome.plan.is_empty() {
        let again = places.command(&format!("clean{}", typed::again()));
        let why = if typed::log_was_piped() {
            "carries the plan out; pipe the log in again"
        } else {
            "carries the plan out"
        };
        return vec![(again, why)];
    }
    let start = || "start the gateway again".to_owned();
    match (outcome.applied, places.container.is_some(), outcome.needs_qr) {
        (false, ..) => offline::way_out(outcome, places),
        (_, true, true) => vec![(places.command("logs"), "shows the QR code to scan")],
        (_, true, false) => vec![(places.command("logs"), "wait for `connection.update: open`")],
        (_, false, true) => vec![(start(), "and scan the QR code that it shows")],
        (_, false, false) => vec![(start(), "and watch its log for `connection.update: open`")],
    }
}

/// Whether what was asked for is so: nothing damaged is left, and the login, unless it was to go, is sound.
fn succeeded(outcome: &Outcome, order: Order) -> bool {
    match order.extent {
        Extent::Everything => order.dry_run || !outcome.declined,
        Extent::Damaged | Extent::Stale | Extent::Ratchets => outcome.healthy && outcome.misses_no_login(),
    }
}
