//! Wrong input for every container command: a clear error, the right exit code, and nothing lost.

use std::path::Path;

use crate::checkout::{Checkout, Compose, Said};

/// What each command of the manager is called with.
const COMMANDS: [&str; 9] = [
    "health",
    "clean",
    "start",
    "stop",
    "restart",
    "status",
    "logs --no-follow",
    "exec true",
    "backup create",
];

/// One line that tells what is wrong.
#[track_caller]
fn one_clear_line(said: Said) -> Said {
    let lines: Vec<&str> = said.err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{}: one error: {}", said.command, said.err);
    assert!(!said.err.contains("panicked"), "{}: {}", said.command, said.err);
    said
}

#[tokio::test]
async fn no_engine_no_container_no_compose_file() {
    let checkout = Checkout::fresh(Compose::V1).await;
    for command in COMMANDS {
        let line = format!("DOCKER_HOST=unix:///nowhere/docker.sock ./docker-session-manager.sh {command}");
        one_clear_line(checkout.shell(&line).await.code(1)).complains("/nowhere/docker.sock");
    }
    // Another container is there, and named in none of these.
    checkout.shell("docker run -d --name stranger debian:bookworm-slim sleep infinity").await.code(0);
    for command in COMMANDS {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        // The compose files are elsewhere; `backup create` takes its flag last.
        let line = if verb == "backup" {
            "./docker-session-manager.sh backup create --container nobody".to_owned()
        } else {
            format!("./docker-session-manager.sh {verb} --container nobody {rest}")
        };
        one_clear_line(checkout.shell(&line).await.code(1)).complains("nobody");
    }
    // Without compose files `start` cannot make the container.
    checkout.shell("rm docker-compose*.yml").await.code(0);
    one_clear_line(checkout.guide("./docker-session-manager.sh start").await.code(1))
        .complains("whatsapp-api");
    checkout.shell("./docker-session-manager.sh").await.code(2).shows("Usage");
    checkout.shell("./docker-session-manager.sh nonsense").await.code(2);
    checkout.shell("./docker-session-manager.sh logs --tail many").await.code(2);
}

/// A container that holds no session of anybody is examined, said so, and left alone.
#[tokio::test]
async fn somebody_elses_container() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.shell("docker run -d --name stranger debian:bookworm-slim sleep infinity").await.code(0);
    let started = "docker inspect --format '{{.State.StartedAt}} {{.State.Status}}' stranger";
    let before = checkout.shell(started).await.code(0).out;
    for command in ["health", "clean", "backup create"] {
        let line = format!("./docker-session-manager.sh {command} --container stranger");
        one_clear_line(checkout.shell(&line).await.code(1)).complains("stranger");
    }
    let after = checkout.shell(started).await.code(0).out;
    assert_eq!(before, after, "it was stopped or started again");
}

/// A session on a mount that is read-only, and one whose disk is full: refused, nothing lost, the container runs.
#[tokio::test]
async fn read_only_and_full() {
    let checkout = Checkout::fresh(Compose::V1).await;
    let folder = checkout.folder();
    plant_session(&folder.join("auth_info"));
    let session = read(&folder.join("auth_info"));
    let run = "docker run -d --init --name stranger -v $(pwd)/auth_info:/app/auth_info:ro \
               debian:bookworm-slim sleep infinity";
    checkout.shell(run).await.code(0);
    let clean = "./docker-session-manager.sh clean --container stranger";
    one_clear_line(checkout.shell(clean).await.code(1)).complains("read-only");
    assert_eq!(read(&folder.join("auth_info")), session);
    checkout.shell("docker rm -f stranger").await.code(0);

    // No room for a backup: nothing is mended without one.
    checkout.shell("mkdir full && mount -t tmpfs -o size=16k tmpfs full").await.code(0);
    checkout.shell("head -c 1M /dev/zero > full/filler").await;
    let run = "docker run -d --init --name stranger -v $(pwd)/auth_info:/app/auth_info \
               -v $(pwd)/full:/app/session_backups debian:bookworm-slim sleep infinity";
    checkout.shell(run).await.code(0);
    let said = checkout.shell(clean).await;
    let running = checkout.shell("docker inspect --format '{{.State.Running}}' stranger").await.out;
    checkout.shell("docker rm -f stranger; umount full").await.code(0);
    one_clear_line(said.code(1)).complains("No space left on device");
    assert_eq!(running.trim(), "true", "the container was left stopped");
    assert_eq!(read(&folder.join("auth_info")), session, "something is lost");
}

/// A Baileys session with a Signal session that is torn.
fn plant_session(folder: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let fixture = fixtures.join("crates/session/fixtures/baileys6");
    std::fs::create_dir(folder).expect("a folder");
    for item in std::fs::read_dir(&fixture).unwrap_or_else(|error| panic!("{}: {error}", fixture.display())) {
        let item = item.expect("an item");
        std::fs::copy(item.path(), folder.join(item.file_name())).expect("a copy");
    }
    std::fs::write(folder.join("session-4915100000000.0.json"), "{\"_sessions\":{\"B").expect("a torn file");
}

fn read(folder: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    wakeeper_e2e::patient::contents(folder)
}
