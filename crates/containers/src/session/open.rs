//! A container's session, open for a command that a person typed.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wakeeper_bounded_tar::quoted;
use wakeeper_doctor::KnownFacts;
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::symptoms::LogFacts;
use wakeeper_private_fs::Folder;

use super::{AccessError, BackupFolder, Host, LocatedSession};
use crate::docker::{Checkout, Container, Engine, Health, NotReady, Purpose, Stopped};

/// Hears what is done to a container.
pub trait Notices: Sync {
    /// Says it.
    fn say(&self, text: &str);

    /// The container is about to be stopped: from here on the program has to come to its end, so that it is started again.
    ///
    /// # Errors
    /// When that cannot be promised; then nothing is stopped.
    fn before_stop(&self) -> io::Result<()>;
}

/// What the caller knows besides.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// What a log says; `None` reads the container's own.
    pub log: Option<LogFacts>,
    /// The version of Baileys that will run on it.
    pub version: Option<Version>,
    /// The present time, milliseconds since 1970.
    pub now_ms: i64,
    /// The session's folder in the container; `None` finds it.
    pub path: Option<PathBuf>,
    /// Other containers that have the folder do not use this session.
    pub assume_stopped: bool,
}

/// A container's session, open for work.
pub struct OpenSession {
    located: LocatedSession,
    checkout: Checkout,
    stopped: Option<Stopped>,
    facts: KnownFacts,
}

/// Says which other sessions the container has. Where it does not say itself which one is its own, a person has to.
async fn tell_of_others(
    engine: &Engine,
    located: &LocatedSession,
    notices: &dyn Notices,
) -> Result<(), AccessError> {
    let others = located.layout.others(engine, &located.container).await;
    let Some(other) = others.first() else { return Ok(()) };
    let name = located.container.name.clone();
    let own = located.layout.auth_info.clone();
    let flag = |path: &Path| format!("--path {}", quoted(path));
    if located.layout.is_one_of_many {
        let flags = std::iter::once(&own).chain(&others).map(|path| flag(path)).collect();
        return Err(AccessError::Several { container: name, flags });
    }
    let names: Vec<_> = others.iter().map(|path| path.display().to_string()).collect();
    notices.say(&format!(
        "this is about {} of container {name}; sessions are in {} as well: name one, as in {}",
        own.display(),
        names.join(", "),
        flag(other)
    ));
    Ok(())
}

impl OpenSession {
    /// Opens a container's session. To be written to, the container is stopped first, and stays so until [`Self::close`] or
    /// a drop.
    ///
    /// # Errors
    /// When there is no such container or session, or it cannot be held still.
    pub async fn open(
        engine: &Engine,
        name: &str,
        host: &Host,
        asked: Asked,
        purpose: Purpose,
        notices: &dyn Notices,
    ) -> Result<Self, AccessError> {
        let mut located = LocatedSession::find_at(engine, name, asked.path.as_deref(), host).await?;
        located.others_do_not_matter = asked.assume_stopped;
        if asked.path.is_none() {
            tell_of_others(engine, &located, notices).await?;
        }
        let restarted = host.start_what_was_left(engine).await;
        restarted.started.iter().chain(&restarted.failed).for_each(|text| notices.say(text));
        let facts = facts_of(&located, asked, notices).await;
        let (checkout, stopped) = match purpose {
            Purpose::Read => (located.read().await?, None),
            Purpose::Write => {
                // Asked before the stop, which would be for nothing, and after it.
                located.check_writable().await?;
                if located.container.is_up() {
                    notices.say(&format!(
                        "stopping container {} for the time of the work",
                        located.container.name
                    ));
                }
                notices.before_stop().map_err(|reason| AccessError::NoPromise { reason })?;
                let stopped = located.hold(host).await?;
                let checkout = located.write(&stopped).await?;
                (checkout, Some(stopped))
            }
        };
        Ok(Self { located, checkout, stopped, facts })
    }

    /// The container as it was when the session was opened.
    pub fn container(&self) -> &Container {
        &self.located.container
    }

    /// The session's folder in the container.
    pub fn place(&self) -> &Path {
        &self.located.layout.auth_info
    }

    /// Where it lies, as its backups tell it apart from others.
    pub fn home(&self) -> PathBuf {
        self.located.home()
    }

    /// The folder in the container, when it is not where the container usually has it.
    pub fn elsewhere(&self) -> Option<&Path> {
        self.located.layout.is_one_of_many.then_some(self.located.layout.auth_info.as_path())
    }

    /// Its session's folder, here.
    pub fn auth_info(&self) -> &Path {
        self.checkout.auth_info()
    }

    /// `baileys_store.json`, here; it need not exist.
    pub fn store(&self) -> &Path {
        self.checkout.store()
    }

    /// Where it is backed up.
    pub fn backups(&self) -> &BackupFolder {
        &self.located.backups
    }

    /// The open folders that the paths lead through, whatever happens to the folders' names.
    pub fn handles(&self) -> Vec<Folder> {
        self.located.backups.handle.iter().cloned().chain(self.checkout.handles()).collect()
    }

    /// What is known besides its files.
    pub fn facts(&self) -> &KnownFacts {
        &self.facts
    }

    /// Puts changes back and starts the container again, if it ran. What is wrong with the container afterwards is
    /// told apart from what is wrong with the work.
    ///
    /// # Errors
    /// When the changes do not get back.
    pub async fn close(self, notices: &dyn Notices) -> Result<Option<NotReady>, AccessError> {
        let Some(stopped) = self.stopped else {
            return Ok(None);
        };
        self.located.put_back(&stopped, self.checkout).await?;
        if stopped.ran() {
            notices.say(&format!("starting container {} again", stopped.name()));
        }
        Ok(stopped.release().await.err())
    }

    /// What reports say of the container.
    pub fn report(&self, now_ms: i64) -> ContainerReport {
        let container = &self.located.container;
        ContainerReport {
            name: container.name.clone(),
            status: container.summary(now_ms),
            health: container.health.clone().filter(|_| container.is_up()),
            image: container.image.clone(),
            auth_info: self.located.layout.auth_info.clone(),
            on_mount: container.mount_of(&self.located.layout.auth_info).is_some(),
            well: !container.is_up() || container.is_well(),
            health_words: container.health_words().filter(|_| container.is_up()),
        }
    }
}

/// What is known of a container's session besides its files. Read before the container stops, because what its stop prints
/// is no symptom.
async fn facts_of(located: &LocatedSession, asked: Asked, notices: &dyn Notices) -> KnownFacts {
    let log = if let Some(log) = asked.log {
        log
    } else {
        let log = located.log(asked.now_ms).await;
        if let Some(error) = log.broke_off {
            notices.say(&format!("{error}; what its log says after that is not taken into account"));
        }
        log.facts
    };
    let (others, unseen) = match located.other_owners().await {
        Ok(others) => (others, None),
        Err(error) => (Vec::new(), Some(format!("other containers could not be looked at: {error}"))),
    };
    let mut owners: Vec<String> = others.iter().map(ToString::to_string).collect();
    if !owners.is_empty() && located.container.is_up() {
        owners.insert(0, format!("container {}", located.container.name));
    }
    let version = match asked.version {
        Some(version) => Some(version),
        None => located.installed().await,
    };
    let facts = KnownFacts {
        peers: Vec::new(),
        owners,
        unseen,
        on_mount: Some(located.container.mount_of(&located.layout.auth_info).is_some()),
        version,
        ..KnownFacts::default()
    };
    facts.with_log(Some(log))
}

/// What a report says of the container.
#[derive(Debug, Serialize)]
pub struct ContainerReport {
    /// Its name.
    pub name: String,
    /// What it does.
    pub status: String,
    /// What its health check says, and said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Its image.
    pub image: String,
    /// The session's folder in it.
    pub auth_info: PathBuf,
    /// Whether that folder outlives the container.
    pub on_mount: bool,
    /// It runs, and its health check does not say otherwise; a stopped one is not unwell.
    pub well: bool,
    /// What its health check printed last, in a line.
    #[serde(skip)]
    pub health_words: Option<String>,
}
