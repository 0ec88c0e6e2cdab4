//! Damage to the Signal sessions with a contact.

use wakeeper_e2e::damaged_session::{contents, talk};
use wakeeper_e2e::{Addressing, Baileys, Lab, told};

use super::damage::{copy_over, files, flip, sessions, tear};
use super::{recovered, talking};

async fn a_torn_signal_session(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, version).await;
        anna.kill().await;
        for file in sessions(&anna.folder(), ben.address()) {
            tear(&file);
        }
        assert_eq!(anna.doctor(&["health"]).await.0, 1);
        assert!(anna.clean(&[]).await.iter().all(|code| code == "file_truncated"));
        recovered(&mut anna, &ben, version).await;
    })
    .await;
}

/// A root key that disk or memory changed looks like any other; only the log shows that nothing can be decrypted.
async fn a_flipped_byte(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, mut ben) = talking(lab, version).await;
        anna.kill().await;
        for file in sessions(&anna.folder(), ben.address()) {
            flip(&file, "rootKey");
            flip(&file, "key");
        }
        anna.damage_and_fail(version, &mut ben, 3).await;
        let (_, health) = anna.doctor(&["health"]).await;
        assert!(!health["findings"].to_string().contains("session-"), "nothing shows in the files: {health}");
        let log = anna.log().to_string_lossy().into_owned();
        let repaired = anna.clean(&["--log", &log]).await;
        assert!(repaired.iter().any(|code| code == "signal_session_failing"), "{repaired:?}");
        recovered(&mut anna, &ben, version).await;
    })
    .await;
}

/// An older folder was put back, and nothing but the log tells.
async fn rolled_back_ratchets(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, mut ben) = talking(lab, version).await;
        let old = contents(&anna.folder());
        talk("since the copy", &ben, anna.party()).await;
        anna.kill().await;
        copy_over(&old, &anna.folder());
        anna.damage_and_fail(version, &mut ben, 3).await;
        let log = anna.log().to_string_lossy().into_owned();
        let repaired = anna.clean(&["--log", &log]).await;
        assert!(repaired.iter().any(|code| code == "signal_session_failing"), "{repaired:?}");
        anna.start(version).await;
        // Devices that never answer show in no log, so that keys of theirs may be used again; messages arrive all the same.
        talk("after", &ben, anna.party()).await;
    })
    .await;
}

/// Whoever put the older folder back knows that all of it is old, and says so before anything runs on it.
async fn rolled_back_and_said_so(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, version).await;
        let old = contents(&anna.folder());
        talk("since the copy", &ben, anna.party()).await;
        anna.kill().await;
        copy_over(&old, &anna.folder());
        anna.clean(&["--ratchets"]).await;
        recovered(&mut anna, &ben, version).await;
    })
    .await;
}

/// An older folder was put back, and the newest backup knows better before anything fails.
async fn rolled_back_behind_a_backup(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, version).await;
        let old = contents(&anna.folder());
        talk("since the copy", &ben, anna.party()).await;
        assert_eq!(anna.doctor(&["backup", "create"]).await.0, 0);
        anna.kill().await;
        copy_over(&old, &anna.folder());
        let (code, health) = anna.doctor(&["health"]).await;
        assert_eq!(code, 1, "{health}");
        let repaired = anna.clean(&[]).await;
        assert!(repaired.iter().all(|code| code == "ratchet_rolled_back"), "{repaired:?}");
        recovered(&mut anna, &ben, version).await;
    })
    .await;
}

/// Whoever knows better than files and logs names the contact.
async fn named_by_hand(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, version).await;
        anna.kill().await;
        let repaired = anna.clean(&["--peer", &ben.address().number]).await;
        assert!(
            !repaired.is_empty() && repaired.iter().all(|code| code == "signal_session_chosen"),
            "{repaired:?}"
        );
        recovered(&mut anna, &ben, version).await;
    })
    .await;
}

async fn deleted_pre_keys(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, version).await;
        assert_eq!(anna.doctor(&["backup", "create"]).await.0, 0);
        talk("since the backup", &ben, anna.party()).await;
        anna.kill().await;
        let gone = files(&anna.folder(), "pre-key-");
        for file in &gone {
            std::fs::remove_file(file).expect("remove a pre-key");
        }
        assert_eq!(anna.clean(&[]).await, ["pre_keys_missing"]);
        assert_eq!(files(&anna.folder(), "pre-key-"), gone, "the published ones are back");
        recovered(&mut anna, &ben, version).await;
        // Somebody new begins with one of them.
        let carl = lab.linked_peer("carl", version, "491701000003").await;
        talk("somebody new", &carl, anna.party()).await;
    })
    .await;
}

#[tokio::test]
async fn baileys6_torn_signal_session() {
    a_torn_signal_session(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_torn_signal_session() {
    a_torn_signal_session(Baileys::Seven).await;
}

#[tokio::test]
async fn baileys6_flipped_byte() {
    a_flipped_byte(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_flipped_byte() {
    a_flipped_byte(Baileys::Seven).await;
}

#[tokio::test]
async fn baileys6_rolled_back() {
    rolled_back_ratchets(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_rolled_back() {
    rolled_back_ratchets(Baileys::Seven).await;
}

#[tokio::test]
async fn baileys6_named_by_hand() {
    named_by_hand(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_named_by_hand() {
    named_by_hand(Baileys::Seven).await;
}

#[tokio::test]
async fn baileys6_deleted_pre_keys() {
    deleted_pre_keys(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_deleted_pre_keys() {
    deleted_pre_keys(Baileys::Seven).await;
}

#[tokio::test]
async fn baileys6_rolled_back_behind_a_backup() {
    rolled_back_behind_a_backup(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_rolled_back_behind_a_backup() {
    rolled_back_behind_a_backup(Baileys::Seven).await;
}

#[tokio::test]
async fn baileys6_rolled_back_and_said_so() {
    rolled_back_and_said_so(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_rolled_back_and_said_so() {
    rolled_back_and_said_so(Baileys::Seven).await;
}
