//! A session that a command works on, in a folder or in a container, opened.

use std::io;
use std::path::Path;

use wakeeper_containers::docker::{Container, Purpose};
use wakeeper_containers::session::{Asked, ContainerReport, Notices, OpenSession};
use wakeeper_doctor::KnownFacts;
use wakeeper_offline::users;
use wakeeper_recovery::backups::BackupStore;
use wakeeper_terminal::{Page, Tone, say};

use super::{FactFlags, Places, Target, now_ms};
use crate::environment::connect;

/// An open session.
pub struct Session {
    /// Its files here.
    pub places: Places,
    /// What is known besides.
    pub facts: KnownFacts,
    /// The container that it is in.
    pub container: Option<ContainerReport>,
    open: Option<OpenSession>,
}

impl Target {
    /// Opens the session. A container that it is in is stopped first when the session is to be changed, and stays so until
    /// [`Session::close`] or a drop; what runs on a folder is for its caller to see to.
    pub async fn open(&self, flags: &FactFlags, purpose: Purpose) -> anyhow::Result<Session> {
        let target = match self {
            Self::Container(target) => target,
            Self::Folder(places) => {
                let facts = flags.of_folder(&places.auth_info).await?;
                return Ok(Session { places: places.clone(), facts, container: None, open: None });
            }
        };
        let engine = connect().await?;
        let asked = Asked {
            log: flags.named_log()?,
            version: flags.baileys,
            now_ms: now_ms(),
            path: target.path.clone(),
            assume_stopped: target.assume_stopped,
        };
        let (name, host) = (&target.name, target.here.host());
        let open = OpenSession::open(&engine, name, &host, asked, purpose, &Terminal).await?;
        let places = target.here.in_container(&open);
        let mut facts = open.facts().clone();
        let beside = users_outside(&places.auth_info, open.container());
        if facts.owners.is_empty() && !beside.is_empty() && open.container().is_up() {
            facts.owners.push(format!("container {}", open.container().name));
        }
        facts.owners.extend(beside);
        let mut session = Session { places, facts, container: Some(open.report(now_ms())), open: Some(open) };
        session.facts = session.read_backups();
        Ok(session)
    }
}

impl Session {
    /// What is known, with what the backups tell; of a container that is known from the beginning.
    pub fn with_backups(&self) -> KnownFacts {
        if self.open.is_some() { self.facts.clone() } else { self.read_backups() }
    }

    fn read_backups(&self) -> KnownFacts {
        let backups = &self.places.backups;
        self.facts.clone().with_backups(&backups.shelf, &backups.label, backups.passphrase.as_ref())
    }

    /// Its own backups, told from those of other sessions of its name.
    pub async fn backup_store(&self) -> BackupStore {
        let account = wakeeper_offline::account(&self.places).await;
        let home = Some(wakeeper_offline::home(&self.places));
        BackupStore { account, home, ..self.places.backup_store(true) }
    }

    /// The container that it is in, and whether that ran when it was opened.
    pub fn in_running_container(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.container().is_up())
    }

    /// Puts changes back and starts a container again that was stopped. What is wrong with the container afterwards is told
    /// apart from what is wrong with the work, of which `report` tells first.
    pub async fn close<T>(
        self,
        done: &str,
        report: impl FnOnce(&Places) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let unwell = match self.open {
            Some(open) => open.close(&Terminal).await?,
            None => None,
        };
        let reported = report(&self.places)?;
        if let (Some(reason), Some(name)) = (unwell, &self.places.container) {
            anyhow::bail!("the session was {done}, but container {name} did not come up well: {reason}");
        }
        Ok(reported)
    }
}

/// Programs outside of a container that use its session's folder.
pub fn users_outside(folder: &Path, container: &Container) -> Vec<String> {
    users::outside(folder, &container.id)
}

/// Says on standard error what is done to a container.
struct Terminal;

impl Notices for Terminal {
    fn say(&self, text: &str) {
        say(text);
    }

    /// From here on a Ctrl-C or a SIGTERM does not end the program: half a repair and a stopped container would be left.
    fn before_stop(&self) -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let mut asked = signal(kind)?;
            tokio::spawn(async move {
                while asked.recv().await.is_some() {
                    say("finishing first: the container is started again in any case");
                }
            });
        }
        Ok(())
    }
}

/// Facts about the container, above those about its session.
pub fn show_container(page: &mut Page, report: &ContainerReport) {
    let tone = if report.well { Tone::Good } else { Tone::Bad };
    page.line(format!("container {}: {}", report.name, page.tone(tone, &report.status)));
    page.fact("image", &report.image);
    let kept =
        if report.on_mount { "on a mount" } else { "NOT on a mount: lost when the container is removed" };
    page.fact("session", format!("{} ({kept})", report.auth_info.display()));
    if let Some(words) = &report.health_words {
        page.fact("health check", words);
    }
    page.gap();
}
