//! Each fault of the session doctor, while the gateway runs.

use std::path::PathBuf;

use serde_json::{Value, json};
use wakeeper_e2e::Baileys;
use wakeeper_e2e::damaged_session::contents;
use wakeeper_e2e::party::{Chat, Message};

use crate::damage::{files, flip, sessions, tear};
use crate::monitored_gateway::{ARRIVAL, MonitoredGateway, now_ms};

fn signal_sessions(monitored: &MonitoredGateway) -> Vec<PathBuf> {
    sessions(&monitored.anna.auth_info(), monitored.ben.address())
}

/// Fails when nothing of this code was repaired.
fn assert_repaired(incident: &Value, code: &str) {
    let repaired = MonitoredGateway::repaired_codes(incident);
    assert!(repaired.iter().any(|repaired| repaired == code), "{repaired:?}");
}

/// A root key that disk or memory changed looks like any other; only the log shows that nothing can be decrypted.
#[tokio::test]
async fn a_flipped_byte() {
    let mut monitored = MonitoredGateway::open("flip").await;
    let damage = |monitored: &MonitoredGateway| signal_sessions(monitored).iter().for_each(|file| flip(file));
    let (texts, bad_ms) = monitored.damage_and_fail(&monitored.chat(), damage).await;
    let incident = monitored.recovers("flipped byte in a Signal session", &texts, bad_ms).await;
    assert_repaired(&incident, "signal_session_failing");
}

#[tokio::test]
async fn a_torn_signal_session() {
    let mut monitored = MonitoredGateway::open("torn").await;
    let damage = |monitored: &MonitoredGateway| signal_sessions(monitored).iter().for_each(|file| tear(file));
    let (texts, bad_ms) = monitored.damage_and_fail(&monitored.chat(), damage).await;
    let incident = monitored.recovers("torn Signal session", &texts, bad_ms).await;
    assert_repaired(&incident, "file_truncated");
}

/// The same on Baileys 7, which names contacts by their LID.
#[tokio::test]
async fn a_flipped_byte_in_baileys_7() {
    let mut monitored = MonitoredGateway::of_baileys_7("flip7").await;
    let damage = |monitored: &MonitoredGateway| signal_sessions(monitored).iter().for_each(|file| flip(file));
    let (texts, bad_ms) = monitored.damage_and_fail(&monitored.chat(), damage).await;
    let incident = monitored.recovers("Baileys 7: flipped byte in a Signal session", &texts, bad_ms).await;
    assert_repaired(&incident, "signal_session_failing");
}

#[tokio::test]
async fn a_torn_signal_session_in_baileys_7() {
    let mut monitored = MonitoredGateway::of_baileys_7("torn7").await;
    let damage = |monitored: &MonitoredGateway| signal_sessions(monitored).iter().for_each(|file| tear(file));
    let (texts, bad_ms) = monitored.damage_and_fail(&monitored.chat(), damage).await;
    let incident = monitored.recovers("Baileys 7: torn Signal session", &texts, bad_ms).await;
    assert_repaired(&incident, "file_truncated");
}

/// Older records were put back under the running gateway.
#[tokio::test]
async fn rolled_back_ratchets() {
    let mut monitored = MonitoredGateway::open("rollback").await;
    let old: Vec<_> = contents(&monitored.anna.auth_info())
        .into_iter()
        .filter(|(n, _)| n.starts_with("session-"))
        .collect();
    monitored.talk("since the copy").await;
    let damage = |monitored: &MonitoredGateway| {
        for (name, content) in &old {
            std::fs::write(monitored.anna.auth_info().join(name), content).expect("write a file");
        }
    };
    let (texts, bad_ms) = monitored.damage_and_fail(&monitored.chat(), damage).await;
    let incident = monitored.recovers("Signal sessions rolled back to an old copy", &texts, bad_ms).await;
    assert_repaired(&incident, "signal_session_failing");
}

#[tokio::test]
async fn torn_sender_keys() {
    let mut monitored = MonitoredGateway::open("group").await;
    let subject = json!({"subject": "the two of us", "participants": [monitored.anna.phone.address.jid()]});
    let made = monitored.ben.as_peer().call("create-group", subject).await;
    let group = Chat::Group(made["id"].as_str().expect("a group has an id").to_owned());
    let first = "before in the group".to_owned();
    monitored.ben.send(&group, &Message::Text(first.clone())).await;
    assert!(monitored.anna.missing(&[first], ARRIVAL).await.is_empty(), "{}", monitored.anna.log().await);
    let damage = |monitored: &MonitoredGateway| {
        for file in &files(&monitored.anna.auth_info(), "sender-key-1") {
            tear(file);
        }
    };
    let (texts, bad_ms) = monitored.damage_and_fail(&group, damage).await;
    let incident = monitored.recovers("torn sender keys", &texts, bad_ms).await;
    assert_repaired(&incident, "file_truncated");
}

/// The pre-keys that the server still gives away are gone, and somebody new begins with one of them.
#[tokio::test]
async fn deleted_pre_keys() {
    let mut monitored = MonitoredGateway::open("prekeys").await;
    monitored.watch.run_on_target(&["backup", "create"]).await;
    let carl = monitored.lab.linked_peer("carl", Baileys::Six, "491701000003").await;
    // Somebody known has no part in it, and stays to the end.
    let _ben = std::mem::replace(&mut monitored.ben, carl);
    let damage = |monitored: &MonitoredGateway| {
        for file in files(&monitored.anna.auth_info(), "pre-key-") {
            std::fs::remove_file(file).expect("remove a pre-key");
        }
    };
    let (texts, bad_ms) = monitored.damage_and_fail(&monitored.chat(), damage).await;
    let incident = monitored.recovers("deleted pre-keys", &texts, bad_ms).await;
    assert_repaired(&incident, "pre_keys_missing");
}

/// A power cut while `creds.json` is written: the gateway comes up with a QR code, and nobody has to scan it.
#[tokio::test]
async fn emptied_credentials() {
    let mut monitored = MonitoredGateway::open("creds").await;
    monitored.watch.run_on_target(&["backup", "create"]).await;
    monitored.talk("since the backup").await;
    let began_ms = now_ms();
    monitored
        .power_cut(|monitored| {
            std::fs::write(monitored.anna.auth_info().join("creds.json"), "").expect("empty it");
        })
        .await;
    let shown = monitored.anna.wait("qr", began_ms, |_| true).await;
    let texts = monitored.leave_messages().await;
    monitored.recovers("emptied creds.json, power cut", &texts, shown["at"].as_i64().expect("a time")).await;
}

/// An old `creds.json` put back: its counters would give published pre-key ids to new keys.
#[tokio::test]
async fn old_credentials() {
    let mut monitored = MonitoredGateway::open("counter").await;
    let began_ms = now_ms();
    let old = |monitored: &MonitoredGateway| {
        let path = monitored.anna.auth_info().join("creds.json");
        let text = std::fs::read_to_string(&path).expect("creds.json");
        let creds: Value = serde_json::from_str(&text).expect("credentials");
        let text = ["nextPreKeyId", "firstUnuploadedPreKeyId"].iter().fold(text, |text, field| {
            let now = format!("\"{field}\":{}", creds[field]);
            assert!(text.contains(&now), "{field}");
            text.replace(&now, &format!("\"{field}\":1"))
        });
        std::fs::write(&path, text).expect("write creds.json");
    };
    monitored.power_cut(old).await;
    let open = monitored.anna.wait("open", began_ms, |_| true).await;
    let texts = monitored.leave_messages().await;
    let incident = monitored
        .recovers("creds.json older than the pre-keys", &texts, open["at"].as_i64().expect("a time"))
        .await;
    assert_repaired(&incident, "pre_key_counter_behind");
}

/// A late message spoils the open Signal session of a record: nothing is forged, only the order is unlucky.
#[tokio::test]
async fn contaminated_by_a_late_message() {
    let mut monitored = MonitoredGateway::open("late").await;
    let (anna, ben) = (monitored.anna.phone.address.number.clone(), monitored.ben.address().number.clone());
    monitored.lab.simulator().fault(json!({"kind": "lost", "target": format!("{anna}:1")})).await;
    let late = "sent before, arrives late".to_owned();
    monitored.ben.send(&monitored.chat(), &Message::Text(late.clone())).await;
    monitored
        .lab
        .simulator()
        .fault(json!({"kind": "corrupted", "target": format!("{ben}:1"), "count": 2}))
        .await;
    monitored.anna.send(&monitored.ben.address().jid(), "needs a retry").await;
    monitored.ben.wait_texts(&monitored.anna.phone.address, &["needs a retry".to_owned()]).await;
    let began_ms = now_ms();
    monitored.anna.docker(&["restart"]).await;
    let open = monitored.anna.wait("open", began_ms, |_| true).await;
    let incident = monitored
        .recovers("late message spoils a record", &[late], open["at"].as_i64().expect("a time"))
        .await;
    assert_repaired(&incident, "signal_session_contaminated");
}

/// What people did before: delete the login and scan again. The monitor may only report, and touches nothing.
#[tokio::test]
async fn the_old_remedy() {
    let mut monitored = MonitoredGateway::watched("old", &[("SESSION_CLEANUP_ENABLED", "false")]).await;
    let damage = |monitored: &MonitoredGateway| signal_sessions(monitored).iter().for_each(|file| flip(file));
    let (texts, bad_ms) = monitored.damage_and_fail(&monitored.chat(), damage).await;
    monitored.only_reported().await;
    monitored.delete_and_scan(&texts, bad_ms).await;
}
