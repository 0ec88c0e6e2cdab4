//! G08: the session monitor of the compose profile, as its container is made there: without a network, with a read-only
//! root and two capabilities. It sees another container's files through the engine alone.

use std::time::Duration;

use serde_json::Value;
use wakeeper_e2e::damaged_session::contents;
use wakeeper_e2e::journal::eventually;

use crate::checkout::{Checkout, Compose};
use crate::commands::UP_MONITORED;
use crate::planted::plant_session;

/// A file that is looked at twice, a stop and a start, and half a minute of watching the repaired.
const VERIFIED: Duration = Duration::from_mins(3);
/// A Baileys gateway as the monitor sees one: a label, a folder, a log.
const GATEWAY: &str = "docker run -d --init --name stranger --label whatsapp.session.managed=true \
     -v $(pwd)/bot:/app/auth_info -v $(pwd)/said:/said:ro debian:bookworm-slim tail -n 0 -F /said";

/// The incidents that the monitor keeps in the mounted backup folder.
async fn incidents(checkout: &Checkout, id: &str) -> Value {
    let list = format!("wakeeper incidents {id} --state session_backups/monitor --json");
    checkout.shell(&list).await.code(0).json()
}

#[tokio::test]
async fn a_gateway_beside_it_is_repaired() {
    let checkout = Checkout::fresh(Compose::V1).await;
    let bot = checkout.folder().join("bot");
    plant_session(&bot);
    let sound = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
        files
            .iter()
            .filter(|(name, _)| !name.contains("4915100000000"))
            .map(|file| format!("{file:?}"))
            .collect::<Vec<_>>()
    };
    let before = contents(&bot);
    checkout.shell("touch said").await.code(0);
    checkout.shell(GATEWAY).await.code(0);
    let started = "docker inspect --format '{{.State.StartedAt}}' stranger";
    let first = checkout.shell(started).await.code(0).out;
    checkout.guide(UP_MONITORED).await.code(0);
    checkout.wait_monitor("watching container stranger").await;

    checkout.shell("echo 'Decrypted message with closed session.' >> said").await.code(0);
    let id = eventually("an incident that is over", VERIFIED, async || {
        let all = incidents(&checkout, "").await;
        let of_it = |i: &&Value| i["session"] == "stranger" && !i["closed_ms"].is_null();
        let over = all.as_array().expect("a list").iter().find(of_it).and_then(|i| i["id"].as_i64());
        over.ok_or(all)
    })
    .await;
    let incident = incidents(&checkout, &id.to_string()).await;
    assert_eq!(incident["outcome"], "recovered", "{incident:#}");
    let after = contents(&bot);
    assert!(!after.keys().any(|name| name.contains("4915100000000")), "the torn file is still there");
    assert_eq!(sound(&after), sound(&before), "more than what is damaged was changed");
    assert_ne!(
        checkout.shell(started).await.code(0).out,
        first,
        "it was not stopped while its files were changed"
    );
    let running = checkout.shell("docker inspect --format '{{.State.Running}}' stranger").await;
    assert_eq!(running.out.trim(), "true", "it was left stopped");
    // What it was before is in the backup, the torn file too.
    let verify = checkout.shell("./docker-session-manager.sh backup verify --container stranger").await;
    verify.code(0).shows("every SHA-256").shows("4915100000000");
    // wakeeper's own gateway beside it repairs itself, and is left alone.
    checkout.wait_monitor("watching container whatsapp-api").await;
}
