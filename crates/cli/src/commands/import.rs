//! `wakeeper import`: a session of Baileys, whatsmeow or another wakeeper becomes one of this gateway.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use wakeeper_doctor::backup::label_of;
use wakeeper_engine::Lock;
use wakeeper_engine_store::recover::Backups;
use wakeeper_model::SessionName;
use wakeeper_model::plural;
use wakeeper_offline::transfer::{self, ImportOrder, Imported, SourceFormat};
use wakeeper_offline::users;
use wakeeper_terminal::{Page, Tone};

use crate::chosen::{FactFlags, Places, TargetFlags, is_same, now_ms};
use crate::output::{console, show_left_behind};

/// Take a session over from Baileys, whatsmeow or another wakeeper, without a new QR code
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper import /srv/bot/auth_info\n  \
    wakeeper import /srv/bot/auth_info --session shop --data-dir /var/lib/wakeeper\n  \
    wakeeper import ./exported-by-another-wakeeper --json\n  \
    wakeeper import ./storages/whatsapp.db --device 628123:5@s.whatsapp.net\n\n\
    Stop what runs on the session first, and the gateway that takes it over. The folder is backed up, then its login, \
    Signal sessions, sender keys, settings and the messages of baileys_store.json are taken over. It is marked as moved \
    and its creds.json is set aside, so that the two can never run on one login. `wakeeper export` is the way back.\n\
    A whatsmeow store (WAHA GOWS, GOWA, wuzapi, evolution-go) is backed up, and the device is taken out of it: the old \
    gateway shows a QR code. Messages and contacts stay in that gateway's own tables, and there is no way back there.")]
pub struct Import {
    /// The session's folder (the one that holds creds.json), a folder that `export --format native` made, or a whatsmeow store
    path: PathBuf,
    /// What the session is called in the gateway
    #[arg(long, value_name = "NAME", default_value = "default")]
    session: SessionName,
    /// Which device of a whatsmeow store, by its JID or phone number, where the store holds several
    #[arg(long, value_name = "JID")]
    device: Option<String>,
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
        let claim = if source.is_file() {
            users::claim_database(&source, self.assume_stopped)?;
            None
        } else if in_place {
            None
        } else {
            let facts = FactFlags::default().of_folder(&source).await?;
            Some(users::claim(&source, self.assume_stopped, &facts.owners)?)
        };
        let order = ImportOrder {
            store: transfer::store_of(&source, in_place.then_some(&*places.store)),
            backup: Some(Backups { label: label_of(&source), ..places.backup_place() }),
            source,
            device: self.device,
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
    page.line(match imported.format {
        SourceFormat::Whatsmeow => {
            "The old gateway has no login any more and shows a QR code. Do not put an older copy of its store back."
        }
        _ => "Do not start anything on the old folder again: it is marked as moved.",
    });
    page.next(&[(places.command("serve"), "starts the gateway with the session")]);
}
