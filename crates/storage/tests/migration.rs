//! A database that an earlier version wrote, brought up to date: see `before_protobuf/make.py` for what is in it.

// Helpers of tests are not marked as tests themselves.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use wakeeper_storage::{
    Change, ContactQuery, DeadLetterQuery, MessageQuery, MessageRef, MessageRow, NewEvent, SendState,
    Storage, open_sqlite, read_sqlite,
};

const BEFORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/before_protobuf/wakeeper.db");
const HOOK: &str = "default/0123456789abcdef";
const OTHER_HOOK: &str = "*/fedcba9876543210";

struct Scene {
    storage: Arc<dyn Storage>,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn open() -> Self {
        Self::changed(&[]).await
    }

    /// After these statements were made on the earlier database, without the checks that it made itself.
    async fn changed(statements: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wakeeper.db");
        std::fs::copy(BEFORE, &path).unwrap();
        let options = SqliteConnectOptions::new().filename(&path).foreign_keys(false);
        let mut connection = options.connect().await.unwrap();
        for sql in statements {
            sqlx::query(sqlx::AssertSqlSafe(sql.as_str())).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        Self { storage: open_sqlite(path).await.unwrap(), folder }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("wakeeper.db")
    }

    async fn message(&self, id: &str) -> MessageRow {
        let target =
            MessageRef { session: "default".to_owned(), id: id.to_owned(), from_me: None, chat: None };
        self.storage.message(&target).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn no_message_is_lost_and_each_keeps_what_its_json_alone_said() {
    let scene = Scene::open().await;
    let query = MessageQuery { limit: 100, ..MessageQuery::default() };
    assert_eq!(scene.storage.messages("default", query).await.unwrap().len(), 19);
    let text = scene.message("TEXT").await;
    assert_eq!(text.wire.chat_alt.as_deref(), Some("900@lid"));
    assert_eq!((text.account.as_deref(), text.push_name.as_deref()), (Some("628000@c.us"), Some("Ann")));
    assert!(text.described == wakeeper_storage::Described::default() && !text.proto.is_empty());
    let own = scene.message("OWN").await;
    assert!(own.from_api && own.ack == 3 && own.wire.chat == "628111@s.whatsapp.net");
    let imported = scene.message("OLD-FILE").await;
    assert_eq!(imported.described.mimetype.as_deref(), Some("image/jpeg"));
    assert_eq!(imported.described.body.as_deref(), Some("long ago"));
    let edited = scene.message("EDITED").await;
    assert_eq!(edited.reply_to.as_deref(), Some("Q1"));
    assert_eq!(edited.described.reply_body.as_deref(), Some("the question"));
    for (id, target) in [
        ("R1", "false_628111@c.us_TEXT"),
        ("E1", "false_120363000@g.us_REPLY_628111@c.us"),
        ("D1", "false_628111@c.us_REVOKED"),
    ] {
        let row = scene.message(id).await;
        assert!(row.hidden && row.target.as_deref() == Some(target), "{id}");
        assert_eq!(row.account.as_deref(), Some("628000@c.us"), "{id}");
    }
    scene.storage.close().await;
}

#[tokio::test]
async fn damaged_json_costs_no_more_than_it_alone_said() {
    let scene = Scene::open().await;
    for id in ["NO-JSON", "BLOB-JSON"] {
        let row = scene.message(id).await;
        assert_eq!(row.wire.chat, "120363000@g.us");
        assert_eq!(row.wire.participant.as_deref(), Some("628111@s.whatsapp.net"));
        assert_eq!(row.account.as_deref(), Some("628000@c.us"));
        assert!(!row.proto.is_empty());
    }
    scene.storage.close().await;
}

#[tokio::test]
async fn pending_sends_go_out_as_they_would_have() {
    let scene = Scene::open().await;
    let storage = &scene.storage;
    let pending = storage.unfinished_sends("default").await.unwrap();
    let long = "x".repeat(5000);
    let texts = ["a", "bc", "def", long.as_str(), "grüße 👋", "to all"];
    assert_eq!(pending.len(), texts.len() + 2);
    for (row, text) in pending.iter().zip(texts) {
        // Field 1 of a message is its text: a tag, the length, the text.
        assert!(
            row.proto.ends_with(text.as_bytes()) && row.proto.len() <= text.len() + 3,
            "{}",
            row.message_id
        );
        assert_eq!(row.chat, if text == "to all" { "120363000@g.us" } else { "628111@c.us" });
    }
    assert!(
        pending[0].idempotency_key.as_deref() == Some("pending-0")
            && pending[0].request_hash == "hash of PENDING0"
    );
    for (row, name) in pending[texts.len()..].iter().zip(["BROKEN-JSON", "BROKEN-BASE64"]) {
        assert!(row.message_id == name && row.proto.is_empty(), "it is there, to be told to fail");
    }
    let refused = storage.send_by_key("default", "key-3").await.unwrap().unwrap();
    assert!(refused.state == SendState::Failed && refused.error.as_deref() == Some("463"));
    let acked = storage.send_by_key("default", "key-1").await.unwrap().unwrap();
    assert!(acked.state == SendState::Acked && acked.error.is_none() && acked.proto.ends_with(b"answer"));
    storage.close().await;
}

#[tokio::test]
async fn what_is_owed_to_receivers_and_what_was_given_up_stays() {
    let scene = Scene::open().await;
    let storage = &scene.storage;
    let counts = storage.outbox_counts().await.unwrap();
    assert_eq!((counts.pending, counts.dead), (3, 2));
    for (subscription, events) in [(HOOK, 1), (OTHER_HOOK, 2)] {
        let lanes = storage.pending_lanes().await.unwrap();
        let lane = lanes.into_iter().find(|lane| lane.key.subscription == subscription).unwrap();
        assert_eq!((lane.next_attempt_ms, lane.gave_up), (Some(1_700_000_000_003), false));
        let items = storage.lane_items(&lane.key, 10).await.unwrap();
        assert_eq!(items.len(), events);
        for item in items {
            assert!(item.attempts == 2 && item.rest.starts_with(r#""session":"default","metadata":{"#));
            assert_eq!(storage.attempts(&item.event_id, subscription).await.unwrap().len(), 2);
        }
    }
    assert_eq!(storage.events_after("default", 0, 100).await.unwrap().len(), 5);
    let dead = DeadLetterQuery { limit: 10, ..DeadLetterQuery::default() };
    let letters = storage.dead_letters(dead).await.unwrap();
    let names: Vec<_> = letters.iter().map(|letter| letter.name.as_str()).collect();
    assert_eq!(names, ["message", "message.any"]);
    assert_eq!(storage.attempts(&letters[0].event_id, OTHER_HOOK).await.unwrap().len(), 3);
    storage.close().await;
}

/// What is made of one send's letters does not grow with the other sends.
#[tokio::test]
async fn long_sends_are_decoded_one_by_one() {
    let send = |name: &str, groups: usize| {
        format!(
            "INSERT INTO sends (session, request_hash, message_id, state, request_json, created_ms, updated_ms)
             VALUES ('default', 'h', '{name}', 0, '{{\"chat\":\"628111@c.us\",\"proto\":\"{}\"}}', 1, 1)",
            "AQID".repeat(groups)
        )
    };
    let mut statements = vec![send("LONGEST", 70_000)];
    statements.extend((0..60).map(|n| send(&format!("LONG{n}"), 4_000)));
    let scene = Scene::changed(&statements).await;
    let pending = scene.storage.unfinished_sends("default").await.unwrap();
    let long = |name: &str| pending.iter().find(|row| row.message_id == name).unwrap();
    assert!(long("LONGEST").proto == [1, 2, 3].repeat(70_000));
    assert!(long("LONG59").proto == [1, 2, 3].repeat(4_000));
    scene.storage.close().await;
}

#[tokio::test]
async fn what_breaks_a_rule_keeps_no_gateway_from_starting() {
    let scene = Scene::changed(&[
        // Whoever deletes events by hand leaves their deliveries behind.
        "DELETE FROM events WHERE seq = (SELECT min(seq) FROM outbox WHERE state = 0)".to_owned(),
        // A message whose index entry was lost is stored twice.
        "CREATE TABLE twice AS SELECT * FROM messages".to_owned(),
        "INSERT INTO twice SELECT * FROM messages WHERE id = 'TEXT'".to_owned(),
        "UPDATE twice SET seq = (SELECT max(seq) + 1 FROM messages) WHERE rowid = (SELECT max(rowid) FROM twice)"
            .to_owned(),
        "DROP TABLE messages".to_owned(),
        "ALTER TABLE twice RENAME TO messages".to_owned(),
        "UPDATE messages SET payload_json = 'null' WHERE id = 'OWN'".to_owned(),
        "UPDATE sqlite_sequence SET seq = 1000 WHERE name = 'outbox'".to_owned(),
    ])
    .await;
    let counts = scene.storage.outbox_counts().await.unwrap();
    assert!(counts.pending < 3 && counts.dead == 2, "{counts:?}");
    let query = MessageQuery { limit: 100, ..MessageQuery::default() };
    assert_eq!(scene.storage.messages("default", query).await.unwrap().len(), 19);
    assert_eq!(scene.message("OWN").await.account.as_deref(), Some("628000@c.us"));
    scene.storage.close().await;
    let mut connection = SqliteConnectOptions::new().filename(scene.path()).connect().await.unwrap();
    let last: i64 = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(last, 1000, "a number is given once");
    connection.close().await.unwrap();
}

/// Whoever was known under the LID alone at first is one person with one chat.
#[tokio::test]
async fn one_person_has_one_chat_whatever_names_the_messages_have() {
    let scene = Scene::changed(&[
        "INSERT INTO messages (session, chat, id, from_me, participant, sender, timestamp_s, kind, ack, payload_json,
             proto, edited, revoked, hidden)
         SELECT session, '900@lid', 'BEFORE', 0, '', '900@lid', 1900000000, kind, ack, 'null', proto, 0, 0, 0
         FROM messages WHERE id = 'TEXT'"
            .to_owned(),
        // Of this one only a message of the account says both names.
        "INSERT INTO messages (session, chat, id, from_me, participant, sender, timestamp_s, kind, ack, payload_json,
             proto, edited, revoked, hidden)
         SELECT session, '628222@c.us', 'TO-BEN', 1, '', '628000@c.us', 1700000000, kind, ack,
             json_set(payload_json, '$._data.key.remoteJid', '628222@s.whatsapp.net', '$._data.key.remoteJidAlt',
                 '901@lid', '$._data.key.fromMe', json('true')), proto, 0, 0, 0
         FROM messages WHERE id = 'TEXT'
         UNION ALL
         SELECT session, '901@lid', 'OF-BEN', 0, '', '901@lid', 1900000001, kind, ack, 'null', proto, 0, 0, 0
         FROM messages WHERE id = 'TEXT'"
            .to_owned(),
    ])
    .await;
    let storage = &scene.storage;
    for name in ["900@lid", "628111@c.us"] {
        let person = storage.contact("default", &[name.to_owned()]).await.unwrap().unwrap();
        assert_eq!((person.id.as_str(), person.lid.as_deref()), ("628111@c.us", Some("900@lid")), "{name}");
    }
    let query = ContactQuery { limit: 100, ..ContactQuery::default() };
    assert!(storage.contacts("default", query).await.unwrap().iter().all(|one| one.id != "900@lid"));
    assert_eq!(storage.chat("default", &["900@lid".to_owned()]).await.unwrap(), None);
    let chat = storage.chat("default", &["628111@c.us".to_owned()]).await.unwrap().unwrap();
    assert_eq!(chat.last_s, 1_900_000_000, "its newest message is that of the other name");
    assert_eq!(storage.chat("default", &["901@lid".to_owned()]).await.unwrap(), None);
    let chat = storage.chat("default", &["628222@c.us".to_owned()]).await.unwrap().unwrap();
    assert_eq!(chat.last_s, 1_900_000_001);
    scene.storage.close().await;
}

/// A position that somebody remembers stays good, and no number is given twice: not those of deleted events, nor those of
/// a former number's, which are set apart.
#[tokio::test]
async fn events_keep_their_numbers_and_each_session_goes_on_by_itself() {
    let scene = Scene::changed(&[
        "UPDATE events SET session = 'default/1@c.us' WHERE seq = (SELECT min(seq) FROM events)".to_owned(),
        "UPDATE sqlite_sequence SET seq = 1000 WHERE name = 'events'".to_owned(),
    ])
    .await;
    let storage = &scene.storage;
    let numbers = |session: &'static str| async move {
        let events = storage.events_after(session, 0, 100).await.unwrap();
        events.into_iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(numbers("default/1@c.us").await, [1]);
    assert_eq!(numbers("default").await, [2, 3, 4, 5]);
    for (session, number) in [("default", 1001), ("left", 1001), ("new", 1), ("new", 2)] {
        let event = NewEvent {
            id: format!("{session} {number}"),
            session: session.to_owned(),
            chat: String::new(),
            name: "session.status".to_owned(),
            rest: "}".to_owned(),
            timestamp_ms: 1,
            subscriptions: vec![],
            also: None,
            kept: false,
        };
        let owner = storage.acquire(session).await.unwrap();
        let outcome = owner.rows().commit(Change::Events(vec![event]).into()).await.unwrap();
        assert_eq!(outcome.events[0].seq, number, "{session}");
    }
    scene.storage.close().await;
}

/// Whoever only looks brings nothing up to date, and must see which sessions there are all the same.
#[tokio::test]
async fn the_sessions_of_an_earlier_version_are_seen_without_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wakeeper.db");
    std::fs::copy(BEFORE, &path).unwrap();
    let storage = read_sqlite(&path).await.unwrap();
    let names: Vec<_> = storage.sessions().await.unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["default", "left"]);
    storage.close().await;
    assert!(std::fs::read(&path).unwrap() == std::fs::read(BEFORE).unwrap());
}

/// Tables whose rows had the session's name until it got a number, as a version in between wrote them.
#[tokio::test]
async fn what_is_known_of_a_login_is_read_before_and_after_the_session_has_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wakeeper.db");
    let mut connection =
        SqliteConnectOptions::new().filename(&path).create_if_missing(true).connect().await.unwrap();
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
    let migrations = sqlx::migrate::Migrator::new(Path::new(migrations)).await.unwrap();
    migrations.run_to(80, &mut connection).await.unwrap();
    for sql in [
        // The number of `2` is 1.
        "INSERT INTO sessions (name, config_json, desired, created_ms, updated_ms) VALUES
             ('2', '{}', 1, 1, 1), ('1', '{}', 1, 1, 1)",
        "INSERT INTO generations VALUES ('1', 'login of 1', 'run', NULL, 1, 1, 'e', 'r', 's', 0, NULL, NULL)",
        "INSERT INTO session_accounts VALUES ('1', '621@c.us', NULL)",
        "INSERT INTO lanes VALUES (5, 'hook', '1', 'c', 7000, 1), (6, 'hook', '1', 'd', 1, 0)",
        "INSERT INTO events (session, number, id, chat, name, rest, timestamp_ms) VALUES
             ('1', 3, 'e3', 'c', 'message', '}', 1), ('1', 4, 'e4', 'c', 'message', '}', 1),
             ('1', 5, 'e5', 'd', 'message', '}', 1)",
        "INSERT INTO outbox (session, number, also, subscription, lane, state, attempts) VALUES
             ('1', 4, 0, 'hook', 5, 0, 0), ('1', 3, 0, 'hook', 5, 0, 2), ('1', 5, 0, 'hook', 6, 0, 0)",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    for migrated in [false, true] {
        if migrated {
            open_sqlite(&path).await.unwrap().close().await;
        }
        let storage = read_sqlite(&path).await.unwrap();
        let login = storage.generation("1").await.unwrap().map(|row| (row.session, row.login));
        assert_eq!(login, Some(("1".to_owned(), "login of 1".to_owned())), "migrated: {migrated}");
        assert_eq!(storage.generation("2").await.unwrap(), None);
        assert_eq!(storage.account("1").await.unwrap().unwrap().id, "621@c.us");
        assert_eq!(storage.account("2").await.unwrap(), None);
        if migrated {
            let mut lanes = storage.pending_lanes().await.unwrap();
            lanes.sort_by(|left, right| left.key.chat.cmp(&right.key.chat));
            let told = |lane: &wakeeper_storage::Lane| (lane.next_attempt_ms, lane.gave_up);
            assert_eq!((told(&lanes[0]), told(&lanes[1])), ((Some(7000), true), (Some(1), false)));
            let items = storage.lane_items(&lanes[0].key, 10).await.unwrap();
            assert_eq!(items.iter().map(|item| item.seq).collect::<Vec<_>>(), [3, 4]);
        }
        storage.close().await;
    }
}

#[tokio::test]
async fn a_second_start_finds_nothing_to_do() {
    let scene = Scene::open().await;
    scene.storage.close().await;
    let bytes = std::fs::read(scene.path()).unwrap();
    open_sqlite(Path::new(&scene.path())).await.unwrap().close().await;
    assert!(std::fs::read(scene.path()).unwrap() == bytes);
}
