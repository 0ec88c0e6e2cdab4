//! A container's session as the target of a command: what is said while it is opened and closed, and what reports say of
//! the container.

use std::path::PathBuf;

use serde::Serialize;
use wakeeper_containers::docker::{Checkout, Container, NotReady, Purpose, Stopped};
use wakeeper_containers::session::LocatedSession;
use wakeeper_doctor::symptoms;

use super::evidence::EvidenceFlags;
use super::page::{Page, Tone};
use super::{KnownFacts, Places, now_ms};
use crate::containers;

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
    located: LocatedSession,
    /// Its files here.
    pub places: Places,
    /// What is known besides.
    pub evidence: KnownFacts,
    checkout: Checkout,
    stopped: Option<Stopped>,
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
        let host = target.here.host();
        let located = LocatedSession::find(&engine, &target.name, &host).await?;
        let restarted = host.start_what_was_left(&engine).await;
        restarted.started.iter().chain(&restarted.failed).for_each(|text| say(text));
        let evidence = evidence_of(&located, flags).await?;
        let (checkout, stopped) = match purpose {
            Purpose::Read => (located.read().await?, None),
            Purpose::Write => {
                located.check_writable().await?;
                if located.container.is_up() {
                    say(&format!("stopping container {} for the time of the work", located.container.name));
                }
                finish_before_signals()?;
                let stopped = located.hold(&host).await?;
                (located.write(&stopped).await?, Some(stopped))
            }
        };
        let places = places(&located, &checkout, &target.here);
        let evidence = places.with_backups(evidence);
        Ok(Self { located, places, evidence, checkout, stopped })
    }

    /// The container as it was when the session was opened.
    pub fn container(&self) -> &Container {
        &self.located.container
    }

    /// Puts changes back and starts the container again, if it ran. What is wrong with the container afterwards is
    /// told apart from what is wrong with the work.
    pub async fn close(self) -> anyhow::Result<Option<NotReady>> {
        let Some(stopped) = self.stopped else {
            return Ok(None);
        };
        self.located.put_back(&stopped, self.checkout).await?;
        if stopped.ran() {
            say(&format!("starting container {} again", stopped.name()));
        }
        Ok(stopped.release().await.err())
    }

    /// What reports say of the container.
    pub fn report(&self) -> ContainerReport {
        let container = &self.located.container;
        ContainerReport {
            name: container.name.clone(),
            status: containers::summary(container),
            health: container.health.clone().filter(|_| container.is_up()),
            image: container.image.clone(),
            auth_info: self.located.layout.auth_info.clone(),
            on_mount: container.mount_of(&self.located.layout.auth_info).is_some(),
            well: !container.is_up() || containers::is_well(container),
        }
    }
}

/// What is known of a container's session besides its files. Read before the container stops, because what its stop prints
/// is no symptom.
async fn evidence_of(located: &LocatedSession, flags: &EvidenceFlags) -> anyhow::Result<KnownFacts> {
    let symptoms = if let Some(path) = &flags.log {
        super::log::read(path)?
    } else {
        let log = located.symptoms(now_ms()).await;
        if let Some(error) = log.broke_off {
            say(&format!("{error}; its log is not taken into account"));
        }
        log.symptoms
    };
    Ok(KnownFacts {
        troubles: symptoms::troubles(&symptoms),
        symptoms,
        peers: Vec::new(),
        owners: located.other_owners().await,
        on_mount: Some(located.container.mount_of(&located.layout.auth_info).is_some()),
        version: flags.baileys,
        ..KnownFacts::default()
    })
}

fn places(located: &LocatedSession, checkout: &Checkout, here: &Places) -> Places {
    let (container, backups) = (&located.container, &located.backups);
    Places {
        auth_info: checkout.auth_info().to_owned(),
        store: checkout.store().to_owned(),
        label: backups.label.clone(),
        backups: backups.path.clone(),
        handles: backups.handle.iter().cloned().chain(checkout.handles()).collect(),
        flags: containers::flag_for(&container.name),
        container: Some(container.name.clone()),
        ..here.clone()
    }
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
