//! The session doctor on real Baileys clients: a paired, talking client is killed and damaged, `wakeeper clean` mends its
//! folder, and it starts again without a new QR code; the next ten messages each way all arrive.

mod credentials;
mod damage;
mod groups;
mod late;
mod ratchets;
mod upgrade;

use wakeeper_e2e::patient::talk;
use wakeeper_e2e::{Addressing, Baileys, Lab, Party, Patient};

const ANNA: &str = "491701000001";
const BEN: &str = "491701000002";

/// A patient and a partner of the same version that have been talking for a while.
async fn talking(lab: &Lab, version: Baileys) -> (Patient<'_>, Party) {
    let anna = Patient::linked(lab, "anna", version, ANNA).await;
    let ben = lab.linked_peer("ben", version, BEN).await;
    talk("before", &ben, anna.party()).await;
    (anna, ben)
}

/// Starts the patient again; both ways must work, and no ratchet key may have been used twice.
async fn recovered(lab: &Lab, anna: &mut Patient<'_>, ben: &Party, version: Baileys) {
    anna.start(version).await;
    talk("after", ben, anna.party()).await;
    lab.simulator().assert_no_ratchet_reuse().await;
}

async fn a_healthy_folder_is_left_byte_identical(version: Baileys) {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let (mut anna, ben) = talking(&lab, version).await;
    anna.kill().await;
    let before = damage::contents(&anna.folder());
    for command in ["health", "clean"] {
        let (code, document) = anna.doctor(&[command, "--log", &anna.log().to_string_lossy()]).await;
        assert_eq!(code, 0, "{document}");
        assert_eq!(damage::contents(&anna.folder()), before, "{command}");
    }
    recovered(&lab, &mut anna, &ben, version).await;
}

#[tokio::test]
async fn baileys6_healthy() {
    a_healthy_folder_is_left_byte_identical(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_healthy() {
    a_healthy_folder_is_left_byte_identical(Baileys::Seven).await;
}
