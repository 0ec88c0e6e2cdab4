//! The guide's way without compose: `docker run`, the debug commands and the Node tool.

use wakeeper_e2e::PATIENCE;
use wakeeper_e2e::journal::eventually;

use crate::checkout::{Checkout, Compose, NAME};
use crate::commands::{
    CLEAN, CURL, DF, EXEC_LS, HEALTH_LOG, HEALTH_STATUS, INSPECT, LS, NETSTAT, NODE, NODE_CLEAN, NODE_FLAG,
    NODE_RESTART, NODE_VARIABLE, PING, PORT, PS, RESTART, RUN, START, STATS, STATUS, STOP,
};

/// G09, G18 to G20: the command as it stands, in a folder that holds none of what it mounts.
#[tokio::test]
async fn run_and_debugged() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.shell("rm baileys_store.json").await.code(0);
    checkout.guide(RUN).await.code(0);
    checkout.engine.wait_health(NAME, "healthy").await;
    // Docker made a folder of the file; the gateway copes, and says so.
    assert!(checkout.folder().join("baileys_store.json").is_dir());
    checkout.wait_log("baileys_store.json").await;
    checkout.wait_log("QR").await;
    debugged(&checkout).await;
    // The API Engine's way, for there is no compose project.
    checkout.guide(RESTART).await.code(0).shows("is healthy");
    checkout.guide(STOP).await.code(0);
    checkout.guide(START).await.code(0).shows("is healthy");
}

async fn debugged(checkout: &Checkout) {
    checkout.guide(INSPECT).await.code(0).shows("\"Health\"");
    checkout.guide(HEALTH_STATUS).await.code(0).shows("healthy");
    checkout.guide(HEALTH_LOG).await.code(0).shows("ok");
    checkout.guide(CURL).await.code(0).shows("\"status\":\"ok\"");
    checkout.guide(PS).await.code(0).shows("wakeeper serve");
    checkout.guide(DF).await.code(0).shows("/app/auth_info");
    checkout.guide(LS).await.code(0).shows("auth_info");
    checkout.guide(NETSTAT).await.code(0).shows(":8192");
    checkout.guide(PORT).await.code(0).shows("8192/tcp -> 0.0.0.0:8192");
    checkout.watched(STATS, &[NAME]).await;
    checkout.shell("docker exec whatsapp-api id -u").await.code(0).shows("10001");
    // The guide's own target may be out of reach; that ping works at all is what the image is asked for.
    checkout.shell("docker exec whatsapp-api ping -c 3 127.0.0.1").await.code(0).shows("3 received");
    let outside = checkout.guide(PING).await;
    assert!([Some(0), Some(1), Some(2)].contains(&outside.code), "ping ran: {outside}");
}

/// G07 and G14: the Node tool, with every way to name the container.
#[tokio::test]
async fn cared_for_from_node() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.guide(RUN).await.code(0);
    checkout.engine.wait_health(NAME, "healthy").await;
    let phone = checkout.phone().await;
    checkout.link(&phone).await;
    checkout.guide(NODE).await.code(0).shows("inside container whatsapp-api");
    checkout.guide(NODE_CLEAN).await.code(0);
    checkout.guide(NODE_RESTART).await.code(0).shows("is healthy");
    checkout.wait_working().await;
    checkout.shell("node fix-session-errors-docker.js --help").await.code(0).shows("Usage");
    checkout.shell("node fix-session-errors-docker.js --nonsense").await.code(2).complains("--nonsense");
    // An unknown container is a clear error.
    checkout.guide(NODE_FLAG).await.code(1).complains("there is no container my-whatsapp-api");
    checkout.guide(NODE_VARIABLE).await.code(1).complains("there is no container my-app");
    checkout.shell("docker rename whatsapp-api my-whatsapp-api").await.code(0);
    checkout.guide(NODE_FLAG).await.code(0);
    checkout.shell("docker rename my-whatsapp-api my-app").await.code(0);
    checkout.guide(NODE_VARIABLE).await.code(0);
    checkout.wait_working().await;
}

/// The script on a machine that has Docker and nothing else: the program comes out of the image.
#[tokio::test]
async fn managed_out_of_the_image() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.guide(RUN).await.code(0);
    checkout.engine.wait_health(NAME, "healthy").await;
    checkout.shell("rm \"$(command -v wakeeper)\"").await.code(0);
    checkout.shell("command -v wakeeper").await.code(1);
    checkout.guide(STATUS).await.shows("running, healthy");
    checkout.guide(RESTART).await.code(0).shows("is healthy");
    checkout.guide(EXEC_LS).await.code(0).shows("..");
    checkout.guide(CLEAN).await.code(0);
}

/// G17 without compose, and G19 when the process is stuck: `unhealthy`, and `healthy` again when it goes on.
#[tokio::test]
async fn a_stuck_service_is_unhealthy() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.guide(RUN).await.code(0);
    checkout.engine.wait_health(NAME, "healthy").await;
    checkout.shell("docker exec whatsapp-api pkill -STOP -x wakeeper").await;
    eventually("an unhealthy container", PATIENCE * 2, async || {
        let said = checkout.guide(HEALTH_STATUS).await;
        if said.out.trim() == "unhealthy" { Ok(()) } else { Err(said.out) }
    })
    .await;
    checkout.guide(STATUS).await.code(1).shows("unhealthy");
    checkout.shell("docker exec whatsapp-api pkill -CONT -x wakeeper").await;
    checkout.engine.wait_health(NAME, "healthy").await;
}
