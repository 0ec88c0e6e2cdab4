//! A late message spoils the open Signal session of a record: nothing is forged, only the order is unlucky.

use serde_json::{Value, json};
use wakeeper_e2e::damaged_session::talk;
use wakeeper_e2e::party::Message;
use wakeeper_e2e::{Addressing, Baileys, DamagedSession, Lab, PATIENCE, Party, told};

use super::{ANNA, BEN, recovered, talking};

pub async fn contaminated_by_a_late_message(version: Baileys) {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let (mut anna, ben) = talking(lab, version).await;
        // Ben's message to the Baileys client, not to her phone, is lost on its way and comes again at Anna's next login.
        lab.simulator().fault(json!({"kind": "lost", "target": format!("{ANNA}:1")})).await;
        let late = "sent before, arrives late".to_owned();
        ben.send(&anna.party().chat(), &Message::Text(late.clone())).await;
        // Meanwhile Ben cannot decrypt Anna's message, asks for it again, and a new session is negotiated.
        lab.simulator().fault(json!({"kind": "corrupted", "target": format!("{BEN}:1"), "count": 2})).await;
        let again = "needs a retry".to_owned();
        anna.party().send(&ben.chat(), &Message::Text(again.clone())).await;
        ben.wait_texts(anna.party().address(), &[again]).await;
        anna.kill().await;
        anna.start(version).await;
        decrypted_late(&anna, version, &ben, late).await;
        anna.kill().await;

        let (code, health) = anna.doctor(&["health"]).await;
        assert_eq!(code, 1, "{health}");
        assert_eq!(anna.clean(&[]).await, ["signal_session_contaminated"]);
        recovered(&mut anna, &ben, version).await;
        talk("and on", anna.party(), &ben).await;
    })
    .await;
}

/// Waits until the late message was decrypted with the archived session, which is what spoils the open one. 6.7.24 keeps to
/// itself what it decrypts before it has what the phone sends it first, so there libsignal's line tells.
async fn decrypted_late(anna: &DamagedSession<'_>, version: Baileys, ben: &Party, late: String) {
    if !matches!(version, Baileys::Release(_)) {
        return anna.party().wait_texts(ben.address(), &[late]).await;
    }
    let is_told = |event: &Value| {
        event["text"].as_str().is_some_and(|text| text.contains("Decrypted message with closed session"))
    };
    anna.party().as_peer().wait("log", PATIENCE, is_told).await;
}

#[tokio::test]
async fn baileys6_contaminated() {
    contaminated_by_a_late_message(Baileys::Six).await;
}

#[tokio::test]
async fn baileys7_contaminated() {
    contaminated_by_a_late_message(Baileys::Seven).await;
}
