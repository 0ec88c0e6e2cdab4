//! Damage to sender keys: groups must work again, both ways.

use serde_json::json;
use wakeeper_e2e::damaged_session::talk_in_group;
use wakeeper_e2e::party::Chat;
use wakeeper_e2e::{Addressing, Baileys, Lab, Party, told};

use super::damage::{files, tear};
use super::{recovered, talking};

/// A group that `maker` made with `other`.
pub async fn group(maker: &Party, other: &Party) -> Chat {
    let subject = json!({"subject": "the two of us", "participants": [other.address().jid()]});
    let made = maker.as_peer().call("create-group", subject).await;
    Chat::Group(made["id"].as_str().expect("a group has an id").to_owned())
}

async fn torn_sender_keys(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, version).await;
        let group = group(&ben, anna.party()).await;
        talk_in_group("before", &group, [&ben, anna.party()]).await;
        anna.kill().await;
        // Our own and Ben's.
        let torn: Vec<_> = files(&anna.folder(), "sender-key-1");
        assert!(torn.len() >= 2, "{torn:?}");
        for file in &torn {
            tear(file);
        }
        assert_eq!(anna.doctor(&["health"]).await.0, 1);
        let repaired = anna.clean(&[]).await;
        assert!(repaired.iter().any(|code| code == "file_truncated"), "{repaired:?}");
        assert!(repaired.iter().any(|code| code == "sender_key_memory_orphan"), "{repaired:?}");
        recovered(&mut anna, &ben, version).await;
        let ids = talk_in_group("after", &group, [&ben, anna.party()]).await;
        anna.assert_no_ratchet_went_back(&ids).await;
    })
    .await;
}

#[tokio::test]
async fn baileys6_torn_sender_keys() {
    torn_sender_keys(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_torn_sender_keys() {
    torn_sender_keys(Baileys::Seven).await;
}
