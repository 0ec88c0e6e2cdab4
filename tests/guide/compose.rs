//! The guide's way through compose: started, linked, looked after, reset.

use wakeeper_e2e::PATIENCE;
use wakeeper_e2e::journal::eventually;

use crate::checkout::{Checkout, Compose, PROJECT};

const UP: &str = "docker-compose -f docker-compose.yml -f docker-compose.session-fix.yml up -d";
const UP_MONITORED: &str =
    "docker-compose -f docker-compose.yml -f docker-compose.session-fix.yml --profile monitoring up -d";
const DOWN: &str = "docker-compose -f docker-compose.yml -f docker-compose.session-fix.yml down";

/// G01 to G06, G08, G16, G17, G27.
async fn through(compose: Compose) {
    let checkout = Checkout::fresh(compose).await;
    // G08: made and healthy.
    checkout.guide(UP).await.code(0);
    checkout.engine.wait_health("whatsapp-api", "healthy").await;
    // G05: the QR code is in the log, and then that the connection is open.
    checkout.wait_log("QR").await;
    let phone = checkout.phone().await;
    checkout.link(&phone).await;
    checkout.wait_log("connection.update: open").await;
    quick_fix(&checkout).await;
    tools(&checkout).await;
    reset(&checkout).await;
    monitored(&checkout, compose).await;
    emergency(&checkout).await;
}

/// The quick fix and the step by step resolution: on a session that is well they change nothing, and the login stays.
async fn quick_fix(checkout: &Checkout) {
    checkout.guide("./docker-session-manager.sh health").await.code(0).shows("whatsapp-api");
    let before = std::fs::read_dir(checkout.folder().join("auth_info")).expect("a session").count();
    assert!(before > 0, "the session is in the mounted folder");
    checkout.guide("./docker-session-manager.sh clean").await.code(0);
    checkout.guide("./docker-session-manager.sh restart").await.code(0).shows("is healthy");
    checkout.wait_working().await;
    checkout.shell("./docker-session-manager.sh logs --no-follow --tail 200").await.code(0);
    // No line says it: grep finds nothing, and that is good news.
    checkout.shell("./docker-session-manager.sh logs --no-follow | grep \"Bad MAC\"").await.code(1);
    // Followed until somebody has seen enough.
    checkout.shell("timeout 5 ./docker-session-manager.sh logs | grep -m1 -o QR").await.shows("QR");
}

/// The manager's other commands.
async fn tools(checkout: &Checkout) {
    checkout.guide("./docker-session-manager.sh status").await.code(0).shows("running, healthy");
    checkout.guide("./docker-session-manager.sh exec \"ls -la /app/auth_info\"").await.code(0).shows("..");
    checkout.typed("./docker-session-manager.sh exec bash", "id -u; exit 7\n").await.code(7).shows("10001");
    checkout.guide("./docker-session-manager.sh stop").await.code(0).shows("Stopped");
    let state = checkout.engine.docker(&["inspect", "--format", "{{.State.ExitCode}}", "whatsapp-api"]).await;
    assert!(["0", "143"].contains(&state.as_str()), "a graceful stop, not {state}");
    checkout.guide("./docker-session-manager.sh health").await.code(0);
    checkout.guide("./docker-session-manager.sh status").await.code(1).shows("exited");
    checkout.guide("./docker-session-manager.sh start").await.code(0).shows("is healthy");
    checkout.wait_working().await;
}

/// The complete reset ends with a new QR code.
async fn reset(checkout: &Checkout) {
    checkout.guide("./docker-session-manager.sh stop").await.code(0);
    checkout.guide("rm -rf auth_info/").await.code(0);
    checkout.guide("echo '{}' > baileys_store.json").await;
    checkout.guide("./docker-session-manager.sh start").await.code(0);
    checkout.qr().await;
}

/// The profile starts a monitor, and `down` removes what was made.
async fn monitored(checkout: &Checkout, compose: Compose) {
    checkout.guide(DOWN).await.code(0);
    checkout.guide(UP_MONITORED).await.code(0);
    let running = eventually("a monitor that runs", PATIENCE, async || {
        let names = checkout.engine.docker(&["ps", "--format", "{{.Names}} {{.Status}}"]).await;
        if names.contains("session-monitor") { Ok(names) } else { Err(names) }
    })
    .await;
    assert!(running.contains("whatsapp-api"), "{running}");
    // Version 2 leaves the profile's containers, unless it is told of the profile again.
    let down =
        if compose == Compose::V1 { DOWN.to_owned() } else { format!("COMPOSE_PROFILES=monitoring {DOWN}") };
    checkout.shell(&down).await.code(0);
    let ours = format!("label=com.docker.compose.project={PROJECT}");
    let left = checkout.engine.docker(&["ps", "--all", "--quiet", "--filter", &ours]).await;
    assert_eq!(left, "", "containers are left");
}

/// The nuclear option.
async fn emergency(checkout: &Checkout) {
    checkout.guide("docker-compose up -d").await.code(0);
    checkout.guide("docker-compose down").await.code(0);
    checkout.typed("docker volume prune", "y\n").await.code(0);
    checkout.guide("rm -rf auth_info/ session_backups/").await.code(0);
    checkout.guide("echo '{}' > baileys_store.json").await;
    checkout.guide("docker-compose up -d").await.code(0);
    checkout.qr().await;
    checkout.wait_log("QR").await;
    checkout.guide("docker-compose down").await.code(0);
}

#[tokio::test]
async fn with_docker_compose_1() {
    through(Compose::V1).await;
}

#[tokio::test]
async fn with_compose_2() {
    through(Compose::V2).await;
}
