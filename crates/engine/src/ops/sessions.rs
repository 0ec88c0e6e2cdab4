//! Sessions: listed, made, changed, deleted, started and stopped.

use std::collections::BTreeMap;

use wakeeper_delivery::webhook::SessionContext;
use wakeeper_model::SessionName;
use wakeeper_storage::{Desired, SessionRow};
use wakeeper_waha::{
    Engine, ProxyConfig, SessionConfig, SessionInfo, SessionStatus, StatusChange, Timestamps,
};

use crate::EngineError;
use crate::life::actor::Command;
use crate::life::registry::{Sessions, remove_folder};
use crate::life::state::stored_config;
use crate::life::transport::proxy::Proxy;
use crate::life::{credentials, recovery};

impl Sessions {
    /// Every session, by name; stopped ones only with `all`. Of those that another process owns it says what that one stored.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn list(&self, all: bool) -> Result<Vec<SessionInfo>, EngineError> {
        let mut infos = self.known().await?;
        infos.retain(|info| all || info.status != SessionStatus::Stopped);
        Ok(infos)
    }

    /// Every session, by name.
    async fn known(&self) -> Result<Vec<SessionInfo>, EngineError> {
        let rows = match self.shared.storage.sessions().await {
            Ok(rows) => rows,
            // The file of an embedded database is gone or cannot be used. All of its sessions are this process's own, which
            // knows them without it. Rows that cannot be read are no reason to hide what runs here either.
            Err(error) if self.shared.storage.disk().borrow().is_some() || !self.handles().is_empty() => {
                tracing::warn!(%error, "the sessions are listed without their rows");
                return Ok(self.handles().values().map(|handle| handle.state.info()).collect());
            }
            Err(error) => return Err(error.into()),
        };
        // What runs here is known without its row; of the others the rows tell.
        let mut infos: BTreeMap<SessionName, SessionInfo> = rows
            .into_iter()
            .filter_map(|row| {
                let name: SessionName = row.name.parse().ok()?;
                Some((name.clone(), as_stored(&row, name)))
            })
            .collect();
        infos.extend(self.handles().iter().map(|(name, handle)| (name.clone(), handle.state.info())));
        Ok(infos.into_values().collect())
    }

    /// One session. Of one that another process owns it says what that one stored.
    ///
    /// # Errors
    /// When it is not owned here and the rows cannot be read.
    pub async fn get(&self, name: &SessionName) -> Result<Option<SessionInfo>, EngineError> {
        if let Some(info) = self.owned(name) {
            return Ok(Some(info));
        }
        Ok(self.stored(name).await?.map(|row| as_stored(&row, name.clone())))
    }

    /// What this process knows of a session that it owns.
    fn owned(&self, name: &SessionName) -> Option<SessionInfo> {
        self.handles().get(name).map(|handle| handle.state.info())
    }

    /// Makes a session, and starts it when `start` says so. It is carried through also when the caller stops waiting: a row
    /// without an owner would be a name that nobody can use.
    ///
    /// # Errors
    /// When it exists, or cannot be stored or locked.
    pub async fn create(
        &self,
        name: SessionName,
        config: SessionConfig,
        start: bool,
    ) -> Result<SessionInfo, EngineError> {
        let sessions = self.clone();
        carried_through(async move { sessions.make(name, config, start).await }).await
    }

    async fn make(
        &self,
        name: SessionName,
        config: SessionConfig,
        start: bool,
    ) -> Result<SessionInfo, EngineError> {
        let _changing = self.shared.changing.lock().await;
        match self.handle(&name).await {
            Ok(_) | Err(EngineError::NotOwner(_)) => return Err(EngineError::SessionExists(name)),
            Err(EngineError::UnknownSession(_)) => {}
            Err(error) => return Err(error),
        }
        let config = acceptable(config, &SessionConfig::default())?;
        // What cannot work is found before anything is stored.
        SessionContext::new(name.as_str(), &config, None)
            .map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
        let desired = if start { Desired::Started } else { Desired::Stopped };
        let row = self.new_row(&name, &config, desired);
        let lock = self.lock(&name)?;
        let Some((row, ownership)) = self.own(Vec::new(), vec![row]).await?.pop() else {
            return Err(EngineError::SessionExists(name));
        };
        let handle = self.spawn(&name, &row, ownership, Some(lock))?;
        if start {
            handle.ask(Command::Start).await??;
        }
        Ok(handle.state.info())
    }

    /// Replaces a session's settings; secrets that are given as the placeholder stay. With another proxy the session connects
    /// anew. What concerns the device's looks counts from the next link on.
    ///
    /// # Errors
    /// When it is unknown, a webhook in it cannot work, or it cannot be stored.
    pub async fn update(
        &self,
        name: &SessionName,
        config: SessionConfig,
    ) -> Result<SessionInfo, EngineError> {
        let handle = self.handle(name).await?;
        let _alone = handle.state.configuring().lock().await;
        let before = handle.state.config();
        let config = acceptable(config, &before)?;
        let context = SessionContext::new(name.as_str(), &config, handle.state.me().as_ref())
            .map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
        let proxy_changed = config.proxy != before.proxy;
        handle.state.set_config(config);
        if let Err(error) = handle.state.store(&handle.outbound.journal).await {
            // What the caller is told is what counts.
            handle.state.set_config(before);
            return Err(error.into());
        }
        self.shared.events.set_session(name, context);
        if proxy_changed && handle.state.desired() == Desired::Started {
            // Without a usable one it stood still, for that alone.
            let stood_still = Proxy::of(before.proxy.as_ref()).is_err();
            handle.ask(if stood_still { Command::Start } else { Command::Reconnect }).await??;
        }
        Ok(handle.state.info())
    }

    /// Logs a session out where that is possible, then forgets it: rows, folder and login. It is carried through also when
    /// the caller stops waiting.
    ///
    /// # Errors
    /// When it is unknown, or its rows or folder cannot be removed.
    pub async fn delete(&self, name: &SessionName) -> Result<(), EngineError> {
        let (sessions, name) = (self.clone(), name.clone());
        carried_through(async move { sessions.remove(&name).await }).await
    }

    async fn remove(&self, name: &SessionName) -> Result<(), EngineError> {
        let _changing = self.shared.changing.lock().await;
        let handle = self.handle(name).await?;
        // Asked before the login is given up: an answer that it is gone must be true after a restart too.
        if let Some(trouble) = self.shared.storage.disk().borrow().clone() {
            return Err(EngineError::Disk { trouble });
        }
        if handle.state.status() == SessionStatus::Working {
            // Not confirmed by WhatsApp, the owner still wants it gone.
            let _ = handle.ask(Command::Logout).await;
        }
        handle.leave().await;
        // What still writes of it is refused from here on, and nothing of it comes back.
        handle.outbound.journal.give_up();
        let folder = credentials::folder(&self.shared.config.auth_info_dir, name);
        recovery::mark_deleted(&folder)?;
        if let Err(error) = self.shared.storage.delete_session(name.as_str()).await {
            // It lives on, and must be found again when the rows are lost.
            recovery::unmark_deleted(&folder);
            return Err(error.into());
        }
        self.shared.events.remove_session(name);
        self.shared.config.incidents.deleted(name.as_str());
        self.handles_mut().remove(name);
        remove_folder(&folder)
    }

    /// Starts a session; one that runs already stays as it is.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn start(&self, name: &SessionName) -> Result<SessionInfo, EngineError> {
        let handle = self.handle(name).await?;
        handle.ask(Command::Start).await??;
        Ok(handle.state.info())
    }

    /// Stops a session; the login stays.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn stop(&self, name: &SessionName) -> Result<SessionInfo, EngineError> {
        let handle = self.handle(name).await?;
        handle.ask(Command::Stop).await??;
        Ok(handle.state.info())
    }

    /// Stops a session and starts it again; the login stays.
    ///
    /// # Errors
    /// When it is unknown.
    pub async fn restart(&self, name: &SessionName) -> Result<SessionInfo, EngineError> {
        self.stop(name).await?;
        self.start(name).await
    }

    /// Unlinks a session's device. A session that was started shows a new QR code. Of one that is not connected the login is
    /// kept aside, and WhatsApp is not told.
    ///
    /// # Errors
    /// When it is unknown or not this process's own.
    pub async fn logout(&self, name: &SessionName) -> Result<SessionInfo, EngineError> {
        let handle = self.handle(name).await?;
        handle.ask(Command::Logout).await??;
        Ok(handle.state.info())
    }
}

/// Runs `work` to its end, whether or not its caller waits for it.
pub(crate) async fn carried_through<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and nobody waits for an answer any more.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Each event goes to each of them, and each has a queue of its own.
const MOST_WEBHOOKS: usize = 100;

/// Settings that can be kept and worked with; `before` holds the secrets that placeholders stand for.
fn acceptable(mut config: SessionConfig, before: &SessionConfig) -> Result<SessionConfig, EngineError> {
    config.proxy = config.proxy.filter(ProxyConfig::is_set);
    if config.webhooks.len() > MOST_WEBHOOKS {
        return Err(EngineError::InvalidRequest(format!(
            "config.webhooks: a session has at most {MOST_WEBHOOKS} webhooks"
        )));
    }
    config.keep_secrets(before).map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
    Proxy::of(config.proxy.as_ref()).map_err(|error| EngineError::InvalidRequest(error.to_string()))?;
    Ok(config)
}

/// What the owner of a session stored of it.
fn as_stored(row: &SessionRow, name: SessionName) -> SessionInfo {
    let change = row.status.as_ref().and_then(|stored| {
        let status = serde_json::from_value(stored.status.as_str().into()).ok()?;
        Some(StatusChange { status, timestamp: stored.since_ms })
    });
    SessionInfo {
        status: change.map_or(SessionStatus::Stopped, |change| change.status),
        config: stored_config(row, &name),
        me: row.me_json.as_deref().and_then(|me| serde_json::from_str(me).ok()),
        presence: None,
        timestamps: Timestamps { activity: change.map(|change| change.timestamp) },
        engine: Engine::default(),
        apps: None,
        assigned_worker: None,
        reason: None,
        statuses: change.into_iter().collect(),
        name,
    }
}
