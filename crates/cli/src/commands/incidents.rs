//! `wakeeper incidents`: what went wrong, what was done, how it was verified.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use serde_json::Value;
use wakeeper_model::ago;
use wakeeper_recovery::state_word;
use wakeeper_storage::{IncidentQuery, IncidentRow, IncidentState, IncidentStep, read_sqlite};

use crate::care::page::{Page, Tone, plural};
use crate::care::{Console, now_ms};
use crate::monitor::Shared;
use crate::settings::{Settings, Sources};

/// Show what went wrong, what was done about it, and how that was verified
#[derive(Args)]
#[command(
    after_help = "Examples:\n  wakeeper incidents\n  wakeeper incidents 12\n  wakeeper incidents --open --json"
)]
pub struct Incidents {
    /// Number of an incident, to see every step of it
    id: Option<i64>,
    /// Only incidents that are not over
    #[arg(long)]
    open: bool,
    /// Only incidents of this container or folder
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// So many at most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// The monitor's folder [env: MONITOR_STATE_DIR; default: monitor in the backup folder]
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,
    /// Settings file (TOML) [env: WAKEEPER_CONFIG; default: wakeeper.toml, when it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// An incident, as JSON shows it.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    id: i64,
    session: String,
    kind: String,
    state: &'static str,
    outcome: Option<String>,
    summary: String,
    messages: i64,
    peers: Vec<String>,
    opened_ms: i64,
    updated_ms: i64,
    closed_ms: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<ShownStep>,
}

#[derive(Debug, Serialize)]
struct ShownStep {
    at_ms: i64,
    step: String,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Value>,
}

/// The last incidents of a container, newest first, out of the first of these databases that is there; none when it
/// cannot be read.
pub(super) async fn last(databases: &[PathBuf], session: &str, limit: u32) -> Vec<Shown> {
    let Some(database) = databases.iter().find(|database| database.exists()) else { return Vec::new() };
    let rows = read(database, session, limit).await.unwrap_or_default();
    rows.into_iter().map(|row| Shown::of(row, Vec::new())).collect()
}

async fn read(database: &Path, session: &str, limit: u32) -> anyhow::Result<Vec<IncidentRow>> {
    let storage = read_sqlite(database).await?;
    let query = IncidentQuery { session: Some(session.to_owned()), unfinished: false, before: None, limit };
    let rows = storage.incidents(query).await;
    storage.close().await;
    Ok(rows?)
}

impl Shown {
    /// In a line: when, what, and how it ended.
    pub(super) fn line(&self, now_ms: i64) -> String {
        let end = self.outcome.as_deref().unwrap_or(self.state);
        format!("{}, {}: {end}; {}", ago(self.opened_ms, now_ms), self.kind, self.summary)
    }

    fn of(row: IncidentRow, steps: Vec<IncidentStep>) -> Self {
        let shown = |row: IncidentStep| ShownStep {
            at_ms: row.step.at_ms,
            step: row.step.kind,
            text: row.step.text,
            detail: row.step.detail_json.and_then(|text| serde_json::from_str(&text).ok()),
        };
        Self {
            id: row.id,
            session: row.session,
            kind: row.kind,
            state: state_word(row.state),
            outcome: row.outcome,
            summary: row.summary,
            messages: row.messages,
            peers: row.peers,
            opened_ms: row.opened_ms,
            updated_ms: row.updated_ms,
            closed_ms: row.closed_ms,
            steps: steps.into_iter().map(shown).collect(),
        }
    }
}

impl Incidents {
    /// Reads and shows; also while the monitor runs.
    pub async fn run(self) -> anyhow::Result<()> {
        let console = Console::new(self.json);
        let flags =
            self.state.as_ref().map(|path| ("MONITOR_STATE_DIR", path.to_string_lossy().into_owned()));
        let settings = Settings::resolve(Sources {
            flags: flags.into_iter().collect(),
            config: self.config.clone(),
            environment: std::env::vars_os().collect(),
            working_dir: PathBuf::from("."),
        })?;
        let database = Shared::database(&settings.care);
        if !database.exists() {
            bail!(
                "no incidents are kept in {}: no monitor ran with this folder; name its folder with --state",
                settings.care.state_dir.display()
            );
        }
        let storage = read_sqlite(&database).await.context("cannot read the incidents")?;
        let shown = if let Some(id) = self.id {
            let row = storage.incident(id).await?;
            let row =
                row.with_context(|| format!("there is no incident {id}; wakeeper incidents lists them"))?;
            let steps = storage.incident_steps(id).await?;
            console.show(&Shown::of(row.clone(), steps.clone()), |page| show_one(page, &row, &steps))
        } else {
            let query = IncidentQuery {
                session: self.session.clone(),
                unfinished: self.open,
                before: None,
                limit: self.limit,
            };
            let rows = storage.incidents(query).await?;
            let document: Vec<_> = rows.iter().map(|row| Shown::of(row.clone(), Vec::new())).collect();
            console.show(&document, |page| show_list(page, &rows))
        };
        storage.close().await;
        shown
    }
}

fn verdict(page: &Page, row: &IncidentRow) -> String {
    let tone = match (row.state, row.outcome.as_deref()) {
        (IncidentState::Closed, Some("gave_up" | "reset")) | (IncidentState::LeftAlone, _) => Tone::Bad,
        (IncidentState::Closed, _) => Tone::Good,
        _ => Tone::Warning,
    };
    page.tone(tone, row.outcome.as_deref().unwrap_or(state_word(row.state)))
}

fn show_list(page: &mut Page, rows: &[IncidentRow]) {
    if rows.is_empty() {
        page.line("No incidents.");
        return;
    }
    let now = now_ms();
    for row in rows {
        let verdict = verdict(page, row);
        let opened = ago(row.opened_ms, now);
        page.line(format!("#{} {} on {}, {opened}: {verdict}", row.id, row.kind, row.session));
        page.line(format!("    {}", row.summary));
    }
    page.next(&[(format!("wakeeper incidents {}", rows[0].id), "shows every step of one")]);
}

fn show_one(page: &mut Page, row: &IncidentRow, steps: &[IncidentStep]) {
    let verdict = verdict(page, row);
    page.line(format!("Incident #{}: {} on {}, {verdict}", row.id, row.kind, row.session));
    page.fact("opened", ago(row.opened_ms, now_ms()));
    if row.messages > 0 {
        let contacts = plural(row.peers.len(), "contact");
        page.fact("concerns", format!("{} of {contacts}", plural(row.messages as usize, "message")));
    }
    page.gap();
    let first = steps.first().map_or(row.opened_ms, |step| step.step.at_ms);
    for IncidentStep { step, .. } in steps {
        let after = (step.at_ms - first) as f64 / 1000.0;
        page.line(format!("{after:>9.1} s  {:<16} {}", step.kind, step.text));
    }
}
