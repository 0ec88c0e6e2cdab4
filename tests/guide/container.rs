//! The guide's way without compose: `docker run`, the debug commands and the Node tool.

use wakeeper_e2e::PATIENCE;
use wakeeper_e2e::journal::eventually;

use crate::checkout::{Checkout, Compose};

const RUN: &str = "docker run -d --name whatsapp-api -p 8192:8192 -v $(pwd)/auth_info:/app/auth_info \
    -v $(pwd)/baileys_store.json:/app/baileys_store.json -v $(pwd)/session_backups:/app/session_backups \
    -e SESSION_CLEANUP_ENABLED=true -e ENABLE_ERROR_MONITORING=true whatsapp-api:session-enhanced";

/// G09, G18 to G20: the command as it stands, in a folder that holds none of what it mounts.
#[tokio::test]
async fn run_and_debugged() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.guide(RUN).await.code(0);
    checkout.engine.wait_health("whatsapp-api", "healthy").await;
    // Docker made a folder of the file; the gateway copes, and says so.
    assert!(checkout.folder().join("baileys_store.json").is_dir());
    checkout.wait_log("baileys_store.json").await;
    checkout.wait_log("QR").await;
    debugged(&checkout).await;
    // The API Engine's way, for there is no compose project.
    checkout.guide("./docker-session-manager.sh restart").await.code(0).shows("is healthy");
    checkout.guide("./docker-session-manager.sh stop").await.code(0);
    checkout.guide("./docker-session-manager.sh start").await.code(0).shows("is healthy");
}

async fn debugged(checkout: &Checkout) {
    checkout.guide("docker inspect whatsapp-api").await.code(0).shows("\"Health\"");
    checkout
        .guide("docker inspect --format='{{.State.Health.Status}}' whatsapp-api")
        .await
        .code(0)
        .shows("healthy");
    let log = "docker inspect --format='{{range .State.Health.Log}}{{.Output}}{{end}}' whatsapp-api";
    checkout.guide(log).await.code(0).shows("ok");
    checkout.guide("curl -f http://localhost:8192/health").await.code(0).shows("\"status\":\"ok\"");
    checkout.guide("docker exec whatsapp-api ps aux").await.code(0).shows("wakeeper serve");
    checkout.guide("docker exec whatsapp-api df -h").await.code(0).shows("/app/auth_info");
    checkout.guide("docker exec whatsapp-api ls -la /app/").await.code(0).shows("auth_info");
    checkout.guide("docker exec whatsapp-api netstat -tlnp").await.code(0).shows(":8192");
    checkout.guide("docker port whatsapp-api").await.code(0).shows("8192/tcp -> 0.0.0.0:8192");
    checkout.shell("docker stats --no-stream whatsapp-api").await.code(0).shows("whatsapp-api");
    checkout.shell("timeout --signal KILL 5 docker stats whatsapp-api").await.shows("whatsapp-api");
    checkout.shell("docker exec whatsapp-api id -u").await.code(0).shows("10001");
    // The guide's own target may be out of reach; that ping works at all is what the image is asked for.
    checkout.shell("docker exec whatsapp-api ping -c 3 127.0.0.1").await.code(0).shows("3 received");
    let outside = checkout.guide("docker exec whatsapp-api ping -c 3 web.whatsapp.com").await;
    assert!([Some(0), Some(1), Some(2)].contains(&outside.code), "ping ran: {outside:?}");
}

/// G07 and G14: the Node tool, with every way to name the container.
#[tokio::test]
async fn cared_for_from_node() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.guide(RUN).await.code(0);
    checkout.engine.wait_health("whatsapp-api", "healthy").await;
    let phone = checkout.phone().await;
    checkout.link(&phone).await;
    checkout.guide("node fix-session-errors-docker.js").await.code(0).shows("inside container whatsapp-api");
    checkout.guide("node fix-session-errors-docker.js --clean").await.code(0);
    checkout.guide("node fix-session-errors-docker.js --restart").await.code(0).shows("is healthy");
    checkout.wait_working().await;
    checkout.shell("node fix-session-errors-docker.js --help").await.code(0).shows("Usage");
    checkout.shell("node fix-session-errors-docker.js --nonsense").await.code(2).complains("--nonsense");
    // An unknown container is a clear error.
    let mine = "node fix-session-errors-docker.js --clean --container=my-whatsapp-api";
    checkout.guide(mine).await.code(1).complains("there is no container my-whatsapp-api");
    let named = "CONTAINER_NAME=my-app node fix-session-errors-docker.js --clean";
    checkout.guide(named).await.code(1).complains("there is no container my-app");
    checkout.shell("docker rename whatsapp-api my-whatsapp-api").await.code(0);
    checkout.guide(mine).await.code(0);
    checkout.shell("docker rename my-whatsapp-api my-app").await.code(0);
    checkout.guide(named).await.code(0);
    checkout.wait_working().await;
}

/// The script on a machine that has Docker and nothing else: the program comes out of the image.
#[tokio::test]
async fn managed_out_of_the_image() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.guide(RUN).await.code(0);
    checkout.engine.wait_health("whatsapp-api", "healthy").await;
    checkout.shell("rm \"$(command -v wakeeper)\"").await.code(0);
    checkout.shell("command -v wakeeper").await.code(1);
    checkout.guide("./docker-session-manager.sh status").await.shows("running, healthy");
    checkout.guide("./docker-session-manager.sh restart").await.code(0).shows("is healthy");
    checkout.guide("./docker-session-manager.sh exec \"ls -la /app/auth_info\"").await.code(0).shows("..");
    checkout.guide("./docker-session-manager.sh clean").await.code(0);
}

/// G17 without compose, and G19 when the process is stuck: `unhealthy`, and `healthy` again when it goes on.
#[tokio::test]
async fn a_stuck_service_is_unhealthy() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.guide(RUN).await.code(0);
    checkout.engine.wait_health("whatsapp-api", "healthy").await;
    checkout.shell("docker exec whatsapp-api pkill -STOP -x wakeeper").await;
    let health = "docker inspect --format='{{.State.Health.Status}}' whatsapp-api";
    eventually("an unhealthy container", PATIENCE * 2, async || {
        let said = checkout.guide(health).await;
        if said.out.trim() == "unhealthy" { Ok(()) } else { Err(said.out) }
    })
    .await;
    checkout.shell("./docker-session-manager.sh status").await.code(1).shows("unhealthy");
    checkout.shell("docker exec whatsapp-api pkill -CONT -x wakeeper").await;
    checkout.engine.wait_health("whatsapp-api", "healthy").await;
}
