//! The repair of one session.

use std::path::Path;
use std::sync::Arc;

use wakeeper_doctor::clean::Outcome;
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::repair::{Action, Extent};
use wakeeper_doctor::{KnownFacts, Repair, Severity};
use wakeeper_engine::care::Repaired;
use wakeeper_engine_store::{DATABASE, examine_while_open, recover};
use wakeeper_waha::{RepairExtent, RepairReport, RepairRequest, RepairStep};

use super::Subject;
use super::backups::id_of;
use crate::OfflineError;
use crate::health::{known_of, look};
use crate::repair::{Hold, RepairOrder, repair_own};

/// The step of a plan that cannot be made while the session runs.
pub(super) const LOOK_AGAIN: &str = "look_again";

/// What a repair would do, as far as that is seen while the client may have the database open.
pub(super) async fn planned(subject: &Subject, order: &RepairRequest) -> Repaired {
    let Subject { database, paths, .. } = subject;
    let (facts, now_ms) = (KnownFacts::default(), paths.now_ms());
    let again = |why: String| Repaired {
        report: RepairReport {
            plan: vec![RepairStep {
                repair: LOOK_AGAIN.to_owned(),
                path: DATABASE.to_owned(),
                peer: None,
                description: "look again while the session stands still".to_owned(),
            }],
            notes: vec![format!("{why}. A repair stops the session and looks again")],
            ..RepairReport::default()
        },
        takes_login: false,
        looks_again: true,
    };
    let examined = match examine_while_open(database, &facts.options(now_ms), &paths.copies).await {
        Ok(examined) => examined,
        Err(error) => return again(format!("The database cannot be read while the session runs: {error}")),
    };
    match examined.report.credentials {
        CredentialsState::Sound => {}
        CredentialsState::Damaged => return again("The login in the database is damaged".to_owned()),
        CredentialsState::Missing => return Repaired { report: nothing(), ..Repaired::default() },
    }
    let plan = examined.plan(extent(order.what), now_ms);
    let mends = !plan.actions.is_empty();
    let errors = examined.report.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let report = RepairReport {
        plan: plan.actions.iter().map(step).collect(),
        login_kept: true,
        healthy: mends || errors.count() == 0,
        ..RepairReport::default()
    };
    Repaired { report, ..Repaired::default() }
}

/// Repairs it, with the client held back.
///
/// # Errors
/// When there is no plan, or it is not carried out to its end.
pub(super) async fn done(subject: &Subject, order: &RepairRequest) -> Result<Repaired, OfflineError> {
    let Subject { database, paths, .. } = subject;
    let facts = KnownFacts::default();
    let login = look(database, paths, &facts).await?.report.credentials;
    match login {
        CredentialsState::Sound => {}
        CredentialsState::Damaged => return lost_login(subject).await,
        CredentialsState::Missing => return Ok(Repaired { report: nothing(), ..Repaired::default() }),
    }
    let asked = RepairOrder {
        extent: extent(order.what),
        dry_run: order.dry_run,
        hold: Hold::ByCaller,
        // Whoever asked saw the plan, or wants none.
        approve: Arc::new(|outcome| outcome.login_kept),
    };
    let outcome = repair_own(database, paths, &facts, asked, &mut || Ok(())).await?;
    Ok(Repaired { report: told(outcome), ..Repaired::default() })
}

/// The plan for a login that is damaged or gone. The session's start carries it out: see the engine's recovery.
async fn lost_login(subject: &Subject) -> Result<Repaired, OfflineError> {
    let Subject { database, paths, .. } = subject;
    let known = known_of(database).await;
    let wanted = known.map(|known| recover::Wanted { number: known.number, login: known.login });
    let (backups, wanted) = (paths.backups.clone(), wanted.unwrap_or_default());
    let found = tokio::task::spawn_blocking(move || recover::newest_archive(&backups, &wanted)).await?;
    let mut report = RepairReport { needs_qr: found.is_none(), ..RepairReport::default() };
    let Some(archive) = found else {
        report.notes.push(
            "The login is damaged or lost, and no backup of it was found. Nothing is touched: put a backup into the backup \
             folder, or delete the session and make it again, which needs a new QR code"
                .to_owned(),
        );
        return Ok(Repaired { report, ..Repaired::default() });
    };
    let step = |repair: &Repair, description: String| RepairStep {
        repair: repair.word().to_owned(),
        path: DATABASE.to_owned(),
        peer: None,
        description,
    };
    if database.symlink_metadata().is_ok() {
        report.plan.push(step(&Repair::MoveAside, "move the damaged database aside".to_owned()));
    }
    let from = id_of(&archive);
    report.plan.push(step(&Repair::RestoreCredentials, format!("take the login from the backup {from}")));
    report.notes.push(
        "Signal sessions are negotiated anew, at the cost of a retry each; messages and chats stay"
            .to_owned(),
    );
    (report.login_kept, report.healthy) = (true, true);
    Ok(Repaired { report, takes_login: true, looks_again: false })
}

/// There is no login, and none was lost.
fn nothing() -> RepairReport {
    let notes = vec!["The session is not linked: there is nothing to repair".to_owned()];
    RepairReport { healthy: true, notes, ..RepairReport::default() }
}

fn extent(what: RepairExtent) -> Extent {
    match what {
        RepairExtent::Damaged => Extent::Damaged,
        RepairExtent::Stale => Extent::Stale,
    }
}

fn step(action: &Action) -> RepairStep {
    RepairStep {
        repair: action.repair.to_owned(),
        path: action.path.clone(),
        peer: action.peer.clone(),
        description: action.description.clone(),
    }
}

fn told(outcome: Outcome) -> RepairReport {
    RepairReport {
        backup: outcome.backup.as_deref().map(|path: &Path| id_of(path)),
        plan: outcome.plan.iter().map(step).collect(),
        applied: outcome.applied,
        login_kept: outcome.login_kept,
        needs_qr: outcome.needs_qr,
        healthy: outcome.healthy,
        notes: outcome.notes,
    }
}
