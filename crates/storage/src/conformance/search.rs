//! The words of messages: searched, and kept as the messages are.

use std::sync::Arc;

use super::{message, own};
use crate::{
    AccountChange, AccountRow, Change, Described, MessageRef, MessageRetention, MessageRow, MessageUpdate,
    SearchQuery, Storage, WordsOf,
};

pub(crate) fn words_of() -> WordsOf {
    Arc::new(|row| row.described.body.clone().unwrap_or_default())
}

fn text(chat: &str, id: &str, timestamp_s: i64, body: &str) -> MessageRow {
    let described = Described { body: Some(body.to_owned()), ..Described::default() };
    MessageRow { timestamp_s, described, ..message(chat, id) }
}

async fn receive(storage: &Arc<dyn Storage>, session: &str, rows: Vec<MessageRow>) {
    let arrived = |row: MessageRow| Change::Message {
        row: Box::new(MessageRow { session: session.to_owned(), ..row }),
        updates: vec![],
        events: vec![],
    };
    let changes: Vec<_> = rows.into_iter().map(arrived).collect();
    own(storage, session).await.rows().commit(changes.into()).await.unwrap();
}

async fn update(storage: &Arc<dyn Storage>, update: MessageUpdate) {
    let (MessageUpdate::Edited { target, .. } | MessageUpdate::Revoked { target }) = &update;
    let row = Box::new(MessageRow { hidden: true, ..message("c", &format!("UPDATE-{}", target.id)) });
    let change = Change::Message { row, updates: vec![update], events: vec![] };
    own(storage, "default").await.rows().commit(change.into()).await.unwrap();
}

async fn add_all(storage: &Arc<dyn Storage>) {
    while storage.add_words(words_of(), 3).await.unwrap() {}
    assert_eq!(storage.words_lacking().await.unwrap(), Some(0));
}

/// The ids of what is found, in order.
async fn find(storage: &Arc<dyn Storage>, session: &str, chats: &[&str], words: &str) -> String {
    let chats = chats.iter().map(ToString::to_string).collect();
    let search = SearchQuery { words: words.to_owned(), chats, limit: 100, after: None };
    let page = storage.search(session, search).await.unwrap();
    page.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>().join(" ")
}

fn target(id: &str) -> MessageRef {
    MessageRef { session: "default".to_owned(), id: id.to_owned(), from_me: None, chat: None }
}

pub(crate) async fn words_are_found_by_session_and_chat(storage: Arc<dyn Storage>) {
    receive(&storage, "default", vec![text("a@c.us", "OLD", 5, "Stored before")]).await;
    storage.keep_words().await.unwrap();
    assert_eq!(storage.words_lacking().await.unwrap(), Some(1));
    let rows = vec![
        text("a@c.us", "A1", 10, "Good morning, Café owner!"),
        text("b@lid", "B1", 30, "good MORNING"),
        text("a@c.us", "A2", 20, "a good night"),
        text("c@g.us", "CJK", 40, "我明天去北京"),
        text("c@g.us", "TH", 41, "สวัสดีครับ"),
        text("c@g.us", "HI", 42, "नमस्ते दुनिया"),
        MessageRow { hidden: true, ..text("a@c.us", "HIDDEN", 50, "good hidden") },
    ];
    receive(&storage, "default", rows).await;
    receive(&storage, "other", vec![text("a@c.us", "O1", 60, "good")]).await;
    add_all(&storage).await;
    let cases: [(&[&str], &str, &str); 17] = [
        (&[], "good", "B1 A2 A1"),
        (&[], "good morning", "B1 A1"),
        (&[], "morning good", "B1 A1"),
        (&["a@c.us"], "GOOD", "A2 A1"),
        (&["a@c.us", "b@lid"], "good", "B1 A2 A1"),
        (&["x@c.us"], "good", ""),
        (&[], "cafe", "A1"),
        (&[], "cafe\u{301}", "A1"),
        (&[], "before", "OLD"),
        (&[], "goo", ""),
        (&[], "goo*", "B1 A2 A1"),
        (&[], "go*", ""),
        (&[], "北京", "CJK"),
        (&[], "京北", ""),
        (&[], "ครับ", "TH"),
        (&[], "दुनिया", "HI"),
        (&[], "good AND hidden", ""),
    ];
    for (chats, words, found) in cases {
        assert_eq!(find(&storage, "default", chats, words).await, found, "{words} in {chats:?}");
    }
    assert_eq!(find(&storage, "other", &[], "good").await, "O1");
    assert_eq!(find(&storage, "none", &[], "good").await, "");
}

pub(crate) async fn what_becomes_of_messages_is_followed(storage: Arc<dyn Storage>) {
    storage.keep_words().await.unwrap();
    let rows = (0..8).map(|n| text("c", &format!("M{n}"), 100 + n, "apple")).collect();
    receive(&storage, "default", rows).await;
    add_all(&storage).await;
    assert_eq!(find(&storage, "default", &[], "apple").await, "M7 M6 M5 M4 M3 M2 M1 M0");
    let edited = MessageUpdate::Edited { target: target("M1"), proto: None, body: Some("pear".to_owned()) };
    update(&storage, edited).await;
    update(&storage, MessageUpdate::Revoked { target: target("M2") }).await;
    assert_eq!(
        find(&storage, "default", &[], "apple").await,
        "M7 M6 M5 M4 M3 M1 M0",
        "what is revoked goes at once"
    );
    add_all(&storage).await;
    assert_eq!(find(&storage, "default", &[], "apple").await, "M7 M6 M5 M4 M3 M0");
    assert_eq!(find(&storage, "default", &[], "pear").await, "M1");
    let owner = own(&storage, "default").await;
    owner.rows().clear_chat(vec!["c".to_owned()], 103, 100).await.unwrap();
    let limits = MessageRetention { before_s: Some(105), most_bytes: None };
    for old in storage.old_messages("default", limits).await.unwrap() {
        owner.rows().forget_messages(old, 100).await.unwrap();
    }
    drop(owner);
    for _ in 0..2 {
        assert_eq!(find(&storage, "default", &[], "apple").await, "M7 M6 M5");
        add_all(&storage).await;
    }
    let account = |id: &str| AccountRow { id: id.to_owned(), lid: None };
    let change = |former, present| AccountChange {
        former: account(former),
        present: account(present),
        reason: String::new(),
        now_ms: 1,
    };
    for (former, present, found) in [("a", "b", ""), ("b", "a", "M7 M6 M5")] {
        own(&storage, "default").await.rows().change_account(change(former, present)).await.unwrap();
        add_all(&storage).await;
        assert_eq!(find(&storage, "default", &[], "apple").await, found, "{present}");
    }
    storage.delete_session("default").await.unwrap();
    add_all(&storage).await;
    receive(&storage, "default", vec![text("c", "NEW", 1, "apple")]).await;
    add_all(&storage).await;
    assert_eq!(find(&storage, "default", &[], "apple").await, "NEW");
}

pub(crate) async fn words_are_forgotten_and_made_anew(storage: Arc<dyn Storage>) {
    storage.forget_words().await.unwrap();
    receive(&storage, "default", vec![text("c", "M", 1, "apple")]).await;
    for _ in 0..2 {
        storage.keep_words().await.unwrap();
        storage.keep_words().await.unwrap();
        assert!(storage.words_lacking().await.unwrap() >= Some(1));
        add_all(&storage).await;
        assert_eq!(find(&storage, "default", &[], "apple").await, "M");
        storage.forget_words().await.unwrap();
        storage.forget_words().await.unwrap();
        assert_eq!(storage.words_lacking().await.unwrap(), None);
        update(&storage, MessageUpdate::Revoked { target: target("nothing") }).await;
    }
}

pub(crate) async fn what_is_found_is_read_page_by_page(storage: Arc<dyn Storage>) {
    storage.keep_words().await.unwrap();
    // Times that no clock has, and several messages of one second.
    let times = [7, 7, 7, 3, 9, -5, i64::MAX, i64::MIN, 0, 8];
    let rows =
        times.iter().enumerate().map(|(n, time)| text("c", &format!("M{n}"), *time, "apple")).collect();
    receive(&storage, "default", rows).await;
    add_all(&storage).await;
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let search = SearchQuery { words: "apple".to_owned(), limit: 3, after, ..SearchQuery::default() };
        let page = storage.search("default", search).await.unwrap();
        pages.push(page.rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>().join(" "));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, ["M6 M4 M9", "M2 M1 M0", "M3 M8 M7", "M5"]);
}

pub(crate) async fn whatever_is_searched_is_no_error(storage: Arc<dyn Storage>) {
    storage.keep_words().await.unwrap();
    receive(&storage, "default", vec![text("c", "M", 1, "apple \0 text: \"pear\" NEAR")]).await;
    add_all(&storage).await;
    for (words, found) in [
        ("", ""),
        ("\"", ""),
        ("*", ""),
        ("\0", ""),
        ("apple\0", "M"),
        ("apple\" OR \"zebra", ""),
        ("text:pear", "M"),
        ("place:s1", ""),
        ("NEAR", "M"),
        ("NEAR(apple", ""),
        ("-apple", "M"),
        ("{text}:apple", ""),
        ("^apple", "M"),
        ("apple!*", "M"),
        ("( )", ""),
        ("\u{301}", ""),
        ("😀", ""),
    ] {
        assert_eq!(find(&storage, "default", &[], words).await, found, "{words:?}");
    }
    let mut seed = 1_u64;
    for _ in 0..300 {
        let words: String = (0..40)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let letters =
                    ['"', '*', ':', '(', ')', ' ', 'a', '^', '-', '+', '{', '}', '\0', 'é', '京', '\u{301}'];
                letters[(seed >> 33) as usize % letters.len()]
            })
            .collect();
        find(&storage, "default", &["c\"x"], &words).await;
    }
    let long = "a".repeat(100_000);
    find(&storage, "default", &[], &format!("{long} {}", "apple* ".repeat(10_000))).await;
}
