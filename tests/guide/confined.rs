//! Nothing that a container does to its folder leads wakeeper, which is root here, to anything else on this machine.
//!
//! The container's user owns the folder that holds its session, and nothing else. It makes its folders, and files in
//! them, into links to a folder that only root may enter.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::process::Process;
use wakeeper_e2e::{PATIENCE, damaged_session::contents};

use crate::checkout::{Checkout, Compose};
use crate::planted::plant_session;

mod copied;
mod reach;

/// Who runs in the container.
const USER: u32 = 10_001;
/// What only root may know.
const SECRET: &[u8] = b"nobody but root may ever read this";
/// So long the swap between check and use is tried.
const TRIED: Duration = Duration::from_mins(1);
/// Renames two entries onto each other, again and again; `renameat2` with `RENAME_EXCHANGE`.
const SWAP: &str = r"perl -e '($a, $b) = @ARGV; while (1) { syscall(316, -100, $a, -100, $b, 2); }' --";

/// All that works on a session.
const COMMANDS: [&str; 8] = [
    "backup create",
    "health",
    "clean --dry-run",
    "clean",
    "clean --all --yes",
    "restore",
    "restore --what all",
    "restore --what all --force because",
];

/// A container with its data on one mount, as `-v $(pwd)/bot:/app`, and a folder of root's.
struct Ground {
    checkout: Checkout,
    before: BTreeMap<PathBuf, (u32, u32, Vec<u8>)>,
}

impl Ground {
    async fn prepare() -> Self {
        Self::with("-v $(pwd)/bot:/app").await
    }

    /// The same with other mounts, and what else the container is made with.
    async fn with(made_with: &str) -> Self {
        let checkout = Checkout::without_images(Compose::V1).await;
        let secret = checkout.folder().join("secret");
        plant_session(&secret);
        std::fs::write(secret.join("pre-key-4711.json"), SECRET).expect("a secret");
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o700)).expect("a mode");
        let bot = checkout.folder().join("bot");
        plant_session(&bot.join("auth_info"));
        std::fs::create_dir(bot.join("session_backups")).expect("a folder");
        for folder in [&bot, &bot.join("auth_info"), &bot.join("session_backups")] {
            own(folder);
        }
        for name in contents(&bot.join("auth_info")).keys() {
            own(&bot.join("auth_info").join(name));
        }
        let run = format!(
            "docker run -d --init --name stranger --user {USER}:{USER} --workdir /app \
             --label whatsapp.session.managed=true {made_with} debian:bookworm-slim sleep infinity"
        );
        checkout.shell(&run).await.code(0);
        let before = facts(&secret);
        Self { checkout, before }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.checkout.folder().join(name)
    }

    /// Runs a line in the container.
    async fn inside(&self, line: &str) {
        self.checkout.shell(&format!("docker exec stranger sh -c '{line}'")).await.code(0);
    }

    /// Makes an entry of the container's folder into a link to the secret folder, as old as that to the second.
    async fn lead_out(&self, entry: &str) {
        let secret = self.at("secret");
        let time = secret.metadata().expect("the secret").mtime();
        let link = secret.display();
        self.inside(&format!("mv {entry} kept && ln -s {link} {entry} && touch -h -d @{time} {entry}")).await;
    }

    /// Every command refuses the session, with the container's path and these words.
    async fn is_refused(&self, path: &str, words: &str) {
        for command in COMMANDS {
            let said = self.checkout.shell(&format!("wakeeper {command} --container stranger")).await;
            said.code(1).complains(&format!("{path} of container stranger is not used")).complains(words);
        }
    }

    async fn take_back(&self, entry: &str) {
        self.inside(&format!("rm {entry} && mv kept {entry}")).await;
    }

    /// Root's folder is as it was, and nothing of it reached the container's.
    fn is_unharmed(&self) {
        assert_eq!(facts(&self.at("secret")), self.before, "root's folder was changed");
        holds_no_secret(&self.at("bot"));
    }
}

/// No file in a folder, and no archive there, holds what only root may know.
fn holds_no_secret(folder: &Path) {
    for path in all_files(folder) {
        let content = std::fs::read(&path).expect("a file");
        let content = zstd::decode_all(&content[..]).unwrap_or(content);
        let holds = content.windows(SECRET.len()).any(|window| window == SECRET);
        assert!(!holds, "{} holds root's secret", path.display());
    }
}

fn own(path: &Path) {
    chown(path, Some(USER), Some(USER)).expect("an owner");
}

/// Owner, mode and content of everything in a folder, and of itself.
fn facts(folder: &Path) -> BTreeMap<PathBuf, (u32, u32, Vec<u8>)> {
    let of = |path: PathBuf| {
        let metadata = path.symlink_metadata().expect("an entry");
        let content = std::fs::read(&path).unwrap_or_default();
        (path, (metadata.uid(), metadata.mode(), content))
    };
    all_files(folder).into_iter().chain([folder.to_owned()]).map(of).collect()
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for item in std::fs::read_dir(folder).expect("a folder") {
            let path = item.expect("an entry").path();
            let kind = path.symlink_metadata().expect("an entry").file_type();
            if kind.is_dir() {
                waiting.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found
}

/// Rows 1 and 2: the session's folder is a link, and every command refuses it by name, running or stopped.
#[tokio::test]
async fn a_session_that_is_a_link_is_refused() {
    let ground = Ground::prepare().await;
    let checkout = &ground.checkout;
    checkout.shell("wakeeper backup create --container stranger").await.code(0);
    ground.lead_out("auth_info").await;
    for state in ["start", "stop"] {
        checkout.shell(&format!("docker {state} stranger")).await.code(0);
        ground.is_refused("/app/auth_info", "link").await;
        ground.is_unharmed();
    }
    checkout.shell("docker start stranger").await.code(0);
    ground.take_back("auth_info").await;
    checkout.shell("wakeeper clean --container stranger").await.code(0).shows("no new QR code is needed");
    ground.is_unharmed();
}

/// The backup folder, the store and files of the session are links: nothing is written to or read from their targets.
#[tokio::test]
async fn no_other_link_is_followed() {
    let ground = Ground::prepare().await;
    let checkout = &ground.checkout;
    let secret = ground.at("secret");
    ground.lead_out("session_backups").await;
    checkout.shell("wakeeper backup create --always --container stranger").await.code(0);
    checkout.shell("wakeeper backup list --container stranger").await.code(0);
    checkout.shell("wakeeper backup prune --keep-last 0 --container stranger").await.code(0);
    ground.is_unharmed();
    ground.take_back("session_backups").await;
    let link = secret.join("pre-key-4711.json");
    for name in ["auth_info/pre-key-99.json", "auth_info/sender-key-memory-1.json", "baileys_store.json"] {
        ground.inside(&format!("ln -s {} {name}", link.display())).await;
    }
    ground.inside("mkfifo auth_info/app-state-sync-version-regular.json").await;
    let health = checkout.shell("wakeeper health --container stranger").await.code(1);
    health.shows("pre-key-99.json").shows("a symbolic link").shows("a pipe");
    // An archive on the shelf that is a link, and a draft where the next one would be written.
    ground
        .inside(&format!("ln -s {} session_backups/auth_info_20300101T000000000Z.tar.zst", link.display()))
        .await;
    for command in ["backup create --always", "backup list", "backup verify --all", "clean --yes", "restore"]
    {
        checkout.shell(&format!("wakeeper {command} --container stranger")).await;
        ground.is_unharmed();
    }
    assert_eq!(std::fs::read(&link).expect("the secret"), SECRET);
    for path in all_files(&ground.at("bot")) {
        let owner = path.symlink_metadata().expect("a file").uid();
        assert_eq!(owner, USER, "{}: what is made there belongs to the container's user", path.display());
    }
}

/// Row 12: a note of stopped containers that lies in a container's mount starts nothing.
#[tokio::test]
async fn a_planted_note_starts_nothing() {
    let ground = Ground::prepare().await;
    let checkout = &ground.checkout;
    checkout.shell("docker create --name my-app debian:bookworm-slim sleep infinity").await.code(0);
    for folder in ["session_backups", "session_backups/monitor", "auth_info", "."] {
        let note = r#"{"container":"my-app","id":"my-app"}"#;
        let folder = ground.at("bot").join(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(".stopped-my-app.json"), note).expect("a note");
        own(&folder.join(".stopped-my-app.json"));
    }
    for command in ["health", "backup create", "clean"] {
        checkout.shell(&format!("wakeeper {command} --container stranger")).await;
        let state = checkout.shell("docker inspect --format '{{.State.Status}}' my-app").await.code(0);
        assert_eq!(state.out.trim(), "created", "{command} started it");
    }
}

/// Row 1 with no operator at all: the monitor's own backups.
#[tokio::test]
async fn the_monitor_is_not_led_out_either() {
    let ground = Ground::prepare().await;
    ground.lead_out("auth_info").await;
    let mut command =
        ground.checkout.command("exec wakeeper monitor --container stranger --state monitor-state 2>&1");
    command.env("BACKUP_INTERVAL", "1s").env("MONITOR_LISTEN", "off").env("BACKUP_DIR", "operators");
    let mut monitor = Process::start("monitor", &mut command, &ground.checkout.lab().logs());
    monitor.wait_line("/app/auth_info of container stranger is not used", PATIENCE).await;
    ground.is_unharmed();
    // It works on what is the container's own.
    ground.take_back("auth_info").await;
    eventually("a backup", PATIENCE, async || {
        let made = std::fs::read_dir(ground.at("bot/session_backups")).expect("a folder").count();
        if made > 0 { Ok(()) } else { Err("none yet") }
    })
    .await;
    ground.is_unharmed();
    monitor.terminate(PATIENCE).await;
}

/// The folder and a file in it are swapped for links as fast as the container can, for a minute.
#[tokio::test]
async fn a_swap_between_check_and_use_gets_nothing() {
    let ground = Ground::prepare().await;
    let checkout = &ground.checkout;
    let secret = ground.at("secret");
    ground.inside(&format!("ln -s {} link", secret.display())).await;
    let file = secret.join("pre-key-4711.json");
    ground.inside(&format!("ln -s {} auth_info/link", file.display())).await;
    for names in ["auth_info link", "auth_info/pre-key-4.json auth_info/link"] {
        let swap = format!("docker exec --detach --workdir /app stranger {SWAP} {names}");
        checkout.shell(&swap).await.code(0);
    }
    let (mut worked, mut refused) = (0, 0);
    let begun = Instant::now();
    while begun.elapsed() < TRIED {
        for command in ["backup create --always", "health", "clean --dry-run", "backup list"] {
            let said = checkout.shell(&format!("wakeeper {command} --container stranger")).await;
            if said.err.contains("is not used") { refused += 1 } else { worked += 1 }
        }
        // Whoever looks by path is led out like anybody else: it stands still meanwhile.
        // Processes that rename all the time cannot always be frozen at once.
        eventually("a container that stands still", PATIENCE, async || {
            let said = checkout.shell("docker pause stranger").await;
            if said.code == Some(0) { Ok(()) } else { Err(said) }
        })
        .await;
        ground.is_unharmed();
        checkout.shell("docker unpause stranger").await.code(0);
    }
    eprintln!("{worked} commands got at the container's own folder, {refused} were refused");
    assert!(worked > 0 && refused > 0, "{worked} and {refused}: nothing was tried");
}
