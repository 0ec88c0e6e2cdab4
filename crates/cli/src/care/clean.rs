//! `wakeeper clean`: shows the plan, backs up, mends, and looks again.

use std::sync::{Arc, Mutex, PoisonError};

use wakeeper_doctor::clean::Outcome;
use wakeeper_doctor::repair::Extent;
use wakeeper_engine::offline::{self, Hold, RepairOrder};

use super::console::agrees;
use super::page::{Page, Tone, plural, size};
use super::{Console, KnownFacts, Places};

/// Steps of one kind that are shown one by one.
const SHOWN_ALIKE: usize = 10;

/// How far to go.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// What is mended or removed.
    pub extent: Extent,
    /// Stop after the plan.
    pub dry_run: bool,
    /// Never ask.
    pub yes: bool,
    /// Who keeps others from the session.
    pub hold: Hold,
}

/// Repairs a session, Baileys' or wakeeper's own, showing the plan and asking where that is due. Whatever runs on it must be
/// stopped before, and stay stopped: `order` says who sees to it.
pub async fn run(
    places: &Places,
    evidence: &KnownFacts,
    order: Order,
    console: Console,
) -> anyhow::Result<Outcome> {
    // A plan is only approved or not; why it could not be shown is told afterwards.
    let failure = Arc::new(Mutex::new(None));
    let failed = Arc::clone(&failure);
    let approve = move |plan: &Outcome| {
        announce(plan, order, console).unwrap_or_else(|error| {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            false
        })
    };
    let how = RepairOrder {
        extent: order.extent,
        dry_run: order.dry_run,
        hold: order.hold,
        approve: Arc::new(approve),
    };
    let progress = console.progress("examining");
    let outcome = offline::repair(&places.session_paths(), evidence, how, progress).await;
    match failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(error) => Err(error),
        None => Ok(outcome?),
    }
}

/// Shows the plan, and asks where that is due.
fn announce(plan: &Outcome, order: Order, console: Console) -> anyhow::Result<bool> {
    console.page(|page| show_plan(page, plan, false))?;
    if order.extent != Extent::Everything || order.yes {
        return Ok(true);
    }
    let question = "This removes the login too: the session must be linked again with a new QR code.";
    agrees(question, "--yes")
}

/// The steps of a plan.
pub fn show_plan(page: &mut Page, plan: &Outcome, dry_run: bool) {
    if plan.plan.is_empty() {
        return;
    }
    page.gap();
    let steps = plural(plan.plan.len(), "step");
    let heading = if dry_run {
        format!("The plan has {steps}; nothing was changed:")
    } else {
        format!("The plan has {steps}:")
    };
    page.line(page.tone(Tone::Strong, &heading));
    let mut rest = plan.plan.as_slice();
    while let Some(first) = rest.first() {
        let alike =
            rest.iter().take_while(|next| next.repair == first.repair && next.code == first.code).count();
        for action in &rest[..alike.min(SHOWN_ALIKE)] {
            let peer = action.peer.as_ref().map(|peer| format!(" ({peer})")).unwrap_or_default();
            page.line(format!("  {}{peer}: {}", action.path, action.description));
        }
        if alike > SHOWN_ALIKE {
            page.line(format!("  and {} more like this (--json shows all)", alike - SHOWN_ALIKE));
        }
        rest = &rest[alike..];
    }
}

/// What was done, for people; the plan was shown before it was applied.
pub fn show(page: &mut Page, outcome: &Outcome, order: Order, places: &Places) {
    if order.dry_run {
        show_plan(page, outcome, true);
    }
    page.gap();
    for note in &outcome.notes {
        page.line(page.tone(Tone::Warning, note));
    }
    if outcome.plan.is_empty() {
        let login = if outcome.login_kept { "; the login is sound" } else { "" };
        let mended = if outcome.applied { "" } else { "Nothing to mend" };
        if !mended.is_empty() {
            page.line(format!(
                "{mended} in {}{login}.",
                wakeeper_private_fs::shown(&places.auth_info).display()
            ));
        }
    } else if outcome.applied {
        result(page, outcome, order);
    } else if !order.dry_run {
        page.line("Nothing was changed.");
    }
    let errors: Vec<_> = outcome
        .remaining
        .iter()
        .filter(|f| f.severity == wakeeper_doctor::Severity::Error)
        .cloned()
        .collect();
    if !errors.is_empty() {
        page.gap();
        page.line("What remains, for a person to decide:");
        page.findings(&errors);
    }
    page.next(&next_steps(outcome, order, places));
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
        (true, _) => page.tone(Tone::Good, "kept: no new QR code is needed"),
        (false, Extent::Everything) => "removed: scan a new QR code".to_owned(),
        (false, _) => page.tone(Tone::Bad, "not sound: a new QR code is needed"),
    };
    page.fact("login", login);
    let checked = if outcome.healthy { "no error is left" } else { "errors are left" };
    page.fact("checked again", checked);
}

fn next_steps(outcome: &Outcome, order: Order, places: &Places) -> Vec<(String, &'static str)> {
    if order.dry_run && !outcome.plan.is_empty() {
        let extent = match order.extent {
            Extent::Damaged => "clean",
            Extent::Stale => "clean --stale",
            Extent::Ratchets => "clean --ratchets",
            Extent::Everything => "clean --all",
        };
        return vec![(places.command(extent), "carries the plan out")];
    }
    if outcome.applied && places.container.is_some() {
        let why =
            if outcome.needs_qr { "shows the QR code to scan" } else { "wait for `connection.update: open`" };
        return vec![(places.command("logs"), why)];
    }
    if outcome.applied {
        let then = if outcome.needs_qr {
            "and scan the QR code that it shows"
        } else {
            "and watch its log for `connection.update: open`"
        };
        return vec![("start the gateway again".to_owned(), then)];
    }
    Vec::new()
}

/// Whether what was asked for is so: nothing damaged is left, and the login, unless it was to go, is sound.
pub fn succeeded(outcome: &Outcome, order: Order) -> bool {
    match order.extent {
        Extent::Everything => order.dry_run || !outcome.declined,
        Extent::Damaged | Extent::Stale | Extent::Ratchets => outcome.healthy && !outcome.needs_qr,
    }
}
