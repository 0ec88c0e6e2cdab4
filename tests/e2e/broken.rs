//! Databases that are damaged or gone at a start: what can be kept is kept, and it is said.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE, Party, Phone};

const ANNA: &str = "491701000001";
const BEN: &str = "491701000002";

struct Scene {
    lab: Lab,
    anna: Party,
    ben: Phone,
    sent: usize,
}

impl Scene {
    async fn new() -> Self {
        let lab = Lab::start(Addressing::PhoneNumber).await;
        let anna = lab.linked_gateway("anna", ANNA).await;
        let ben = lab.simulator().phone(BEN, "Ben").await;
        Self { lab, anna, ben, sent: 0 }
    }

    fn gateway(&mut self) -> &mut Gateway {
        self.anna.as_gateway().0
    }

    fn path(&mut self, below: &str) -> PathBuf {
        self.gateway().folder().join(below)
    }

    fn engine(&mut self) -> PathBuf {
        self.path("auth_info/sessions/default/engine.db")
    }

    fn rows(&mut self) -> PathBuf {
        self.path("auth_info/wakeeper.db")
    }

    async fn back_up(&mut self) {
        let folder = self.gateway().folder().to_owned();
        let (code, made) = self.lab.run_on(&folder, &["backup", "create"]).await;
        assert_eq!(code, Some(0), "{made:#}");
    }

    async fn stop(&mut self) {
        assert!(self.gateway().terminate().await.success());
    }

    /// A message each way.
    async fn talk(&mut self) {
        self.sent += 1;
        let (out, back) = (format!("out {}", self.sent), format!("back {}", self.sent));
        let chat = self.ben.address.chat_id();
        let body = Gateway::text(&chat, &out);
        self.gateway().call(Method::POST, "/api/sendText", Some(body)).await;
        eventually("the message", PATIENCE, async || {
            let inbox = self.ben.inbox().await;
            if inbox.iter().any(|message| message["text"] == *out) { Ok(()) } else { Err(out.clone()) }
        })
        .await;
        let me = self.anna.address().jid();
        self.ben.send_text(&me, &back).await;
        let gateway = self.anna.as_gateway().0;
        eventually("the answer in the rows", PATIENCE, async || {
            let all = gateway.messages(&chat).await;
            if all.iter().any(|message| message["body"] == *back) { Ok(()) } else { Err("not yet") }
        })
        .await;
    }

    async fn info(&mut self) -> Value {
        self.gateway().call(Method::GET, "/api/sessions/default", None).await
    }
}

fn forget_side_files(database: &Path) {
    for suffix in ["-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        let _ = std::fs::remove_file(PathBuf::from(name));
    }
}

/// What may happen to a database.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Removed,
    Empty,
    Cut(f64),
    Header,
    Middle,
    Folder,
    Link,
}

impl Harm {
    fn bring(self, database: &Path) {
        let content = std::fs::read(database).expect("the database");
        forget_side_files(database);
        let write = |content: &[u8]| std::fs::write(database, content).expect("write the database");
        match self {
            Self::Removed => std::fs::remove_file(database).expect("remove the database"),
            Self::Empty => write(b""),
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            Self::Cut(part) => write(&content[..(content.len() as f64 * part) as usize]),
            Self::Header => write(&[&[0xaa; 64][..], &content[64..]].concat()),
            Self::Middle => {
                let mut content = content;
                let end = content.len().min(40_960);
                content[4096..end].fill(0xaa);
                write(&content);
            }
            Self::Folder => {
                std::fs::remove_file(database).expect("remove the database");
                std::fs::create_dir(database).expect("a folder");
            }
            Self::Link => {
                std::fs::remove_file(database).expect("remove the database");
                symlink("/no/such/file", database).expect("a link");
            }
        }
    }
}

const HARMS: [Harm; 8] = [
    Harm::Removed,
    Harm::Empty,
    Harm::Cut(0.001),
    Harm::Cut(0.6),
    Harm::Header,
    Harm::Middle,
    Harm::Folder,
    Harm::Link,
];

#[tokio::test]
async fn a_login_comes_back_from_its_backup() {
    let mut scene = Scene::new().await;
    scene.talk().await;
    scene.back_up().await;
    for harm in HARMS {
        scene.talk().await;
        scene.stop().await;
        harm.bring(&scene.engine());
        eprintln!("{harm:?}");
        scene.gateway().start().await;
        scene.gateway().wait_line("the login was taken from a backup").await;
        scene.gateway().wait_working().await;
        let health = scene.gateway().health().await;
        assert_eq!(health["details"]["sessions"]["loginsRestored"], 1, "{harm:?}: {health:#}");
        scene.talk().await;
        scene.lab.simulator().assert_no_ratchet_reuse().await;
    }
}

#[tokio::test]
async fn a_login_without_a_backup_fails_with_words_and_no_qr_code() {
    let mut scene = Scene::new().await;
    scene.talk().await;
    scene.stop().await;
    let whole = std::fs::read(scene.engine()).expect("the database");
    let backups = scene.path("session_backups");
    let _ = std::fs::remove_dir_all(&backups);
    scene.gateway().set("BACKUP_INTERVAL", "off");
    for harm in HARMS {
        harm.bring(&scene.engine());
        let (lies, database) = (format!("{harm:?}"), scene.engine());
        scene.gateway().start().await;
        scene.gateway().wait_status("FAILED").await;
        let info = scene.info().await;
        let reason = info["reason"].as_str().unwrap_or_default().to_owned();
        assert!(reason.contains("engine.db") && reason.contains("backup"), "{lies}: {info:#}");
        let asked = scene.gateway().request(Method::GET, "/api/default/auth/qr?format=raw");
        let qr = scene.gateway().answer(asked).await.expect("an answer");
        assert_eq!(qr.status, StatusCode::UNPROCESSABLE_ENTITY, "{lies}: {}", qr.body);
        scene.stop().await;
        // Nothing was made of it, so that a sound one can be put back.
        if database.is_dir() {
            std::fs::remove_dir(&database).expect("the folder as it was");
        } else {
            let _ = std::fs::remove_file(&database);
        }
        forget_side_files(&database);
        let mut file = std::fs::OpenOptions::new();
        let file = file.write(true).create_new(true).mode(0o600).open(&database);
        file.and_then(|mut file| file.write_all(&whole)).expect("put the database back");
    }
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    scene.talk().await;
    scene.lab.simulator().assert_no_ratchet_reuse().await;
}

#[tokio::test]
async fn an_encrypted_backup_needs_its_passphrase_and_another_numbers_is_not_used() {
    let mut scene = Scene::new().await;
    scene.stop().await;
    let folder = scene.gateway().folder().to_owned();
    let backups = scene.path("session_backups");
    let _ = std::fs::remove_dir_all(&backups);
    let words = ["backup", "create", "--data-dir", folder.to_str().expect("a plain path")];
    let output =
        scene.lab.binary().command(&folder).args(words).env("BACKUP_PASSPHRASE", "correct horse").output();
    assert!(output.await.expect("a command that runs").status.success());
    // A newer backup of another login lies beside it, under the same name.
    let mut other = scene.lab.linked_gateway("other", "491701000009").await;
    let other_folder = other.as_gateway().0.folder().to_owned();
    scene.lab.run_on(&other_folder, &["backup", "create"]).await;
    for item in std::fs::read_dir(other_folder.join("session_backups")).expect("backups").flatten() {
        std::fs::copy(item.path(), backups.join(item.file_name())).expect("copy a backup");
    }
    scene.gateway().set("BACKUP_INTERVAL", "off");
    Harm::Empty.bring(&scene.engine());
    scene.gateway().start().await;
    scene.gateway().wait_status("FAILED").await;
    let reason = scene.info().await["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("BACKUP_PASSPHRASE"), "{reason}");
    scene.stop().await;
    scene.gateway().set("BACKUP_PASSPHRASE", "correct horse");
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    assert!(scene.info().await["me"]["id"].as_str().expect("an id").starts_with(ANNA));
    scene.talk().await;
}

#[tokio::test]
async fn the_guides_reset_shows_a_qr_code_and_names_the_backup() {
    let mut scene = Scene::new().await;
    scene.talk().await;
    scene.back_up().await;
    scene.stop().await;
    std::fs::remove_dir_all(scene.path("auth_info")).expect("the reset");
    scene.gateway().start().await;
    let line = scene.gateway().wait_line("wakeeper restore").await;
    assert!(scene.gateway().qr().await.contains(','));
    scene.stop().await;
    let command = line.split('`').nth(1).expect("a command").to_owned();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let (code, out, errors) = scene.lab.run(&words).await;
    assert_eq!(code, Some(0), "{command}: {out}{errors}");
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    scene.talk().await;
    scene.lab.simulator().assert_no_ratchet_reuse().await;
}

#[tokio::test]
async fn damaged_or_missing_rows_keep_no_session_from_running() {
    let mut scene = Scene::new().await;
    let second = scene.lab.simulator().phone("491701000003", "shop").await;
    let body = json!({"name": "shop", "start": true});
    scene.gateway().call(Method::POST, "/api/sessions", Some(body)).await;
    let qr = eventually("a QR code", PATIENCE, async || {
        let request = scene.anna.as_gateway().0.request(Method::GET, "/api/shop/auth/qr?format=raw");
        let answer = scene.anna.as_gateway().0.answer(request).await.map_err(|error| error.to_string())?;
        answer.body["value"].as_str().map(str::to_owned).ok_or_else(|| answer.body.to_string())
    });
    let qr = qr.await;
    second.scan(&qr).await;
    wait_shop(&mut scene).await;
    scene.talk().await;
    for harm in HARMS {
        scene.talk().await;
        scene.stop().await;
        harm.bring(&scene.rows());
        eprintln!("{harm:?}");
        scene.gateway().start().await;
        scene.gateway().wait_working().await;
        wait_shop(&mut scene).await;
        let health = scene.gateway().health().await;
        let degraded = health["details"]["storage"]["degraded"].as_str().unwrap_or_default();
        assert!(!degraded.is_empty(), "{harm:?}: {health:#}");
        scene.talk().await;
        scene.lab.simulator().assert_no_ratchet_reuse().await;
    }
    let aside = std::fs::read_dir(scene.path("auth_info")).expect("the folder").flatten();
    let aside = aside.filter(|item| item.file_name().to_string_lossy().starts_with("wakeeper-damaged-"));
    assert_eq!(
        aside.filter(|item| item.file_name().to_string_lossy().ends_with(".db")).count(),
        HARMS.len() - 1
    );
}

async fn wait_shop(scene: &mut Scene) {
    let gateway = scene.anna.as_gateway().0;
    eventually("session shop to work", PATIENCE, async || {
        let answer = gateway.answer(gateway.request(Method::GET, "/api/sessions/shop")).await;
        let body = answer.map_err(|error| error.to_string())?.body;
        if body["status"] == "WORKING" { Ok(()) } else { Err(body.to_string()) }
    })
    .await;
}

/// Rows that can still be read are kept: settings, messages, what is owed.
#[tokio::test]
async fn rows_that_can_be_read_are_kept() {
    let mut scene = Scene::new().await;
    let settings = json!({"config": {"metadata": {"shop": "12"}}});
    scene.gateway().call(Method::PUT, "/api/sessions/default", Some(settings)).await;
    for _ in 0..20 {
        scene.talk().await;
    }
    scene.stop().await;
    let rows = scene.rows();
    let mut content = std::fs::read(&rows).expect("the rows");
    // A page near the end: of a table that grew, not of the schema.
    let page = content.len() / 4096 * 3 / 4 * 4096;
    content[page..page + 4096].fill(0xaa);
    std::fs::write(&rows, content).expect("write the rows");
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    let folder = std::fs::read_dir(scene.path("auth_info")).expect("the folder").flatten();
    let aside = folder.filter(|item| item.file_name().to_string_lossy().starts_with("wakeeper-damaged-"));
    assert!(aside.count() > 0, "the damaged database is kept");
    let info = scene.info().await;
    assert_eq!(info["config"]["metadata"]["shop"], "12", "{info:#}");
    let chat = scene.ben.address.chat_id();
    assert!(scene.gateway().messages(&chat).await.len() >= 10, "messages that can be read are kept");
    scene.talk().await;
}

/// What a newer wakeeper wrote, and what may not be read, is not damaged.
#[tokio::test]
async fn a_newer_database_stops_with_a_clear_word() {
    let mut scene = Scene::new().await;
    scene.stop().await;
    let rows = scene.rows();
    let sql =
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
               VALUES (9999, 'later', '2030-01-01', 1, x'00', 0)";
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&rows);
    let mut connection = options.connect().await.expect("the rows");
    sqlx::query(sql).execute(&mut connection).await.expect("a newer schema");
    connection.close().await.expect("close the rows");
    let before = std::fs::read(&rows).expect("the rows");
    let mut refused = scene.gateway().second("refused");
    assert_eq!(refused.wait_exit(Duration::from_secs(30)).await.code(), Some(1));
    let newer = |lines: &[String]| lines.iter().find(|line| line.contains("newer wakeeper")).cloned();
    refused.lines().wait("a clear word", Duration::from_secs(5), newer).await;
    assert!(std::fs::read(&rows).expect("the rows") == before, "it is left alone");
    assert_eq!(std::fs::metadata(&rows).expect("the rows").permissions().mode() & 0o077, 0);
}

/// Lock files that somebody deleted let no second gateway in.
#[tokio::test]
async fn deleted_lock_files_let_no_second_gateway_in() {
    let mut scene = Scene::new().await;
    let locks =
        [scene.path("auth_info/wakeeper.lock"), scene.path("auth_info/sessions/default/session.lock")];
    for lock in &locks {
        std::fs::remove_file(lock).expect("delete a lock file");
    }
    let mut second = scene.gateway().second("second");
    assert_eq!(second.wait_exit(Duration::from_secs(30)).await.code(), Some(1));
    // The first one notices, puts them back and goes on.
    scene.gateway().wait_line("somebody deleted the lock file").await;
    eventually("the lock files", PATIENCE, async || {
        if locks.iter().all(|lock| lock.exists()) { Ok(()) } else { Err("not yet") }
    })
    .await;
    scene.talk().await;
}

/// What is wrong with one session's folder is that session's trouble alone, and passes.
#[tokio::test]
async fn a_session_that_cannot_be_locked_keeps_no_other_from_running() {
    let mut scene = Scene::new().await;
    let body = json!({"name": "shop", "start": true});
    scene.gateway().call(Method::POST, "/api/sessions", Some(body)).await;
    scene.stop().await;
    let shop = scene.path("auth_info/sessions/shop");
    let aside = scene.path("aside");
    std::fs::rename(&shop, &aside).expect("moved aside");
    std::fs::write(&shop, "a file").expect("a file in its place");
    scene.gateway().start().await;
    scene.gateway().wait_working().await;
    scene.talk().await;
    let status = async |scene: &mut Scene| {
        let session = scene.gateway().call(Method::GET, "/api/sessions/shop", None).await;
        (session["status"].as_str().unwrap_or_default().to_owned(), session["reason"].to_string())
    };
    let (now, reason) = status(&mut scene).await;
    assert_eq!(now, "FAILED");
    assert!(reason.contains("sessions/shop"), "{reason}");
    std::fs::remove_file(&shop).expect("removed");
    std::fs::rename(&aside, &shop).expect("moved back");
    eventually("the session to come back", PATIENCE, async || {
        let (now, reason) = status(&mut scene).await;
        if now == "SCAN_QR_CODE" { Ok(()) } else { Err(format!("{now} {reason}")) }
    })
    .await;
}

/// Another wakeeper may use a database by its other name, and both would use the same keys.
#[tokio::test]
async fn a_database_with_a_second_name_is_not_used() {
    let mut scene = Scene::new().await;
    scene.talk().await;
    scene.stop().await;
    let (engine, other) = (scene.engine(), scene.path("other.db"));
    std::fs::hard_link(&engine, &other).expect("a second name");
    scene.gateway().start().await;
    let told = async |scene: &mut Scene| {
        let info = scene.info().await;
        if info["reason"].to_string().contains("hard link") { Ok(()) } else { Err(info.to_string()) }
    };
    eventually("the reason", PATIENCE, async || told(&mut scene).await).await;
    std::fs::remove_file(&other).expect("removed");
    scene.gateway().wait_working().await;
    scene.talk().await;
    scene.stop().await;
    let rows = scene.rows();
    std::fs::hard_link(&rows, &other).expect("a second name");
    let mut second = scene.gateway().second("second");
    assert!(!second.wait_exit(PATIENCE).await.success());
    second.wait_line("has a second name", PATIENCE).await;
}
