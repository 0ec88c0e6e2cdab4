use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::receiver::{Receiver, Reply};
use super::{Rig, hook};

#[tokio::test]
async fn a_hanging_receiver_holds_up_nobody_else() {
    let slow = Receiver::start(|_, _| Reply::Hang).await;
    let quick = Receiver::ok().await;
    let rig = Rig::new(json!([hook(&slow.url), hook(&quick.url)])).await;
    rig.webhooks.start();
    for n in 0..200 {
        rig.emit(&format!("chat{}", n % 40), json!({"n": n})).await;
    }
    quick.wait_for(200).await;
    assert!(slow.received().len() <= 8, "no more in flight than allowed: {}", slow.received().len());
    slow.let_go();
    slow.becomes(|_, _| Reply::Status(200));
    slow.wait_for(200).await;
    rig.wait_for_pending(0).await;
    rig.end().await;
}

#[tokio::test]
async fn a_hanging_chat_holds_up_no_other_chat() {
    let receiver = Receiver::start(|request, _| {
        if request.json()["payload"]["chat"] == "stuck" { Reply::Hang } else { Reply::Status(200) }
    })
    .await;
    let rig = Rig::new(json!([hook(&receiver.url)])).await;
    rig.webhooks.start();
    for n in 0..20 {
        rig.emit("stuck", json!({"chat": "stuck", "n": n})).await;
        rig.emit("free", json!({"chat": "free", "n": n})).await;
    }
    receiver.wait_for(21).await;
    let arrivals = receiver.first_arrivals();
    assert_eq!(arrivals["free"], (0..20).collect::<Vec<_>>());
    assert_eq!(arrivals["stuck"], [0]);
    receiver.let_go();
    rig.wait_for_pending(0).await;
    rig.end().await;
}

#[tokio::test]
async fn order_in_a_chat_survives_failures() {
    let count = AtomicUsize::new(0);
    // Every third request fails, whatever it carries.
    let receiver = Receiver::start(move |_, _| {
        Reply::Status(if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) { 500 } else { 200 })
    })
    .await;
    let mut webhook = hook(&receiver.url);
    webhook["retries"]["attempts"] = json!(1000);
    let rig = Rig::new(json!([webhook])).await;
    rig.webhooks.start();
    for n in 0..60 {
        let chat = format!("chat{}", n % 3);
        rig.emit(&chat, json!({"chat": chat, "n": n})).await;
    }
    rig.wait_for_pending(0).await;
    for (chat, numbers) in receiver.first_arrivals() {
        assert_eq!(numbers.len(), 20, "{chat}");
        assert!(numbers.is_sorted(), "{chat}: {numbers:?}");
    }
    assert_eq!(rig.webhooks.counts().await.unwrap().dead, 0);
    // A failed event is repeated before anything after it in its chat is sent.
    let mut last: HashMap<String, i64> = HashMap::new();
    for request in receiver.received() {
        let payload = &request.json()["payload"];
        let (chat, n) = (payload["chat"].as_str().unwrap().to_owned(), payload["n"].as_i64().unwrap());
        assert!(last.insert(chat, n).is_none_or(|before| before <= n));
    }
    rig.end().await;
}

#[tokio::test]
async fn a_restart_resumes_where_the_last_run_stopped() {
    let receiver =
        Receiver::start(
            |request, _| {
                if request.json()["payload"]["n"] == 3 { Reply::Hang } else { Reply::Status(200) }
            },
        )
        .await;
    let webhooks = json!([hook(&receiver.url)]);
    let rig = Rig::new(webhooks.clone()).await;
    rig.webhooks.start();
    for n in 0..10 {
        rig.emit("c", json!({"chat": "c", "n": n})).await;
    }
    let before = receiver.wait_for(4).await;
    let rig = rig.restart(webhooks).await;
    receiver.becomes(|_, _| Reply::Status(200));
    rig.webhooks.start();
    let all = receiver.wait_for(11).await;
    rig.wait_for_pending(0).await;
    assert_eq!(all[3].body, before[3].body);
    assert_eq!(all[4].body, all[3].body, "what was cut off comes again, the same");
    assert_eq!(receiver.first_arrivals()["c"], (0..10).collect::<Vec<_>>());
    rig.end().await;
}

#[tokio::test]
async fn a_receiver_that_was_down_gets_everything_in_order_once_it_is_up() {
    // A port that nobody listens on yet.
    let reserved = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    let mut webhook = hook(&format!("http://{address}/hook"));
    webhook["retries"]["attempts"] = json!(1000);
    let rig = Rig::new(json!([webhook])).await;
    rig.webhooks.start();
    for n in 0..5 {
        rig.emit("c", json!({"chat": "c", "n": n})).await;
    }
    let receiver = Receiver::start_on(address).await;
    receiver.wait_for(5).await;
    rig.wait_for_pending(0).await;
    assert_eq!(receiver.first_arrivals()["c"], (0..5).collect::<Vec<_>>());
    rig.end().await;
}
