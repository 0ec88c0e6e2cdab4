//! `wakeeper import`: a session of Baileys, or of another wakeeper, becomes one of this gateway.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use wakeeper_doctor::backup::label_of;
use wakeeper_doctor::formats::baileys::name::CREDENTIALS;
use wakeeper_engine::transfer::{self, ImportOrder, Imported};
use wakeeper_engine::{BackupPlace, Lock, users};
use wakeeper_model::SessionName;

use crate::care::page::{Page, Tone, plural};
use crate::care::{Console, Places, TargetFlags, now_ms};

/// What the store beside a Baileys folder is called.
const STORE: &str = "baileys_store.json";

/// Take a session over from Baileys or another wakeeper, without a new QR code
#[derive(Args)]
#[command(after_help = "Examples:\n  wakeeper import /srv/bot/auth_info\n  \
    wakeeper import /srv/bot/auth_info --session shop --data-dir /var/lib/wakeeper\n  \
    wakeeper import ./exported-by-another-wakeeper --json\n\n\
    Stop what runs on the session first, and the gateway that takes it over. The folder is backed up, then its login,\n\
    Signal sessions, sender keys, settings and the messages of baileys_store.json are taken over. It is marked as moved\n\
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
        let console = Console::new(self.json);
        let source = session_folder(&self.path)?;
        let (target, _) = self.target.resolve()?;
        let places = target.folder("import").await?;
        let lock = Lock::on_folder(&places.auth_info)
            .context("the gateway that is to take the session over must be stopped first")?;
        let in_place = same(&source, &places.auth_info);
        // Its own lock is ours already where the session lies in the gateway's own folder.
        let claim = if in_place { None } else { Some(users::claim(&source, self.assume_stopped)?) };
        let order = ImportOrder {
            store: store_of(&source, &places),
            backup: Some(backup_place(&source, &places)),
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
        console.show(&imported, |page| show(page, &imported, &places))
    }
}

/// The folder that is meant: people also name the file or the folder above.
fn session_folder(path: &Path) -> anyhow::Result<PathBuf> {
    let shown = path.display();
    if path.is_file() {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        bail!("{shown} is a file; name the folder that holds it: wakeeper import {}", parent.display());
    }
    if !path.is_dir() {
        bail!("there is no folder {shown}");
    }
    let inside = path.join("auth_info");
    let is_session = |folder: &Path| {
        [CREDENTIALS, "creds.json.moved", wakeeper_engine_store::DATABASE]
            .iter()
            .any(|name| folder.join(name).exists())
    };
    if !is_session(path) && is_session(&inside) {
        bail!("{shown} holds no session itself; did you mean wakeeper import {}?", inside.display());
    }
    Ok(path.to_owned())
}

/// The store that belongs to a folder: beside it, or where the settings say when it is the gateway's own.
fn store_of(source: &Path, places: &Places) -> Option<PathBuf> {
    let beside = source.canonicalize().ok()?.parent()?.join(STORE);
    let configured = same(source, &places.auth_info).then(|| places.store.clone());
    configured.into_iter().chain([beside]).find(|path| path.is_file())
}

fn backup_place(source: &Path, places: &Places) -> BackupPlace {
    BackupPlace {
        shelf: places.backups.clone(),
        label: label_of(source),
        passphrase: places.passphrase.clone(),
    }
}

fn same(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().is_some_and(|one| other.canonicalize().is_ok_and(|other| one == other))
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
    for left_out in &imported.left_out {
        let whose = left_out.peer.as_ref().map(|peer| format!(" of {peer}")).unwrap_or_default();
        page.fact("left behind", format!("{}{whose}: {}", left_out.path, left_out.reason));
    }
    for note in &imported.notes {
        page.line(note);
    }
    page.line("Do not start anything on the old folder again: it is marked as moved.");
    page.next(&[(places.command("serve"), "starts the gateway with the session")]);
}
