//! Bulk sends: everybody once, whatever happens to the gateway; held where WhatsApp refuses.

use std::time::Duration;

use futures::StreamExt;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::seeds::{is_long, seeds};
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE, Phone};

const KILLS: usize = 5;
/// Recipients of the bulk send that is killed; `cargo xtask long` has a thousand.
const RECIPIENTS: usize = 60;
const RECIPIENTS_IN_LONG: usize = 1_000;
const DEADLINE: Duration = Duration::from_mins(5);
const BULK: &str = "/api/default/bulk";

async fn people(lab: &Lab, count: usize) -> Vec<Phone> {
    let made = (0..count).map(|n| async move {
        lab.simulator().phone(&format!("4917020{n:05}"), &format!("Person {n}")).await
    });
    futures::stream::iter(made).buffered(8).collect().await
}

/// A bulk send without pauses.
fn request(people: &[Phone]) -> Value {
    let recipients: Vec<_> = people
        .iter()
        .enumerate()
        .map(|(n, phone)| json!({"chatId": phone.address.chat_id(), "variables": {"n": n.to_string()}}))
        .collect();
    json!({"name": "spring", "text": "number {n}", "recipients": recipients,
        "minDelay": 0, "maxDelay": 10, "typing": false})
}

async fn of(gateway: &Gateway, id: &str) -> Value {
    gateway.call(Method::GET, &format!("{BULK}/{id}"), None).await
}

async fn begun(gateway: &Gateway, request: Value) -> String {
    let bulk = gateway.call(Method::POST, BULK, Some(request)).await;
    bulk["id"].as_str().expect("an id").to_owned()
}

async fn done(gateway: &Gateway, id: &str) -> Value {
    eventually("the end of the bulk send", DEADLINE, async || {
        let bulk = of(gateway, id).await;
        if bulk["status"] == "done" { Ok(bulk) } else { Err(bulk) }
    })
    .await
}

async fn assert_each_has_one(people: &[Phone]) {
    for (n, phone) in people.iter().enumerate() {
        let text = format!("number {n}");
        eventually("the message", PATIENCE, async || {
            let inbox = phone.inbox().await;
            let texts: Vec<_> = inbox.iter().filter_map(|message| message["text"].as_str()).collect();
            if texts == [text.as_str()] { Ok(()) } else { Err(format!("{n}: {texts:?}")) }
        })
        .await;
    }
}

#[tokio::test]
async fn a_bulk_send_that_is_killed_reaches_everybody_once() {
    let count = if is_long() { RECIPIENTS_IN_LONG } else { RECIPIENTS };
    for seed in seeds() {
        let mut random = StdRng::seed_from_u64(seed);
        let lab = Lab::start(Addressing::PhoneNumber).await;
        let mut party = lab.linked_gateway("gateway", "491701000001").await;
        let (gateway, _) = party.as_gateway();
        let people = people(&lab, count).await;
        let id = begun(gateway, request(&people)).await;
        let mut moments: Vec<usize> = (0..KILLS).map(|_| random.random_range(1..count * 9 / 10)).collect();
        moments.sort_unstable();
        for moment in moments {
            eventually("the moment to kill it", DEADLINE, async || {
                let sent = of(gateway, &id).await["sent"].as_u64().unwrap_or_default();
                if sent >= moment as u64 { Ok(()) } else { Err(sent) }
            })
            .await;
            gateway.kill().await;
            gateway.start().await;
            gateway.wait_working().await;
        }
        let bulk = done(gateway, &id).await;
        assert_eq!((&bulk["sent"], &bulk["failed"]), (&json!(count), &json!(0)), "{bulk}");
        assert_each_has_one(&people).await;
        let mut report = Vec::new();
        for offset in (0..count).step_by(50) {
            let page = format!("{BULK}/{id}/recipients?limit=50&offset={offset}");
            report.extend(gateway.call(Method::GET, &page, None).await.as_array().expect("a list").clone());
        }
        assert_eq!(report.len(), count);
        for (n, recipient) in report.iter().enumerate() {
            assert_eq!((&recipient["position"], &recipient["status"]), (&json!(n), &json!("sent")));
            assert!(recipient["messageId"].as_str().is_some_and(|id| id.starts_with("true_")), "{recipient}");
        }
        lab.simulator().assert_no_ratchet_reuse().await;
    }
}

#[tokio::test]
async fn what_whatsapp_refuses_for_now_is_held_and_goes_on() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let (gateway, _) = party.as_gateway();
    let people = people(&lab, 6).await;
    let limit = json!({"kind": "rate_limit", "target": "491701000001", "code": 463, "count": 1});
    lab.simulator().fault(limit).await;
    let id = begun(gateway, request(&people)).await;
    let held = eventually("the bulk send to be held", PATIENCE, async || {
        let bulk = of(gateway, &id).await;
        if bulk["status"] == "held" { Ok(bulk) } else { Err(bulk) }
    })
    .await;
    assert!(held["reason"].as_str().is_some_and(|reason| reason.contains("463")), "{held}");
    assert!(held["heldUntil"].as_str() > held["createdAt"].as_str(), "{held}");
    let resumed = gateway.call(Method::POST, &format!("{BULK}/{id}/resume"), None).await;
    assert_ne!(resumed["status"], "held");
    let bulk = done(gateway, &id).await;
    assert_eq!((&bulk["sent"], &bulk["reason"]), (&json!(6), &Value::Null), "{bulk}");
    assert_each_has_one(&people).await;
}

#[tokio::test]
async fn a_bulk_send_is_rehearsed_scheduled_paused_and_cancelled() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let (gateway, _) = party.as_gateway();
    let people = people(&lab, 3).await;
    let with = |fields: Value| {
        let mut request = request(&people);
        request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        request
    };
    let rehearsal = gateway.call(Method::POST, BULK, Some(with(json!({"dryRun": true})))).await;
    assert_eq!((&rehearsal["dryRun"], &rehearsal["total"]), (&json!(true), &json!(3)), "{rehearsal}");
    assert_eq!(rehearsal["messages"][1]["text"], "number 1");
    assert_eq!(gateway.call(Method::GET, BULK, None).await, json!([]), "nothing was stored");

    let id = begun(gateway, with(json!({"startAt": "2199-01-01T00:00:00Z"}))).await;
    assert_eq!(of(gateway, &id).await["status"], "scheduled");
    let change = async |action: &str| {
        let request = gateway.request(Method::POST, &format!("{BULK}/{id}/{action}"));
        gateway.answer(request).await.unwrap()
    };
    assert_eq!(change("pause").await.body["status"], "paused");
    assert_eq!(change("resume").await.body["status"], "scheduled");
    let cancelled = change("cancel").await.body;
    assert_eq!(
        (&cancelled["status"], &cancelled["waiting"]),
        (&json!("cancelled"), &json!(3)),
        "{cancelled}"
    );
    let late = change("resume").await;
    assert_eq!(
        (late.status, &late.body["code"]),
        (StatusCode::CONFLICT, &json!("conflict")),
        "{}",
        late.body
    );
    let unknown = gateway.answer(gateway.request(Method::GET, &format!("{BULK}/none"))).await.unwrap();
    assert_eq!((unknown.status, &unknown.body["code"]), (StatusCode::NOT_FOUND, &json!("bulk_not_found")));

    // Of people whom the account never had to do with, one a day.
    let id = begun(gateway, with(json!({"newContactsPerDay": 1}))).await;
    let held = eventually("the rest to wait for tomorrow", PATIENCE, async || {
        let bulk = of(gateway, &id).await;
        if bulk["status"] == "held" { Ok(bulk) } else { Err(bulk) }
    })
    .await;
    assert_eq!((&held["sent"], &held["waiting"]), (&json!(1), &json!(2)), "{held}");

    // The same key begins it once; another body under it is refused.
    let keyed = async |body: Value| {
        let request = gateway.request(Method::POST, BULK).header("Idempotency-Key", "k").json(&body);
        gateway.answer(request).await.unwrap()
    };
    let later = json!({"startAt": "2199-01-01T00:00:00Z"});
    let first = keyed(with(later.clone())).await.body;
    assert_eq!(keyed(with(later)).await.body["id"], first["id"]);
    assert_eq!(keyed(with(json!({"name": "other"}))).await.body["code"], "idempotency_conflict");
}
