//! Care of the gateway's own session, kept in one database.
//!
//! A running gateway negotiates failing Signal sessions anew by itself. What needs hands from outside: a database that is
//! damaged, an older copy that was put back, and the wish to begin anew. Rows are judged as the files that Baileys would
//! keep, so that one examination and one planner serve both.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use wakeeper_doctor::backup::Shelf;
use wakeeper_doctor::backup::manifest::account_mark;
use wakeeper_doctor::clean::Outcome;
use wakeeper_doctor::examine::{CredentialsState, Examination, NativeView, native_report};
use wakeeper_doctor::findings::{older_copy, older_copy_settled};
use wakeeper_doctor::formats::baileys::credentials::Credentials;
use wakeeper_doctor::json;
use wakeeper_doctor::repair::{self, Action, Constraint, Extent, Plan, RestoredCredentials};
use wakeeper_doctor::restore::What;
use wakeeper_doctor::source::{EntryKind, Folder, Limits};
use wakeeper_doctor::{Finding, Repair, Report, Severity};
use wakeeper_engine::{offline, transfer};
use wakeeper_engine_store::{Copied, Copying, Row};
use wakeeper_model::SessionName;

use super::clean::{Order, announce};
use super::container::blocking;
use super::{Console, Evidence, Places, backup, gateway, now_ms, restore};

/// Findings about rows that only the whole of a session, its backups or a person can tell.
const TOLD_BY_MORE: [&str; 2] = ["ratchet_rolled_back", "signal_session_chosen"];

/// Findings about rows that cannot be read, and are taken out.
const DAMAGED_ROWS: [&str; 2] = ["native_row_unreadable", "native_own_sender_key"];

/// The gateway that a session belongs to.
struct Owner {
    auth_info: PathBuf,
    session: SessionName,
}

impl Owner {
    /// `None` for a database that lies in no gateway's folder, such as an exported one.
    fn of(database: &Path) -> Option<Self> {
        let folder = database.parent()?;
        let sessions =
            folder.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "sessions"))?;
        let session = folder.file_name()?.to_str()?.parse().ok()?;
        Some(Self { auth_info: sessions.parent()?.to_owned(), session })
    }
}

/// What cleaning comes to.
enum Work {
    Nothing,
    /// Rows are taken out.
    TakeOut(Vec<Row>),
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

/// Examines a session. What its backups, and a person, tell of it is taken into account.
pub async fn examine(database: &Path, places: &Places, evidence: &Evidence) -> anyhow::Result<Report> {
    let options = evidence.options_without_places();
    let mut report = if database.symlink_metadata().is_ok() {
        let examined = wakeeper_engine_store::examine(database, &options).await;
        examined
            .with_context(|| format!("cannot examine {}", wakeeper_private_fs::shown(database).display()))?
    } else {
        absent(database, &options)
    };
    if let Some(lost) = gateway::lost(database, &report).await {
        report.findings.insert(0, lost);
        (report.credentials, report.healthy) = (CredentialsState::Damaged, false);
    }
    // Of a damaged one, nothing is told by what it carries; nor by a copy of a container's.
    let told = report.credentials == CredentialsState::Sound && places.container.is_none();
    if let Some(owner) = Owner::of(database).filter(|_| told) {
        let older = offline::older(&owner.auth_info, &owner.session, places.witnesses.clone()).await;
        report.findings.extend(copies(database, older, now_ms()));
        report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    }
    report.path = wakeeper_private_fs::shown(&report.path);
    let told = evidence.reached.is_some() || !evidence.peers.is_empty();
    if report.credentials != CredentialsState::Sound || !told {
        return Ok(report);
    }
    let copied = wakeeper_engine_store::copy_as_baileys(database, Copying::ByHandle).await?;
    let whole = whole(copied, places, evidence, |folder, options| {
        Ok(wakeeper_doctor::examine(folder.path(), options)?)
    })
    .await?;
    let file = file_name(database);
    let more = whole.findings.into_iter().filter(|finding| TOLD_BY_MORE.contains(&finding.code.as_str()));
    report.findings.extend(more.map(|finding| Finding { path: file.clone(), ..finding }));
    report.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    report.healthy = report.findings.iter().all(|finding| finding.severity != Severity::Error);
    Ok(report)
}

/// The report on a database that is not there.
fn absent(database: &Path, options: &wakeeper_doctor::Options<'_>) -> Report {
    let view = NativeView {
        path: database.to_owned(),
        file: file_name(database),
        kind: EntryKind::File,
        problems: Vec::new(),
        unreadable: None,
        session: None,
        left_out: Vec::new(),
        moved: false,
        mode: 0o600,
    };
    native_report(&view, options)
}

/// How long it is told that an older copy was noticed and dealt with, milliseconds.
const TOLD_FOR: i64 = 7 * 86_400_000;

/// What is found of older copies.
fn copies(database: &Path, older: offline::Older, now_ms: i64) -> Vec<Finding> {
    let file = file_name(database);
    if let Some(doubts) = older.doubts {
        return vec![older_copy(&file, doubts)];
    }
    let recent = older.renewed.filter(|(at_ms, _)| now_ms - at_ms < TOLD_FOR);
    let settled = recent.map(|(at_ms, because)| {
        let when = backup::when(at_ms, now_ms);
        older_copy_settled(&file, format!("sending chains were negotiated anew {when}, because {because}"))
    });
    settled.into_iter().collect()
}

/// Cleans a session. Its gateway must be stopped, unless `order` is a dry run.
pub async fn clean(
    database: &Path,
    places: &Places,
    evidence: &Evidence,
    order: Order,
    console: Console,
) -> anyhow::Result<Outcome> {
    let report = examine(database, places, evidence).await?;
    let (mut outcome, work) = plan(database, places, evidence, order.extent, report).await?;
    if order.dry_run || matches!(work, Work::Nothing) {
        return Ok(outcome);
    }
    if !announce(&outcome, order, console)? {
        outcome.declined = true;
        return Ok(outcome);
    }
    match work {
        Work::Nothing => {}
        Work::TakeOut(rows) => {
            outcome.backup = back_up(database, places).await?;
            let owner = Owner::of(database);
            let in_doubt = match &owner {
                Some(owner) => offline::older(&owner.auth_info, &owner.session, places.witnesses.clone())
                    .await
                    .doubts
                    .is_some(),
                None => true,
            };
            outcome.freed = wakeeper_engine_store::remove(database, &rows).await?;
            // What is taken out on purpose is no older copy at the next start.
            if let Some(owner) = owner.filter(|_| !in_doubt) {
                offline::changed_on_purpose(&owner.auth_info, &owner.session)
                    .with_context(|| format!("cannot note what was changed in {}", database.display()))?;
            }
            let report =
                examine(database, places, &Evidence { peers: Vec::new(), ..evidence.clone() }).await?;
            judged(&mut outcome, report);
        }
        Work::GiveBack { owner, archive } => give_back(&owner, archive, places, &mut outcome).await?,
        Work::Forget { owner, login } => forget(database, &owner, login, places, &mut outcome).await?,
    }
    outcome.applied = true;
    Ok(outcome)
}

async fn plan(
    database: &Path,
    places: &Places,
    evidence: &Evidence,
    extent: Extent,
    report: Report,
) -> anyhow::Result<(Outcome, Work)> {
    let login = report.credentials;
    let mut outcome = Outcome::default();
    judged(&mut outcome, report);
    let owner = Owner::of(database);
    if extent == Extent::Everything {
        let owner = owner.with_context(|| no_owner(database))?;
        let folder = offline::session_folder(&owner.auth_info, &owner.session);
        outcome.freed = size_of(&folder);
        outcome.plan.push(Action {
            repair: Repair::RemoveFile.word(),
            path: format!("sessions/{}", owner.session),
            peer: None,
            code: None,
            description: "remove the login, Signal sessions, messages and chats; its settings stay"
                .to_owned(),
            freed: outcome.freed,
        });
        (outcome.login_kept, outcome.needs_qr) = (false, true);
        remains(&mut outcome, |_| false);
        return Ok((outcome, Work::Forget { owner, login }));
    }
    let work = match login {
        CredentialsState::Damaged => plan_of_damaged(database, owner, places, &mut outcome).await?,
        CredentialsState::Sound => {
            let rows = plan_of_rows(database, places, evidence, extent, &mut outcome).await?;
            if rows.is_empty() { Work::Nothing } else { Work::TakeOut(rows) }
        }
        CredentialsState::Missing => Work::Nothing,
    };
    Ok((outcome, work))
}

/// A damaged database is replaced by the login of the newest backup; without one it is not touched.
async fn plan_of_damaged(
    database: &Path,
    owner: Option<Owner>,
    places: &Places,
    outcome: &mut Outcome,
) -> anyhow::Result<Work> {
    let owner = owner.with_context(|| no_owner(database))?;
    let by_hand = |reason: String| {
        format!(
            "The database cannot be used, and is not replaced: {reason}. Nothing is touched: look for a backup elsewhere, \
             and name it: {}",
            places.command("restore ARCHIVE")
        )
    };
    if !outcome.remaining.iter().any(|finding| finding.repair == Repair::RestoreCredentials) {
        outcome.notes.push(by_hand("SQLite finds nothing wrong with it".to_owned()));
        return Ok(Work::Nothing);
    }
    if owner.session != SessionName::default_session() {
        let reason = format!(
            "session {} is not the default one. Restore its backup into a folder of its own and import that",
            owner.session
        );
        outcome.notes.push(by_hand(reason));
        return Ok(Work::Nothing);
    }
    let known = gateway::known_of(database).await;
    let (number, login) = known.map(|known| (known.number, known.login)).unwrap_or_default();
    let searched = places.clone();
    let Some(archive) = blocking(move || Ok(newest_of(&searched, number, login.as_deref()))).await? else {
        let reason = format!(
            "no backup of its login can be read in {}",
            wakeeper_private_fs::shown(&places.backups).display()
        );
        outcome.notes.push(by_hand(reason));
        return Ok(Work::Nothing);
    };
    let file = file_name(database);
    let code = outcome.remaining.first().map(|finding| finding.code.as_str());
    let action = |repair: &Repair, path: &str, description: String| Action {
        repair: repair.word(),
        path: path.to_owned(),
        peer: None,
        code,
        description,
        freed: 0,
    };
    let is_there = database.symlink_metadata().is_ok();
    let aside = action(&Repair::RemoveIntruder, &file, "move the damaged database aside".to_owned());
    let actions = [
        Some(aside).filter(|_| is_there),
        Some(action(
            &Repair::RestoreCredentials,
            "creds.json",
            format!("take the login from {}", wakeeper_private_fs::shown(&archive).display()),
        )),
    ];
    outcome.plan.extend(actions.into_iter().flatten());
    outcome.notes.push(
        "The gateway takes the login over when it starts. Signal sessions are negotiated anew, at the cost of a retry each; \
         messages and chats stay."
            .to_owned(),
    );
    (outcome.login_kept, outcome.needs_qr) = (true, false);
    remains(outcome, |_| false);
    Ok(Work::GiveBack { owner, archive })
}

/// The newest backup that holds a sound login of this number and mark; of any, where they are not known.
fn newest_of(places: &Places, number: Option<String>, login: Option<&str>) -> Option<PathBuf> {
    let constraint = Constraint { users: number.into_iter().collect(), ..Constraint::default() };
    let accepted = Shelf::at(&places.backups).find_file(
        Some(&places.label),
        "creds.json",
        places.passphrase.as_ref(),
        &Limits::default(),
        |_, text| {
            let mark = || backup_login(text);
            let is_it = login.is_none_or(|login| mark().is_some_and(|mark| mark == login));
            is_it.then(|| RestoredCredentials::from_backup(text, PathBuf::new(), &constraint)).flatten()
        },
    );
    accepted.map(|(path, _)| path)
}

/// Rows that should go, judged as the files that Baileys would keep.
async fn plan_of_rows(
    database: &Path,
    places: &Places,
    evidence: &Evidence,
    extent: Extent,
    outcome: &mut Outcome,
) -> anyhow::Result<Vec<Row>> {
    let copied = wakeeper_engine_store::copy_as_baileys(database, Copying::ByHandle).await?;
    let planned: Plan = whole(copied, places, evidence, move |folder, options| {
        let examination = Examination::of_folder(folder, options)?;
        Ok(repair::plan(folder, examination, options, &(), extent)?)
    })
    .await?;
    let file = file_name(database);
    let mut rows = BTreeSet::new();
    for action in planned.actions {
        let wanted = action.code.is_none_or(|code| TOLD_BY_MORE.contains(&code));
        let Some(row) = Row::of_file(&action.path).filter(|_| wanted) else { continue };
        // Whoever knows a sender key that is gone must be told the next one.
        if let Row::SenderKey { group, .. } = &row {
            rows.insert(Row::SenderKeyMemory { group: group.clone() });
        }
        let (what, afterwards) = match &row {
            Row::SignalSession(_) => ("Signal sessions", "negotiated anew with the next message"),
            Row::SenderKey { .. } => ("our own sender key", "made anew with the next message to the group"),
            Row::SenderKeyMemory { .. } => ("who has our sender key", "all members are told the next one"),
            Row::PreKey(_) => ("a pre-key", "WhatsApp has newer ones"),
        };
        // Upkeep has reasons of its own.
        let why = if action.code.is_none() { action.description.as_str() } else { afterwards };
        let description = format!("{what}: {why}");
        outcome.plan.push(Action { path: file.clone(), description, freed: 0, ..action });
        rows.insert(row);
    }
    for row in wakeeper_engine_store::damaged(database).await? {
        let (what, memory) = match &row {
            Row::SenderKey { group, .. } => {
                ("a damaged sender key", Some(Row::SenderKeyMemory { group: group.clone() }))
            }
            Row::SignalSession(_) => ("damaged Signal sessions", None),
            _ => ("a damaged pre-key", None),
        };
        if rows.insert(row) {
            outcome.plan.push(Action {
                repair: Repair::RemoveFile.word(),
                path: file.clone(),
                peer: None,
                code: Some(DAMAGED_ROWS[0]),
                description: format!("{what}: made or negotiated anew when it is needed"),
                freed: 0,
            });
        }
        rows.extend(memory);
    }
    remains(outcome, |finding| {
        let code = finding.code.as_str();
        !TOLD_BY_MORE.contains(&code) && !DAMAGED_ROWS.contains(&code)
    });
    Ok(rows.into_iter().collect())
}

/// Works on a copy as on a folder of Baileys, on another thread.
async fn whole<T: Send + 'static>(
    copied: Copied,
    places: &Places,
    evidence: &Evidence,
    work: impl FnOnce(&Folder, &wakeeper_doctor::Options<'_>) -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    // Who runs on the gateway's folder, and whether that is on a mount, says nothing of the copy.
    let evidence = Evidence {
        owners: Vec::new(),
        on_mount: None,
        symptoms: Vec::new(),
        troubles: Vec::new(),
        ..evidence.clone()
    };
    let passphrase = places.passphrase.clone();
    blocking(move || {
        let options =
            wakeeper_doctor::Options { passphrase: passphrase.as_ref(), ..evidence.options_without_places() };
        work(&Folder::open(&copied.folder())?, &options)
    })
    .await
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

async fn back_up(database: &Path, places: &Places) -> anyhow::Result<Option<PathBuf>> {
    let create = |places: &Places| backup::create(places, &Evidence::default(), false, Console::silent());
    let created = backup::create_native(database, Copying::ByHandle, places, create)
        .await
        .context("nothing was changed, because the backup failed")?;
    Ok(Some(created.path))
}

async fn give_back(
    owner: &Owner,
    archive: PathBuf,
    places: &Places,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let aside = set_aside(owner)?;
    if let Some(aside) = &aside {
        outcome.notes.push(format!("The damaged database is kept in {aside}."));
    }
    let places = Places { auth_info: owner.auth_info.clone(), ..places.clone() };
    let restored =
        blocking(move || restore::run(&places, &archive, What::Credentials, false, &Evidence::default()))
            .await
            .with_context(|| match aside {
                Some(aside) => format!("the damaged database was moved to {aside}, and then"),
                None => "no login was given back".to_owned(),
            })?;
    outcome.login_kept = restored.login_kept;
    outcome.needs_qr = !restored.login_kept;
    outcome.healthy = restored.login_kept;
    Ok(())
}

/// Moves what cannot be used out of the way. Answers where it is, in words.
fn set_aside(owner: &Owner) -> anyhow::Result<Option<String>> {
    let folder = offline::session_folder(&owner.auth_info, &owner.session);
    if folder.join(wakeeper_engine_store::DATABASE).symlink_metadata().is_err() {
        return Ok(None);
    }
    let name = format!("damaged-{}", now_ms());
    let aside = offline::set_login_aside(&owner.auth_info, &owner.session, &name)?;
    Ok(Some(wakeeper_private_fs::shown(&aside).display().to_string()))
}

/// The mark of the login in the text of a `creds.json`.
fn backup_login(text: &[u8]) -> Option<String> {
    let credentials = Credentials::read(&json::parse(text).ok()?);
    credentials.identity_public().map(account_mark)
}

async fn forget(
    database: &Path,
    owner: &Owner,
    login: CredentialsState,
    places: &Places,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    match login {
        CredentialsState::Sound => outcome.backup = back_up(database, places).await?,
        CredentialsState::Damaged => {
            let kept = places.backups.join(format!("{}-damaged-{}", places.label, now_ms()));
            let aside = offline::set_login_aside(&owner.auth_info, &owner.session, "damaged")?;
            move_folder(&aside, &kept).with_context(|| {
                format!(
                    "cannot move {} to {}",
                    wakeeper_private_fs::shown(&aside).display(),
                    wakeeper_private_fs::shown(&kept).display()
                )
            })?;
            outcome.notes.push(format!(
                "No backup can be made of a damaged database; it is kept in {}.",
                wakeeper_private_fs::shown(&kept).display()
            ));
        }
        CredentialsState::Missing => {}
    }
    let rows = transfer::open_rows(&owner.auth_info).await.context("cannot open the gateway's rows")?;
    let forgotten = offline::forget(&owner.auth_info, &owner.session, &rows, now_ms()).await;
    rows.close().await;
    forgotten.with_context(|| format!("cannot remove session {}", owner.session))
}

/// Backups are often on another mount, and that may be a container's: what is made there is made by handle.
fn move_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    use wakeeper_private_fs::{Folder, FsError};
    let name = to.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let parent = to.parent().unwrap_or(Path::new("."));
    if !parent.is_dir() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let copied = || {
        let (source, shelf) = (Folder::named(from)?, Folder::named(parent)?);
        shelf.make_folder(name)?;
        let kept = shelf.below(Path::new(name))?;
        let mut names = Vec::new();
        source.list(|name, _| {
            names.extend(name.into_string());
            true
        })?;
        for name in names {
            let (mut file, _) = source.open_file(&name)?;
            std::io::copy(&mut file, &mut kept.create(&name)?)?;
        }
        Ok::<_, FsError>(())
    };
    copied().map_err(FsError::into_io)?;
    std::fs::remove_dir_all(from)
}

fn size_of(folder: &Path) -> u64 {
    let items = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    items
        .map(|item| match item.metadata() {
            Ok(metadata) if metadata.is_dir() => size_of(&item.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn file_name(database: &Path) -> String {
    database.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn no_owner(database: &Path) -> String {
    format!(
        "{} lies in no gateway's folder; `wakeeper import` makes it a gateway's session",
        wakeeper_private_fs::shown(database).display()
    )
}
