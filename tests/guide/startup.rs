//! What the container finds when it starts: somebody's session, nothing, or something that is wrong.

use std::fs;

use serde_json::json;
use wakeeper_e2e::damaged_session::contents;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Baileys, PATIENCE};

use crate::checkout::{Checkout, Compose, NAME, NUMBER};
use crate::commands::{CURL, HEALTH, RESTART, RUN, START, UP};
use crate::disk::Disk;

/// Somebody who writes to the gateway.
const FRIEND: &str = "491701000078";

/// G15: what Baileys left in the mounted folder is taken over, with no new QR code, in the middle of a conversation.
#[tokio::test]
async fn a_baileys_session_is_taken_over() {
    let checkout = Checkout::fresh(Compose::V1).await;
    let lab = checkout.lab();
    let friend = lab.simulator().phone(FRIEND, "Ben").await;
    let bot = lab.linked_peer("bot", Baileys::Six, NUMBER).await;
    let me = bot.address().clone();
    friend.send_text(&me.jid(), "to the old bot").await;
    bot.wait_texts(&friend.address, &["to the old bot".to_owned()]).await;
    bot.into_peer().stop().await;
    fs::create_dir(checkout.folder().join("auth_info")).expect("a folder");
    for (name, content) in contents(&lab.folder().join("bot")) {
        fs::write(checkout.folder().join("auth_info").join(name), content).expect("a copy");
    }
    checkout.shell("echo '{}' > baileys_store.json").await.code(0);
    checkout.guide(RUN).await.code(0);
    checkout.wait_working().await;
    checkout.wait_log("no new QR code is needed").await;
    let log = checkout.shell("docker logs whatsapp-api").await.code(0);
    assert!(!log.out.contains("scan this QR code"), "{log}");
    friend.send_text(&me.jid(), "to the new gateway").await;
    checkout.wait_received(&friend, "to the new gateway").await;
    checkout.shell("ls session_backups").await.code(0).shows(".tar");
    checkout.guide(RESTART).await.code(0);
    checkout.wait_working().await;
    checkout.guide(HEALTH).await.code(0).shows("a session of wakeeper, healthy");
}

/// G20: waiting for a QR code is alive, not ready; linked is ready; a full disk is neither, and names the check.
#[tokio::test]
async fn health_tells_waiting_from_broken() {
    let checkout = Checkout::fresh(Compose::V1).await;
    let disk = Disk::mount(&checkout, "auth_info", "16m").await;
    checkout.guide(RUN).await.code(0);
    checkout.engine.wait_health(NAME, "healthy").await;
    checkout.qr().await;
    let answer = async |path: &str| checkout.get(path).await.expect("an answer");
    assert_eq!(answer("/health").await.0, 200);
    let (status, body) = answer("/ready").await;
    assert!(status == 503 && body.contains("not every started session is WORKING"), "{status} {body}");
    let phone = checkout.phone().await;
    checkout.link(&phone).await;
    assert_eq!(answer("/ready").await.0, 200);
    checkout.guide(CURL).await.code(0);

    disk.fill().await;
    eventually("the full disk to be noticed", PATIENCE, async || {
        let (status, body) = checkout.get("/health").await?;
        if status == 503 { Ok(body) } else { Err(format!("{status} {body}")) }
    })
    .await;
    let body = answer("/health").await.1;
    assert!(body.contains("\"storage\":{") && body.contains("full"), "{body}");
    checkout.guide(CURL).await.code(22);
    disk.empty().await;
    eventually("the room to be noticed", PATIENCE, async || {
        let (status, body) = checkout.get("/health").await?;
        if status == 200 { Ok(()) } else { Err(format!("{status} {body}")) }
    })
    .await;
    checkout.engine.wait_health(NAME, "healthy").await;
    checkout.wait_working().await;
    checkout.guide(CURL).await.code(0);
    checkout.shell("docker rm --force whatsapp-api").await.code(0);
}

/// G21: mounts that are wrong. What prepares the folder, how the container is run, and what its one line says.
const WRONG: [(&str, &str, &str); 3] = [
    ("mkdir auth_info", "-v $(pwd)/auth_info:/app/auth_info:ro", "/app/auth_info is not writable"),
    (
        "mkdir auth_info",
        "--cap-drop ALL --security-opt no-new-privileges -v $(pwd)/auth_info:/app/auth_info",
        "sudo chown -R 10001:10001 ./auth_info",
    ),
    (
        "mkdir auth_info && echo '{' > auth_info/creds.json",
        "-v $(pwd)/auth_info:/app/auth_info",
        "/app/auth_info",
    ),
];

#[tokio::test]
async fn what_is_wrong_is_said_in_one_line() {
    let checkout = Checkout::fresh(Compose::V1).await;
    for (prepare, mounts, wanted) in WRONG {
        checkout.shell(&format!("rm -rf auth_info && {prepare}")).await.code(0);
        let run = format!("docker run --rm --name whatsapp-api {mounts} whatsapp-api:session-enhanced");
        checkout.shell(&run).await.code(1).one_error().complains(wanted);
    }
    // A file where a folder is to be mounted: the engine itself refuses, and `start` passes on what it says.
    checkout.shell("rm -rf auth_info && touch auth_info").await.code(0);
    checkout.guide(START).await.code(1).one_error().complains("auth_info");
}

/// G22: no QR code, because WhatsApp does not want this client: it is said, and the container goes on.
#[tokio::test]
async fn a_refused_client_says_so() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.lab().simulator().fault(json!({"kind": "rejected_version", "count": 1})).await;
    checkout.guide(RUN).await.code(0);
    checkout.wait_log("WhatsApp no longer accepts this client version; update wakeeper").await;
    checkout.engine.wait_health(NAME, "healthy").await;
    checkout.guide(RESTART).await.code(0);
    checkout.qr().await;
}

/// G23: a login that would be lost with its container.
#[tokio::test]
async fn a_session_that_will_not_persist() {
    let checkout = Checkout::fresh(Compose::V1).await;
    checkout.shell("docker run -d --name whatsapp-api whatsapp-api:session-enhanced").await.code(0);
    checkout.wait_log("is not on a mount: the login will be lost with this container").await;
    checkout.engine.wait_health(NAME, "healthy").await;
    checkout.guide(HEALTH).await.shows("NOT on a mount");
}

/// G26: secrets out of files, and files that nobody else reads.
#[tokio::test]
async fn secrets_and_modes() {
    let checkout = Checkout::fresh(Compose::V1).await;
    // A key in the environment as well would be refused.
    checkout.shell("sed -i /API_KEY/d .env").await.code(0);
    // As the head of docker-compose.secrets.yml has it.
    let secrets = "mkdir -p secrets && openssl rand -hex 32 > secrets/api_key && \
                   openssl rand -hex 32 > secrets/backup_passphrase && \
                   chown -R 10001:10001 secrets && chmod 0400 secrets/*";
    checkout.shell(secrets).await.code(0);
    let up = UP.text().replace(" up -d", " -f docker-compose.secrets.yml up -d");
    checkout.shell(&up).await.code(0);
    checkout.engine.wait_health(NAME, "healthy").await;
    let key = fs::read_to_string(checkout.folder().join("secrets/api_key")).expect("the key");
    let ask = |key: &str| {
        format!("curl -s -o /dev/null -w '%{{http_code}}' -H 'X-Api-Key: {key}' localhost:8192/api/sessions")
    };
    checkout.shell(&ask(key.trim())).await.code(0).shows("200");
    checkout.shell(&ask("another")).await.code(0).shows("401");
    for look in ["docker inspect whatsapp-api", "docker logs whatsapp-api 2>&1"] {
        checkout.shell(look).await.code(0).hides(key.trim());
    }
    let open = checkout.shell("find auth_info session_backups -perm /077").await.code(0);
    assert_eq!(open.out, "", "others may read these");
    let owner = checkout.shell("stat --format %u:%g auth_info auth_info/*").await.code(0);
    assert!(owner.out.lines().all(|owner| owner == "10001:10001"), "{owner}");
}
