//! What lies within reach of a container besides its session: the way to another mount, and folders and files of root's
//! that it may not use, but may rename, because the folder that they are in is its own.

use std::os::unix::fs::PermissionsExt;

use wakeeper_e2e::PATIENCE;
use wakeeper_e2e::process::Process;

use super::{Ground, SECRET, facts, holds_no_secret};
use crate::planted::plant_session;

impl Ground {
    /// A folder of root's in the container's, as a session of its own.
    fn make_private(&self) {
        let private = self.at("bot/private");
        plant_session(&private);
        std::fs::write(private.join("pre-key-4711.json"), SECRET).expect("a secret");
        std::fs::set_permissions(&private, PermissionsExt::from_mode(0o700)).expect("a mode");
    }
}

/// The mount of the session lies below another one, where the container replaces it by a link. Once it is stopped nobody
/// but the engine knows what was mounted.
#[tokio::test]
async fn a_link_below_another_mount_is_not_followed() {
    let mounts = "-v $(pwd)/bot:/app -v $(pwd)/bot/auth_info:/session \
                  --label whatsapp.session.auth-info=/session --label whatsapp.session.store=/app/baileys_store.json";
    let ground = Ground::with(mounts).await;
    let checkout = &ground.checkout;
    checkout.shell("wakeeper backup create --container stranger").await.code(0);
    ground.lead_out("auth_info").await;
    for state in ["start", "stop"] {
        checkout.shell(&format!("docker {state} stranger")).await.code(0);
        ground.is_refused("/session", "link").await;
        ground.is_unharmed();
    }
    std::fs::remove_file(ground.at("bot/auth_info")).expect("the link");
    std::fs::rename(ground.at("bot/kept"), ground.at("bot/auth_info")).expect("the folder");
    checkout.shell("wakeeper clean --container stranger").await.code(0).shows("no new QR code is needed");
    ground.is_unharmed();
}

/// The same with a store that is mounted as a file, on a way that another container writes to.
#[tokio::test]
async fn a_link_on_the_way_to_a_mounted_file_is_not_followed() {
    let mounts = "-v $(pwd)/bot/auth_info:/app/auth_info -v $(pwd)/bot/data/baileys_store.json:/app/baileys_store.json";
    let mut ground = Ground::with(&format!("{mounts} --volume $(pwd)/bot:/other")).await;
    let checkout = &ground.checkout;
    std::fs::write(ground.at("secret/baileys_store.json"), SECRET).expect("a secret");
    ground.before = facts(&ground.at("secret"));
    checkout.shell("docker rm --force stranger && rm -rf bot/data && mkdir bot/data").await.code(0);
    checkout.shell("echo {} > bot/data/baileys_store.json && chown -R 10001:10001 bot/data").await.code(0);
    let run = format!(
        "docker create --name stranger --user 10001:10001 --workdir /app {mounts} debian:bookworm-slim sleep infinity && \
         docker run -d --init --name my-app --user 10001:10001 -v $(pwd)/bot:/app --workdir /app debian:bookworm-slim \
         sleep infinity"
    );
    checkout.shell(&run).await.code(0);
    checkout.shell("wakeeper backup create --container stranger").await.code(0);
    let link = ground.at("secret").display().to_string();
    checkout.shell(&format!("docker exec my-app sh -c 'mv data kept && ln -s {link} data'")).await.code(0);
    let said = checkout.shell("wakeeper backup create --always --container stranger").await;
    said.code(1).complains("/app/baileys_store.json of container stranger is not used").complains("link");
    ground.is_unharmed();
    holds_no_secret(&ground.at("session_backups"));
}

/// A rename needs no right on what is renamed: root's folder gets into the session's place.
#[tokio::test]
async fn a_folder_that_the_container_may_not_enter_is_not_its_session() {
    let ground = Ground::prepare().await;
    let checkout = &ground.checkout;
    checkout.shell("wakeeper backup create --container stranger").await.code(0);
    ground.make_private();
    ground.inside("mv auth_info kept && mv private auth_info").await;
    let before = facts(&ground.at("bot/auth_info"));
    let unharmed = || {
        assert_eq!(facts(&ground.at("bot/auth_info")), before, "root's folder was changed");
        holds_no_secret(&ground.at("bot/session_backups"));
    };
    for state in ["start", "stop"] {
        checkout.shell(&format!("docker {state} stranger")).await.code(0);
        ground.is_refused("/app/auth_info", "belongs to user 0").await;
        unharmed();
    }
    // The monitor's own backups need nobody who types a command.
    checkout.shell("docker start stranger").await.code(0);
    let mut command =
        checkout.command("exec wakeeper monitor --container stranger --state monitor-state 2>&1");
    command.env("BACKUP_INTERVAL", "1s").env("MONITOR_LISTEN", "off").env("BACKUP_DIR", "operators");
    let mut monitor = Process::start("monitor", &mut command, &checkout.lab().logs());
    monitor.wait_line("/app/auth_info of container stranger is not used", PATIENCE).await;
    monitor.terminate(PATIENCE).await;
    unharmed();
    ground.inside("mv auth_info private && mv kept auth_info").await;
    checkout.shell("wakeeper clean --container stranger").await.code(0).shows("no new QR code is needed");
    holds_no_secret(&ground.at("bot/session_backups"));
}

/// A folder that nobody may enter is refused; it is no reason to have the engine read it, which is root.
#[tokio::test]
async fn a_folder_that_is_closed_is_not_read_by_the_engine_instead() {
    let ground = Ground::prepare().await;
    let checkout = &ground.checkout;
    checkout.shell("wakeeper backup create --container stranger").await.code(0);
    std::fs::write(ground.at("bot/.env"), SECRET).expect("a secret");
    std::fs::set_permissions(ground.at("bot/.env"), PermissionsExt::from_mode(0o600)).expect("a mode");
    ground.inside("mv .env auth_info/pre-key-99.json && chmod 000 auth_info").await;
    for state in ["start", "stop"] {
        checkout.shell(&format!("docker {state} stranger")).await.code(0);
        ground.is_refused("/app/auth_info", "(mode 0)").await;
        holds_no_secret(&ground.at("bot/session_backups"));
    }
    checkout.shell("docker start stranger").await.code(0);
    ground.inside("chmod 700 auth_info").await;
    checkout.shell("wakeeper backup create --always --container stranger").await;
    holds_no_secret(&ground.at("bot/session_backups"));
    assert_eq!(std::fs::read(ground.at("bot/auth_info/pre-key-99.json")).expect("root's file"), SECRET);
}
