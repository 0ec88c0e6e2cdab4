//! The guide's way through compose: started, linked, looked after, reset.

use serde_json::json;
use wakeeper_e2e::Phone;

use crate::checkout::{Checkout, Compose, NAME, NUMBER, PROJECT};
use crate::commands::{
    BASE_DOWN, BASE_UP, CLEAN, DOWN, EMPTY_STORE, EXEC, EXEC_LS, HEALTH, LOGS, LOGS_BAD_MAC, PRUNE,
    REMOVE_ALL, REMOVE_SESSION, RESTART, START, STATUS, STOP, UP, UP_MONITORED,
};

/// Somebody who writes to the gateway.
const FRIEND: &str = "491701000078";

/// G01 to G06, G08, G16, G17, G22, G27.
async fn through(compose: Compose) {
    let checkout = Checkout::fresh(compose).await;
    // G08: made and healthy.
    checkout.guide(UP).await.code(0);
    checkout.engine.wait_health(NAME, "healthy").await;
    // G05: the QR code is in the log, and then that the connection is open.
    checkout.watched(LOGS, &["QR"]).await;
    let phone = checkout.phone().await;
    checkout.link(&phone).await;
    checkout.watched(LOGS, &["connection.update: open"]).await;
    resolution(&checkout, &phone).await;
    tools(&checkout).await;
    reset(&checkout).await;
    monitored(&checkout, compose).await;
    emergency(&checkout).await;
}

/// The step by step resolution. wakeeper's own session repairs itself, so that its last step is not needed.
async fn resolution(checkout: &Checkout, phone: &Phone) {
    let friend = checkout.lab().simulator().phone(FRIEND, "Ben").await;
    // The gateway is the phone's first linked device.
    let fault = json!({"kind": "corrupted", "target": format!("{NUMBER}:1"), "count": 1});
    checkout.lab().simulator().fault(fault).await;
    friend.send_text(&phone.address.jid(), "damaged on its way").await;
    checkout.watched(LOGS_BAD_MAC, &["Bad MAC"]).await;
    checkout.wait_received(&friend, "damaged on its way").await;
    checkout.guide(HEALTH).await.code(0).shows(NAME);
    checkout.guide(CLEAN).await.code(0).shows("Nothing to repair");
    checkout.guide(RESTART).await.code(0).shows("is healthy");
    checkout.wait_working().await;
    checkout.watched(LOGS, &["connection.update: open"]).await;
    // No colours, no following, no more than what is asked for.
    let last = checkout.shell("./docker-session-manager.sh logs --no-follow --tail 3").await.code(0);
    assert_eq!(last.out.lines().count(), 3, "{last}");
    checkout.shell("./docker-session-manager.sh logs --no-follow --since 0s").await.code(0).hides("QR");
    checkout.shell("./docker-session-manager.sh logs --no-follow").await.code(0).shows("QR").hides("\u{1b}");
}

/// The manager's other commands.
async fn tools(checkout: &Checkout) {
    let status = checkout.guide(STATUS).await.code(0).shows("running, healthy");
    let said = status.shows("image").shows("restarts").shows("ports").shows("login").shows("Last log lines");
    assert!(said.out.contains("connection.update: open") || said.out.contains("in its log"), "{said}");
    let status = checkout.shell("./docker-session-manager.sh status --json").await.code(0).json();
    assert_eq!(status["session"]["healthy"], true, "{status:#}");
    checkout.guide(EXEC_LS).await.code(0).shows("..");
    checkout.typed(EXEC.text(), "id -u; exit 7\n").await.code(7).shows("10001");
    // At a terminal the shell has one too.
    let talk = [("test -t 0 && echo seen-$((6*7))\n", "seen-42")];
    assert_eq!(checkout.at_terminal(EXEC, &talk, "exit 5\n").await, Some(5));
    checkout.guide(STOP).await.code(0).shows("Stopped");
    let state = checkout.engine.docker(&["inspect", "--format", "{{.State.ExitCode}}", NAME]).await;
    assert!(["0", "143"].contains(&state.as_str()), "a graceful stop, not {state}");
    checkout.guide(HEALTH).await.code(0);
    checkout.guide(STATUS).await.code(1).shows("exited");
    checkout.guide(START).await.code(0).shows("is healthy");
    checkout.wait_working().await;
}

/// The complete reset ends with a new QR code, in the log and on the page; another restart shows another.
async fn reset(checkout: &Checkout) {
    checkout.guide(STOP).await.code(0);
    checkout.guide(REMOVE_SESSION).await.code(0);
    checkout.guide(EMPTY_STORE).await.code(0);
    checkout.guide(START).await.code(0);
    let first = checkout.qr().await;
    checkout.watched(LOGS, &["QR"]).await;
    let (status, page) = checkout.get("/").await.expect("the start page");
    assert!(status == 200 && page.contains("QR"), "{status} {page}");
    checkout.guide(RESTART).await.code(0).shows("is healthy");
    assert_ne!(checkout.qr().await, first);
    checkout.watched(LOGS, &["QR"]).await;
}

/// The profile starts a monitor that watches, and `down` removes what was made.
async fn monitored(checkout: &Checkout, compose: Compose) {
    checkout.guide(DOWN).await.code(0);
    checkout.guide(UP_MONITORED).await.code(0);
    checkout.wait_monitor(&format!("watching container {NAME}")).await;
    // Version 2 leaves the profile's containers, unless it is told of the profile again.
    let down = if compose == Compose::V1 {
        DOWN.text().to_owned()
    } else {
        format!("COMPOSE_PROFILES=monitoring {}", DOWN.text())
    };
    checkout.shell(&down).await.code(0);
    let ours = format!("label=com.docker.compose.project={PROJECT}");
    let left = checkout.engine.docker(&["ps", "--all", "--quiet", "--filter", &ours]).await;
    assert_eq!(left, "", "containers are left");
}

/// The nuclear option.
async fn emergency(checkout: &Checkout) {
    checkout.guide(BASE_UP).await.code(0);
    checkout.guide(BASE_DOWN).await.code(0);
    checkout.typed(PRUNE.text(), "y\n").await.code(0);
    checkout.guide(REMOVE_ALL).await.code(0);
    checkout.guide(EMPTY_STORE).await.code(0);
    checkout.guide(BASE_UP).await.code(0);
    checkout.qr().await;
    checkout.watched(LOGS, &["QR"]).await;
    checkout.guide(BASE_DOWN).await.code(0);
}

#[tokio::test]
async fn with_docker_compose_1() {
    through(Compose::V1).await;
}

#[tokio::test]
async fn with_compose_2() {
    through(Compose::V2).await;
}
