//! Baileys 6 is replaced by Baileys 7 on the same folder, and back.

use wakeeper_e2e::damaged_session::talk_in_group;
use wakeeper_e2e::{Addressing, Baileys, Lab, told};

use super::groups::group;
use super::{recovered, talking};

pub async fn another_version(addressing: Addressing, before: Baileys, after: Baileys) {
    told(addressing, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, before).await;
        let group = group(&ben, anna.party()).await;
        talk_in_group("before", &group, [&ben, anna.party()]).await;
        anna.kill().await;
        let repaired = anna.clean(&["--baileys", after.name()]).await;
        assert!(repaired.iter().any(|code| code == "sender_key_other_version"), "{repaired:?}");
        recovered(&mut anna, &ben, after).await;
        let ids = talk_in_group("after", &group, [&ben, anna.party()]).await;
        anna.assert_no_ratchet_went_back(&ids).await;
    })
    .await;
}

#[tokio::test]
async fn baileys6_upgraded_to_7_by_number() {
    another_version(Addressing::PhoneNumber, Baileys::Six, Baileys::Seven).await;
}

#[tokio::test]
async fn baileys6_upgraded_to_7_by_lid() {
    another_version(Addressing::Lid, Baileys::Six, Baileys::Seven).await;
}

#[tokio::test]
async fn baileys7_downgraded_to_6() {
    another_version(Addressing::PhoneNumber, Baileys::Seven, Baileys::Six).await;
}
