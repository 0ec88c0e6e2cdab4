//! All sessions that are watched, and their caretakers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wakeeper_recovery::backups::{BackupTarget, BackupTargets};
use wakeeper_recovery::{Access, Caretaker, ManagedSession, Observation, SessionFolder};

use super::container::ContainerSession;
use super::folder::FolderSession;
use super::{Watching, events, follow, tail};
use crate::docker::{Container, ContainerEvent, Engine, EngineError, EventKind, SessionLayout};
use crate::session::LocatedSession;

/// Observations that wait for a caretaker at most; a log that is faster waits for it.
const QUEUE: usize = 4096;

/// All sessions that are watched.
pub struct Fleet {
    watching: Watching,
    /// Ends the following of logs; caretakers end after it, when nothing comes any more.
    stop: CancellationToken,
    watched: BTreeMap<String, mpsc::Sender<Observation>>,
    containers: WatchedContainers,
    followers: JoinSet<String>,
    caretakers: JoinSet<()>,
}

/// The containers that are watched at the moment, for the backup schedule; cheap to clone.
#[derive(Clone, Default)]
pub struct WatchedContainers(Arc<Mutex<Watched>>);

/// The sessions of each container, by its name and theirs.
type Watched = BTreeMap<String, BTreeMap<String, Arc<dyn BackupTarget>>>;

impl WatchedContainers {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BackupTargets for WatchedContainers {
    async fn all(&self) -> Vec<Arc<dyn BackupTarget>> {
        self.lock().values().flat_map(BTreeMap::values).cloned().collect()
    }
}

/// Which containers are watched.
#[derive(Debug, Clone)]
pub enum Choice {
    /// All that are labelled.
    Labelled,
    /// These, by name.
    Named(BTreeSet<String>),
}

impl Choice {
    fn includes(&self, event: &ContainerEvent) -> bool {
        match self {
            Self::Labelled => event.managed,
            Self::Named(names) => names.contains(&event.name),
        }
    }
}

impl Fleet {
    /// Nothing watched yet.
    pub fn new(watching: Watching, stop: CancellationToken) -> Self {
        let (followers, caretakers) = (JoinSet::new(), JoinSet::new());
        let containers = WatchedContainers::default();
        Self { watching, stop, watched: BTreeMap::new(), containers, followers, caretakers }
    }

    /// The containers that are watched, as they come and go.
    pub fn containers(&self) -> WatchedContainers {
        self.containers.clone()
    }

    /// Watches a folder and a log file, to report.
    pub fn watch_folder(&mut self, name: &str, folder: SessionFolder, log: PathBuf) {
        tracing::info!(
            "watching folder {} and its log {}: reports only",
            folder.auth_info.display(),
            log.display()
        );
        let to = self.care_for(Arc::new(FolderSession::new(name.to_owned(), folder)));
        let (reading, stop, key) = (self.watching.reading(), self.stop.clone(), name.to_owned());
        self.followers.spawn(async move {
            if let Err(error) = tail::follow(log, &reading, to, stop).await {
                tracing::error!(session = key, "its log is no longer followed: {error}");
            }
            key
        });
    }

    /// Watches containers: those there are, and those that start, until the monitor stops.
    pub async fn watch_containers(&mut self, engine: Engine, choice: Choice) -> Result<(), EngineError> {
        let since_ns = self.watching.clock.now_ms().saturating_mul(1_000_000);
        self.watch_present(&engine, &choice).await?;
        let (to, mut news) = mpsc::channel(256);
        let bringer = tokio::spawn(events::bring(engine.clone(), since_ns, to));
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                event = news.recv() => match event {
                    Some(event) => self.take_in(&engine, &choice, event).await,
                    None => break,
                },
                Some(ended) = self.followers.join_next() => self.forget(ended.ok().as_deref()),
            }
        }
        bringer.abort();
        Ok(())
    }

    /// Waits until the monitor stops.
    pub async fn wait(&mut self) {
        self.stop.cancelled().await;
    }

    /// Lets every caretaker finish: a cure that has begun is carried through, and nothing is left stopped.
    pub async fn finish(mut self) {
        self.stop.cancel();
        while self.followers.join_next().await.is_some() {}
        self.watched.clear();
        while self.caretakers.join_next().await.is_some() {}
    }

    async fn watch_present(&mut self, engine: &Engine, choice: &Choice) -> Result<(), EngineError> {
        let containers = match choice {
            Choice::Labelled => engine.managed().await?,
            Choice::Named(names) => {
                let mut found = Vec::new();
                for name in names {
                    found.push(engine.find(name).await?);
                }
                found
            }
        };
        for container in &containers {
            self.watch(engine, container).await;
        }
        if containers.is_empty() {
            tracing::warn!(
                "no container is labelled whatsapp.session.managed=true; those that start with the label are watched \
                 from then on"
            );
        }
        Ok(())
    }

    async fn watch(&mut self, engine: &Engine, container: &Container) {
        let name = container.name.clone();
        let layout = match LocatedSession::of(engine, container.clone(), &self.watching.host).await {
            Ok(located) => {
                self.start_what_was_left(engine).await;
                located.layout
            }
            Err(error) => {
                tracing::warn!(container = name, "its backup folder is out of reach: {error}");
                SessionLayout::of(container)
            }
        };
        let session = ContainerSession::of(engine.clone(), container, &self.watching).await;
        let how = match session.access() {
            Access::Full if self.watching.rules.repair => "repairs are on".to_owned(),
            Access::Full => "reports only: SESSION_CLEANUP_ENABLED is false".to_owned(),
            Access::ReportOnly(why) => format!("reports only: {why}"),
        };
        tracing::info!(
            "watching container {name} ({}), session at {}; {how}",
            container.status,
            layout.auth_info.display()
        );
        let others: Vec<_> = session.several().iter().filter(|path| **path != layout.auth_info).collect();
        if !others.is_empty() {
            let names: Vec<_> = others.iter().map(|path| path.display().to_string()).collect();
            tracing::warn!(
                container = name,
                "it has other sessions, which are only backed up: {}",
                names.join(", ")
            );
        }
        let session = Arc::new(session);
        let each = session.each().into_iter().map(|one| (BackupTarget::name(&one).to_owned(), Arc::new(one)));
        let each = each.map(|(key, one)| (key, one as Arc<dyn BackupTarget>));
        self.containers.lock().insert(name.clone(), each.collect());
        let to = self.care_for(session);
        let (reading, stop, engine) = (self.watching.reading(), self.stop.clone(), engine.clone());
        self.followers.spawn(async move {
            if let Err(error) = follow::follow(engine, &name, &reading, to, stop).await {
                tracing::error!(container = name, "it is no longer watched: {error}");
            }
            name
        });
    }

    fn care_for(&mut self, session: Arc<dyn ManagedSession>) -> mpsc::Sender<Observation> {
        let (to, observations) = mpsc::channel(QUEUE);
        let name = session.name().to_owned();
        let (rules, storage, clock) = (
            self.watching.rules.clone(),
            Arc::clone(&self.watching.storage),
            Arc::clone(&self.watching.clock),
        );
        let caretaker = Caretaker::new(session, rules, storage, clock);
        let key = name.clone();
        self.caretakers.spawn(async move {
            // It ends when the log and the events do, so that everything that was read is judged.
            if let Err(error) = caretaker.run(observations, CancellationToken::new()).await {
                tracing::error!(session = key, %error, "nobody cares for it any more");
            }
        });
        self.watched.insert(name, to.clone());
        metrics::gauge!("wakeeper_watched").set(self.watched.len() as f64);
        to
    }

    async fn take_in(&mut self, engine: &Engine, choice: &Choice, event: ContainerEvent) {
        if event.kind == EventKind::Start
            && choice.includes(&event)
            && !self.watched.contains_key(&event.name)
        {
            match engine.find(&event.id).await {
                Ok(container) => self.watch(engine, &container).await,
                Err(error) => {
                    tracing::warn!(container = event.name, %error, "a new container cannot be watched");
                }
            }
        }
        if let (Some(to), Some(observation)) = (self.watched.get(&event.name), events::observation(&event)) {
            // The follower keeps the caretaker; one that is gone needs no event.
            let _ = to.send(observation).await;
        }
    }

    fn forget(&mut self, name: Option<&str>) {
        if let Some(name) = name {
            self.watched.remove(name);
            self.containers.lock().remove(name);
            metrics::gauge!("wakeeper_watched").set(self.watched.len() as f64);
        }
    }

    /// A monitor that was killed may have left a container stopped.
    async fn start_what_was_left(&self, engine: &Engine) {
        let restarted = self.watching.host.start_what_was_left(engine).await;
        for text in restarted.started {
            tracing::warn!("{text}");
        }
        for text in restarted.failed {
            tracing::error!("{text}");
        }
    }
}
