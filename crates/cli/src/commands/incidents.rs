//! `wakeeper incidents`: what went wrong, what was done, how it was verified.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use wakeeper_model::{ago, plural};
use wakeeper_recovery::Incident;
use wakeeper_recovery::incidents::{self, Standing};
use wakeeper_storage::{IncidentQuery, Storage, read_sqlite};
use wakeeper_terminal::{Page, Tone, typed};

use crate::chosen::now_ms;
use crate::environment;
use crate::output::console;
use crate::settings::Settings;

/// Show what went wrong, what was done about it, and how that was verified
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper incidents\n  wakeeper incidents 12\n  wakeeper incidents --open --json\n  wakeeper incidents --before 12"
)]
pub struct Incidents {
    /// Number of an incident, to see every step of it
    id: Option<i64>,
    /// Only incidents that are not over
    #[arg(long)]
    open: bool,
    /// Only incidents of this container, folder or session of a gateway
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// So many at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Only incidents before this number: the last one of the page before
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Folder of incidents [env: MONITOR_STATE_DIR; default: monitor in the backup folder]
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Settings file (TOML) [env: WAKEEPER_CONFIG; default: wakeeper.toml, when it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Incidents {
    /// Reads and shows; also while the monitor or the gateway runs.
    pub async fn run(self) -> anyhow::Result<()> {
        let flags = [("MONITOR_STATE_DIR", environment::text(self.state.as_deref()))];
        let settings: Settings = environment::settings(flags, self.config.clone())?;
        let database = incidents::database(&settings.monitor_state_dir);
        if !database.exists() {
            bail!(
                "no incidents are kept in {}: no monitor ran with this folder, and no gateway had one; name another with --state",
                settings.monitor_state_dir.display()
            );
        }
        let storage = read_sqlite(&database).await.context("cannot read the incidents")?;
        let shown = self.show(&*storage).await;
        storage.close().await;
        shown
    }

    async fn show(&self, storage: &dyn Storage) -> anyhow::Result<()> {
        let console = console(self.json);
        if let Some(id) = self.id {
            let row = storage.incident(id).await?;
            let row = row.with_context(|| {
                let flags = typed::flags(&["state", "config"]);
                format!("there is no incident {id}; `wakeeper incidents{flags}` lists them")
            })?;
            let incident = Incident::of(row).with_steps(storage.incident_steps(id).await?);
            return Ok(console.show(&incident, |page| show_one(page, &incident))?);
        }
        let query = IncidentQuery {
            source: None,
            session: self.session.clone(),
            unfinished: self.open,
            before: self.before,
            limit: self.limit,
        };
        let incidents: Vec<_> = storage.incidents(query).await?.into_iter().map(Incident::of).collect();
        Ok(console.show(&incidents, |page| show_list(page, &incidents))?)
    }
}

fn end(page: &Page, incident: &Incident) -> String {
    let tone = match incident.standing() {
        Standing::Bad => Tone::Bad,
        Standing::Well => Tone::Good,
        Standing::Unfinished => Tone::Warning,
    };
    page.tone(tone, incident.end())
}

fn show_list(page: &mut Page, incidents: &[Incident]) {
    let Some(newest) = incidents.first() else {
        return page.line("No incidents.");
    };
    for incident in incidents {
        let (end, opened) = (end(page, incident), ago(incident.opened_ms, now_ms()));
        page.line(format!("#{} {} on {}, {opened}: {end}", incident.id, incident.kind, incident.session));
        page.line(format!("    {}", incident.summary));
    }
    let flags = typed::flags(&["state", "config"]);
    page.next(&[(format!("wakeeper incidents{flags} {}", newest.id), "shows every step of one")]);
}

fn show_one(page: &mut Page, incident: &Incident) {
    let end = end(page, incident);
    page.line(format!("Incident #{}: {} on {}, {end}", incident.id, incident.kind, incident.session));
    page.fact("opened", ago(incident.opened_ms, now_ms()));
    if incident.messages > 0 {
        let contacts = plural(incident.peers.len(), "contact");
        page.fact("concerns", format!("{} of {contacts}", plural(incident.messages as usize, "message")));
    }
    page.gap();
    let first = incident.steps.first().map_or(incident.opened_ms, |step| step.at_ms);
    for step in &incident.steps {
        let after = (step.at_ms - first) as f64 / 1000.0;
        page.line(format!("{after:>9.1} s  {:<16} {}", step.step, step.text));
    }
}
