//! The guide's `clean` on the guide's own container: the gateway's session is repaired, or begun anew, from outside.

use std::path::PathBuf;

use wakeeper_e2e::Phone;

use crate::checkout::{Checkout, Compose, NAME};
use crate::commands::{CLEAN, HEALTH, RUN, START, STOP};

/// Somebody who writes to the gateway.
const FRIEND: &str = "491701000076";

fn database(checkout: &Checkout) -> PathBuf {
    checkout.folder().join("auth_info/sessions/default/engine.db")
}

/// The guide's container, linked to a phone, and somebody who wrote to it.
async fn linked() -> (Checkout, Phone, Phone) {
    let checkout = Checkout::fresh(Compose::V1).await;
    let friend = checkout.lab().simulator().phone(FRIEND, "Ben").await;
    checkout.guide(RUN).await.code(0);
    checkout.engine.wait_health(NAME, "healthy").await;
    let phone = checkout.phone().await;
    checkout.link(&phone).await;
    friend.send_text(&phone.address.jid(), "before").await;
    checkout.wait_received(&friend, "before").await;
    (checkout, phone, friend)
}

/// G02: the disk ate pages of the database, and the login survives.
#[tokio::test]
async fn a_damaged_database_costs_no_login() {
    let (checkout, phone, friend) = linked().await;
    checkout.shell("./docker-session-manager.sh backup create").await.code(0);
    checkout.guide(STOP).await.code(0);
    let mut content = std::fs::read(database(&checkout)).expect("the database");
    let len = content.len();
    content[4096..len.min(40_960)].fill(0xaa);
    std::fs::write(database(&checkout), content).expect("write the database");

    checkout.guide(HEALTH).await.code(1).shows("native_database_damaged");
    let plan = checkout.shell("./docker-session-manager.sh clean --dry-run").await.code(0);
    plan.shows("move the damaged database aside").shows("take the login from");
    checkout.guide(CLEAN).await.code(0).shows("kept: no new QR code is needed");
    checkout.guide(START).await.code(0);
    checkout.wait_working().await;
    friend.send_text(&phone.address.jid(), "after").await;
    checkout.wait_received(&friend, "after").await;
    checkout.guide(HEALTH).await.code(0).shows("a session of wakeeper, healthy");
}

/// G02 and G24: what is stale is looked for, one contact is negotiated anew, and everything goes only when that is said.
#[tokio::test]
async fn upkeep_and_the_complete_reset() {
    let (checkout, phone, friend) = linked().await;
    let manager = async |words: &str| checkout.shell(&format!("./docker-session-manager.sh {words}")).await;
    manager("clean --stale").await.code(0).shows("Nothing to repair");
    manager(&format!("clean --peer {FRIEND}")).await.code(0).shows("no new QR code is needed");
    checkout.wait_working().await;
    friend.send_text(&phone.address.jid(), "negotiated anew").await;
    checkout.wait_received(&friend, "negotiated anew").await;

    manager("clean --all").await.code(1).complains("--yes");
    checkout
        .typed("./docker-session-manager.sh clean --all", "no\n")
        .await
        .code(1)
        .shows("Nothing was changed");
    checkout.wait_working().await;
    manager("clean --all --yes").await.code(0).shows("removed: scan a new QR code");
    checkout.link(&phone).await;
}
