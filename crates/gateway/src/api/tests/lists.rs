//! Long lists, page by page.

use axum::http::StatusCode;
use serde_json::{Value, json};
use wakeeper_delivery::webhook::WebhookSettings;
use wakeeper_engine::{Forgotten, KeepLimits};
use wakeeper_storage::{Change, Desired, MessageRow, NewEvent, SessionRow, open_sqlite};

use super::answers::{old_row, received};
use super::requests::{Answer, KEY, Lab, TO, assert_error};
use super::*;

const OTHER: &str = "491701000003@c.us";

/// A text under this id, which is what it says, too. Field 1 of a message is its text.
pub(super) fn text(id: &str, timestamp_s: i64, change: impl FnOnce(&mut MessageRow)) -> Change {
    let proto = [&[0x0a, id.len() as u8], id.as_bytes()].concat();
    let mut made = received(id, timestamp_s, &proto);
    if let Change::Message { row, .. } = &mut made {
        change(row);
    }
    made
}

/// Six messages in two chats, two in each second, four of them own.
pub(super) async fn filled() -> Lab {
    kept(KeepLimits::default()).await
}

/// The same, in a gateway that keeps no more than this.
async fn kept(keep: KeepLimits) -> Lab {
    let messages = (0..6).map(|n: i64| {
        text(&format!("M{n}"), 100 + n / 2, |row| {
            row.chat = if n < 4 { TO } else { OTHER }.to_owned();
            (row.from_me, row.ack) = (n % 3 != 0, if n == 5 { 3 } else { 1 });
        })
    });
    let letters = (0..5).map(|n: i64| NewEvent {
        id: format!("evt_{n}"),
        session: "default".to_owned(),
        chat: TO.to_owned(),
        name: "message".to_owned(),
        rest: format!(r#""session":"default","number":{n}}}"#),
        timestamp_ms: n,
        subscriptions: vec!["gone".to_owned()],
        also: None,
        kept: false,
    });
    let folder = tempfile::tempdir().unwrap();
    let storage = open_sqlite(folder.path().join("wakeeper.db")).await.unwrap();
    for name in ["default", "b", "c", "a"] {
        let owner = storage.acquire(name).await.unwrap();
        let stopped = SessionRow { desired: Desired::Stopped, ..old_row(name, &json!({})) };
        owner.rows().put_session(stopped).await.unwrap();
        if name == "default" {
            let changes: Vec<_> =
                messages.clone().chain([Change::Events(letters.clone().collect())]).collect();
            owner.rows().commit(changes.into()).await.unwrap();
        }
    }
    storage.abandon_subscription("gone", "gone", 7).await.unwrap();
    storage.close().await;
    let keys = KeyPolicy::required(&secrecy::SecretString::from(KEY));
    Lab::keeping(keep, folder, keys, WebhookSettings::default()).await
}

fn cursor(answer: &Answer) -> Option<String> {
    let cursor = answer.headers.get("x-next-cursor").map(|cursor| cursor.to_str().unwrap().to_owned());
    let link = answer.headers.get("link").map(|link| link.to_str().unwrap().to_owned());
    assert_eq!(cursor.is_some(), link.is_some());
    if let (Some(cursor), Some(link)) = (&cursor, link) {
        assert!(
            link.starts_with("<?") && link.ends_with(&format!("cursor={cursor}>; rel=\"next\"")),
            "{link}"
        );
    }
    cursor
}

/// What a field of every item is, page by page, following the links of the answers as a client does.
pub(super) async fn pages(lab: &Lab, path: &str, query: &str, field: &str) -> Vec<String> {
    let (mut read, mut query) = (Vec::new(), query.to_owned());
    loop {
        let answer = lab.get(&format!("{path}?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.json());
        let items = answer.json();
        let words = items.as_array().unwrap().iter().map(|item| match &item[field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        read.push(words.collect::<Vec<_>>().join(" "));
        if cursor(&answer).is_none() {
            return read;
        }
        let link = answer.headers["link"].to_str().unwrap();
        query = link.trim_start_matches("<?").split('>').next().unwrap().to_owned();
    }
}

#[tokio::test]
async fn messages_are_listed_as_waha_lists_them_page_by_page() {
    let lab = filled().await;
    let (one, all) = (format!("/api/default/chats/{TO}/messages"), "/api/default/chats/all/messages");
    for (path, query, expected) in [
        (one.as_str(), "", vec!["M3 M2 M1 M0"]),
        (&one, "limit=3", vec!["M3 M2 M1", "M0"]),
        (&one, "limit=3&offset=2&sortOrder=asc", vec!["M2 M3"]),
        (&one, "limit=2&sortOrder=asc&sortBy=messageTimestamp", vec!["M0 M1", "M2 M3"]),
        (all, "limit=4", vec!["M5 M4 M3 M2", "M1 M0"]),
        (all, "limit=5&sortOrder=asc", vec!["M0 M1 M2 M3 M4", "M5"]),
        (all, "limit=1&filter.timestamp.gte=101&filter.timestamp.lte=101", vec!["M3", "M2"]),
        (all, "limit=2&filter.fromMe=true", vec!["M5 M4", "M2 M1"]),
        (all, "filter.fromMe=false&merge=false", vec!["M3 M0"]),
        (all, "filter.ack=READ", vec!["M5"]),
        (all, "filter.ack=SERVER&limit=3&sortOrder=desc&sortBy=timestamp", vec!["M4 M3 M2", "M1 M0"]),
        (all, "filter.ack=PLAYED", vec![""]),
    ] {
        assert_eq!(pages(&lab, path, query, "body").await, expected, "{path}?{query}");
    }
}

#[tokio::test]
async fn a_list_without_a_limit_has_wahas_ten() {
    let lab = filled().await;
    let document = serde_json::to_value(document()).unwrap();
    let parameters = &document["paths"]["/api/{session}/chats/{chatId}/messages"]["get"]["parameters"];
    let limit = parameters.as_array().unwrap().iter().find(|parameter| parameter["name"] == "limit").unwrap();
    assert_eq!(limit["schema"]["default"], 10);
    let shown = lab.get("/api/default/chats/all/messages").await.json();
    assert_eq!(shown.as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn dead_letters_and_sessions_are_listed_page_by_page() {
    let lab = filled().await;
    let letters = "/api/sessions/default/webhooks/dead-letters";
    assert_eq!(pages(&lab, letters, "limit=2", "eventId").await, ["evt_0 evt_1", "evt_2 evt_3", "evt_4"]);
    assert_eq!(pages(&lab, letters, "limit=5", "eventId").await.len(), 1, "the last page says that it is");
    let first = lab.get(&format!("{letters}?limit=2")).await.json()[1]["id"].as_i64().unwrap();
    assert_eq!(
        pages(&lab, letters, &format!("limit=2&after={first}"), "eventId").await,
        ["evt_2 evt_3", "evt_4"]
    );
    assert_eq!(pages(&lab, "/api/sessions", "all=true&limit=3", "name").await, ["a b c", "default"]);
    assert_eq!(pages(&lab, "/api/sessions", "all=true", "name").await, ["a b c default"]);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let lab = filled().await;
    let (one, all) = (format!("/api/default/chats/{TO}/messages"), "/api/default/chats/all/messages");
    let letters = "/api/sessions/default/webhooks/dead-letters";
    let of_all = cursor(&lab.get(&format!("{all}?limit=1")).await).unwrap();
    let of_letters = cursor(&lab.get(&format!("{letters}?limit=1")).await).unwrap();
    for path in [
        format!("{one}?cursor={of_all}"),
        format!("{all}?cursor={of_all}&sortOrder=asc"),
        format!("{all}?cursor={of_letters}"),
        format!("{all}?cursor={}", &of_all[1..]),
        format!("{all}?cursor=100.1"),
        format!("{letters}?cursor={of_all}"),
        format!("/api/sessions?limit=1&cursor={of_letters}"),
    ] {
        let answer = lab.get(&path).await;
        assert_error(&path, &answer, 400, "invalid_request");
        assert!(answer.json()["message"].as_str().unwrap().starts_with("cursor: "), "{path}");
        assert!(answer.json()["hint"].as_str().unwrap().contains("X-Next-Cursor"), "{path}");
    }
    let fine = lab.get(&format!("{all}?cursor={of_all}&filter.fromMe=true&limit=100")).await;
    assert_eq!(fine.json().as_array().map(Vec::len), Some(3), "filters may change on the way");
}

#[tokio::test]
async fn what_a_list_cannot_be_asked_for_is_refused_by_name() {
    let lab = filled().await;
    let all = "/api/default/chats/all/messages";
    for (field, path) in [
        ("sortBy", format!("{all}?sortBy=id")),
        ("sortOrder", format!("{all}?sortOrder=up")),
        ("filter.ack", format!("{all}?filter.ack=3")),
        ("limit", format!("{all}?limit=1001")),
        ("limit", "/api/sessions?limit=0".to_owned()),
    ] {
        let answer = lab.get(&path).await;
        assert_error(&path, &answer, 400, "invalid_request");
        assert!(!answer.json()["message"].as_str().unwrap().is_empty(), "{field}");
    }
}

#[tokio::test]
async fn old_messages_and_files_are_forgotten_only_when_that_is_set() {
    // By default nothing goes, however old it is.
    let lab = filled().await;
    assert_eq!(lab.sessions.forget_old().await, Forgotten::default());
    let all = "/api/default/chats/all/messages";
    assert_eq!(pages(&lab, all, "", "body").await, ["M5 M4 M3 M2 M1 M0"]);
    // All of these messages are of 1970. Of one chat there are dead letters.
    let age = Some(std::time::Duration::from_hours(24));
    let lab = kept(KeepLimits { message_age: age, media_age: age, ..KeepLimits::default() }).await;
    let media = lab.folder.path().join("sessions").join("default").join("media");
    std::fs::create_dir_all(&media).unwrap();
    for (name, seconds) in [("old", 5), ("new", u64::from(u32::MAX))] {
        let file = std::fs::File::create(media.join(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
    }
    assert_eq!(lab.sessions.forget_old().await, Forgotten { messages: 2, files: 1 });
    assert_eq!(pages(&lab, all, "", "body").await, ["M3 M2 M1 M0"]);
    assert!(!media.join("old").exists() && media.join("new").exists());
    let letters = lab.get("/api/sessions/default/webhooks/dead-letters").await.json();
    assert_eq!(letters.as_array().map(Vec::len), Some(5));
    assert_eq!(letters[0]["body"]["number"], 0, "dead letters keep their bodies");
    assert_eq!(lab.sessions.forget_old().await, Forgotten::default());
}

#[tokio::test]
async fn messages_are_forgotten_by_size() {
    let lab = kept(KeepLimits { message_bytes: Some(1), ..KeepLimits::default() }).await;
    assert_eq!(lab.sessions.forget_old().await.messages, 2);
    assert_eq!(pages(&lab, "/api/default/chats/all/messages", "", "body").await, ["M3 M2 M1 M0"]);
}
