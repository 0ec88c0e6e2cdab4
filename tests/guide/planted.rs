//! Sessions of Baileys that were put where they lie, and containers that do nothing with them.

use std::path::Path;

use wakeeper_e2e::damaged_session::contents;

use crate::checkout::{Checkout, Compose};

/// A file of the session that is torn.
const TORN: &str = "session-4915100000000.0.json";

/// Starts a container that belongs to nobody's gateway, with these mounts.
pub async fn stranger(checkout: &Checkout, mounts: &str) {
    let run = format!("docker run -d --init --name stranger {mounts} debian:bookworm-slim sleep infinity");
    checkout.shell(&run).await.code(0);
}

/// A Baileys session with a Signal session that is torn.
pub fn plant_session(folder: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let fixture = fixtures.join("crates/doctor/fixtures/baileys6");
    std::fs::create_dir_all(folder).expect("a folder");
    for (name, content) in contents(&fixture) {
        std::fs::write(folder.join(name), content).expect("a copy");
    }
    std::fs::write(folder.join(TORN), "{\"_sessions\":{\"B").expect("a torn file");
}

/// Where a container may keep its session: how it is mounted, and what makes it ready.
const PLACES: [(&str, &str); 3] = [
    ("a folder of this machine", "-v $(pwd)/elsewhere:/app/auth_info"),
    ("a volume", "-v checkout_sessions:/app/auth_info"),
    ("the container itself", ""),
];

/// G01 and G02: the session is examined and repaired wherever it lies, running or not, and keeps its owner and its mode.
#[tokio::test]
async fn wherever_it_lies() {
    let checkout = Checkout::without_images(Compose::V1).await;
    plant_session(&checkout.folder().join("planted"));
    let inside = |line: &str| format!("docker exec stranger sh -c '{line}'");
    for (place, mount) in PLACES {
        eprintln!("in {place}");
        stranger(&checkout, &format!("--workdir /app {mount}")).await;
        let plant =
            "docker exec stranger mkdir -p /app/auth_info && docker cp planted/. stranger:/app/auth_info";
        checkout.shell(plant).await.code(0);
        let own = inside("chown -R 1000:1000 auth_info && chmod 700 auth_info && chmod 600 auth_info/*");
        checkout.shell(&own).await.code(0);
        let facts = inside("stat --format \"%n %u:%g %a\" auth_info auth_info/*");
        let before = checkout.shell(&facts).await.code(0).out;
        let check = "./docker-session-manager.sh check --container stranger";
        checkout.shell(check).await.code(1).shows(TORN);
        checkout.shell("docker stop stranger").await.code(0);
        checkout.shell(check).await.code(1).shows(TORN);
        checkout.shell("docker start stranger").await.code(0);
        let clean = "./docker-session-manager.sh clean --container stranger";
        checkout.shell(clean).await.code(0).shows("kept: no new QR code is needed");
        checkout.shell(check).await.code(0);
        let after = checkout.shell(&facts).await.code(0);
        let wanted: Vec<_> = before.lines().filter(|line| !line.contains(TORN)).collect();
        assert_eq!(after.out.lines().collect::<Vec<_>>(), wanted, "{after}");
        let remove = "docker rm --force --volumes stranger; docker volume rm --force checkout_sessions";
        checkout.shell(remove).await.code(0);
    }
}
