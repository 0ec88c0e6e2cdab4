//! `wakeeper monitor` on a folder and a log file: what it reads, counts, tells and keeps over restarts. What it repairs is
//! tested on containers, in `tests/monitor`.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use wakeeper_e2e::alerts::ALERT_KEY;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::{Addressing, Alerts, Lab, PATIENCE, Watch, Watched};

/// Contacts of the session in the folder; their Signal sessions are years old.
const CONTACTS: [&str; 2] = ["6281100000002", "6281100000004"];
/// The worst night that was reported.
const BURST: usize = 168_000;
/// A monitor that has not read all of it by then hangs.
const READ: Duration = Duration::from_mins(4);

/// A data folder with a session that real Baileys wrote, and the log of its gateway.
struct WatchedFolder {
    lab: Lab,
    log: File,
}

impl WatchedFolder {
    async fn start() -> Self {
        let lab = Lab::start(Addressing::PhoneNumber).await;
        let auth_info = lab.folder().join("bot/auth_info");
        std::fs::create_dir_all(&auth_info).expect("a folder for the session");
        let fixture =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/doctor/fixtures/baileys7");
        for item in std::fs::read_dir(fixture).expect("the fixture") {
            let path = item.expect("a file").path();
            std::fs::copy(&path, auth_info.join(path.file_name().expect("a name"))).expect("copy a file");
        }
        let log = File::create(lab.folder().join("bot/gateway.log")).expect("a log file");
        Self { lab, log }
    }

    fn data(&self) -> PathBuf {
        self.lab.folder().join("bot")
    }

    fn watch(&self, settings: &[(&str, &str)]) -> Watch {
        self.watch_with(&[], settings)
    }

    fn watch_with(&self, flags: &[&str], settings: &[(&str, &str)]) -> Watch {
        let data = self.data();
        Watch::spawn(&self.lab, &Watched::Folder(&data, &data.join("gateway.log")), flags, settings)
    }

    fn writes(&mut self, text: &str) {
        self.log.write_all(text.as_bytes()).expect("write to the log");
    }
}

/// A message of that contact that cannot be decrypted, as Baileys logs it.
fn bad_mac(contact: &str, id: &str, at_ms: i64) -> String {
    let key = json!({"remoteJid": format!("{contact}@s.whatsapp.net"), "id": id});
    let err = json!({"type": "Error", "message": "Bad MAC"});
    let line =
        json!({"level": 50, "time": at_ms, "key": key, "err": err, "msg": "failed to decrypt message"});
    format!("{line}\n")
}

/// One failing attempt as libsignal prints it: an error and a stack for each stored session.
fn stacks(contact: &str, sessions: usize) -> String {
    let mut text = "Failed to decrypt message with any known session...\n".to_owned();
    let frame = format!(
        "    at async {contact}.0 [as awaitable] (/app/node_modules/libsignal/src/session_cipher.js:171:28)\n"
    );
    for _ in 0..sessions {
        text.push_str("Session error:Error: Bad MAC Error: Bad MAC\n");
        text.push_str("    at Object.verifyMAC (/app/node_modules/libsignal/src/crypto.js:87:15)\n");
        text.push_str(&frame);
    }
    text
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(now.as_millis()).expect("a time of this era")
}

/// Waits until that many lines told of trouble.
async fn read(watch: &Watch, lines: u32) {
    watch.wait_metric("wakeeper_symptoms_total", "session=\"auth_info\"", f64::from(lines)).await;
}

async fn opened(watch: &Watch, count: usize) -> Vec<Value> {
    eventually(&format!("{count} incident(s)"), PATIENCE, async || {
        let all = watch.incidents().await;
        // A row gets its number first, and with its first step its words.
        let told = all.iter().all(|one| one["summary"] != "");
        if all.len() == count && told { Ok(all) } else { Err(format!("{all:?}")) }
    })
    .await
}

/// What it costs is measured by `cargo xtask bench burst`.
#[tokio::test]
async fn a_burst_of_errors_is_one_incident() {
    let mut watched = WatchedFolder::start().await;
    let mut text = String::new();
    for n in 0..BURST / 10 {
        // Two whose Signal sessions are there, and strangers.
        let contact = CONTACTS.get(n % 20).map_or_else(|| format!("62811{:07}", n % 50), ToString::to_string);
        text.push_str(&stacks(&contact, 10));
    }
    watched.writes(&text);
    let watch = watched.watch(&[("SESSION_CLEANUP_WAIT", "1s")]);
    eventually("all lines to be read", READ, async || {
        let read = watch.metric("wakeeper_symptoms_total", "class=\"BadMac\"").await;
        if read == Some(BURST as f64) { Ok(()) } else { Err(format!("{read:?}")) }
    })
    .await;
    let told = eventually("a report", PATIENCE, async || {
        let lines = watch.lines();
        let told =
            lines.iter().filter(|line| line.contains("repairs are switched off or impossible here")).count();
        if told > 0 { Ok(told) } else { Err(format!("{lines:?}")) }
    })
    .await;
    let incidents = watch.incidents().await;
    assert_eq!((incidents.len(), told), (1, 1), "{incidents:?}");
    assert_eq!(incidents[0]["kind"], "session_state");
    assert!(incidents[0]["closed_ms"].is_null() && incidents[0]["outcome"].is_null(), "{incidents:?}");
    let printed = watch.lines().len();
    assert!(printed < 30, "{printed} lines about one incident");
    watch.terminate().await;
}

#[tokio::test]
async fn alerts_are_signed_and_come_again_after_refusals_and_restarts() {
    let alerts = Alerts::start().await;
    alerts.refuse(true);
    let mut watched = WatchedFolder::start().await;
    let url = alerts.url();
    let settings = [("MONITOR_ALERT_URL", url.as_str()), ("MONITOR_ALERT_HMAC_KEY", ALERT_KEY)];
    let mut watch = watched.watch(&settings);
    watched.writes("{\"tag\":\"stream:error\",\"content\":[{\"tag\":\"conflict\",\"attrs\":{\"type\":\"device_removed\"}}]}\n");
    let line = watch.wait_line("an alert was not taken, trying again in 1000 ms").await;
    assert!(line.contains("500") && !line.contains("/alert"), "the address may hold a token: {line}");
    watch.wait_line("trying again in 2000 ms").await;
    watch.terminate().await;
    assert!(alerts.refused() >= 2 && alerts.taken().is_empty());

    // Another process delivers what the first one could not.
    alerts.refuse(false);
    let watch = watched.watch(&settings);
    let alert = alerts.wait("logged_out", "open").await;
    assert_eq!(
        (&alert["event"], &alert["session"], &alert["step"]),
        (&json!("session.incident"), &json!("auth_info"), &json!("opened"))
    );
    assert!(alert["text"].as_str().expect("a text").contains("it must be linked again"), "{alert}");
    // Over: told as well, to the same receiver. Each comes once.
    watched.writes("{\"level\":30,\"msg\":\"opened connection to WA\"}\n");
    let over = alerts.wait("logged_out", "closed").await;
    assert_eq!((&over["incident"], &over["outcome"]), (&alert["incident"], &json!("ceased")));
    assert_eq!(alerts.taken().len(), 2, "{:?}", alerts.taken());
    alerts.assert_all_signed();
    watch.terminate().await;
}

#[tokio::test]
async fn the_page_serves_metrics_and_health_and_nothing_else() {
    let mut watched = WatchedFolder::start().await;
    // Of the bot, not of the monitor.
    std::fs::create_dir(watched.data().join("logs")).expect("a folder");
    let own = watched.lab.folder().join("monitor's own");
    let mut watch = watched.watch(&[("LOG_DIR", &own.to_string_lossy())]);
    watch.wait_line("metrics on http://127.0.0.1:").await;
    assert_eq!(watch.page("/health").await.expect("an answer"), (200, "ok\n".to_owned()));
    for path in ["/", "/incidents", "/metrics/x"] {
        assert_eq!(watch.page(path).await.expect("an answer").0, 404, "{path}");
    }
    let now = now_ms();
    for n in 0..3 {
        watched.writes(&bad_mac(CONTACTS[0], &format!("3EB0{n}"), now));
    }
    read(&watch, 3).await;
    opened(&watch, 1).await;
    watch.wait_metric("wakeeper_incidents_open", "session=\"auth_info\"", 1.0).await;
    watch.wait_metric("wakeeper_incident_steps_total", "step=\"opened\"", 1.0).await;
    watch.wait_metric("wakeeper_watched", "", 1.0).await;
    watch.wait_metric("wakeeper_left_alone", "", 0.0).await;
    let (status, text) = watch.page("/metrics").await.expect("an answer");
    assert_eq!(status, 200);
    assert!(
        text.contains("# HELP wakeeper_symptoms_total") && text.contains("kind=\"session_state\""),
        "{text}"
    );
    assert!(!text.contains(CONTACTS[0]), "it names a contact: {text}");
    watch.terminate().await;
    let written = std::fs::read_dir(&own).expect("log files").next().expect("one").expect("an entry").path();
    assert!(written.to_string_lossy().contains("wakeeper-monitor.20"), "{}", written.display());
    assert!(std::fs::read_to_string(&written).expect("a log").contains("incident: "));
    // Without the setting there are none, whatever lies beside the session.
    let mut watch = watched.watch(&[]);
    watch.wait_line("metrics on").await;
    watch.terminate().await;
    assert_eq!(std::fs::read_dir(watched.data().join("logs")).expect("a folder").count(), 0);
}

#[tokio::test]
async fn nothing_is_watched_when_that_is_switched_off() {
    let mut watched = WatchedFolder::start().await;
    let now = now_ms();
    for n in 0..20 {
        watched.writes(&bad_mac(CONTACTS[0], &format!("3EB0{n}"), now));
    }
    let mut watch = watched.watch(&[("ENABLE_ERROR_MONITORING", "false")]);
    watch.wait_line("ENABLE_ERROR_MONITORING is false: nothing is watched").await;
    watch.terminate().await;
    assert!(!watched.lab.folder().join("monitor").exists(), "it keeps no incidents");
}

#[tokio::test]
async fn thresholds_and_windows_are_those_of_the_settings() {
    let mut watched = WatchedFolder::start().await;
    let settings = [
        ("SESSION_ERROR_THRESHOLD", "5"),
        ("SESSION_ERROR_WINDOW", "30s"),
        // A single contact is not what this is about.
        ("SESSION_ERROR_PEER_THRESHOLD", "64"),
    ];
    let mut watch = watched.watch(&settings);
    watch.wait_line("64 failed messages of one contact in 3600 s, or 5 of all contacts in 30 s").await;
    let now = now_ms();
    // Four within the window, and four that are spread over more than it: five are never within 30 s.
    for n in 0..4 {
        watched.writes(&bad_mac(&format!("62811999{n}"), &format!("SPREAD{n}"), now - 600_000 + n * 20_000));
    }
    for n in 0..4 {
        watched.writes(&bad_mac(&format!("62811888{n}"), &format!("NOW{n}"), now));
    }
    read(&watch, 8).await;
    assert!(watch.incidents().await.is_empty(), "{:?}", watch.incidents().await);
    watched.writes(&bad_mac("628117777", "FIFTH", now));
    let all = opened(&watch, 1).await;
    assert!(all[0]["summary"].as_str().expect("a text").contains("5 messages failed within 30 s"), "{all:?}");
    watch.terminate().await;
}

#[tokio::test]
async fn a_restarted_monitor_reads_on_where_it_stopped() {
    let mut watched = WatchedFolder::start().await;
    let line = |n: u32| bad_mac(&format!("6281199{n:04}"), &format!("3EB0{n}"), now_ms());
    let watch = watched.watch(&[]);
    for n in 0..4 {
        watched.writes(&line(n));
    }
    // The beginning of a line that the gateway has not finished.
    let whole = line(4);
    let (begun, rest) = whole.split_at(40);
    watched.writes(begun);
    read(&watch, 4).await;
    watch.terminate().await;
    watched.writes(rest);
    for n in 5..8 {
        watched.writes(&line(n));
    }
    let watch = watched.watch(&[]);
    read(&watch, 4).await;
    // Rotated under its eyes.
    let log = watched.data().join("gateway.log");
    std::fs::rename(&log, watched.data().join("gateway.log.1")).expect("rotate the log");
    watched.log = File::create(&log).expect("a new log");
    watched.writes(&line(8));
    read(&watch, 5).await;
    watch.kill().await;
    let watch = watched.watch(&[]);
    watched.writes(&line(9));
    eventually("the rest to be read, and nothing of before", PATIENCE, async || {
        // What was read in the moment before the power cut may come again: one line at most here.
        let read = watch.metric("wakeeper_symptoms_total", "").await;
        if read == Some(1.0) || read == Some(2.0) { Ok(()) } else { Err(format!("{read:?}")) }
    })
    .await;
    watch.terminate().await;
}
