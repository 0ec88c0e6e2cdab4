//! The care for a session that runs, asked for over the API: looked at, backed up, repaired, given back.

use std::path::PathBuf;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Gateway, Lab, PATIENCE, Party, Phone};

const ANNA: &str = "491701000001";
const BEN: &str = "491701000002";
const CARE: &str = "/api/sessions/default";

struct Scene {
    lab: Lab,
    anna: Party,
    ben: Phone,
    sent: usize,
}

impl Scene {
    fn gateway(&mut self) -> &mut Gateway {
        self.anna.as_gateway().0
    }

    fn engine(&mut self) -> PathBuf {
        self.gateway().folder().join("auth_info/sessions/default/engine.db")
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

    async fn get(&mut self, path: &str) -> Value {
        self.gateway().call(Method::GET, &format!("{CARE}{path}"), None).await
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        self.gateway().call(Method::POST, &format!("{CARE}{path}"), Some(body)).await
    }

    /// The answer to a request that is refused.
    async fn refused(&mut self, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.gateway().request(Method::POST, &format!("{CARE}{path}")).json(&body);
        let answer = self.gateway().answer(request).await.expect("an answer");
        (answer.status, answer.body)
    }

    /// Changes a row of the engine's database behind the client's back.
    async fn tamper(&mut self, sql: &'static str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.engine());
        let mut connection = options.connect().await.expect("the database");
        sqlx::query(sql).execute(&mut connection).await.expect("a change");
        connection.close().await.expect("the database closes");
    }
}

#[tokio::test]
async fn a_session_is_looked_at_backed_up_repaired_and_given_back_through_the_api() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let anna = lab.linked_gateway("anna", ANNA).await;
    let ben = lab.simulator().phone(BEN, "Ben").await;
    let mut scene = Scene { lab, anna, ben, sent: 0 };
    scene.talk().await;

    // Health by evidence.
    let health = scene.get("/health?examine=true").await;
    assert_eq!((&health["healthy"], &health["status"]), (&json!(true), &json!("WORKING")), "{health:#}");
    let age = |name: &str| {
        let all = health["evidence"].as_array().expect("evidence");
        all.iter().find(|one| one["name"] == name).expect("a piece of it")["age_seconds"].clone()
    };
    for name in ["connected", "heard", "received", "acknowledged"] {
        assert!(age(name).as_u64().is_some_and(|age| age < 60), "{name}: {health:#}");
    }
    assert!(age("undecryptable").is_null() && health["examined_at"].is_i64(), "{health:#}");

    // A backup, while it runs.
    let made = scene.post("/backups", json!({})).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    assert_eq!((&made["reason"], &made["credentials"]), (&json!("by_hand"), &json!("sound")), "{made:#}");
    let list = scene.get("/backups").await;
    let first = list.as_array().and_then(|list| list.first()).expect("a backup");
    assert_eq!((&first["id"], &first["account"]), (&json!(id), &made["account"]), "{list:#}");
    let checked = scene.post(&format!("/backups/{id}/verify"), json!({})).await;
    assert_eq!((&checked["sound"], &checked["credentials"]), (&json!(true), &json!("sound")), "{checked:#}");
    for id in ["none.tar.zst", "..%2Fauth_info%2Fwakeeper.db", "%2Fetc%2Fpasswd", ".."] {
        let (status, body) = scene.refused(&format!("/backups/{id}/verify"), json!({})).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{id}: {body}");
        let (status, body) = scene.refused("/restore", json!({"backup": id, "dry_run": false})).await;
        assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!("backup_not_found")), "{id}");
    }

    // Nothing is wrong, and nothing is stopped for that.
    let attempts = scene.get("/health").await["connection"]["attempts"].clone();
    let plan = scene.post("/repair", json!({"dry_run": false})).await;
    assert_eq!((&plan["plan"], &plan["applied"]), (&json!([]), &json!(false)), "{plan:#}");
    let kept = scene.post("/restore", json!({"backup": id, "dry_run": false})).await;
    assert_eq!((&kept["changes"], &kept["ratchet"]), (&json!([]), &json!("kept")), "{kept:#}");
    assert_eq!(scene.get("/health").await["connection"]["attempts"], attempts);

    // A damaged row is taken out, with a backup before, and the session goes on.
    scene.tamper("INSERT INTO sessions (address, record, device_id) SELECT '491701000077@c.us.0', x'00ff', device_id FROM sessions LIMIT 1").await;
    let plan = scene.post("/repair", json!({})).await;
    assert_eq!(
        (plan["plan"].as_array().map(Vec::len), &plan["applied"]),
        (Some(1), &json!(false)),
        "{plan:#}"
    );
    let repaired = scene.post("/repair", json!({"dry_run": false})).await;
    assert_eq!(
        (&repaired["applied"], &repaired["login_kept"], &repaired["healthy"], &repaired["needs_qr"]),
        (&json!(true), &json!(true), &json!(true), &json!(false)),
        "{repaired:#}"
    );
    let before = repaired["backup"].as_str().expect("a backup").to_owned();
    let list = scene.get("/backups").await;
    assert!(list.as_array().expect("a list").iter().any(|backup| backup["id"] == *before), "{list:#}");
    scene.gateway().wait_working().await;
    scene.talk().await;

    // Encryption state goes back only with a reason, and then no key is used twice.
    let (status, body) = scene.refused("/restore", json!({"backup": id, "what": "all"})).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("conflict")), "{body:#}");
    assert!(body["hint"].as_str().is_some_and(|hint| hint.contains("force_reason")), "{body:#}");
    let (status, body) =
        scene.refused("/restore", json!({"backup": id, "force_reason": "a test of it"})).await;
    assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_request")), "{body:#}");
    let forced = json!({"backup": id, "what": "all", "dry_run": false, "force_reason": "a test of it"});
    let restored = scene.post("/restore", forced).await;
    assert_eq!(
        (&restored["applied"], &restored["ratchet"]),
        (&json!(true), &json!("dropped")),
        "{restored:#}"
    );
    assert!(restored["backup_before"].is_string(), "{restored:#}");
    scene.gateway().wait_working().await;
    scene.talk().await;
    scene.lab.simulator().assert_no_ratchet_reuse().await;

    // A database that is lost: the login comes from its newest backup, without a QR code.
    scene.gateway().call(Method::POST, "/api/sessions/default/stop", Some(json!({}))).await;
    let stopped = scene.get("/health").await;
    assert_eq!((&stopped["healthy"], &stopped["status"]), (&json!(true), &json!("STOPPED")), "{stopped:#}");
    std::fs::write(scene.engine(), "no database").expect("damage");
    let repaired = scene.post("/repair", json!({"dry_run": false})).await;
    assert_eq!(
        (&repaired["applied"], &repaired["login_kept"], &repaired["healthy"], &repaired["needs_qr"]),
        (&json!(true), &json!(true), &json!(true), &json!(false)),
        "{repaired:#}"
    );
    scene.gateway().call(Method::POST, "/api/sessions/default/start", Some(json!({}))).await;
    scene.gateway().wait_working().await;
    scene.talk().await;
    scene.lab.simulator().assert_no_ratchet_reuse().await;

    // What happened is told as incidents.
    let incidents = scene.gateway().call(Method::GET, "/api/incidents?session=default", None).await;
    let newest = incidents.as_array().and_then(|all| all.first()).expect("an incident").clone();
    let one = scene.gateway().call(Method::GET, &format!("/api/incidents/{}", newest["id"]), None).await;
    assert!(one["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{one:#}");
}
