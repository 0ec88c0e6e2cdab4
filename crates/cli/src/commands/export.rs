//! `wakeeper export`: a session of this gateway becomes one of Baileys, or of another wakeeper.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use wakeeper_doctor::formats::baileys::Version;
use wakeeper_doctor::source::require_session_folder;
use wakeeper_engine::Lock;
use wakeeper_model::SessionName;
use wakeeper_model::plural;
use wakeeper_offline::transfer::{self, ExportFormat, ExportOrder, Exported};
use wakeeper_terminal::{Page, Tone, quoted};

use crate::chosen::{Places, TargetFlags, now_ms, release};
use crate::output::{console, show_left_behind};

/// Hand a session over to Baileys or another wakeeper, without a new QR code
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper export --format baileys ./auth_info_for_baileys\n  \
    wakeeper export --format baileys --baileys 6 --session shop ./auth_info_for_baileys\n  \
    wakeeper export --format native ./for-another-wakeeper\n\n\
    Stop the gateway first. The session is marked as moved and does not start here again; `wakeeper import` of the new \
    folder is the way back.")]
pub struct Export {
    /// New folder of the session; it must not exist yet, or be empty
    path: PathBuf,
    /// What the session is stored as there
    #[arg(long, value_enum)]
    format: Format,
    /// The version of Baileys that will run on it: 6 (which is 6.7.18), 7, or in full such as 6.7.24
    #[arg(long, value_name = "VERSION", default_value = "7", value_parser = release)]
    baileys: Version,
    /// The session's name in the gateway
    #[arg(long, value_name = "NAME", default_value = "default")]
    session: SessionName,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetFlags,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Baileys' folder of JSON files
    Baileys,
    /// The store of another wakeeper
    Native,
}

impl Export {
    /// Exports and reports.
    pub async fn run(self) -> anyhow::Result<()> {
        let console = console(self.json);
        let (target, _) = self.target.resolve()?;
        let places = target.folder("export").await?;
        require_session_folder(&places.auth_info)?;
        let lock = Lock::on_folder(&places.auth_info).context("the gateway must be stopped first")?;
        let format = match self.format {
            Format::Native => ExportFormat::Native,
            Format::Baileys => ExportFormat::Baileys(self.baileys.to_write()),
        };
        let order = ExportOrder {
            session: self.session,
            auth_info_dir: places.auth_info.clone(),
            target: self.path,
            format,
            now_ms: now_ms(),
        };
        let rows = transfer::open_rows(&places.auth_info).await.context("cannot open the gateway's rows")?;
        let result = transfer::export(order, &lock, &rows).await;
        rows.close().await;
        let exported = result.context("cannot export")?;
        Ok(console.show(&exported, |page| show(page, &exported, &places))?)
    }
}

/// What was exported, for people.
fn show(page: &mut Page, exported: &Exported, places: &Places) {
    let moved = &exported.moved;
    let to = exported.to.display();
    page.line(page.tone(
        Tone::Good,
        &format!("Session {} lives in {to} now. No new QR code is needed.", exported.session),
    ));
    let reader =
        exported.version.map_or_else(|| "wakeeper".to_owned(), |version| format!("Baileys {version}"));
    page.fact("for", reader);
    page.fact("Signal", format!("sessions with {}", plural(moved.signal_sessions, "device")));
    page.fact("sender keys", moved.sender_keys.to_string());
    page.fact("pre-keys", moved.pre_keys.to_string());
    show_left_behind(page, &exported.left_out);
    page.line("It does not start in this gateway again.");
    let (start, back) = match exported.version {
        Some(_) => {
            ("point Baileys at that folder and start it".to_owned(), "it comes up without a new QR code")
        }
        None => (format!("wakeeper import {}", quoted(&exported.to)), "on the other machine: takes it over"),
    };
    let import = places.command(&format!("import {}", quoted(&exported.to)));
    page.next(&[(start, back), (import, "brings it back here, once nothing runs on it")]);
}
