//! Damage to the login.

use serde_json::{Value, json};
use wakeeper_e2e::damaged_session::talk;
use wakeeper_e2e::{Addressing, Baileys, Lab, told};

use super::{recovered, talking};

pub async fn emptied_credentials(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, version).await;
        // Made while Baileys runs, as on a schedule.
        assert_eq!(anna.doctor(&["backup", "create"]).await.0, 0);
        talk("since the backup", &ben, anna.party()).await;
        anna.kill().await;
        std::fs::write(anna.folder().join("creds.json"), "").expect("empty creds.json");
        let (code, health) = anna.doctor(&["health"]).await;
        assert_eq!((code, &health["credentials"]), (1, &json!("damaged")));
        assert_eq!(anna.clean(&[]).await, ["credentials_torn"]);
        recovered(&mut anna, &ben, version).await;
        let carl = lab.linked_peer("carl", version, "491701000003").await;
        let ids = talk("somebody new", &carl, anna.party()).await;
        anna.assert_no_ratchet_went_back(&ids).await;
    })
    .await;
}

/// An old `creds.json` put back: its counters would give published pre-key ids to new keys.
async fn credentials_older_than_pre_keys(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, version).await;
        anna.kill().await;
        let path = anna.folder().join("creds.json");
        let text = std::fs::read_to_string(&path).expect("creds.json");
        let creds: Value = serde_json::from_str(&text).expect("credentials");
        // As they were between pairing and the first upload of pre-keys.
        let old = ["nextPreKeyId", "firstUnuploadedPreKeyId"].iter().fold(text, |text, field| {
            let now = format!("\"{field}\":{}", creds[field]);
            assert!(text.contains(&now), "{field}");
            text.replace(&now, &format!("\"{field}\":1"))
        });
        std::fs::write(&path, old).expect("write creds.json");
        assert_eq!(anna.doctor(&["health"]).await.0, 1);
        assert_eq!(anna.clean(&[]).await, ["pre_key_counter_behind"]);
        recovered(&mut anna, &ben, version).await;
        let carl = lab.linked_peer("carl", version, "491701000003").await;
        let ids = talk("somebody new", &carl, anna.party()).await;
        anna.assert_no_ratchet_went_back(&ids).await;
    })
    .await;
}

#[tokio::test]
async fn baileys6_emptied_credentials() {
    emptied_credentials(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_emptied_credentials() {
    emptied_credentials(Baileys::Seven).await;
}

#[tokio::test]
async fn baileys6_old_credentials() {
    credentials_older_than_pre_keys(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_old_credentials() {
    credentials_older_than_pre_keys(Baileys::Seven).await;
}
