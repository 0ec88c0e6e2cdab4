//! The session that a folder means, Baileys' or wakeeper's own: checked, repaired, backed up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use wakeeper_doctor::backup::{
    BackupInfo, CreateOptions, Created, Own, Reason, Shelf, create_running, place_mark,
};
use wakeeper_doctor::clean::{CleanOptions, Outcome, clean};
use wakeeper_doctor::examine::CredentialsState;
use wakeeper_doctor::repair::Extent;
use wakeeper_doctor::source::{Limits, require_session_folder};
use wakeeper_doctor::symptoms::{LogFacts, Seen};
use wakeeper_doctor::whatsmeow::DeviceReport;
use wakeeper_doctor::{KnownFacts, Options, Repair, Report};
use wakeeper_engine_store::{Copying, copy_as_baileys};
use wakeeper_private_fs::shown;
use wakeeper_waha::Evidence;

use super::OfflineError;
use super::advice::locked as locked_backups;
use super::evidence::evidence;
use super::health::{Other, account, errors, home, look, others, session_in};
use super::paths::{Owner, SessionPaths, database_in};
use super::repair::{RepairOrder, planned_for_login, repair_own};
use super::whatsmeow;

/// Told how many files of how many are done; from any thread.
pub type Progress = Arc<dyn Fn(usize, usize) + Send + Sync>;

/// What is known of a session's health.
#[derive(Debug, Serialize)]
pub struct Health {
    /// The device, in a store of whatsmeow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The examination of its files.
    #[serde(flatten)]
    pub report: Report,
    /// The other sessions that a gateway keeps in the folder, or the other devices of a store.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<Other>,
    /// Processes or containers that run on it.
    pub owners: Vec<String>,
    /// What could not be seen of them, and what to do about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
    /// When it last proved that it works, as a gateway's rows tell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// What its log shows, when one was read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Seen>,
    /// Which log was read, and how much of it was understood; none when none was.
    pub log_read: Option<LogFacts>,
    /// How many backups there are.
    pub backups: usize,
    /// What has the name of a backup beside them and is a link, so that it is not looked into.
    #[serde(skip)]
    pub links: usize,
    /// The newest backup with a sound login.
    pub newest_sound_backup: Option<BackupInfo>,
    /// What is said of encrypted backups that were not opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_opened: Option<String>,
    /// The backup or copy that a repair would take the login from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_from: Option<PathBuf>,
    /// What a repair would do about a login that is not sound.
    #[serde(skip)]
    pub planned: Option<Outcome>,
}

/// Examines everything that belongs to a session. Never changes anything.
///
/// # Errors
/// When there is no session folder, or something of it cannot be looked at.
pub async fn health(
    paths: &SessionPaths,
    facts: &KnownFacts,
    progress: Progress,
) -> Result<Health, OfflineError> {
    let database = session_in(&paths.auth_info).await;
    let store = if database.is_none() { whatsmeow::store_in(&paths.auth_info)? } else { None };
    let (mut session, mut devices, mut owners) = (None, Vec::new(), facts.owners.clone());
    let mut planned = None;
    let report = match (&database, &store) {
        (Some(database), _) => {
            let looked = look(database, paths, facts).await?;
            if looked.report.credentials == CredentialsState::Damaged && Owner::of(database).is_some() {
                planned = Some(planned_for_login(database, paths, &looked).await?);
            }
            looked.report
        }
        (None, Some(store)) => {
            owners = whatsmeow::owners(store, facts);
            let examined = whatsmeow::examine(store.clone(), paths, facts).await?;
            session = examined.first.session;
            let other =
                |device: DeviceReport| Some(Other { session: device.session?, report: device.report });
            devices.extend(examined.sessions.into_iter().filter_map(other));
            examined.first.report
        }
        (None, None) => {
            on_files(paths, facts, move |paths, facts| examine_files(paths, facts, &progress)).await?
        }
    };
    let backups = &paths.backups;
    let shelf = Shelf::at(&backups.shelf);
    let mut list = shelf.list(Some(&backups.label), backups.passphrase.as_ref(), &Limits::default())?;
    let is_files = database.is_none() && store.is_none();
    let is_lost = report.credentials == CredentialsState::Damaged
        || report.findings.iter().any(|finding| finding.repair == Repair::RestoreCredentials);
    if is_files && is_lost {
        planned = on_files(paths, facts, |paths, facts| Ok(planned_for_files(paths, facts))).await?;
    }
    let account = account(paths).await.or_else(|| account_of(planned.as_ref()?, &list));
    let place = place_mark(&home(paths));
    let own = Own { account: account.as_deref(), place: Some(&place) };
    list.retain(|backup| backup.may_be_of(own));
    let before = list.len();
    list.retain(|backup| !backup.is_link);
    let links = before - list.len();
    let locked = list.iter().filter(|backup| backup.locked).count();
    // What a repair does not take is another login's, unless nobody could look into it.
    let found = planned.as_ref().is_none_or(|plan| plan.login_from.is_some() || plan.restore_from.is_some());
    let is_it = |backup: &BackupInfo| backup.may_hold_login() && (found || backup.credentials.is_none());
    let mut sessions = others(paths, database.as_deref(), facts).await?;
    sessions.append(&mut devices);
    let evidence = match &database {
        Some(database) => evidence(database, paths.now_ms()).await,
        None => Vec::new(),
    };
    let mut health = Health {
        evidence,
        session,
        report,
        sessions,
        owners,
        unseen: facts.unseen.clone(),
        log: facts.log.as_ref().map(|log| log.seen.clone()).unwrap_or_default(),
        log_read: facts.log.clone(),
        backups: list.len(),
        links,
        newest_sound_backup: list.into_iter().find(is_it),
        not_opened: locked_backups(locked, paths),
        login_from: planned.as_ref().and_then(|planned| planned.login_from.clone()),
        planned,
    };
    health.report.healthy &= health.sessions.iter().all(|other| other.report.healthy);
    Ok(health)
}

/// Whose the session is, where its own login does not tell: the account of the backup that gives it back.
fn account_of(planned: &Outcome, list: &[BackupInfo]) -> Option<String> {
    let from = planned.login_from.as_ref().or(planned.restore_from.as_ref())?;
    list.iter().find(|backup| shown(&backup.path) == *from)?.account.clone()
}

fn examine_files(
    paths: &SessionPaths,
    facts: &KnownFacts,
    progress: &Progress,
) -> Result<Report, OfflineError> {
    require_session_folder(&paths.auth_info)?;
    let options = Options { progress: Some(progress.as_ref()), ..paths.options_with(facts) };
    let examined = wakeeper_doctor::examine(&paths.auth_info, &options);
    examined.map_err(|reason| OfflineError::ExamineFiles { path: shown(&paths.auth_info), reason })
}

/// What a repair would do: it asks the same backups and copies, with the same knowledge of the login. A session that cannot be
/// planned for is only reported on.
fn planned_for_files(paths: &SessionPaths, facts: &KnownFacts) -> Option<Outcome> {
    let how = CleanOptions {
        extent: Extent::Damaged,
        dry_run: true,
        shelf: &paths.backups.shelf,
        label: &paths.backups.label,
        passphrase: paths.backups.passphrase.as_ref(),
        approve: None,
    };
    clean(&paths.auth_info, &paths.options_with(facts), &how).ok()
}

/// Plans and applies a repair. Whatever runs on the session must be stopped before, and stay stopped: `order` says who sees
/// to it.
///
/// # Errors
/// When there is no plan, or it is not applied to its end.
pub async fn repair(
    paths: &SessionPaths,
    facts: &KnownFacts,
    order: RepairOrder,
    progress: Progress,
) -> Result<Outcome, OfflineError> {
    let database = session_in(&paths.auth_info).await;
    let extent = order.extent;
    let mut outcome = if let Some(database) = &database {
        repair_own(database, paths, facts, order, &mut || Ok(())).await?
    } else if let Some(path) = whatsmeow::store_in(&paths.auth_info)? {
        return Err(OfflineError::NoRepair { path });
    } else {
        let _claimed = order.claim(&paths.auth_info, &facts.owners)?;
        on_files(paths, facts, move |paths, facts| repair_files(paths, facts, &order, &progress)).await?
    };
    if let (Some(unseen), false) = (&facts.unseen, outcome.plan.is_empty()) {
        outcome.notes.push(format!("Who uses the folder was not seen in full: {unseen}."));
    }
    if extent == Extent::Everything {
        return Ok(outcome);
    }
    // Only the default session is repaired from outside; what is wrong with others is told.
    let errors = errors(&others(paths, database.as_deref(), facts).await?);
    outcome.healthy &= errors.is_empty();
    outcome.remaining.extend(errors);
    Ok(outcome)
}

fn repair_files(
    paths: &SessionPaths,
    facts: &KnownFacts,
    order: &RepairOrder,
    progress: &Progress,
) -> Result<Outcome, OfflineError> {
    require_session_folder(&paths.auth_info)?;
    let options = Options { progress: Some(progress.as_ref()), ..paths.options_with(facts) };
    let how = CleanOptions {
        extent: order.extent,
        dry_run: order.dry_run,
        shelf: &paths.backups.shelf,
        label: &paths.backups.label,
        passphrase: paths.backups.passphrase.as_ref(),
        approve: Some(order.approve.as_ref()),
    };
    let outcome = clean(&paths.auth_info, &options, &how);
    outcome.map_err(|reason| OfflineError::Clean { path: shown(&paths.auth_info), reason: Box::new(reason) })
}

/// Backs a session up. What runs on it may go on running. With `always`, also when nothing changed since the newest backup.
///
/// # Errors
/// When there is no session folder, or no sound backup can be made.
pub async fn back_up(
    paths: &SessionPaths,
    facts: &KnownFacts,
    always: bool,
    progress: Progress,
) -> Result<Created, OfflineError> {
    let database = database_in(&paths.auth_info);
    let store = if database.is_none() { whatsmeow::store_in(&paths.auth_info)? } else { None };
    if let Some(store) = store {
        return whatsmeow::back_up(store, paths, always).await;
    }
    let Some(database) = database else {
        return on_files(paths, facts, move |paths, facts| {
            back_up_files(paths, &paths.auth_info, &paths.options_with(facts), always, &progress)
        })
        .await;
    };
    let copied = copy_as_baileys(&database, Copying::ByHandle, &paths.copies).await?;
    let (folder, store) = (copied.folder(), copied.store());
    let created = on_files(paths, &KnownFacts::default(), move |paths, facts| {
        let options = Options { store: Some(&store), ..paths.options_with(facts) };
        back_up_files(paths, &folder, &options, always, &progress)
    })
    .await?;
    for left_out in &copied.left_out {
        tracing::debug!(path = left_out.path, reason = left_out.reason, "not in the backup");
    }
    Ok(created)
}

fn back_up_files(
    paths: &SessionPaths,
    folder: &Path,
    options: &Options<'_>,
    always: bool,
    progress: &Progress,
) -> Result<Created, OfflineError> {
    let how = CreateOptions {
        shelf: &paths.backups.shelf,
        label: &paths.backups.label,
        passphrase: paths.backups.passphrase.as_ref(),
        always,
    };
    let options = Options { progress: Some(progress.as_ref()), ..*options };
    Ok(create_running(folder, &options, &how, Reason::ByHand)?)
}

/// Works on files on another thread.
async fn on_files<T: Send + 'static>(
    paths: &SessionPaths,
    facts: &KnownFacts,
    work: impl FnOnce(&SessionPaths, &KnownFacts) -> Result<T, OfflineError> + Send + 'static,
) -> Result<T, OfflineError> {
    let (paths, facts) = (paths.clone(), facts.clone());
    tokio::task::spawn_blocking(move || work(&paths, &facts)).await?
}
