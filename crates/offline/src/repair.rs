//! Repairs of a session of the gateway, kept in one database.
//!
//! A running gateway negotiates failing Signal sessions anew by itself. What needs hands from outside: a database that is
//! damaged, an older copy that was put back, and the wish to begin anew.

mod login;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wakeeper_doctor::backup::{CreateOptions, Reason, create_running};
use wakeeper_doctor::clean::{Outcome, about_groups};
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::findings::{is_damaged_row, is_told_by_more};
use wakeeper_doctor::repair::{Action, Extent};
use wakeeper_doctor::{Finding, KnownFacts, Options, Repair, Report, Severity};
use wakeeper_engine::folder::{credentials, note_repaired};
use wakeeper_engine_store::repair::{Hook, Unwanted, prepare, take_out};
use wakeeper_engine_store::{Examined, NativeError};

use self::login::{forget_all, give_back, plan_of_all, plan_of_damaged};
use super::health::{Looked, look};
use super::paths::{Owner, SessionPaths};
use super::under_way::{self, Left, NOTE, UnderWay};
use super::users::{ExclusiveUse, InUse, claim};
use super::{OfflineError, older};

/// What a plan comes to.
enum Work {
    Nothing,
    /// Rows are taken out.
    TakeOut(Unwanted),
    /// The damaged database makes room for the login of a backup.
    GiveBack {
        owner: Owner,
        archive: PathBuf,
    },
    /// Everything goes.
    Forget {
        owner: Owner,
        login: CredentialsState,
    },
}

/// How far a repair goes.
#[derive(Clone)]
pub struct RepairOrder {
    /// What is repaired or removed.
    pub extent: Extent,
    /// Stop after the plan.
    pub dry_run: bool,
    /// Who keeps others from the session meanwhile.
    pub hold: Hold,
    /// Shown the plan before anything is changed; false leaves everything as it is.
    pub approve: Arc<dyn Fn(&Outcome) -> bool + Send + Sync>,
}

/// Who keeps others from a session while it is repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The caller: it has stopped what runs on it, or works on a copy.
    ByCaller,
    /// The repair, as soon as there is something to be changed.
    ByRepair {
        /// Other programs than a gateway of ours that seem to run on it do not use the session: a person says so.
        assume_stopped: bool,
    },
}

impl RepairOrder {
    /// Claims the folder, where that is the repair's affair.
    pub(super) fn claim(&self, folder: &Path, owners: &[String]) -> Result<Option<ExclusiveUse>, InUse> {
        match self.hold {
            Hold::ByRepair { assume_stopped } if !self.dry_run => {
                claim(folder, assume_stopped, owners).map(Some)
            }
            Hold::ByRepair { .. } | Hold::ByCaller => Ok(None),
        }
    }
}

/// Plans and applies a repair. A gateway of ours repairs most things while it runs, so the session is claimed only when there
/// is something to be changed.
///
/// # Errors
/// When there is no plan, or it is not applied to its end.
pub(super) async fn repair_own(
    database: &Path,
    paths: &SessionPaths,
    facts: &KnownFacts,
    order: RepairOrder,
    hook: Hook<'_>,
) -> Result<Outcome, OfflineError> {
    let Begun { looked, claimed, settled } = begin(database, paths, facts, &order, hook).await?;
    let Looked { report, examined, left } = looked;
    let of_groups = about_groups(&report.findings);
    let (mut outcome, work) = plan(database, paths, order.extent, report, examined.as_ref()).await?;
    outcome.notes.extend(of_groups);
    outcome.notes.extend(settled.then(|| SETTLED.to_owned()));
    if order.dry_run && matches!(left, Left::Unfinished(_)) {
        plan_of_unfinished(&mut outcome);
    }
    if order.dry_run || matches!(work, Work::Nothing) {
        return Ok(outcome);
    }
    let _claimed = match claimed {
        Some(claimed) => Some(claimed),
        None => order.claim(&paths.auth_info, &facts.owners)?,
    };
    // What was done to the database between the look at it and the claim is noticed before anything is changed; a person
    // is not asked about what is no longer so, and may take long to answer.
    unchanged(examined.as_ref(), database).await?;
    if !(order.approve)(&outcome) {
        outcome.declined = true;
        return Ok(outcome);
    }
    unchanged(examined.as_ref(), database).await?;
    let keeps_login = !matches!(work, Work::Forget { .. });
    match work {
        Work::Nothing => {}
        Work::TakeOut(unwanted) => {
            let examined = required(examined.as_ref(), database)?;
            outcome.backup = Some(back_up(examined, paths).await?);
            take_out_of(examined, database, &unwanted, paths, &mut outcome, hook).await?;
            let facts = KnownFacts { peers: Vec::new(), groups: Vec::new(), ..facts.clone() };
            judged(&mut outcome, look(database, paths, &facts).await?.report);
        }
        Work::GiveBack { owner, archive } => give_back(&owner, archive, paths, &mut outcome).await?,
        Work::Forget { owner, login } => {
            if login == CredentialsState::Sound {
                let examined = required(examined.as_ref(), database)?;
                outcome.backup = Some(back_up(examined, paths).await?);
                examined.unchanged().await?;
            }
            forget_all(&owner, login, paths, &mut outcome).await?;
        }
    }
    outcome.applied = true;
    if keeps_login {
        tell_next_gateway(database, outcome.plan.len());
    }
    Ok(outcome)
}

/// The gateway that starts next keeps the repair among its incidents. A repair that cannot be noted is one all the same.
fn tell_next_gateway(database: &Path, steps: usize) {
    let Some(owner) = Owner::of(database) else { return };
    let folder = credentials::folder(&owner.auth_info, &owner.session);
    if let Err(error) = note_repaired(&folder, steps) {
        tracing::warn!(%error, "the repair is not kept as an incident");
    }
}

/// What was seen of a database that is there.
fn required<'e>(examined: Option<&'e Examined>, database: &Path) -> Result<&'e Examined, NativeError> {
    examined.ok_or_else(|| NativeError::NoLogin { path: database.to_owned() })
}

/// Makes sure that what was looked at is still so, also that nothing is there.
async fn unchanged(examined: Option<&Examined>, database: &Path) -> Result<(), NativeError> {
    match (examined, database.symlink_metadata()) {
        (Some(examined), _) => examined.unchanged().await,
        (None, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        (None, _) => Err(NativeError::Changed { path: database.to_owned() }),
    }
}

/// What is said of a repair that was settled.
const SETTLED: &str = "An interrupted repair was settled: it had been carried out whole, or not at all. What is left to do \
                       is in this plan.";

/// A session with no interrupted repair any more, as far as one can be settled.
struct Begun {
    looked: Looked,
    /// The folder, when it was claimed for that.
    claimed: Option<ExclusiveUse>,
    /// There was one.
    settled: bool,
}

/// Looks at a session, and settles a repair that was cut short.
async fn begin(
    database: &Path,
    paths: &SessionPaths,
    facts: &KnownFacts,
    order: &RepairOrder,
    hook: Hook<'_>,
) -> Result<Begun, OfflineError> {
    let looked = look(database, paths, facts).await?;
    let as_it_is = |looked| Ok(Begun { looked, claimed: None, settled: false });
    match &looked.left {
        _ if order.dry_run => as_it_is(looked),
        Left::Unfinished(note) => {
            let claimed = order.claim(&paths.auth_info, &facts.owners)?;
            unchanged(looked.examined.as_ref(), database).await?;
            note.settle(database, hook).await?;
            Ok(Begun { looked: look(database, paths, facts).await?, claimed, settled: true })
        }
        // It is in nobody's way: whoever cannot claim the folder for it now leaves it to the next one.
        Left::OfAnother => match order.claim(&paths.auth_info, &facts.owners) {
            Ok(claimed) => {
                under_way::forget(database)?;
                Ok(Begun { looked, claimed, settled: false })
            }
            Err(_) => as_it_is(looked),
        },
        Left::Nothing | Left::Unknown => as_it_is(looked),
    }
}

/// Settling an interrupted repair is the first step of what would be done, and leaves nothing of it.
fn plan_of_unfinished(outcome: &mut Outcome) {
    let is_it = |finding: &Finding| finding.repair == Repair::FinishRepair;
    let code = outcome.remaining.iter().find(|finding| is_it(finding)).map(|finding| finding.code);
    let action = Action {
        repair: Repair::FinishRepair.word(),
        path: NOTE.to_owned(),
        peer: None,
        code,
        description: "settle the interrupted repair".to_owned(),
        freed: 0,
    };
    outcome.plan.insert(0, action);
    remains(outcome, |finding| !is_it(finding));
}

/// What a repair of a damaged login would do, for whoever only looks.
pub(super) async fn planned_for_login(
    database: &Path,
    paths: &SessionPaths,
    looked: &Looked,
) -> Result<Outcome, OfflineError> {
    let report = looked.report.clone();
    Ok(plan(database, paths, Extent::Damaged, report, looked.examined.as_ref()).await?.0)
}

async fn plan(
    database: &Path,
    paths: &SessionPaths,
    extent: Extent,
    report: Report,
    examined: Option<&Examined>,
) -> Result<(Outcome, Work), OfflineError> {
    let login = report.credentials;
    let mut outcome = Outcome::default();
    judged(&mut outcome, report);
    if extent == Extent::Everything {
        let owner = Owner::required(database)?;
        plan_of_all(&owner, &mut outcome);
        return Ok((outcome, Work::Forget { owner, login }));
    }
    let work = match login {
        CredentialsState::Damaged => plan_of_damaged(database, paths, &mut outcome).await?,
        CredentialsState::Sound => {
            let planned = required(examined, database)?.plan(extent, paths.now_ms());
            let unwanted = planned.unwanted();
            outcome.plan.extend(planned.actions);
            remains(&mut outcome, |finding| !is_told_by_more(finding.code) && !is_damaged_row(finding.code));
            if unwanted.is_empty() { Work::Nothing } else { Work::TakeOut(unwanted) }
        }
        CredentialsState::Missing => Work::Nothing,
    };
    Ok((outcome, work))
}

/// What a plan leaves, once it is carried out.
fn remains(outcome: &mut Outcome, stays: impl Fn(&Finding) -> bool) {
    outcome.remaining.retain(|finding| stays(finding));
    outcome.healthy = outcome.remaining.iter().all(|finding| finding.severity != Severity::Error);
}

fn judged(outcome: &mut Outcome, report: Report) {
    outcome.healthy = report.healthy;
    outcome.login_kept = report.credentials == CredentialsState::Sound;
    // One that was never linked has lost nothing.
    outcome.needs_qr = report.credentials == CredentialsState::Damaged;
    outcome.remaining = report.findings;
}

/// Takes rows out of a database that is in the backup.
async fn take_out_of(
    examined: &Examined,
    database: &Path,
    unwanted: &Unwanted,
    paths: &SessionPaths,
    outcome: &mut Outcome,
    hook: Hook<'_>,
) -> Result<(), OfflineError> {
    let in_doubt = match Owner::of(database) {
        Some(owner) => {
            older(&owner.auth_info, &owner.session, paths.witnesses.clone()).await.doubts.is_some()
        }
        None => true,
    };
    examined.unchanged().await?;
    prepare(database, hook).await?;
    // What is taken out on purpose is no older copy at the next start.
    let under_way = UnderWay::begin(database, in_doubt, hook).await?;
    outcome.freed = take_out(database, unwanted, hook).await?;
    under_way.end(database, hook)
}

async fn back_up(examined: &Examined, paths: &SessionPaths) -> Result<PathBuf, OfflineError> {
    create_backup(examined, paths).await.map_err(|error| OfflineError::Backup(Box::new(error)))
}

async fn create_backup(examined: &Examined, paths: &SessionPaths) -> Result<PathBuf, OfflineError> {
    let copied = examined.as_baileys().await?;
    let (paths, store) = (paths.clone(), copied.store());
    let done = tokio::task::spawn_blocking(move || {
        let how = CreateOptions {
            shelf: &paths.backups.shelf,
            label: &paths.backups.label,
            passphrase: paths.backups.passphrase.as_ref(),
            always: false,
        };
        let options = Options { store: Some(&store), ..paths.options() };
        create_running(&copied.folder(), &options, &how, Reason::BeforeClean).map(|created| created.path)
    });
    Ok(done.await??)
}

#[cfg(test)]
mod tests;
