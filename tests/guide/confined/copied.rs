//! Sessions in the container's own layer, which only the engine can reach: it works as root.

use super::{Ground, SECRET, holds_no_secret};
use crate::planted::plant_session;

/// The session is at a path of its own, on no mount.
const MADE_WITH: &str = "--label whatsapp.session.auth-info=/home/app/data/auth";

impl Ground {
    /// A folder of the container's, and one of its root's that holds a session with a secret.
    async fn in_its_own_layer() -> Self {
        let ground = Self::with(MADE_WITH).await;
        let planted = ground.at("planted");
        plant_session(&planted);
        ground.as_root("mkdir -p /secret/auth /home/app/data/auth").await;
        for folder in ["/secret/auth", "/home/app/data/auth"] {
            ground.checkout.shell(&format!("docker cp planted/. stranger:{folder}")).await.code(0);
        }
        std::fs::write(ground.at("pre-key-4711.json"), SECRET).expect("a secret");
        ground.checkout.shell("docker cp pre-key-4711.json stranger:/secret/auth/").await.code(0);
        let own = "chown -R 10001:10001 /home/app && chown -R 0:0 /secret && chmod -R go= /secret";
        ground.as_root(own).await;
        ground
    }

    async fn as_root(&self, line: &str) {
        self.checkout.shell(&format!("docker exec --user 0 stranger sh -c '{line}'")).await.code(0);
    }

    async fn secret_folder(&self) -> String {
        let line = "find /secret | sort; cat /secret/auth/* | sha256sum";
        self.checkout.shell(&format!("docker exec --user 0 stranger sh -c '{line}'")).await.code(0).out
    }
}

/// A link on the way, then root's folder in the place of one on the way, then root's folder as the session itself.
#[tokio::test]
async fn the_engine_is_not_led_out_either() {
    let ground = Ground::in_its_own_layer().await;
    let checkout = &ground.checkout;
    checkout.shell("wakeeper backup create --container stranger").await.code(0);
    let before = ground.secret_folder().await;
    ground.inside("mv /home/app/data /home/app/kept && ln -s /secret /home/app/data").await;
    for state in ["start", "stop"] {
        checkout.shell(&format!("docker {state} stranger")).await.code(0);
        ground.is_refused("/home/app/data/auth", "link").await;
    }
    checkout.shell("docker start stranger").await.code(0);
    ground.as_root("rm /home/app/data && mv /secret /home/app/data && ln -s /home/app/data /secret").await;
    ground.is_refused("/home/app/data", "belongs to user 0").await;
    ground.as_root("rm /secret && mv /home/app/data /secret").await;
    ground.inside("mv /home/app/kept /home/app/data && mv /home/app/data/auth /home/app/data/kept").await;
    ground.as_root("mv /secret/auth /home/app/data/auth && ln -s /home/app/data/auth /secret/auth").await;
    ground.is_refused("/home/app/data/auth", "belongs to user 0").await;
    ground.as_root("rm /secret/auth && mv /home/app/data/auth /secret/auth").await;
    assert_eq!(ground.secret_folder().await, before, "root's folder was changed");
    holds_no_secret(&ground.at("session_backups"));
    // A file of root's among the container's own is left out, and stays.
    ground.inside("mv /home/app/data/kept /home/app/data/auth").await;
    ground.as_root("cp /secret/auth/pre-key-4711.json /home/app/data/auth/pre-key-99.json").await;
    ground.as_root("chmod 600 /home/app/data/auth/pre-key-99.json").await;
    checkout.shell("wakeeper backup create --always --container stranger").await.code(0);
    holds_no_secret(&ground.at("session_backups"));
    let clean = checkout.shell("wakeeper clean --container stranger").await;
    clean.code(1).complains("would be lost with it").complains("pre-key-99.json");
    ground
        .as_root("test -s /home/app/data/auth/pre-key-99.json && rm /home/app/data/auth/pre-key-99.json")
        .await;
    checkout.shell("wakeeper clean --container stranger").await.code(0).shows("no new QR code is needed");
}

/// What is no plain file survives that a file beside it is removed.
#[tokio::test]
async fn hard_links_survive_and_other_links_are_not_lost() {
    let ground = Ground::in_its_own_layer().await;
    let checkout = &ground.checkout;
    ground
        .inside("cd /home/app/data/auth && ln pre-key-4.json pre-key-77.json && ln pre-key-5.json pre-key-78.json")
        .await;
    ground.inside("ln -s creds.json /home/app/data/auth/link").await;
    let facts = "docker exec --user 0 stranger sh -c 'cd /home/app/data/auth && stat --format \"%n %u %a %F\" * && cat *'";
    let before = checkout.shell(facts).await.code(0).out;
    checkout.shell("wakeeper clean --container stranger").await.code(1).complains("would be lost with it");
    assert_eq!(checkout.shell(facts).await.code(0).out, before, "something was changed");
    ground.inside("rm /home/app/data/auth/link").await;
    checkout.shell("wakeeper clean --container stranger").await.code(0).shows("no new QR code is needed");
    ground
        .inside("cd /home/app/data/auth && cmp pre-key-5.json pre-key-78.json && cmp pre-key-4.json pre-key-77.json")
        .await;
    checkout.shell("wakeeper clean --container stranger").await.code(0).shows("Nothing to repair");
}
