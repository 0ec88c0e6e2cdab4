//! The guide's settings: each is taken by the gateway and by the monitor, and does what it says.

use std::fs;

use crate::checkout::{Checkout, Compose, NAME};
use crate::commands::{
    AUTO_CLEANUP, CLEANUP_ENABLED, CONTAINER_NAME, ERROR_MONITORING, ERROR_THRESHOLD, Line, START, STATUS,
    UP_MONITORED,
};

/// The block of the guide.
const GUIDE: [Line; 5] = [CLEANUP_ENABLED, ERROR_THRESHOLD, AUTO_CLEANUP, ERROR_MONITORING, CONTAINER_NAME];

/// Writes settings where compose reads them, beside those that the tests need.
fn write(checkout: &Checkout, settings: &[&str]) {
    let file = checkout.folder().join(".env");
    let old = fs::read_to_string(&file).expect(".env");
    let own = old.lines().take(2).chain(settings.iter().copied()).collect::<Vec<_>>().join("\n");
    fs::write(&file, own + "\n").expect(".env");
}

/// G10 to G14: as the guide has them, and then each the other way.
#[tokio::test]
async fn every_setting_has_its_effect() {
    let checkout = Checkout::fresh(Compose::V1).await;
    write(&checkout, &GUIDE.map(Line::text));
    checkout.guide(UP_MONITORED).await.code(0);
    checkout.wait_monitor("repairs a session").await;
    checkout.wait_monitor("or 10 of all contacts in 60 s; full reset: off").await;
    let environment = "docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' whatsapp-api";
    let environment = checkout.shell(environment).await.code(0);
    for line in GUIDE.map(Line::text) {
        assert!(environment.out.lines().any(|set| set == line), "{line}\n{environment}");
    }
    checkout.engine.wait_health(NAME, "healthy").await;

    let other = ["SESSION_CLEANUP_ENABLED=false", "SESSION_ERROR_THRESHOLD=3", "AUTO_CLEANUP_ON_ERROR=true"];
    write(&checkout, &other);
    checkout.guide(UP_MONITORED).await.code(0);
    checkout.wait_monitor("only reports a session").await;
    checkout.wait_monitor("or 3 of all contacts in 60 s; full reset: allowed as the last resort").await;

    write(&checkout, &["ENABLE_ERROR_MONITORING=false"]);
    checkout.guide(UP_MONITORED).await.code(0);
    checkout.wait_monitor("nothing is watched").await;

    // What nobody understands is refused by name by whoever uses it; nobody waits for what ends again and again.
    write(&checkout, &["SESSION_ERROR_THRESHOLD=many"]);
    checkout.guide(UP_MONITORED).await.code(0);
    checkout.wait_monitor("SESSION_ERROR_THRESHOLD").await;
    write(&checkout, &["BACKUP_INTERVAL=often"]);
    let said = checkout.guide(START).await.code(1);
    said.complains("BACKUP_INTERVAL").complains("container whatsapp-api ended with exit code 2");
}

/// G14: the flag beats the variable, the variable beats the default, whichever tool is asked.
#[tokio::test]
async fn the_flag_beats_the_variable_beats_the_default() {
    let checkout = Checkout::without_images(Compose::V1).await;
    for name in [NAME, "my-app", "my-whatsapp-api"] {
        let run = format!("docker run -d --init --name {name} debian:bookworm-slim sleep infinity");
        checkout.shell(&run).await.code(0);
    }
    checkout.guide(STATUS).await.code(0).shows("container whatsapp-api: running");
    let named = [
        ("", "", NAME),
        ("CONTAINER_NAME= ", "", NAME),
        ("CONTAINER_NAME=my-app ", "", "my-app"),
        ("", "my-whatsapp-api", "my-whatsapp-api"),
        ("CONTAINER_NAME=my-app ", "my-whatsapp-api", "my-whatsapp-api"),
    ];
    for (variable, flag, wanted) in named {
        let flag = if flag.is_empty() { String::new() } else { format!("--container={flag}") };
        let manager = format!("{variable}./docker-session-manager.sh status {flag}");
        checkout.shell(&manager).await.code(0).shows(&format!("container {wanted}: running"));
        // Nobody's gateway: the container that is complained of is the one that is meant.
        let node = format!("{variable}node fix-session-errors-docker.js {flag}");
        checkout.shell(&node).await.code(1).complains(&format!("container {wanted} "));
    }
}
