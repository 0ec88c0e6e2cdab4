//! The session doctor on real Baileys clients: a paired, talking client is killed and damaged, `wakeeper clean` repairs its
//! folder, and it starts again without a new QR code; the next ten messages each way all arrive.

mod credentials;
mod damage;
mod groups;
mod late;
mod matrix;
mod ratchets;
mod upgrade;

use wakeeper_e2e::damaged_session::{contents, talk};
use wakeeper_e2e::{Addressing, Baileys, DamagedSession, Lab, Party, told};

const ANNA: &str = "491701000001";
const BEN: &str = "491701000002";

/// A session and a partner of the same version that have been talking for a while.
async fn talking(lab: &Lab, version: Baileys) -> (DamagedSession<'_>, Party) {
    let anna = DamagedSession::linked(lab, "anna", version, ANNA).await;
    let ben = lab.linked_peer("ben", version, BEN).await;
    talk("before", &ben, anna.party()).await;
    (anna, ben)
}

/// Starts the session again; both ways must work, and no ratchet may have gone back.
async fn recovered(anna: &mut DamagedSession<'_>, ben: &Party, version: Baileys) {
    anna.start(version).await;
    let ids = talk("after", ben, anna.party()).await;
    anna.assert_no_ratchet_went_back(&ids).await;
}

pub async fn a_healthy_folder_is_left_byte_identical(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, version).await;
        anna.kill().await;
        let before = contents(&anna.folder());
        for command in ["health", "clean"] {
            let (code, document) = anna.doctor(&[command, "--log", &anna.log().to_string_lossy()]).await;
            assert_eq!(code, 0, "{document}");
            assert_eq!(contents(&anna.folder()), before, "{command}");
        }
        recovered(&mut anna, &ben, version).await;
    })
    .await;
}

#[tokio::test]
async fn baileys6_healthy() {
    a_healthy_folder_is_left_byte_identical(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_healthy() {
    a_healthy_folder_is_left_byte_identical(Baileys::Seven).await;
}
