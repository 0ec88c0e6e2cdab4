//! `wakeeper monitor`: watches, tells, and mends within the policy.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use tokio_util::sync::CancellationToken;
use wakeeper_containers::watch::{self, Choice, Fleet, WatchedContainers, Watching};
use wakeeper_delivery::alerts::AlertSender;
use wakeeper_doctor::source::require_session_folder;
use wakeeper_gateway::measurements;
use wakeeper_logging::LogFolder;
use wakeeper_model::Clock;
use wakeeper_offline as offline;
use wakeeper_recovery::backups::{BackupKeeper, time};
use wakeeper_recovery::incidents::IncidentFolder;
use wakeeper_recovery::{self as recovery, SessionFolder, SystemClock};
use wakeeper_storage::IncidentSource;

use crate::chosen::{Places, now_ms};
use crate::environment::{self, connect};
use crate::settings::MonitorSettings;

use super::begin_logging;

/// Upper bounds, in seconds, of the buckets that downtimes are counted in.
const BUCKETS: [f64; 8] = [1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0];

/// Watch containers' logs and events, and repair their sessions as far as the settings allow
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper monitor\n  wakeeper monitor --container whatsapp-api --state /var/lib/wakeeper\n  \
    wakeeper monitor --data-dir /srv/bot --log /srv/bot/gateway.log\n  SESSION_CLEANUP_ENABLED=false wakeeper monitor\n\n\
    Without --container every container labelled whatsapp.session.managed=true is watched, also those that start later. \
    A container is stopped around every write and started after it. Nothing that needs a new QR code is ever done \
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
        let log_files = begin_logging(&settings.log, "monitor")?;
        wakeeper_logging::begin_files(&log_files, &settings.log);
        let stop = CancellationToken::new();
        let asked = tokio::spawn(wakeeper_gateway::serving::asked_to_stop()?);
        let rules = &settings.rules;
        if !rules.watch {
            tracing::warn!("ENABLE_ERROR_MONITORING is false: nothing is watched");
            return Ok(asked.await.map(drop)?);
        }
        tracing::info!("{rules}");
        let incidents =
            IncidentFolder::open(&settings.monitor_state_dir, IncidentSource::Monitor, now_ms()).await?;
        let storage = Arc::clone(&incidents.storage);
        let render = measurements::record(&BUCKETS)?;
        recovery::describe_metrics();
        watch::describe_metrics();
        let page = settings.listen.map(|address| measurements::serve(address, render, stop.clone()));
        let receiver = settings.alert.clone();
        let alerts =
            AlertSender::new(Arc::clone(&storage), IncidentSource::Monitor, receiver, Clock::system())?;
        let sender = tokio::spawn(alerts.run(stop.clone()));
        let signal = stop.clone();
        tokio::spawn(async move {
            if let Ok(signal) = asked.await {
                tracing::info!("{signal} received, finishing what has begun");
            }
            signal.cancel();
        });
        let places = Places::of(&settings, String::new());
        let watching = Watching {
            rules: rules.clone(),
            host: places.host(),
            retention: places.retention,
            passphrase: places.backups.passphrase.clone(),
            is_gateways: |folder| offline::database_in(folder).is_some(),
            storage: Arc::clone(&storage),
            clock: Arc::new(SystemClock),
        };
        let result = self.watch(watching, &places, &settings, stop.clone()).await;
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
    fn require_folders(&self, settings: &MonitorSettings) -> anyhow::Result<()> {
        if let Some(folder) = self.data_dir.as_deref().filter(|folder| !folder.is_dir()) {
            bail!(
                "there is no folder {}; name the folder that holds auth_info with --data-dir",
                folder.display()
            );
        }
        if self.log.is_some() {
            require_session_folder(&settings.auth_info_dir)?;
        }
        Ok(())
    }

    fn settings(&self) -> anyhow::Result<MonitorSettings> {
        let flags = [
            ("DATA_DIR", environment::text(self.data_dir.as_deref())),
            ("MONITOR_STATE_DIR", environment::text(self.state.as_deref())),
            ("SESSION_CLEANUP_ENABLED", self.dry_run.then(|| "false".to_owned())),
        ];
        let mut settings: MonitorSettings = environment::settings(flags, self.config.clone())?;
        // Beside a folder that is only watched, `logs` belongs to what runs there.
        if self.log.is_some() && matches!(settings.log.folder, LogFolder::IfPresent(_)) {
            settings.log.folder = LogFolder::Off;
        }
        Ok(settings)
    }

    async fn watch(
        &self,
        watching: Watching,
        places: &Places,
        settings: &MonitorSettings,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let mut fleet = Fleet::new(watching, stop.clone());
        let backups = self.backups(&fleet, settings).map(|keeper| tokio::spawn(keeper.run(stop)));
        let watched = if let Some(log) = &self.log {
            fleet.watch_folder(&places.backups.label, folder(places), log.clone());
            fleet.wait().await;
            Ok(())
        } else {
            let choice = if self.containers.is_empty() {
                Choice::Labelled
            } else {
                Choice::Named(self.containers.iter().cloned().collect())
            };
            match connect().await {
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
    fn backups(&self, fleet: &Fleet, settings: &MonitorSettings) -> Option<BackupKeeper<WatchedContainers>> {
        let every = settings.backup_interval.filter(|_| !self.dry_run && self.log.is_none())?;
        let removed = settings.rules.repair;
        let keep = if removed { "old backups are removed" } else { "old backups are kept" };
        tracing::info!("watched Baileys sessions are backed up every {}; {keep}", time(every));
        Some(BackupKeeper::new(fleet.containers(), every, Arc::new(SystemClock)))
    }
}

fn folder(places: &Places) -> SessionFolder {
    SessionFolder {
        auth_info: places.auth_info.clone(),
        home: Some(places.home.clone()),
        store: Some(places.store.clone()),
        shelf: places.backups.shelf.clone(),
        label: places.backups.label.clone(),
        passphrase: places.backups.passphrase.clone(),
        version: None,
        clock: Arc::new(SystemClock),
    }
}
