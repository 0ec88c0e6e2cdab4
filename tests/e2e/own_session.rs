//! `clean` on the gateway's own session: what a running gateway cannot repair by itself.

use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::damaged_session::{contents, talk};
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::Message;
use wakeeper_e2e::{Addressing, Baileys, Lab, PATIENCE, Party};

const ANNA: &str = "491701000001";
const BEN: &str = "491701000002";

fn session(anna: &mut Party) -> PathBuf {
    anna.as_gateway().0.folder().join("auth_info/sessions/default")
}

async fn stop(anna: &mut Party) -> PathBuf {
    let gateway = anna.as_gateway().0;
    assert!(gateway.terminate().await.success());
    gateway.folder().to_owned()
}

/// Pages in the middle of the database are lost.
fn damage(database: &Path) {
    let mut content = std::fs::read(database).expect("the database");
    let len = content.len();
    content[4096..len.min(40_960)].fill(0xaa);
    std::fs::write(database, content).expect("write the database");
}

fn codes(findings: &Value) -> Vec<&str> {
    findings.as_array().expect("findings").iter().filter_map(|finding| finding["code"].as_str()).collect()
}

#[tokio::test]
async fn a_damaged_database_without_a_backup_is_left_as_it_is() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut anna = lab.linked_gateway("anna", ANNA).await;
    let ben = lab.linked_peer("ben", Baileys::Seven, BEN).await;
    talk("before", &anna, &ben).await;
    let folder = stop(&mut anna).await;
    let session = session(&mut anna);
    damage(&session.join("engine.db"));
    let (code, health) = lab.run_on(&folder, &["health"]).await;
    assert_eq!((code, codes(&health["findings"])), (Some(1), vec!["native_database_damaged"]));

    // Without a backup nothing is touched, because what is left may be what saves the login.
    let _ = std::fs::remove_dir_all(folder.join("session_backups"));
    let before = contents(&session);
    let (code, outcome) = lab.run_on(&folder, &["clean"]).await;
    assert_eq!((code, &outcome["plan"], &outcome["applied"]), (Some(1), &json!([]), &json!(false)));
    assert!(
        outcome["notes"][0].as_str().expect("a note").contains("look for a backup elsewhere"),
        "{outcome:#}"
    );
    assert_eq!(contents(&session), before);
}

#[tokio::test]
async fn messages_go_on_after_a_damaged_database_was_replaced() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut anna = lab.linked_gateway("anna", ANNA).await;
    let ben = lab.linked_peer("ben", Baileys::Seven, BEN).await;
    talk("before the backup", &anna, &ben).await;
    let data = anna.as_gateway().0.folder().to_owned();
    lab.run_on(&data, &["backup", "create"]).await;
    talk("since the backup", &anna, &ben).await;
    let folder = stop(&mut anna).await;
    let session = session(&mut anna);
    damage(&session.join("engine.db"));

    let before = std::fs::read(session.join("engine.db")).expect("the database");
    let (code, outcome) = lab.run_on(&folder, &["clean", "--dry-run"]).await;
    let repairs: Vec<_> =
        outcome["plan"].as_array().expect("a plan").iter().map(|step| &step["repair"]).collect();
    assert_eq!(repairs, ["remove_intruder", "restore_credentials"], "{outcome:#}");
    assert_eq!((code, &outcome["login_kept"], &outcome["applied"]), (Some(0), &json!(true), &json!(false)));
    let now = std::fs::read(session.join("engine.db")).expect("the database");
    assert!(now == before, "a dry run changed the database");

    let (code, outcome) = lab.run_on(&folder, &["clean"]).await;
    assert_eq!((code, &outcome["login_kept"], &outcome["needs_qr"]), (Some(0), &json!(true), &json!(false)));
    let gateway = anna.as_gateway().0;
    gateway.start().await;
    // Nobody scans anything, and what was written before is still there.
    gateway.wait_working().await;
    assert_eq!(gateway.messages(&format!("{BEN}@c.us")).await.len(), 40);
    let state = folder.join("session_backups/monitor");
    let state = state.to_string_lossy();
    eventually("the repair among the incidents", PATIENCE, async || {
        let (_, told, errors) = lab.run(&["incidents", "--json", "--state", &state]).await;
        let told: Vec<Value> = serde_json::from_str(&told).unwrap_or_default();
        let is_it = |one: &Value| one["kind"] == "session_state" && one["outcome"] == "recovered";
        if told.iter().any(is_it) { Ok(()) } else { Err(format!("{told:?}{errors}")) }
    })
    .await;
    talk("after", &anna, &ben).await;
    let aside =
        std::fs::read_dir(&session).expect("the session").map(|item| item.expect("an entry").file_name());
    assert!(aside.into_iter().any(|name| name.to_string_lossy().starts_with("damaged-")), "it is kept");
}

/// A folder that was put back from a snapshot would use message keys twice.
#[tokio::test]
async fn an_older_copy_that_was_put_back_loses_its_ratchets_and_nothing_else() {
    let lab = Lab::start(Addressing::Lid).await;
    let mut anna = lab.linked_gateway("anna", ANNA).await;
    let ben = lab.linked_peer("ben", Baileys::Seven, BEN).await;
    talk("before the copy", &anna, &ben).await;
    stop(&mut anna).await;
    let session = session(&mut anna);
    let copy = std::fs::read(session.join("engine.db")).expect("the database");
    let put_back = || {
        for side in ["engine.db-wal", "engine.db-shm"] {
            let _ = std::fs::remove_file(session.join(side));
        }
        std::fs::write(session.join("engine.db"), &copy).expect("put the copy back");
    };
    anna.as_gateway().0.start().await;
    anna.as_gateway().0.wait_working().await;
    talk("since the copy", &anna, &ben).await;
    let folder = stop(&mut anna).await;

    // No backup is younger than the copy: only a person knows.
    let _ = std::fs::remove_dir_all(folder.join("session_backups"));
    let current = std::fs::read(session.join("engine.db")).expect("the database");
    put_back();
    let (code, outcome) = lab.run_on(&folder, &["clean"]).await;
    assert_eq!((code, &outcome["plan"]), (Some(0), &json!([])), "{outcome:#}");
    let (code, outcome) = lab.run_on(&folder, &["clean", "--ratchets"]).await;
    let steps = outcome["plan"].as_array().expect("a plan");
    assert!(code == Some(0) && steps.iter().any(|step| step["peer"].is_string()), "{outcome:#}");
    assert!(outcome["backup"].is_string() && outcome["login_kept"] == true, "{outcome:#}");

    // A backup that is younger tells it by itself.
    std::fs::write(session.join("engine.db"), &current).expect("as it was");
    lab.run_on(&folder, &["backup", "create"]).await;
    put_back();
    let (code, health) = lab.run_on(&folder, &["health"]).await;
    assert!(code == Some(1) && codes(&health["findings"]).contains(&"ratchet_rolled_back"), "{health:#}");
    let (code, outcome) = lab.run_on(&folder, &["clean"]).await;
    assert!(code == Some(0) && outcome["healthy"] == true && outcome["applied"] == true, "{outcome:#}");
    let (code, again) = lab.run_on(&folder, &["clean"]).await;
    assert_eq!((code, &again["plan"]), (Some(0), &json!([])), "{again:#}");
    let gateway = anna.as_gateway().0;
    gateway.start().await;
    gateway.wait_working().await;
    talk("after", &anna, &ben).await;
}

#[tokio::test]
async fn a_contact_that_a_person_names_is_negotiated_anew() {
    let lab = Lab::start(Addressing::Lid).await;
    let mut anna = lab.linked_gateway("anna", ANNA).await;
    let ben = lab.linked_peer("ben", Baileys::Seven, BEN).await;
    talk("before", &anna, &ben).await;
    let data = anna.as_gateway().0.folder().to_owned();
    let words = ["clean", "--peer", BEN, "--data-dir", data.to_str().expect("a plain path")];
    let (code, _, errors) = lab.run(&words).await;
    assert!(code == Some(1) && errors.contains("a wakeeper gateway runs on"), "{errors}");
    let folder = stop(&mut anna).await;
    let (code, outcome) = lab.run_on(&folder, &["clean", "--peer", BEN]).await;
    let steps = outcome["plan"].as_array().expect("a plan");
    assert!(code == Some(0) && outcome["applied"] == true && !steps.is_empty(), "{outcome:#}");
    assert!(steps.iter().all(|step| step["path"] == "engine.db" && step["peer"].is_string()), "{outcome:#}");
    let gateway = anna.as_gateway().0;
    gateway.start().await;
    gateway.wait_working().await;
    talk("after", &anna, &ben).await;
}

#[tokio::test]
async fn everything_goes_when_that_is_wanted_and_a_qr_code_comes() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut anna = lab.linked_gateway("anna", ANNA).await;
    let ben = lab.contact("ben", BEN).await;
    anna.send(&ben.chat(), &Message::Text("the last one".to_owned())).await;
    let settings = json!({"config": {"metadata": {"shop": "12"}}});
    anna.as_gateway().0.call(Method::PUT, "/api/sessions/default", Some(settings)).await;
    let folder = stop(&mut anna).await;
    let words = ["clean", "--all", "--data-dir", folder.to_str().expect("a plain path")];
    let (code, _, errors) = lab.run(&words).await;
    assert!(code == Some(1) && errors.contains("--yes"), "nobody can be asked: {errors}");
    let (code, outcome) = lab.run_on(&folder, &["clean", "--all", "--yes"]).await;
    assert_eq!((code, &outcome["applied"], &outcome["needs_qr"]), (Some(0), &json!(true), &json!(true)));
    let backup = outcome["backup"].as_str().expect("a backup");
    let (code, verified) = lab.run_on(&folder, &["backup", "verify", backup]).await;
    assert!(code == Some(0), "{verified:#}");
    let phone = lab.simulator().phone("491701000009", "another").await;
    let gateway = anna.as_gateway().0;
    gateway.start().await;
    phone.scan(&gateway.qr().await).await;
    gateway.wait_working().await;
    assert!(gateway.messages(&format!("{BEN}@c.us")).await.is_empty(), "chats of another number");
    let now = gateway.call(Method::GET, "/api/sessions/default", None).await;
    assert_eq!(now["config"]["metadata"]["shop"], "12", "{now:#}");

    // The backup that is left is of another number: a damaged database does not bring that back.
    stop(&mut anna).await;
    let session = session(&mut anna);
    damage(&session.join("engine.db"));
    for item in std::fs::read_dir(folder.join("session_backups")).expect("backups") {
        let path = item.expect("a backup").path();
        if path.to_string_lossy() != backup {
            std::fs::remove_file(path).expect("remove a backup");
        }
    }
    let (code, outcome) = lab.run_on(&folder, &["clean"]).await;
    assert_eq!((code, &outcome["plan"], &outcome["applied"]), (Some(1), &json!([]), &json!(false)));
    assert!(session.join("engine.db").exists());
}
