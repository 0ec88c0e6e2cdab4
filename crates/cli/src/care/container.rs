//! Care of a session inside a container: brings its files here, stops what runs on them where they are to be changed,
//! and starts it again whatever happens.

use std::path::{Path, PathBuf};

use anyhow::Context;
use futures::TryStreamExt;
use serde::Serialize;
use wakeeper_containers::docker::volumes::local_folder;
use wakeeper_containers::docker::{
    Checkout, Container, Engine, LogRequest, NotReady, Patience, Purpose, SessionLayout, Stopped, guard,
};
use wakeeper_doctor::symptoms::{self, Scanner, Symptom};
use wakeeper_private_fs::{Folder, Trust};

use super::evidence::EvidenceFlags;
use super::page::{Page, Tone};
use super::{Evidence, Places, now_ms};
use crate::containers;

/// So far back a container's log is read for symptoms.
const LOG_SPAN_MS: i64 = 24 * 3600 * 1000;
/// And so many lines at most.
const LOG_LINES: u32 = 200_000;

/// A container as the target of a care command.
#[derive(Debug, Clone)]
pub struct ContainerTarget {
    /// Its name.
    pub name: String,
    /// Somebody named it on the command line, so nothing else will do.
    pub explicit: bool,
    /// The places of this machine: its backup folder serves containers that have none.
    pub here: Places,
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
    pub health: Option<wakeeper_containers::docker::Health>,
    /// Its image.
    pub image: String,
    /// The session's folder in it.
    pub auth_info: PathBuf,
    /// Whether that folder outlives the container.
    pub on_mount: bool,
    /// It runs, and its health check does not say otherwise; a stopped one is not unwell.
    pub well: bool,
}

/// A container's session, open for work.
pub struct OpenSession {
    engine: Engine,
    /// The container as it was when the session was opened.
    pub container: Container,
    /// Where it keeps its session.
    pub layout: SessionLayout,
    /// Its files here.
    pub places: Places,
    /// What is known besides.
    pub evidence: Evidence,
    checkout: Checkout,
    held: Option<Stopped>,
}

impl OpenSession {
    /// Opens a container's session. To be written to, the container is stopped first, and stays so until
    /// [`Self::close`] or a drop.
    pub async fn open(
        target: &ContainerTarget,
        flags: &EvidenceFlags,
        purpose: Purpose,
    ) -> anyhow::Result<Self> {
        let engine = containers::connect().await?;
        let container = engine.find(&target.name).await?;
        let layout = SessionLayout::of(&container);
        let mut places = places(&engine, &container, &layout, &target.here).await?;
        start_what_was_left(&engine, &places).await;
        // Read before the container stops, because what its stop prints is no symptom.
        let symptoms = match &flags.log {
            Some(path) => super::log::read(path)?,
            None => log_of(&engine, &container).await,
        };
        let evidence = Evidence {
            troubles: symptoms::troubles(&symptoms),
            symptoms,
            peers: Vec::new(),
            owners: others_on(&engine, &container, &layout.auth_info).await,
            on_mount: Some(container.mount_of(&layout.auth_info).is_some()),
            version: flags.baileys,
            ..Evidence::default()
        };
        // Refused before anything is stopped: a session that is not there, a mount that is read-only.
        let checkout = Checkout::of(&engine, &container, &layout, purpose).await?;
        let (checkout, held) = match purpose {
            Purpose::Read => (checkout, None),
            Purpose::Write => {
                // Every write begins with a backup: where none fits, nothing is stopped for it.
                has_room(&places.backups)?;
                if container.is_up() {
                    say(&format!("stopping container {} for the time of the work", container.name));
                }
                finish_before_signals()?;
                let notes = places.notes().with_context(|| no_notes(&places))?;
                let held = Stopped::hold(&engine, &container, &notes, Patience::default()).await?;
                // What it wrote last, it wrote while it stopped.
                let checkout = Checkout::of(&engine, &container, &layout, purpose).await?;
                held.still().await?;
                (checkout, Some(held))
            }
        };
        checkout.auth_info().clone_into(&mut places.auth_info);
        checkout.store().clone_into(&mut places.store);
        places.handles.extend(checkout.handles());
        let evidence = evidence.with_backups(&places);
        Ok(Self { engine, container, layout, places, evidence, checkout, held })
    }

    /// Puts changes back and starts the container again, if it ran. What is wrong with the container afterwards is
    /// told apart from what is wrong with the work.
    pub async fn close(self) -> anyhow::Result<Option<NotReady>> {
        let Some(held) = self.held else {
            return Ok(None);
        };
        held.still().await?;
        self.checkout.put_back(&self.engine).await?;
        if held.ran() {
            say(&format!("starting container {} again", held.name()));
        }
        Ok(held.release().await.err())
    }

    /// What reports say of the container.
    pub fn report(&self) -> ContainerReport {
        let container = &self.container;
        ContainerReport {
            name: container.name.clone(),
            status: containers::summary(container),
            health: container.health.clone().filter(|_| container.is_up()),
            image: container.image.clone(),
            auth_info: self.layout.auth_info.clone(),
            on_mount: container.mount_of(&self.layout.auth_info).is_some(),
            well: !container.is_up() || containers::is_well(container),
        }
    }
}

/// Where a container's session is backed up: in its own backup folder when that is within reach, else in this
/// machine's.
pub async fn places(
    engine: &Engine,
    container: &Container,
    layout: &SessionLayout,
    here: &Places,
) -> anyhow::Result<Places> {
    let name =
        |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let own = local_folder(engine, container, &layout.backups, Purpose::Write).await?;
    let label = if own.is_some() { name(&layout.auth_info) } else { container.name.clone() };
    // This machine's own backup folder may be mounted into a container as well.
    let folder = own.or_else(|| untrusted(&here.backups));
    Ok(Places {
        label: super::places::plain(&label),
        backups: folder.as_ref().map_or_else(|| here.backups.clone(), Folder::path),
        handles: folder.into_iter().collect(),
        flags: containers::flag_for(&container.name),
        container: Some(container.name.clone()),
        ..here.clone()
    })
}

/// A folder that the operator named, and nobody's word about what is in it.
fn untrusted(path: &Path) -> Option<Folder> {
    Folder::named(path).and_then(|folder| folder.trusted(Trust::Nobody(None))).ok()
}

/// Proves that the backup folder takes a file, when the folder is there.
fn has_room(backups: &Path) -> anyhow::Result<()> {
    if !backups.is_dir() {
        return Ok(());
    }
    let shown = wakeeper_private_fs::shown(backups);
    let write = || {
        let mut probe = tempfile::tempfile_in(backups)?;
        std::io::Write::write_all(&mut probe, &[0; 8192])?;
        probe.sync_all()
    };
    write().with_context(|| {
        format!("nothing was stopped, because no backup can be written to {}", shown.display())
    })
}

/// What to do when there is no place for notes.
pub fn no_notes(places: &Places) -> String {
    format!(
        "nothing was stopped: there is no safe place in {} for the note that the container must be started again; name \
         another folder with STATE_DIR",
        places.state.display()
    )
}

/// A crash may have left containers stopped.
async fn start_what_was_left(engine: &Engine, places: &Places) {
    let Some(notes) = places.notes_if_any() else { return };
    let (started, failed) = guard::recover(engine, &notes).await;
    for name in started {
        say(&format!("container {name} had been left stopped by an interrupted run; it was started again"));
    }
    for error in failed {
        say(&format!("a container had been left stopped by an interrupted run: {error}"));
    }
}

/// Symptoms in a container's own log. A log that cannot be read (another log driver) tells nothing.
async fn log_of(engine: &Engine, container: &Container) -> Vec<Symptom> {
    let since_ns = now_ms().saturating_sub(LOG_SPAN_MS).saturating_mul(1_000_000);
    let request = LogRequest { since_ns: Some(since_ns), tail: Some(LOG_LINES), follow: false };
    let mut scanner = Scanner::default();
    let mut found = Vec::new();
    let mut lines = std::pin::pin!(engine.logs(&container.id, &request));
    loop {
        match lines.try_next().await {
            Ok(Some(line)) => {
                let at_ms = (line.at_ns > 0).then_some(line.at_ns / 1_000_000);
                let symptoms = scanner.line(line.plain_text().as_bytes()).into_iter();
                found.extend(symptoms.map(|symptom| Symptom { at_ms: symptom.at_ms.or(at_ms), ..symptom }));
            }
            Ok(None) => break,
            Err(error) => {
                say(&format!("{error}; its log is not taken into account"));
                break;
            }
        }
    }
    found.extend(scanner.finish());
    found
}

/// Other running containers that hold the same folder: two owners ruin a session.
async fn others_on(engine: &Engine, container: &Container, auth_info: &Path) -> Vec<String> {
    let source = |container: &Container, path: &Path| {
        let (mount, below) = container.mount_of(path)?;
        Some(mount.source.join(below))
    };
    let Some(ours) = source(container, auth_info) else { return Vec::new() };
    let all = engine.all().await.unwrap_or_default();
    let others = all.into_iter().filter(|other| other.id != container.id && other.is_up());
    let holds = |other: &Container| other.mounts.iter().any(|mount| mount.writable && mount.source == ours);
    others.filter(holds).map(|other| format!("container {}", other.name)).collect()
}

/// Facts about the container, above those about its session.
pub fn show(page: &mut Page, report: &ContainerReport) {
    let tone = if report.well { Tone::Good } else { Tone::Bad };
    page.line(format!("container {}: {}", report.name, page.tone(tone, &report.status)));
    page.fact("image", &report.image);
    let kept =
        if report.on_mount { "on a mount" } else { "NOT on a mount: lost when the container is removed" };
    page.fact("session", format!("{} ({kept})", report.auth_info.display()));
    if let Some(health) = report.health.as_ref().filter(|health| !health.last_output.is_empty()) {
        page.fact("health check", health_words(&health.last_output));
    }
    page.gap();
}

/// What a health check printed, in a line: of the gateway's own answer only what failed, or that all is well.
pub fn health_words(output: &str) -> String {
    let answer: serde_json::Value =
        serde_json::from_str(output.lines().next().unwrap_or_default()).unwrap_or_default();
    match (answer["status"].as_str(), answer["error"].as_object()) {
        (Some("ok"), _) => {
            let checks = answer["info"].as_object().map(|checks| checks.keys().cloned().collect::<Vec<_>>());
            format!("ok ({})", checks.unwrap_or_default().join(", "))
        }
        (Some(status), Some(failed)) => {
            let failed: Vec<String> = failed.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            format!("{status}: {}", failed.join("; "))
        }
        _ => output.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect(),
    }
}

/// Says what happens, on standard error: standard output belongs to the result.
#[expect(clippy::print_stderr, reason = "this is the program talking to its caller")]
pub fn say(text: &str) {
    eprintln!("-- {}", wakeeper_bounded_tar::shown_whole(text));
}

/// From here on a Ctrl-C or a SIGTERM does not end the program: half a repair and a stopped container would be left.
fn finish_before_signals() -> anyhow::Result<()> {
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

/// Runs synchronous work on another thread.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("the work ended unexpectedly")?
}
