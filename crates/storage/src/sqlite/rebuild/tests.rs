mod crash;

use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, query, query_as, query_scalar};
use tempfile::TempDir;

use crate::sqlite::PAGE;
use crate::{
    AccountRow, Change, Described, Desired, MessageQuery, MessageRow, NewEvent, SessionRow, Storage,
    StorageError, WireKey, open_or_rebuild_sqlite, open_sqlite,
};

/// What the migrations make and a rebuild keeps: everything but the probe and sqlx's own table.
const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'
                      AND name NOT IN ('probe', '_sqlx_migrations') ORDER BY name";

struct Scene {
    folder: TempDir,
    path: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wakeeper.db");
        Self { folder, path }
    }

    async fn connect(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(&self.path).foreign_keys(false);
        options.connect().await.unwrap()
    }

    /// The names in the folder, in order; without the index of a log, which SQLite makes when it needs one.
    fn names(&self) -> Vec<String> {
        let items = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| !name.ends_with("-shm"));
        names.sort();
        names
    }
}

/// A wrong number of free pages: SQLite finds it, and every row can still be read.
fn damage(path: &Path) {
    let mut content = std::fs::read(path).unwrap();
    let count = u32::from_be_bytes(content[36..40].try_into().unwrap());
    content[36..40].copy_from_slice(&(count + 7).to_be_bytes());
    std::fs::write(path, content).unwrap();
}

fn session(name: &str, me_json: Option<&str>) -> SessionRow {
    SessionRow {
        name: name.to_owned(),
        config_json: "{}".to_owned(),
        desired: Desired::Started,
        created_ms: 1,
        updated_ms: 1,
        me_json: me_json.map(str::to_owned),
        status: None,
    }
}

fn message(session: &str, id: &str, to: &str) -> Change {
    let row = MessageRow {
        session: session.to_owned(),
        chat: "628@c.us".to_owned(),
        id: id.to_owned(),
        from_me: false,
        participant: String::new(),
        sender: "628@c.us".to_owned(),
        timestamp_s: 1,
        kind: "text".to_owned(),
        ack: 0,
        account: Some(to.to_owned()),
        from_api: false,
        push_name: None,
        wire: WireKey { chat: "628@s.whatsapp.net".to_owned(), ..WireKey::default() },
        target: None,
        proto: vec![1],
        described: Described::default(),
        reply_to: None,
        edited: false,
        revoked: false,
        hidden: false,
    };
    Change::Message { row: Box::new(row), updates: vec![], events: vec![] }
}

fn account(id: &str, lid: Option<&str>) -> AccountRow {
    AccountRow { id: id.to_owned(), lid: lid.map(str::to_owned) }
}

/// Puts a row into every table, whatever its columns are.
async fn fill(connection: &mut SqliteConnection) -> Vec<String> {
    let tables: Vec<String> = query_scalar(TABLES).fetch_all(&mut *connection).await.unwrap();
    for table in &tables {
        let columns: Vec<(String, String)> = query_as("SELECT name, type FROM pragma_table_info(?)")
            .bind(table)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        let values: Vec<&str> = columns
            .iter()
            .map(|(name, kind)| match (name.as_str(), kind.as_str()) {
                ("state", _) => "0",
                (_, "INTEGER") => "1",
                (_, "BLOB") => "x'01'",
                _ => "'x'",
            })
            .collect();
        let sql = format!("INSERT INTO {table} VALUES ({})", values.join(", "));
        query(sqlx::AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
    }
    tables
}

#[tokio::test]
async fn a_row_of_every_table_that_the_migrations_make_is_kept() {
    let scene = Scene::new();
    open_sqlite(&scene.path).await.unwrap().close().await;
    let mut connection = scene.connect().await;
    let tables = fill(&mut connection).await;
    connection.close().await.unwrap();
    damage(&scene.path);
    let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
    let rebuilt = rebuilt.expect("the damage is found");
    storage.close().await;
    let mut kept: Vec<String> = rebuilt.kept.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
    kept.sort();
    let expected: Vec<String> = tables.iter().map(|table| format!("{table} 1")).collect();
    assert_eq!(kept, expected);
    let mut connection = scene.connect().await;
    for table in &tables {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let count: i64 = query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        assert_eq!(count, 1, "{table}");
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn whose_the_rows_are_is_told_by_what_is_left() {
    let scene = Scene::new();
    let storage = open_sqlite(&scene.path).await.unwrap();
    let me = r#"{"id":"621@c.us","lid":"1@lid"}"#;
    storage.acquire("linked").await.unwrap().rows().put_session(session("linked", Some(me))).await.unwrap();
    storage.acquire("left").await.unwrap().rows().put_session(session("left", None)).await.unwrap();
    storage.acquire("new").await.unwrap().rows().put_session(session("new", None)).await.unwrap();
    for (session, id, to) in [
        ("left", "A", "620@c.us"),
        ("left", "B", "622@c.us"),
        // Its own row cannot be read either.
        ("unknown", "C", "623@c.us"),
        ("unknown/619@c.us", "D", "619@c.us"),
    ] {
        storage.acquire(session).await.unwrap().rows().commit(message(session, id, to).into()).await.unwrap();
    }
    storage.close().await;
    let mut connection = scene.connect().await;
    query("DROP TABLE session_accounts").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    damage(&scene.path);
    let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
    assert!(rebuilt.is_some());
    assert_eq!(storage.account("linked").await.unwrap(), Some(account("621@c.us", Some("1@lid"))));
    assert_eq!(storage.account("left").await.unwrap(), Some(account("622@c.us", None)));
    assert_eq!(storage.account("unknown").await.unwrap(), Some(account("623@c.us", None)));
    assert_eq!(storage.account("new").await.unwrap(), None);
    assert_eq!(storage.account("unknown/619@c.us").await.unwrap(), None);
    storage.close().await;
}

/// A folder in the log's place: whoever writes over the log is told so by the system, SQLite says "unable to open".
#[tokio::test]
async fn the_log_is_settled_before_the_database_is_opened() {
    let scene = Scene::new();
    open_sqlite(&scene.path).await.unwrap().close().await;
    std::fs::create_dir(scene.path.with_file_name("wakeeper.db-wal")).unwrap();
    let refused = open_or_rebuild_sqlite(&scene.path, "now").await.map(|_| ()).unwrap_err();
    assert!(matches!(refused, StorageError::OpenFile { .. }), "{refused}");
}

#[tokio::test]
async fn copies_that_a_rebuild_left_go_at_the_start() {
    let scene = Scene::new();
    open_sqlite(&scene.path).await.unwrap().close().await;
    for name in
        ["wakeeper-damaged-then.db.reading", "wakeeper-damaged-then.db.reading-wal", "other.db.reading"]
    {
        std::fs::write(scene.folder.path().join(name), "a copy").unwrap();
    }
    let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
    assert_eq!(rebuilt, None);
    storage.close().await;
    assert_eq!(scene.names(), ["other.db.reading", "wakeeper.db"], "other files are left alone");
}

/// The rows of a database that was killed are partly in its log only.
#[tokio::test]
async fn what_is_only_in_the_log_is_read_and_the_log_is_kept() {
    let scene = killed().await;
    let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
    assert!(rebuilt.is_some());
    assert_eq!(ids(&*storage).await, ["early", "late"]);
    storage.close().await;
    assert_eq!(scene.names(), ["wakeeper-damaged-now.db", "wakeeper-damaged-now.db-wal", "wakeeper.db"]);
}

/// A damaged database with a message in the file and one in the log only.
async fn killed() -> Scene {
    let (running, scene) = (Scene::new(), Scene::new());
    let storage = open_sqlite(&running.path).await.unwrap();
    storage.acquire("default").await.unwrap().rows().put_session(session("default", None)).await.unwrap();
    storage
        .acquire("default")
        .await
        .unwrap()
        .rows()
        .commit(message("default", "early", "621@c.us").into())
        .await
        .unwrap();
    storage.close().await;
    let storage = open_sqlite(&running.path).await.unwrap();
    let mut content = std::fs::read(&running.path).unwrap();
    storage
        .acquire("default")
        .await
        .unwrap()
        .rows()
        .commit(message("default", "late", "621@c.us").into())
        .await
        .unwrap();
    // A page of an index that the log does not have: attempts_by_delivery.
    let page: u32 = query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'attempts_by_delivery'")
        .fetch_one(&mut running.connect().await)
        .await
        .unwrap();
    let length = PAGE as usize;
    let at = (page as usize - 1) * length;
    content[at..at + length].fill(0xaa);
    std::fs::write(&scene.path, content).unwrap();
    std::fs::copy(
        running.path.with_file_name("wakeeper.db-wal"),
        scene.path.with_file_name("wakeeper.db-wal"),
    )
    .unwrap();
    storage.close().await;
    scene
}

async fn ids(storage: &dyn Storage) -> Vec<String> {
    let query = MessageQuery { limit: 100, ..MessageQuery::default() };
    let mut ids: Vec<_> =
        storage.messages("default", query).await.unwrap().into_iter().map(|row| row.id).collect();
    ids.sort();
    ids
}

/// A number that is none stops what counts events afterwards. What was read is there all the same, and is told.
#[tokio::test]
async fn rows_that_cannot_be_put_in_order_are_kept_and_told() {
    let scene = Scene::new();
    open_sqlite(&scene.path).await.unwrap().close().await;
    let mut connection = scene.connect().await;
    let tables = fill(&mut connection).await;
    query("UPDATE sessions SET last_event = x'00'").execute(&mut connection).await.unwrap();
    query("INSERT INTO attempts VALUES (2, 9, 1, 1, 1, 1, 'x')").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    damage(&scene.path);
    let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
    assert_eq!(rebuilt.unwrap().kept.len(), tables.len());
    storage.close().await;
    let attempts: i64 =
        query_scalar("SELECT count(*) FROM attempts").fetch_one(&mut scene.connect().await).await.unwrap();
    assert_eq!(attempts, 1, "an attempt at a delivery that is gone goes too");
}

/// A count that cannot be read is made again of the events that can, a former account's too.
#[tokio::test]
async fn no_event_number_is_given_again_though_their_count_is_lost() {
    let scene = Scene::new();
    let storage = open_sqlite(&scene.path).await.unwrap();
    storage.acquire("default").await.unwrap().rows().commit(says("default", "e1").into()).await.unwrap();
    storage.close().await;
    let mut connection = scene.connect().await;
    for sql in [
        "INSERT INTO sessions (name, home) SELECT 'default/1@c.us', id FROM sessions",
        "UPDATE events SET session = (SELECT id FROM sessions WHERE home IS NOT NULL), number = 7",
    ] {
        query(sql).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
    damage(&scene.path);
    let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
    assert!(rebuilt.is_some());
    let next = storage.acquire("default").await.unwrap().rows().commit(says("default", "e2").into()).await;
    assert_eq!(next.unwrap().events[0].seq, 8);
    storage.close().await;
}

/// Rows of a former number name the same session in what their events say. Nobody may take them for the present one's.
#[tokio::test]
async fn rows_of_a_former_number_do_not_take_the_sessions_name() {
    for index_is_lost in [false, true] {
        let scene = Scene::new();
        let storage = open_sqlite(&scene.path).await.unwrap();
        let owner = storage.acquire("bot").await.unwrap();
        owner.rows().commit(message("bot", "PRESENT", "621@c.us").into()).await.unwrap();
        drop(owner);
        storage.close().await;
        let mut connection = scene.connect().await;
        for sql in [
            "INSERT INTO sessions (id, name, home) VALUES (2, 'bot/622@c.us', 1)",
            "INSERT INTO events (session, number, id, chat, name, rest, timestamp_ms)
                 VALUES (2, 1, 'e1', '', 'message', '\"session\":\"bot\",\"payload\":{}}', 1)",
            "UPDATE messages SET session = 1",
        ] {
            query(sql).execute(&mut connection).await.unwrap();
        }
        let page: i64 = query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'sessions'")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        if index_is_lost {
            query("DELETE FROM sessions").execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
        if !index_is_lost {
            let start = usize::try_from(page - 1).unwrap() * PAGE as usize;
            let mut content = std::fs::read(&scene.path).unwrap();
            content[start..start + PAGE as usize].fill(0xff);
            std::fs::write(&scene.path, content).unwrap();
        }
        damage(&scene.path);
        let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
        assert!(rebuilt.is_some());
        let query = MessageQuery { limit: 10, ..MessageQuery::default() };
        let found = storage.messages("bot", query).await.unwrap();
        assert_eq!(found.len(), usize::from(!index_is_lost), "index lost: {index_is_lost}");
        storage.close().await;
    }
}

/// A session's name stands in its own row alone: without it, its rows must not be nobody's.
#[tokio::test]
async fn rows_of_a_session_whose_own_row_is_lost_are_found_by_what_its_events_say() {
    let scene = Scene::new();
    let storage = open_sqlite(&scene.path).await.unwrap();
    for (session, id) in [("bot", "M1"), ("silent", "M2")] {
        let owner = storage.acquire(session).await.unwrap();
        owner.rows().commit(message(session, id, "621@c.us").into()).await.unwrap();
    }
    let told = NewEvent {
        rest: r#""session":"bot","payload":{}}"#.to_owned(),
        ..match says("bot", "e1") {
            Change::Events(mut events) => events.remove(0),
            _ => unreachable!(),
        }
    };
    let owner = storage.acquire("bot").await.unwrap();
    owner.rows().commit(Change::Events(vec![told]).into()).await.unwrap();
    drop(owner);
    storage.close().await;
    let mut connection = scene.connect().await;
    query("DELETE FROM sessions").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    damage(&scene.path);
    let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, "now").await.unwrap();
    assert!(rebuilt.is_some());
    let found = |session: &'static str| {
        let storage = std::sync::Arc::clone(&storage);
        async move {
            let query = MessageQuery { limit: 10, ..MessageQuery::default() };
            storage.messages(session, query).await.unwrap().len()
        }
    };
    assert_eq!(found("bot").await, 1);
    assert_eq!(storage.account("bot").await.unwrap(), Some(account("621@c.us", None)));
    assert_eq!((found("silent").await, found("lost/2").await), (0, 1), "nothing tells its name");
    // A new one gets none of their numbers.
    let owner = storage.acquire("silent").await.unwrap();
    owner.rows().commit(message("silent", "M3", "621@c.us").into()).await.unwrap();
    drop(owner);
    assert_eq!(found("silent").await, 1);
    storage.close().await;
}

fn says(session: &str, id: &str) -> Change {
    Change::Events(vec![NewEvent {
        id: id.to_owned(),
        session: session.to_owned(),
        chat: String::new(),
        name: "session.status".to_owned(),
        rest: "}".to_owned(),
        timestamp_ms: 1,
        subscriptions: vec![],
        also: None,
        kept: false,
    }])
}

/// One that an earlier version wrote is read as it is, and its rows are brought up to date.
#[tokio::test]
async fn rows_of_an_earlier_schema_are_kept() {
    let scene = Scene::new();
    let before = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/before_protobuf/wakeeper.db");
    for says_its_schema in [true, false] {
        let _ = std::fs::remove_file(&scene.path);
        std::fs::copy(before, &scene.path).unwrap();
        if !says_its_schema {
            let mut connection = scene.connect().await;
            query("DROP TABLE _sqlx_migrations").execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
        damage(&scene.path);
        let stamp = if says_its_schema { "first" } else { "second" };
        let (storage, rebuilt) = open_or_rebuild_sqlite(&scene.path, stamp).await.unwrap();
        let kept = rebuilt.expect("the damage is found").kept;
        assert!(kept.contains(&("messages".to_owned(), 23)), "{kept:?}");
        assert_eq!(ids(&*storage).await.len(), 19);
        assert_eq!(storage.outbox_counts().await.unwrap().pending, 3);
        assert_eq!(storage.events_after("default", 0, 100).await.unwrap().len(), 5);
        assert_eq!(storage.unfinished_sends("default").await.unwrap().len(), 8);
        assert_eq!(storage.account("left").await.unwrap(), Some(account("628000@c.us", None)));
        storage.close().await;
    }
}
