//! Where a container keeps its session, and who else uses it: found, or told, and never written under somebody.

use crate::checkout::{Checkout, Compose};
use crate::planted::{plant_session, stranger};

/// The Signal session that is torn in a planted session.
const TORN: &str = "session-4915100000000.0.json";

/// A session elsewhere is found where other gateways keep theirs, or named, without making the container anew.
#[tokio::test]
async fn a_session_at_another_gateways_place() {
    let checkout = Checkout::without_images(Compose::V1).await;
    plant_session(&checkout.folder().join("waha/noweb/shop"));
    stranger(&checkout, "--workdir /app -v $(pwd)/waha:/app/.sessions").await;
    let health = "wakeeper health --container stranger";
    let one = checkout.shell(health).await.code(1);
    one.shows("/app/.sessions/noweb/shop").shows(TORN).shows("--path /app/.sessions/noweb/shop");
    checkout.shell(&format!("{health} --path /app/.sessions/noweb/shop")).await.code(1).shows(TORN);
    checkout.shell(&format!("{health} --path /nowhere")).await.code(1).complains("--path");

    plant_session(&checkout.folder().join("waha/noweb/support"));
    let many = checkout.shell(health).await.code(1).shows("sessions_inside").shows("2 sessions");
    many.shows("--path /app/.sessions/noweb/support").shows("--all-sessions");
    let all = format!("{health} --path /app/.sessions/noweb --all-sessions --json");
    let all = checkout.shell(&all).await.code(1).json();
    assert_eq!(
        (&all["sessions"][0]["session"], &all["sessions"][1]["session"]),
        (&"shop".into(), &"support".into())
    );
    let status = checkout.shell("wakeeper status --container stranger --json").await.code(1).json();
    assert_eq!(status["sessions"].as_array().map(Vec::len), Some(2), "{status:#}");
    checkout
        .shell("wakeeper backup create --container stranger")
        .await
        .code(1)
        .complains("nothing was backed up");
    let clean = "wakeeper clean --container stranger --path /app/.sessions/noweb --all-sessions";
    checkout.shell(clean).await.code(0).shows("session shop").shows("session support");
    for name in ["shop", "support"] {
        assert!(!checkout.folder().join("waha/noweb").join(name).join(TORN).exists(), "{name}");
        checkout.shell(&format!("{health} --path /app/.sessions/noweb/{name}")).await.code(0);
    }
    checkout.shell("docker inspect --format '{{.State.Running}}' stranger").await.shows("true");
}

/// A program in a container that has the folder mounted is seen from this machine, and nothing is written under it.
#[tokio::test]
async fn a_program_in_a_container_uses_the_folder() {
    let checkout = Checkout::without_images(Compose::V1).await;
    plant_session(&checkout.folder().join("bot/auth_info"));
    stranger(&checkout, "--workdir /tmp -v $(pwd)/bot:/app").await;
    // It works elsewhere, so that only its mounts tell.
    let node = "docker exec stranger cp /bin/sleep /usr/local/bin/node && \
                docker exec -d -w /tmp stranger sh -c 'echo $$ > /tmp/node.pid; exec node infinity'";
    checkout.shell(node).await.code(0);
    checkout.shell("until docker top stranger | grep -q 'node infinity'; do :; done").await.code(0);
    let health = checkout.shell("wakeeper health --data-dir bot").await.code(1);
    health.shows("(node) in container stranger");
    let torn = checkout.folder().join("bot/auth_info").join(TORN);
    checkout.shell("wakeeper clean --data-dir bot").await.code(1).complains("(node) in container");
    assert!(torn.exists());
    // The container that has the folder counts, also when its program does not say whose it is.
    checkout.shell("docker exec stranger sh -c 'kill $(cat /tmp/node.pid)'").await.code(0);
    checkout.shell("while docker top stranger | grep -q 'node infinity'; do :; done").await.code(0);
    let refusal = checkout.shell("wakeeper clean --data-dir bot").await.code(1);
    refusal.complains("container stranger (has ").complains("--assume-stopped");
    checkout.shell("docker stop --time 1 stranger").await.code(0);
    checkout.shell("wakeeper clean --data-dir bot").await.code(0);
    assert!(!torn.exists());
}

/// Two containers whose mounts overlap: found, named, and refused.
#[tokio::test]
async fn two_containers_have_one_session() {
    let checkout = Checkout::without_images(Compose::V1).await;
    plant_session(&checkout.folder().join("bot/auth_info"));
    stranger(&checkout, "--workdir /app -v $(pwd)/bot/auth_info:/app/auth_info").await;
    let other = "docker run -d --init --name my-app -v $(pwd)/bot:/data debian:bookworm-slim sleep infinity";
    checkout.shell(other).await.code(0);
    let health = checkout.shell("wakeeper health --container stranger").await.code(1);
    health.shows("folder_many_owners").shows("container my-app (has ");
    let clean = "wakeeper clean --container stranger";
    let torn = checkout.folder().join("bot/auth_info").join(TORN);
    checkout.shell(clean).await.code(1).complains("docker stop my-app").complains("nothing was changed");
    assert!(torn.exists());
    checkout.shell("docker stop --time 1 my-app").await.code(0);
    checkout.shell(clean).await.code(0);
    assert!(!torn.exists());
}

/// A program of this machine that has a file of the session open is found before the container is stopped for nothing.
#[tokio::test]
async fn a_program_outside_is_found_before_the_container_is_stopped() {
    let checkout = Checkout::without_images(Compose::V1).await;
    plant_session(&checkout.folder().join("bot/auth_info"));
    stranger(&checkout, "--workdir /app -v $(pwd)/bot/auth_info:/app/auth_info").await;
    let since = "docker inspect --format '{{.State.StartedAt}}' stranger";
    let before = checkout.shell(since).await.code(0).out;
    let clean = "sleep infinity < bot/auth_info/creds.json & other=$!; wakeeper clean --container stranger; \
                 code=$?; kill $other; exit $code";
    let refusal = checkout.shell(clean).await.code(1).complains("a process seems to run on");
    let refusal = refusal.complains("(sleep)").complains("--assume-stopped");
    assert!(!refusal.err.contains("stopping container"), "{refusal}");
    assert!(checkout.folder().join("bot/auth_info").join(TORN).exists());
    assert_eq!(checkout.shell(since).await.code(0).out, before, "it was not stopped");
}
