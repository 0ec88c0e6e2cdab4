//! `wakeeper monitor`: watches, tells, and mends within the policy.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use tokio_util::sync::CancellationToken;
use wakeeper_containers::watch::{self, Choice, Fleet, WatchedContainers};
use wakeeper_delivery::alerts::AlertSender;
use wakeeper_doctor::source::require_session_folder;
use wakeeper_gateway::measurements;
use wakeeper_model::Clock;
use wakeeper_private_fs::{Locking, own_folder};
use wakeeper_recovery::backups::{BackupKeeper, time};
use wakeeper_recovery::{self as recovery, Rules, SessionFolder, SystemClock};
use wakeeper_storage::open_sqlite;

use crate::care::Places;
use crate::containers;
use crate::logging;
use crate::monitor::{Shared, page};
use crate::settings::{LogFolder, Settings, Sources};

use super::asked_to_stop;

/// Closed incidents are kept for a year.
const KEPT_MS: i64 = 365 * 86_400_000;

/// Watch containers' logs and events, and mend their sessions within the policy
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper monitor\n  wakeeper monitor --container whatsapp-api --state /var/lib/wakeeper\n  \
    wakeeper monitor --data-dir /srv/bot --log /srv/bot/gateway.log\n  SESSION_CLEANUP_ENABLED=false wakeeper monitor\n\n\
    Without --container every container labelled whatsapp.session.managed=true is watched, also those that start later.\n\
    A container is stopped around every write and started after it. Nothing that needs a new QR code is ever done\n\
    unless AUTO_CLEANUP_ON_ERROR=true. `wakeeper incidents` shows what happened."
)]
pub struct Monitor {
    /// Container to watch, by name; may be given several times
    #[arg(long = "container", short = 'c', value_name = "NAME")]
    containers: Vec<String>,
    /// Watch a folder instead, and its log: reports only [env: DATA_DIR]
    #[arg(long, value_name = "FOLDER", requires = "log", conflicts_with = "containers")]
    data_dir: Option<PathBuf>,
    /// Log of the gateway that runs on the folder
    #[arg(long, value_name = "FILE", requires = "data_dir")]
    log: Option<PathBuf>,
    /// Only report, as with SESSION_CLEANUP_ENABLED=false: nothing is stopped, and nothing is changed
    #[arg(long)]
    dry_run: bool,
    /// Folder of incidents and of what was read [env: MONITOR_STATE_DIR; default: monitor in the backup folder]
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Settings file (TOML) [env: WAKEEPER_CONFIG; default: wakeeper.toml, when it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Monitor {
    /// Watches until the process is asked to stop.
    pub async fn run(self) -> anyhow::Result<()> {
        let settings = self.settings()?;
        self.require_folders(&settings)?;
        let log_files = logging::init_with_files(&settings.log, "monitor")?;
        logging::begin_files(&log_files, &settings.log);
        let stop = CancellationToken::new();
        let asked = tokio::spawn(asked_to_stop()?);
        if !settings.care.rules.watch {
            tracing::warn!("ENABLE_ERROR_MONITORING is false: nothing is watched");
            asked.await?;
            return Ok(());
        }
        say_rules(&settings.care.rules);
        let _lock = lock(&settings.care.state_dir)?;
        let database = Shared::database(&settings.care);
        let storage = open_sqlite(&database).await.context("cannot keep incidents")?;
        let shared = Shared {
            here: Places::of(&settings),
            care: settings.care.clone(),
            storage: Arc::clone(&storage),
            clock: Arc::new(SystemClock),
        };
        storage.prune_incidents(shared.clock.now_ms() - KEPT_MS, 10_000).await?;
        let page = serve_metrics(&settings, &stop)?;
        let alerts = AlertSender::new(Arc::clone(&storage), settings.care.alert.clone(), Clock::system())?;
        let sender = tokio::spawn(alerts.run(stop.clone()));
        let signal = stop.clone();
        tokio::spawn(async move {
            if let Ok(signal) = asked.await {
                tracing::info!("{signal} received, finishing what has begun");
            }
            signal.cancel();
        });
        let result = self.watch(shared, settings.backup_interval, stop.clone()).await;
        stop.cancel();
        if let Ok(Err(error)) = sender.await {
            tracing::error!("alerts are no longer sent: {error}");
        }
        if let Some(page) = page {
            page.await??;
        }
        storage.close().await;
        result
    }

    /// Nothing is made in a folder that a typing error named.
    fn require_folders(&self, settings: &Settings) -> anyhow::Result<()> {
        if let Some(folder) = self.data_dir.as_deref().filter(|folder| !folder.is_dir()) {
            bail!(
                "there is no folder {}; name the folder that holds auth_info with --data-dir",
                folder.display()
            );
        }
        if self.log.is_some() {
            require_session_folder(&Places::of(settings).auth_info)?;
        }
        Ok(())
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        let mut settings = self.given()?;
        // Beside a folder that is only watched, `logs` belongs to what runs there.
        if self.log.is_some() && matches!(settings.log.folder, LogFolder::IfPresent(_)) {
            settings.log.folder = LogFolder::Off;
        }
        Ok(settings)
    }

    fn given(&self) -> anyhow::Result<Settings> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let flags = [("DATA_DIR", &self.data_dir), ("MONITOR_STATE_DIR", &self.state)];
        Ok(Settings::resolve(Sources {
            flags: flags
                .into_iter()
                .filter_map(|(name, path)| Some((name, text(path.as_deref()?))))
                .chain(self.dry_run.then(|| ("SESSION_CLEANUP_ENABLED", "false".to_owned())))
                .collect(),
            config: self.config.clone(),
            environment: std::env::vars_os().collect(),
            working_dir: PathBuf::from("."),
        })?)
    }

    async fn watch(
        &self,
        shared: Shared,
        every: Option<Duration>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut fleet = Fleet::new(shared.watching(), stop.clone());
        let backups = self.backups(&fleet, &shared, every).map(|keeper| tokio::spawn(keeper.run(stop)));
        let watched = if let Some(log) = &self.log {
            fleet.watch_folder(&shared.here.label, folder(&shared), log.clone());
            fleet.wait().await;
            Ok(())
        } else {
            let choice = if self.containers.is_empty() {
                Choice::Labelled
            } else {
                Choice::Named(self.containers.iter().cloned().collect::<BTreeSet<_>>())
            };
            match containers::connect().await {
                Ok(engine) => fleet.watch_containers(engine, choice).await.map_err(Into::into),
                Err(error) => Err(error),
            }
        };
        fleet.finish().await;
        if let Some(backups) = backups {
            backups.await?;
        }
        watched
    }

    /// A rehearsal backs nothing up, and neither does whoever watches a folder of which it is not known what runs on it.
    fn backups(
        &self,
        fleet: &Fleet,
        shared: &Shared,
        every: Option<Duration>,
    ) -> Option<BackupKeeper<WatchedContainers>> {
        let every = every.filter(|_| !self.dry_run && self.log.is_none())?;
        let keep = if shared.care.rules.mend { "old backups are removed" } else { "old backups are kept" };
        tracing::info!("watched Baileys sessions are backed up every {}; {keep}", time(every));
        Some(BackupKeeper::new(fleet.containers(), every, Arc::clone(&shared.clock)))
    }
}

fn serve_metrics(
    settings: &Settings,
    stop: &CancellationToken,
) -> anyhow::Result<Option<tokio::task::JoinHandle<anyhow::Result<()>>>> {
    let render = measurements::record(&page::BUCKETS)?;
    recovery::describe_metrics();
    watch::describe_metrics();
    Ok(settings.care.listen.map(|listen| {
        let stop = stop.clone();
        tokio::spawn(async move {
            let served = page::serve(listen, render, stop.clone()).await;
            if served.is_err() {
                stop.cancel();
            }
            served
        })
    }))
}

fn folder(shared: &Shared) -> SessionFolder {
    SessionFolder {
        auth_info: shared.here.auth_info.clone(),
        store: Some(shared.here.store.clone()),
        shelf: shared.here.backups.clone(),
        label: shared.here.label.clone(),
        passphrase: shared.here.passphrase.clone(),
        clock: Arc::clone(&shared.clock),
    }
}

/// One monitor at a time: two would mend the same session.
fn lock(state: &Path) -> anyhow::Result<File> {
    const NAME: &str = "monitor.lock";
    let shown = state.display();
    let unusable = || {
        format!(
            "cannot keep incidents in {shown}; set MONITOR_STATE_DIR to a folder that only this user can write to"
        )
    };
    // What is found in it is believed: a container that can write to the folder above must not have made it.
    let folder = own_folder(state).with_context(unusable)?;
    match folder.lock_file(NAME).with_context(unusable)? {
        Locking::Taken(file) => Ok(file),
        Locking::Held { .. } | Locking::Unlockable(..) => bail!(
            "another wakeeper monitor keeps its incidents in {shown}; stop it, or give this one another --state"
        ),
    }
}

fn say_rules(rules: &Rules) {
    let reset = if rules.full_reset { "allowed as the last resort" } else { "never" };
    let mend = if rules.mend { "mended" } else { "reported" };
    tracing::info!(
        "sessions are {mend} from {} failing messages of one contact in {} s, or {} of all in {} s; a full reset: {reset}",
        rules.peer_messages,
        rules.peer_window.as_secs(),
        rules.session_errors,
        rules.session_window.as_secs()
    );
}
