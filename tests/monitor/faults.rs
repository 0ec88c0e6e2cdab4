//! Each fault of the session doctor, while the gateway runs.

use std::path::PathBuf;

use serde_json::{Value, json};
use wakeeper_e2e::Baileys;
use wakeeper_e2e::party::{Chat, Message};
use wakeeper_e2e::patient::contents;

use crate::damage::{files, flip, sessions, tear};
use crate::ward::{ARRIVAL, MonitoredGateway, now_ms};

fn signal_sessions(ward: &MonitoredGateway) -> Vec<PathBuf> {
    sessions(&ward.anna.auth_info(), ward.ben.address())
}

/// Fails when nothing of this code was mended.
fn assert_cured(incident: &Value, code: &str) {
    let cured = MonitoredGateway::cured(incident);
    assert!(cured.iter().any(|cured| cured == code), "{cured:?}");
}

/// A root key that disk or memory changed looks like any other; only the log shows that nothing can be decrypted.
#[tokio::test]
async fn a_flipped_byte() {
    let mut ward = MonitoredGateway::open("flip").await;
    let ill = |ward: &MonitoredGateway| signal_sessions(ward).iter().for_each(|file| flip(file));
    let (texts, bad_ms) = ward.damage_and_fail(&ward.chat(), ill).await;
    let incident = ward.recovers("flipped byte in a Signal session", &texts, bad_ms).await;
    assert_cured(&incident, "signal_session_failing");
}

#[tokio::test]
async fn a_torn_signal_session() {
    let mut ward = MonitoredGateway::open("torn").await;
    let ill = |ward: &MonitoredGateway| signal_sessions(ward).iter().for_each(|file| tear(file));
    let (texts, bad_ms) = ward.damage_and_fail(&ward.chat(), ill).await;
    let incident = ward.recovers("torn Signal session", &texts, bad_ms).await;
    assert_cured(&incident, "file_truncated");
}

/// The same on Baileys 7, which names contacts by their LID.
#[tokio::test]
async fn a_flipped_byte_in_baileys_7() {
    let mut ward = MonitoredGateway::of_baileys_7("flip7").await;
    let ill = |ward: &MonitoredGateway| signal_sessions(ward).iter().for_each(|file| flip(file));
    let (texts, bad_ms) = ward.damage_and_fail(&ward.chat(), ill).await;
    let incident = ward.recovers("Baileys 7: flipped byte in a Signal session", &texts, bad_ms).await;
    assert_cured(&incident, "signal_session_failing");
}

#[tokio::test]
async fn a_torn_signal_session_in_baileys_7() {
    let mut ward = MonitoredGateway::of_baileys_7("torn7").await;
    let ill = |ward: &MonitoredGateway| signal_sessions(ward).iter().for_each(|file| tear(file));
    let (texts, bad_ms) = ward.damage_and_fail(&ward.chat(), ill).await;
    let incident = ward.recovers("Baileys 7: torn Signal session", &texts, bad_ms).await;
    assert_cured(&incident, "file_truncated");
}

/// Older records were put back under the running gateway.
#[tokio::test]
async fn rolled_back_ratchets() {
    let mut ward = MonitoredGateway::open("rollback").await;
    let old: Vec<_> =
        contents(&ward.anna.auth_info()).into_iter().filter(|(n, _)| n.starts_with("session-")).collect();
    ward.talk("since the copy").await;
    let ill = |ward: &MonitoredGateway| {
        for (name, content) in &old {
            std::fs::write(ward.anna.auth_info().join(name), content).expect("write a file");
        }
    };
    let (texts, bad_ms) = ward.damage_and_fail(&ward.chat(), ill).await;
    let incident = ward.recovers("Signal sessions rolled back to an old copy", &texts, bad_ms).await;
    assert_cured(&incident, "signal_session_failing");
}

#[tokio::test]
async fn torn_sender_keys() {
    let mut ward = MonitoredGateway::open("group").await;
    let subject = json!({"subject": "the two of us", "participants": [ward.anna.phone.address.jid()]});
    let made = ward.ben.as_peer().call("create-group", subject).await;
    let group = Chat::Group(made["id"].as_str().expect("a group has an id").to_owned());
    let first = "before in the group".to_owned();
    ward.ben.send(&group, &Message::Text(first.clone())).await;
    assert!(ward.anna.missing(&[first], ARRIVAL).await.is_empty(), "{}", ward.anna.log().await);
    let ill = |ward: &MonitoredGateway| {
        for file in &files(&ward.anna.auth_info(), "sender-key-1") {
            tear(file);
        }
    };
    let (texts, bad_ms) = ward.damage_and_fail(&group, ill).await;
    let incident = ward.recovers("torn sender keys", &texts, bad_ms).await;
    assert_cured(&incident, "file_truncated");
}

/// The pre-keys that the server still gives away are gone, and somebody new begins with one of them.
#[tokio::test]
async fn deleted_pre_keys() {
    let mut ward = MonitoredGateway::open("prekeys").await;
    ward.watch.care(&["backup", "create"]).await;
    let carl = ward.lab.linked_peer("carl", Baileys::Six, "491701000003").await;
    // Somebody known has no part in it, and stays to the end.
    let _ben = std::mem::replace(&mut ward.ben, carl);
    let ill = |ward: &MonitoredGateway| {
        for file in files(&ward.anna.auth_info(), "pre-key-") {
            std::fs::remove_file(file).expect("remove a pre-key");
        }
    };
    let (texts, bad_ms) = ward.damage_and_fail(&ward.chat(), ill).await;
    let incident = ward.recovers("deleted pre-keys", &texts, bad_ms).await;
    assert_cured(&incident, "pre_keys_missing");
}

/// A power cut while `creds.json` is written: the gateway comes up with a QR code, and nobody has to scan it.
#[tokio::test]
async fn emptied_credentials() {
    let mut ward = MonitoredGateway::open("creds").await;
    ward.watch.care(&["backup", "create"]).await;
    ward.talk("since the backup").await;
    let began_ms = now_ms();
    ward.power_cut(|ward| std::fs::write(ward.anna.auth_info().join("creds.json"), "").expect("empty it"))
        .await;
    let shown = ward.anna.wait("qr", began_ms, |_| true).await;
    let texts = ward.leave_messages().await;
    ward.recovers("emptied creds.json, power cut", &texts, shown["at"].as_i64().expect("a time")).await;
}

/// An old `creds.json` put back: its counters would give published pre-key ids to new keys.
#[tokio::test]
async fn old_credentials() {
    let mut ward = MonitoredGateway::open("counter").await;
    let began_ms = now_ms();
    let old = |ward: &MonitoredGateway| {
        let path = ward.anna.auth_info().join("creds.json");
        let text = std::fs::read_to_string(&path).expect("creds.json");
        let creds: Value = serde_json::from_str(&text).expect("credentials");
        let text = ["nextPreKeyId", "firstUnuploadedPreKeyId"].iter().fold(text, |text, field| {
            let now = format!("\"{field}\":{}", creds[field]);
            assert!(text.contains(&now), "{field}");
            text.replace(&now, &format!("\"{field}\":1"))
        });
        std::fs::write(&path, text).expect("write creds.json");
    };
    ward.power_cut(old).await;
    let open = ward.anna.wait("open", began_ms, |_| true).await;
    let texts = ward.leave_messages().await;
    let incident = ward
        .recovers("creds.json older than the pre-keys", &texts, open["at"].as_i64().expect("a time"))
        .await;
    assert_cured(&incident, "pre_key_counter_behind");
}

/// A late message spoils the open Signal session of a record: nothing is forged, only the order is unlucky.
#[tokio::test]
async fn contaminated_by_a_late_message() {
    let mut ward = MonitoredGateway::open("late").await;
    let (anna, ben) = (ward.anna.phone.address.number.clone(), ward.ben.address().number.clone());
    ward.lab.simulator().fault(json!({"kind": "lost", "target": format!("{anna}:1")})).await;
    let late = "sent before, arrives late".to_owned();
    ward.ben.send(&ward.chat(), &Message::Text(late.clone())).await;
    ward.lab.simulator().fault(json!({"kind": "corrupted", "target": format!("{ben}:1"), "count": 2})).await;
    ward.anna.send(&ward.ben.address().jid(), "needs a retry").await;
    ward.ben.wait_texts(&ward.anna.phone.address, &["needs a retry".to_owned()]).await;
    let began_ms = now_ms();
    ward.anna.docker(&["restart"]).await;
    let open = ward.anna.wait("open", began_ms, |_| true).await;
    let incident =
        ward.recovers("late message spoils a record", &[late], open["at"].as_i64().expect("a time")).await;
    assert_cured(&incident, "signal_session_contaminated");
}

/// What people did before: delete the login and scan again. The monitor may only report, and touches nothing.
#[tokio::test]
async fn the_old_remedy() {
    let mut ward = MonitoredGateway::watched("old", &[("SESSION_CLEANUP_ENABLED", "false")]).await;
    let ill = |ward: &MonitoredGateway| signal_sessions(ward).iter().for_each(|file| flip(file));
    let (texts, bad_ms) = ward.damage_and_fail(&ward.chat(), ill).await;
    ward.only_reported().await;
    ward.delete_and_scan(&texts, bad_ms).await;
}
