//! A gateway that is killed after it answered 201 and before it stored what became of the send.

use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::{ConnectOptions, Connection};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, FailingDisk, Gateway, Lab, PATIENCE, Phone};

/// What the row of the send under the key `k` says, read as a next process finds it.
async fn state_of_the_send(gateway: &Gateway) -> i64 {
    let rows = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(gateway.folder().join("auth_info/wakeeper.db"))
        .busy_timeout(PATIENCE);
    let mut rows = rows.connect().await.expect("the rows");
    let state =
        sqlx::query_scalar("SELECT state FROM sends WHERE idempotency_key = 'k'").fetch_one(&mut rows).await;
    rows.close().await.expect("closed");
    state.expect("the send")
}

async fn texts(ben: &Phone, text: &str) -> usize {
    ben.inbox().await.iter().filter(|message| message["text"] == text).count()
}

#[tokio::test]
async fn what_was_answered_and_not_stored_yet_goes_out_again_under_its_id() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let ben = lab.simulator().phone("491702000001", "Ben").await;
    let chat = ben.address.chat_id();
    let (gateway, _) = party.as_gateway();
    gateway.terminate().await;
    let folder = lab.folder().join("disk");
    std::fs::create_dir(&folder).expect("a folder for the disk's rules");
    let disk = FailingDisk::under(gateway, &folder);
    gateway.start().await;
    gateway.wait_working().await;
    gateway.call(Method::POST, "/api/sendText", Some(Gateway::text(&chat, "first contact"))).await;

    let send = |gateway: &Gateway| {
        let request = gateway.request(Method::POST, "/api/sendText").header("Idempotency-Key", "k");
        request.json(&Gateway::text(&chat, "told"))
    };
    lab.simulator().fault(json!({"kind": "acks_withheld", "for": "10m"})).await;
    let sending = tokio::spawn(send(gateway).send());
    // Its row is on the disk: nothing goes out before.
    eventually("the message at Ben", PATIENCE, async || {
        if texts(&ben, "told").await == 1 { Ok(()) } else { Err("not yet") }
    })
    .await;
    // From here on nothing more reaches the rows.
    disk.set("slow write 600000 wakeeper.db-wal\n");
    lab.simulator().clear_faults().await;
    let answer = sending.await.expect("a task").expect("an answer");
    assert_eq!(answer.status(), StatusCode::CREATED, "WhatsApp has it, whatever the disk does");
    let told: serde_json::Value = answer.json().await.expect("an answer");
    gateway.kill().await;
    assert_eq!(state_of_the_send(gateway).await, 0, "the end of the send was not stored");

    disk.set("");
    gateway.start().await;
    gateway.wait_line("going on with unfinished sends").await;
    gateway.wait_working().await;
    let again = gateway.answer(send(gateway)).await.expect("an answer");
    assert_eq!((again.status, &again.body["id"]), (StatusCode::CREATED, &told["id"]));
    assert_eq!(state_of_the_send(gateway).await, 2, "now it is");
    assert_eq!(texts(&ben, "told").await, 1, "WhatsApp drops the copy, and Ben has it once");
    assert_eq!(ben.duplicates().await, 0);
    lab.simulator().assert_no_ratchet_reuse().await;
}
