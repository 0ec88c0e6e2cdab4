//! Routine maintenance of a gateway: it backs its session up by itself, says so, and starts again from what it backed up.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::Message;
use wakeeper_e2e::{Addressing, Baileys, Gateway, Lab, PATIENCE, Party, Webhooks};

const ANNA: &str = "491701000001";
const BEN: &str = "491701000002";
/// Backups that are kept, besides the newest good one, which is among them as long as nothing is damaged.
const KEPT: usize = 3;

/// A gateway that is linked and backs up as `settings` say.
async fn linked(lab: &Lab, settings: &[(&'static str, &str)]) -> Party {
    let phone = lab.simulator().phone(ANNA, "anna").await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("anna", &webhooks);
    for (name, value) in settings {
        gateway.set(name, *value);
    }
    gateway.start().await;
    phone.scan(&gateway.qr().await).await;
    gateway.wait_working().await;
    Party::gateway("anna", phone, gateway, webhooks)
}

/// Both write, and both texts arrive.
async fn talk(anna: &Party, ben: &Party, label: &str) {
    for (from, to) in [(anna, ben), (ben, anna)] {
        let text = format!("{label} from {}", from.name);
        from.send(&to.chat(), &Message::Text(text.clone())).await;
        to.wait_texts(from.address(), &[text]).await;
    }
}

fn archives(gateway: &Gateway) -> BTreeSet<PathBuf> {
    let Ok(items) = std::fs::read_dir(gateway.folder().join("session_backups")) else {
        return BTreeSet::new();
    };
    let paths = items.map(|item| item.expect("an entry").path());
    paths.filter(|path| path.to_string_lossy().ends_with(".tar.zst")).collect()
}

async fn evidence(gateway: &Gateway) -> Value {
    gateway.health().await["info"]["backups"].clone()
}

/// Waits until the session is backed up as it is now.
async fn backed_up_by_now(gateway: &Gateway) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time after 1970");
    let now_ms = i64::try_from(now.as_millis()).expect("a time of this era");
    eventually("a backup of what there is", PATIENCE, async || {
        let seen = evidence(gateway).await;
        if seen["lastBackup"].as_i64() > Some(now_ms) { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_gateway_backs_itself_up_and_starts_again_from_a_backup() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let kept = KEPT.to_string();
    let settings = [
        ("BACKUP_INTERVAL", "1s"),
        ("BACKUP_KEEP_LAST", kept.as_str()),
        ("BACKUP_KEEP_DAILY", "0"),
        ("BACKUP_KEEP_WEEKLY", "0"),
    ];
    let mut anna = linked(&lab, &settings).await;
    let ben = lab.contact("ben", BEN).await;
    let mut seen = BTreeSet::new();
    for round in 0..KEPT + 3 {
        talk(&anna, &ben, &format!("round {round}")).await;
        backed_up_by_now(anna.as_gateway().0).await;
        seen.extend(archives(anna.as_gateway().0));
    }
    let (gateway, _) = anna.as_gateway();
    let line = gateway.wait_line("INFO backed up to").await;
    assert!(line.contains("session_backups/auth_info_") && line.contains("files"), "{line}");
    gateway.wait_line("1 old backup removed").await;
    let left = archives(gateway);
    assert!(seen.len() > KEPT && left.len() <= KEPT + 1, "{} were made, {} are left", seen.len(), left.len());
    for path in &left {
        let mode = std::fs::metadata(path).expect("an archive").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
    assert_eq!(evidence(gateway).await["failing"], 0);

    assert!(gateway.terminate().await.success());
    let folder = gateway.folder().to_owned();
    let (code, verified) = lab.run_on(&folder, &["backup", "verify", "--all"]).await;
    assert_eq!(code, Some(0), "{}", verified[0]["report"]);
    let sessions: Vec<_> =
        verified.as_array().expect("a list").iter().map(|one| &one["manifest"]["signal_sessions"]).collect();
    assert!(sessions[0].as_u64() > Some(0), "{sessions:?}");

    starts_from_backup(&lab, anna.as_gateway().0, &["restore", "--what", "all"]).await;
    talk(&anna, &ben, "after").await;
}

/// All that a stopped gateway knew of its session is lost; it comes up again with what a backup gives back.
async fn starts_from_backup(lab: &Lab, gateway: &mut Gateway, restore: &[&str]) {
    let folder = gateway.folder().to_owned();
    std::fs::remove_dir_all(folder.join("auth_info/sessions/default")).expect("remove the session");
    let (code, restored) = lab.run_on(&folder, restore).await;
    assert_eq!((code, &restored["login_kept"]), (Some(0), &Value::Bool(true)), "{restored:#}");
    gateway.start().await;
    // Nobody scans anything.
    gateway.wait_working().await;
}

#[tokio::test]
async fn a_gateway_starts_again_with_the_login_of_an_older_backup() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut anna = linked(&lab, &[("BACKUP_INTERVAL", "off")]).await;
    let ben = lab.linked_peer("ben", Baileys::Seven, BEN).await;
    talk(&anna, &ben, "before").await;
    let folder = anna.as_gateway().0.folder().to_owned();
    lab.run_on(&folder, &["backup", "create"]).await;
    // The ratchets go on, and the backup does not know.
    talk(&anna, &ben, "since").await;
    assert!(anna.as_gateway().0.terminate().await.success());
    starts_from_backup(&lab, anna.as_gateway().0, &["restore"]).await;
    talk(&anna, &ben, "after").await;
}

#[tokio::test]
async fn a_backup_that_fails_is_told_and_made_as_soon_as_it_can_be() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let place = lab.folder().join("in the way");
    std::fs::write(&place, "").expect("a file where the backup folder should be");
    let backups = place.to_string_lossy().into_owned();
    let mut anna = linked(&lab, &[("BACKUP_INTERVAL", "1s"), ("BACKUP_DIR", &backups)]).await;
    let (gateway, _) = anna.as_gateway();
    let line = gateway.wait_line("the scheduled backup failed, trying again in 1 s").await;
    assert!(line.contains("ERROR") && line.contains("make the backup folder"), "{line}");
    eventually("the failure in /health", PATIENCE, async || {
        let seen = evidence(gateway).await;
        if seen["failing"] == 1 && seen["lastBackup"].is_null() { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
    assert_eq!(gateway.health().await["status"], "ok", "it serves all the same");
    std::fs::remove_file(&place).expect("remove the file");
    gateway.wait_line("scheduled backups work again").await;
    eventually("a good end", PATIENCE, async || {
        let seen = evidence(gateway).await;
        if seen["failing"] == 0 && seen["lastBackup"].is_i64() { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_backed_up_by_itself_when_that_is_off_and_a_running_gateway_is_by_hand() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut anna = linked(&lab, &[("BACKUP_INTERVAL", "off")]).await;
    let ben = lab.contact("ben", BEN).await;
    talk(&anna, &ben, "before").await;
    let (gateway, _) = anna.as_gateway();
    gateway.wait_line("BACKUP_INTERVAL is off").await;
    assert!(archives(gateway).is_empty() && evidence(gateway).await.is_null());
    let folder = gateway.folder().to_owned();
    let (code, created) = lab.run_on(&folder, &["backup", "create"]).await;
    assert_eq!((code, &created["manifest"]["credentials"]), (Some(0), &"sound".into()));
    assert_eq!(created["manifest"]["errors"], 0);
    let (code, health) = lab.run_on(&folder, &["health"]).await;
    assert_eq!((code, &health["backups"]), (Some(0), &1.into()), "{health:#}");
    // Nobody wrote meanwhile, so there is nothing new to keep.
    assert!(gateway.terminate().await.success());
    let (_, first) = lab.run_on(&folder, &["backup", "create"]).await;
    let (_, again) = lab.run_on(&folder, &["backup", "create"]).await;
    assert_eq!((&again["unchanged"], &again["path"]), (&Value::Bool(true), &first["path"]));
    let encrypted = [("BACKUP_PASSPHRASE", "correct horse battery staple")];
    let mut command = lab.binary().command(&folder);
    command.args(["backup", "create"]).env("DATA_DIR", &folder).envs(encrypted);
    let output = command.output().await.expect("run wakeeper");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains(".tar.zst.age"));
}

#[tokio::test]
async fn log_lines_also_go_to_files_that_only_their_owner_reads() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let webhooks = Webhooks::start().await;
    let mut gateway = lab.gateway("anna", &webhooks);
    // Generated, and shown once: on standard output, nowhere else.
    gateway.set("API_KEY", "");
    std::fs::create_dir(gateway.folder().join("logs")).expect("the folder of log files");
    gateway.start().await;
    gateway.wait_line("API key, shown this once").await;
    gateway.wait_line("log files are in").await;
    assert!(gateway.terminate().await.success());
    let folder = gateway.folder().join("logs");
    let files: Vec<_> =
        std::fs::read_dir(&folder).expect("log files").map(|item| item.expect("a file").path()).collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    assert!(file.to_string_lossy().contains("wakeeper-serve.20"), "{}", file.display());
    let mode = |path: &Path| std::fs::metadata(path).expect("its mode").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(file)), (0o700, 0o600));
    let text = std::fs::read_to_string(file).expect("a log file");
    for line in [
        "sessions are backed up to",
        "listens on http://",
        "to link a phone",
        "stopped, everything is on disk",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    let key = std::fs::read_to_string(gateway.folder().join("auth_info/api_key")).expect("the key");
    assert!(!key.trim().is_empty() && !text.contains(key.trim()) && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn a_log_folder_that_cannot_be_used_is_told_once_and_stops_nothing() {
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let place = lab.folder().join("in the way");
    std::fs::write(&place, "").expect("a file where the log folder should be");
    let mut anna = linked(&lab, &[("LOG_DIR", &place.to_string_lossy())]).await;
    let (gateway, _) = anna.as_gateway();
    let line = gateway.wait_line("no log files can be written").await;
    assert!(line.contains("WARN") && line.contains("in the way") && line.contains("LOG_DIR"), "{line}");
    assert!(gateway.terminate().await.success());
    let log = std::fs::read_to_string(lab.logs().join("anna.log")).expect("what it printed");
    let told = log.lines().filter(|line| line.contains("log files can")).count();
    assert_eq!(told, 1, "{log}");
}
