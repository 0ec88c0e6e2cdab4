//! The history that a phone gives a new device: chats, messages and people of before, without events; also when the gateway is
//! killed while it reads it.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::seeds::is_long;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE, Phone, Webhooks};

const NUMBER: &str = "491701000001";

async fn get(gateway: &Gateway, path: &str) -> Value {
    gateway.call(Method::GET, path, None).await
}

/// Waits until so many chats have so many messages each.
async fn complete(gateway: &Gateway, chats: usize, messages: usize) -> Value {
    eventually("the whole history", PATIENCE * 2, async || {
        let all = get(gateway, "/api/default/chats").await;
        let count = all.as_array().map(Vec::len);
        if count != Some(chats) {
            return Err(format!("{count:?} chats"));
        }
        // The last chat is the last that is read.
        for chat in all.as_array().into_iter().flatten() {
            let id = chat["id"].as_str().unwrap_or_default();
            let path = format!("/api/default/chats/{id}/messages?limit=1000");
            let found = get(gateway, &path).await.as_array().map(Vec::len);
            if found != Some(messages) {
                return Err(format!("{found:?} messages in a chat of {chats}"));
            }
        }
        Ok(all)
    })
    .await
}

async fn linked(lab: &Lab, past: Option<Value>) -> (Gateway, Webhooks, Phone) {
    let phone = lab.simulator().phone(NUMBER, "owner").await;
    if let Some(past) = past {
        phone.post("history", past).await;
    }
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("gateway", &webhooks);
    gateway.start().await;
    phone.scan(&gateway.qr().await).await;
    gateway.wait_working().await;
    (gateway, webhooks, phone)
}

fn person(chat: usize) -> String {
    format!("{}@c.us", 4_915_500_000_000_u64 + chat as u64)
}

#[tokio::test]
async fn the_history_of_a_phone_is_there_and_nobody_is_told() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let past = json!({"chats": 40, "messages": 60, "chats_in_part": 15, "unread": 3});
    let (gateway, webhooks, phone) = linked(&lab, Some(past.clone())).await;
    let chats = complete(&gateway, 40, 60).await;
    let of =
        |id: &str| chats.as_array().unwrap().iter().find(|chat| chat["id"] == id).expect("a chat").clone();
    for chat in chats.as_array().unwrap() {
        assert_eq!(
            (&chat["unreadCount"], &chat["conversationTimestamp"]),
            (&json!(3), &json!(1_600_000_059))
        );
    }
    assert_eq!(of(&person(0))["name"], "Person 0");
    assert_eq!(of(&person(0))["lid"], "77000000000000@lid");
    assert_eq!((&of(&person(1))["archived"], &of(&person(2))["archived"]), (&json!(true), &json!(false)));
    assert_eq!((&of(&person(2))["pinned"], &of(&person(1))["pinned"]), (&json!(1_650_000_000), &Value::Null));
    // The phone knows this one by its LID alone.
    assert_eq!(of(&person(3))["muteEndTime"], json!(4_000_000_000_000_u64));
    let group = "120363000000000009@g.us";
    assert_eq!((&of(group)["name"], &of(group)["isGroup"]), (&json!("Group 9"), &json!(true)));
    messages(&gateway, group).await;

    let people = get(&gateway, "/api/contacts/all?limit=10000").await;
    let ids: BTreeSet<_> = people.as_array().unwrap().iter().filter_map(|one| one["id"].as_str()).collect();
    assert!((0..40).all(|chat| ids.contains(person(chat).as_str())), "{people}");
    assert!(!ids.iter().any(|id| id.ends_with("@lid")), "each under one name: {people}");

    // Marking as read tells the senders of what was unread on the phone alone.
    let path = format!("/api/default/chats/{}/messages/read?days=36500", person(0));
    let read = gateway.call(Method::POST, &path, None).await;
    assert_eq!(read["ids"].as_array().map(Vec::len), Some(3));

    // Of days in which nobody wrote nothing is left unread, so the chat is read; nobody is told of older messages.
    let path = format!("/api/default/chats/{}/messages/read?days=1", person(4));
    assert_eq!(gateway.call(Method::POST, &path, None).await["ids"], json!([]));
    let chats = get(&gateway, "/api/default/chats").await;
    let read = chats.as_array().unwrap().iter().find(|chat| chat["id"] == person(4).as_str()).unwrap();
    assert_eq!(read["unreadCount"], 0);

    // The same once more changes nothing, not even what was read since.
    phone.post("devices/1/history", past).await;
    phone.post("devices/1/history", json!({"chats": 41, "messages": 60, "chats_in_part": 41})).await;
    let chats = complete(&gateway, 41, 60).await;
    let first = chats.as_array().unwrap().iter().find(|chat| chat["id"] == person(0).as_str()).unwrap();
    assert_eq!(first["unreadCount"], 0);
    let told = webhooks.deliveries().read(|all| {
        all.iter()
            .filter(|one| one.event().starts_with("message"))
            .map(|one| one.event().to_owned())
            .collect::<Vec<_>>()
    });
    assert!(told.is_empty(), "{told:?}");
    let left =
        std::fs::read_dir(gateway.folder().join("auth_info/sessions/default/history")).unwrap().count();
    assert_eq!(left, 0, "parts that were stored");
}

async fn messages(gateway: &Gateway, group: &str) {
    let found = get(gateway, &format!("/api/default/chats/{group}/messages?limit=60&sortOrder=asc")).await;
    let (first, second) = (&found[0], &found[1]);
    assert_eq!((&first["body"], &first["fromMe"]), (&json!("message 0 of chat 9"), &json!(false)));
    assert_eq!(first["participant"], person(9));
    assert_eq!((&second["fromMe"], &second["ackName"]), (&json!(true), &json!("READ")));
    assert_eq!(found[2]["participant"], "4915502000009@c.us");
    let names: Vec<_> = found.as_array().unwrap().iter().filter(|one| one["fromMe"] == false).collect();
    let unread = names.iter().filter(|one| one["ackName"] == "DEVICE").count();
    assert_eq!((names.len(), unread), (30, 3), "the newest of others are not read");
    assert_eq!(names.last().unwrap()["ackName"], "DEVICE");
}

#[tokio::test]
async fn a_history_goes_on_after_the_gateway_was_killed() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let (mut gateway, _webhooks, phone) = linked(&lab, None).await;
    let parts = gateway.folder().join("auth_info/sessions/default/history");
    phone.post("devices/1/history", json!({"chats": 50, "messages": 80, "letters": 500})).await;
    // From when a part lies there it is the gateway's to finish.
    eventually("a part", PATIENCE, async || match parts_below(&parts) {
        0 => Err("none lies there"),
        _ => Ok(()),
    })
    .await;
    gateway.kill().await;
    assert!(parts_below(&parts) > 0, "the kill came after the end of the work");
    gateway.start().await;
    gateway.wait_working().await;
    complete(&gateway, 50, 80).await;
}

/// Whole parts of a history that wait in a session's folder.
fn parts_below(folder: &std::path::Path) -> usize {
    let is_whole = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".history");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter(|entry| is_whole(&entry.file_name())).count()
}

/// A history of 10,000 messages, of 100,000 in the long run. Prints what memory and time it took.
#[tokio::test]
async fn a_large_history_of_before() {
    let chats = if is_long() { 500 } else { 50 };
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let (gateway, _webhooks, phone) = linked(&lab, None).await;
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
        let of =
            |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        (of("VmRSS:"), of("VmHWM:"))
    };
    let before = memory();
    let began = std::time::Instant::now();
    phone
        .post("devices/1/history", json!({"chats": chats, "messages": 200, "chats_in_part": chats / 10}))
        .await;
    let sent = began.elapsed();
    let parts = gateway.folder().join("auth_info/sessions/default/history");
    eventually("the whole history", PATIENCE * 20, async || {
        let stored = get(&gateway, "/api/default/chats").await.as_array().map_or(0, Vec::len);
        let files = std::fs::read_dir(&parts).map(Iterator::count).unwrap_or_default();
        if stored == chats && files == 0 { Ok(()) } else { Err(format!("{stored} chats, {files} parts")) }
    })
    .await;
    eprintln!(
        "before {before:?}, after {:?}; sent in {sent:?}, stored after {:?}",
        memory(),
        began.elapsed()
    );
    complete(&gateway, chats, 200).await;
}
