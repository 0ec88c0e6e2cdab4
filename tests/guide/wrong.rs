//! Wrong input for every container command: a clear error, the right exit code, and nothing lost.

use std::collections::BTreeMap;
use std::path::PathBuf;

use wakeeper_e2e::damaged_session::contents;

use crate::checkout::{Checkout, Compose};
use crate::commands::CLEAN;
use crate::disk::Disk;
use crate::planted::{plant_session, stranger};

/// What a command does in a situation.
#[derive(Clone, Copy)]
enum Does {
    /// Exit code 1 and one error that holds this; nothing is stopped or changed.
    Fail(&'static str),
    /// Its usual work, with this exit code.
    Work(i32),
}

use Does::{Fail, Work};

/// What is wrong.
#[derive(Clone, Copy)]
enum Situation {
    NoEngine,
    NoContainer,
    /// A container of somebody else, without a session.
    Stranger,
    NoComposeFile,
    /// The session is on a mount that is read-only.
    ReadOnly,
    /// The backup folder's disk is full.
    DiskFull,
}

/// Each command in each situation, in the situations' order. `{}` is where the container is named.
#[rustfmt::skip]
const TABLE: [(&str, [Does; 6]); 15] = [
    ("health {}",            [Fail(ENGINE), Fail(NOBODY), Fail(SESSION), Fail(OURS), Work(1), Work(1)]),
    ("clean --dry-run {}",   [Fail(ENGINE), Fail(NOBODY), Fail(SESSION), Fail(OURS), Work(0), Work(0)]),
    ("clean {}",             [Fail(ENGINE), Fail(NOBODY), Fail(SESSION), Fail(OURS), Fail("read-only"), Fail(FULL)]),
    ("backup create {}",     [Fail(ENGINE), Fail(NOBODY), Fail(SESSION), Fail(OURS), Work(0), Fail(FULL)]),
    ("backup list {}",       [Fail(ENGINE), Fail(NOBODY), Fail(SESSION), Fail(OURS), Work(0), Work(0)]),
    ("backup verify {}",     [Fail(ENGINE), Fail(NOBODY), Fail(SESSION), Fail(OURS), Work(0), Fail("no backup")]),
    ("backup prune {}",      [Fail(ENGINE), Fail(NOBODY), Fail(SESSION), Fail(OURS), Work(0), Work(0)]),
    ("restore --dry-run {}", [Fail(ENGINE), Fail(NOBODY), Fail(SESSION), Fail(OURS), Work(0), Fail("no backup")]),
    ("restore {}",           [Fail(ENGINE), Fail(NOBODY), Fail(SESSION), Fail(OURS), Work(0), Fail("no backup")]),
    ("status {}",            [Fail(ENGINE), Fail(NOBODY), Work(0),       Fail(OURS), Work(1), Work(1)]),
    ("logs --no-follow {}",  [Fail(ENGINE), Fail(NOBODY), Work(0),       Fail(OURS), Work(0), Work(0)]),
    ("exec {} true",         [Fail(ENGINE), Fail(NOBODY), Work(0),       Fail(OURS), Work(0), Work(0)]),
    ("restart {}",           [Fail(ENGINE), Fail(NOBODY), Work(0),       Fail(OURS), Work(0), Work(0)]),
    ("stop {}",              [Fail(ENGINE), Fail(NOBODY), Work(0),       Fail(OURS), Work(0), Work(0)]),
    ("start {}",             [Fail(ENGINE), Fail(NOBODY), Work(0),       Fail(OURS), Work(0), Work(0)]),
];

const ENGINE: &str = "/nowhere/docker.sock";
const NOBODY: &str = "there is no container \"nobody\"";
const SESSION: &str = "container stranger has no session folder";
const OURS: &str = "there is no container \"whatsapp-api\"";
const FULL: &str = "No space left on device";

/// Runs the whole table in a situation. A command that fails leaves the container and the session as they were.
async fn goes_through(checkout: &Checkout, situation: Situation) {
    let (environment, container) = match situation {
        Situation::NoEngine => ("DOCKER_HOST=unix:///nowhere/docker.sock ", ""),
        Situation::NoContainer => ("", "--container nobody"),
        Situation::NoComposeFile => ("", ""),
        Situation::Stranger | Situation::ReadOnly | Situation::DiskFull => ("", "--container stranger"),
    };
    for (command, does) in TABLE {
        let line = command.replace("{}", container);
        let before = state(checkout).await;
        let said = checkout.shell(&format!("{environment}./docker-session-manager.sh {line}")).await;
        match does[situation as usize] {
            Work(code) => drop(said.code(code)),
            Fail(text) => {
                let said = said.code(1).one_error().complains(text);
                assert_eq!(before, state(checkout).await, "something is changed by\n{said}");
            }
        }
    }
}

/// The session's files, and since when the container runs.
async fn state(checkout: &Checkout) -> (String, BTreeMap<String, Vec<u8>>) {
    let facts = "docker inspect --format '{{.State.StartedAt}} {{.State.Running}}' stranger";
    let folder = auth_info(checkout);
    let files = if folder.is_dir() { contents(&folder) } else { BTreeMap::new() };
    (checkout.shell(facts).await.out, files)
}

fn auth_info(checkout: &Checkout) -> PathBuf {
    checkout.folder().join("auth_info")
}

#[tokio::test]
async fn no_engine() {
    let checkout = Checkout::without_images(Compose::V1).await;
    goes_through(&checkout, Situation::NoEngine).await;
    let node = "DOCKER_HOST=unix:///nowhere/docker.sock node fix-session-errors-docker.js --clean";
    checkout.shell(node).await.code(1).one_error().complains(ENGINE);
}

/// There are other containers, and they are named; none is taken for the one that is meant.
#[tokio::test]
async fn no_such_container() {
    let checkout = Checkout::without_images(Compose::V1).await;
    stranger(&checkout, "").await;
    goes_through(&checkout, Situation::NoContainer).await;
    let said = checkout.shell("./docker-session-manager.sh health --container nobody").await;
    // The engine may hold containers of a build beside it.
    said.code(1).complains("containers here: ").complains("stranger").complains("Name one with --container");
}

#[tokio::test]
async fn somebody_elses_container() {
    let checkout = Checkout::without_images(Compose::V1).await;
    stranger(&checkout, "").await;
    goes_through(&checkout, Situation::Stranger).await;
}

#[tokio::test]
async fn no_compose_file() {
    let checkout = Checkout::without_images(Compose::V1).await;
    checkout.shell("rm docker-compose*.yml").await.code(0);
    goes_through(&checkout, Situation::NoComposeFile).await;
}

#[tokio::test]
async fn a_read_only_mount() {
    let checkout = Checkout::without_images(Compose::V1).await;
    plant_session(&auth_info(&checkout));
    stranger(&checkout, "-v $(pwd)/auth_info:/app/auth_info:ro").await;
    goes_through(&checkout, Situation::ReadOnly).await;
    // Now there is something to give back.
    std::fs::remove_file(auth_info(&checkout).join("pre-key-4.json")).expect("a pre-key");
    let before = state(&checkout).await;
    let restore = "./docker-session-manager.sh restore --what all --container stranger";
    checkout.shell(restore).await.code(1).one_error().complains("read-only");
    assert_eq!(before, state(&checkout).await, "something is stopped or lost");
}

/// No room for a backup: nothing is repaired, or restored, without one.
#[tokio::test]
async fn no_room_for_backups() {
    let checkout = Checkout::without_images(Compose::V1).await;
    plant_session(&auth_info(&checkout));
    let disk = Disk::mount(&checkout, "session_backups", "256k").await;
    disk.fill().await;
    stranger(&checkout, "-v $(pwd)/auth_info:/app/auth_info -v $(pwd)/session_backups:/app/session_backups")
        .await;
    goes_through(&checkout, Situation::DiskFull).await;
    // Nor is an archive from elsewhere restored over what cannot be backed up.
    let create = "./docker-session-manager.sh backup create --data-dir . --backup-dir elsewhere";
    checkout.shell(create).await.code(0);
    std::fs::remove_file(auth_info(&checkout).join("pre-key-4.json")).expect("a pre-key");
    let before = state(&checkout).await;
    let restore = "./docker-session-manager.sh restore elsewhere/*.tar.zst --what all --container stranger";
    checkout.shell(restore).await.code(1).one_error().complains(FULL);
    assert_eq!(before.1, state(&checkout).await.1, "something is lost");
    disk.empty().await;
    checkout.shell("./docker-session-manager.sh clean --container stranger").await.code(0);
}

/// The session's own disk is full: it is repaired whole or not at all, and once there is room, whole.
#[tokio::test]
async fn no_room_for_the_session() {
    let checkout = Checkout::without_images(Compose::V1).await;
    let disk = Disk::mount(&checkout, "auth_info", "256k").await;
    plant_session(&auth_info(&checkout));
    disk.fill().await;
    let before = contents(&auth_info(&checkout));
    stranger(&checkout, "-v $(pwd)/auth_info:/app/auth_info").await;
    let clean = "./docker-session-manager.sh clean --container stranger";
    let said = checkout.shell(clean).await.code(1).one_error().complains(FULL);
    assert_eq!(before, contents(&auth_info(&checkout)), "something is lost by\n{said}");
    let running = checkout.shell("docker inspect --format '{{.State.Running}}' stranger").await;
    assert_eq!(running.out.trim(), "true", "the container was left stopped");
    disk.empty().await;
    checkout.shell(clean).await.code(0).shows("kept: no new QR code is needed");
}

#[tokio::test]
async fn wrong_usage() {
    let checkout = Checkout::without_images(Compose::V1).await;
    checkout.shell("./docker-session-manager.sh").await.code(2).shows("Usage");
    checkout.shell("./docker-session-manager.sh --help").await.code(0).shows("Usage");
    for line in ["nonsense", "logs --tail many", "clean --all --stale", "exec", "restore --force because"] {
        let said = checkout.shell(&format!("./docker-session-manager.sh {line}")).await;
        said.code(2).complains("error: ");
    }
    // Neither a folder in the container's place nor a session that is none is repaired.
    checkout.shell("touch auth_info").await.code(0);
    checkout.guide(CLEAN).await.code(1).one_error().complains("whatsapp-api");
    let folder = "./docker-session-manager.sh clean --data-dir .";
    checkout.shell(folder).await.code(1).one_error().complains("auth_info is a file");
}
