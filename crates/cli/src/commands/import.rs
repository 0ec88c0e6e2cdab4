//! `wakeeper import`: a session of Baileys, or of another wakeeper, becomes one of this gateway.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use wakeeper_doctor::backup::label_of;
use wakeeper_engine::Lock;
use wakeeper_engine_store::recover::Backups;
use wakeeper_model::SessionName;
use wakeeper_model::plural;
use wakeeper_offline::transfer::{self, ImportOrder, Imported};
use wakeeper_offline::users;
use wakeeper_terminal::{Page, Tone};

use crate::chosen::{Places, TargetFlags, is_same, now_ms};
use crate::output::{console, show_left_behind};

/// Take a session over from Baileys or another wakeeper, without a new QR code
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper import /srv/bot/auth_info\n  \
    wakeeper import /srv/bot/auth_info --session shop --data-dir /var/lib/wakeeper\n  \
    wakeeper import ./exported-by-another-wakeeper --json\n\n\
    Stop what runs on the session first, and the gateway that takes it over. The folder is backed up, then its login, \
    Signal sessions, sender keys, settings and the messages of baileys_store.json are taken over. It is marked as moved \
    and its creds.json is set aside, so that the two can never run on one login. `wakeeper export` is the way back.")]
pub struct Import {
    /// The session's folder (the one that holds creds.json), or a folder that `export --format native` made
    path: PathBuf,
    /// What the session is called in the gateway
    #[arg(long, value_name = "NAME", default_value = "default")]
    session: SessionName,
    /// Go on although a process seems to run on the session
    #[arg(long)]
    assume_stopped: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetFlags,
}

impl Import {
    /// Imports and reports.
    pub async fn run(self) -> anyhow::Result<()> {
        let console = console(self.json);
        let source = transfer::given_folder(&self.path)?;
        let (target, _) = self.target.resolve()?;
        let places = target.folder("import").await?;
        let lock = Lock::on_folder(&places.auth_info)
            .context("the gateway that is to take the session over must be stopped first")?;
        let in_place = is_same(&source, &places.auth_info);
        // Its own lock is ours already where the session lies in the gateway's own folder.
        let claim = if in_place { None } else { Some(users::claim(&source, self.assume_stopped)?) };
        let order = ImportOrder {
            store: transfer::store_of(&source, in_place.then_some(&*places.store)),
            backup: Some(Backups { label: label_of(&source), ..places.backup_place() }),
            source,
            session: self.session,
            auth_info_dir: places.auth_info.clone(),
            now_ms: now_ms(),
        };
        let rows = transfer::open_rows(&places.auth_info).await.context("cannot open the gateway's rows")?;
        let result = transfer::import(order, &lock, &rows).await;
        rows.close().await;
        drop(claim);
        let imported = result.with_context(|| format!("cannot import {}", self.path.display()))?;
        Ok(console.show(&imported, |page| show(page, &imported, &places))?)
    }
}

/// What was imported, for people.
fn show(page: &mut Page, imported: &Imported, places: &Places) {
    let moved = &imported.moved;
    page.line(
        page.tone(Tone::Good, &format!("The session is {} now. No new QR code is needed.", imported.session)),
    );
    page.fact("from", imported.from.display().to_string());
    if let Some(backup) = &imported.backup {
        page.fact("backed up to", backup.display().to_string());
    }
    page.fact(
        "Signal",
        format!(
            "sessions with {}, {} of late messages",
            plural(moved.signal_sessions, "device"),
            plural(moved.skipped_message_keys, "key")
        ),
    );
    page.fact("sender keys", moved.sender_keys.to_string());
    page.fact("pre-keys", moved.pre_keys.to_string());
    page.fact(
        "messages",
        format!("{} from the store, {} passed over", imported.store.messages, imported.store.skipped),
    );
    show_left_behind(page, &imported.left_out);
    for note in &imported.notes {
        page.line(note);
    }
    page.line("Do not start anything on the old folder again: it is marked as moved.");
    page.next(&[(places.command("serve"), "starts the gateway with the session")]);
}
