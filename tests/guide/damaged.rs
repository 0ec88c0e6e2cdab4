//! The guide on a Baileys gateway in a container whose session is damaged: only that is repaired, and the login survives.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde_json::{Value, json};
use wakeeper_e2e::damaged_session::contents;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::{Chat, Message};
use wakeeper_e2e::process::Process;
use wakeeper_e2e::{Baileys, BaileysContainer, PATIENCE, Party};

use crate::checkout::{Checkout, Compose, NAME};
use crate::commands::{CLEAN, HEALTH, LOGS, LOGS_BAD_MAC, RESTART, START, STATUS};
use crate::damage::{files, flip, sessions, tear};

/// The partner's number.
const BEN: &str = "491701000079";
/// So many messages fail before anybody looks.
const BAD: usize = 3;

/// A gateway that talked with somebody. Fields are dropped in order: the checkout last.
struct Story {
    gateway: BaileysContainer,
    ben: Party,
    checkout: Checkout,
}

impl Story {
    async fn begin() -> Self {
        let checkout = Checkout::without_images(Compose::V1).await;
        let gateway = checkout.baileys().await;
        let ben = checkout.lab().linked_peer("ben", Baileys::Six, BEN).await;
        let story = Self { gateway, ben, checkout };
        story.talk("before").await;
        story
    }

    fn chat(&self) -> Chat {
        Chat::Person(self.gateway.phone.address.clone())
    }

    /// A message each way.
    async fn talk(&self, label: &str) {
        let from_ben = format!("{label}, from ben");
        self.ben.send(&self.chat(), &Message::Text(from_ben.clone())).await;
        self.arrive(&[from_ben]).await;
        let from_anna = format!("{label}, from the gateway");
        self.gateway.send(&self.ben.address().jid(), &from_anna).await;
        self.ben.wait_texts(&self.gateway.phone.address, &[from_anna]).await;
    }

    /// Waits until these texts have arrived at the gateway.
    async fn arrive(&self, texts: &[String]) {
        let missing = self.gateway.missing(texts, PATIENCE).await;
        assert!(missing.is_empty(), "{missing:?} did not arrive\n{}", self.gateway.log().await);
    }

    /// A group of the two, in which something was said.
    async fn group(&self) -> Chat {
        let subject = json!({"subject": "us", "participants": [self.gateway.phone.address.jid()]});
        let made = self.ben.as_peer().call("create-group", subject).await;
        let group = Chat::Group(made["id"].as_str().expect("a group has an id").to_owned());
        self.ben.send(&group, &Message::Text("hello, group".to_owned())).await;
        self.arrive(&["hello, group".to_owned()]).await;
        group
    }

    /// The Signal sessions with the partner are damaged, and messages come that cannot be read. Their sender leaves at
    /// once, so that no retry heals the damage.
    async fn bad_mac(&mut self) -> Vec<String> {
        self.gateway.docker(&["pause"]).await;
        for file in sessions(&self.gateway.auth_info(), self.ben.address()) {
            flip(&file);
        }
        let texts: Vec<_> = (1..=BAD).map(|n| format!("nobody can read this {n}")).collect();
        for text in &texts {
            self.ben.send(&self.chat(), &Message::Text(text.clone())).await;
        }
        self.ben.go_offline().await;
        self.gateway.docker(&["unpause"]).await;
        texts
    }

    fn names(&self) -> BTreeSet<String> {
        contents(&self.gateway.auth_info()).into_keys().collect()
    }

    /// The identity that the login is.
    fn login(&self) -> Value {
        let text = std::fs::read(self.gateway.auth_info().join("creds.json")).expect("creds.json");
        let creds: Value = serde_json::from_slice(&text).expect("credentials");
        json!([creds["me"]["id"], creds["signedIdentityKey"], creds["registrationId"]])
    }

    /// Fails when a QR code was shown since.
    fn no_qr_since(&self, since_ms: i64) {
        let events = self.gateway.events().into_iter();
        let late: Vec<_> =
            events.filter(|e| e["event"] == "qr" && e["at"].as_i64() > Some(since_ms)).collect();
        assert!(late.is_empty(), "a new QR code: {late:?}");
    }

    async fn started_at(&self) -> String {
        self.checkout.engine.docker(&["inspect", "--format", "{{.State.StartedAt}}", NAME]).await
    }

    /// Waits until so many messages failed.
    async fn failed(&self, count: usize) {
        eventually("messages to fail", PATIENCE, async || {
            let stub = |e: &&Value| e["event"] == "message" && e["content"]["kind"] == "stub";
            let failed = self.gateway.events().iter().filter(stub).count();
            if failed >= count { Ok(()) } else { Err(format!("{failed} of {count}")) }
        })
        .await;
    }
}

/// A monitor of the container that may not repair.
async fn reporting(checkout: &Checkout) -> Process {
    let line =
        "SESSION_CLEANUP_ENABLED=false MONITOR_LISTEN=off exec wakeeper monitor --container whatsapp-api";
    let mut monitor = Process::start("monitor", &mut checkout.command(line), &checkout.lab().logs());
    monitor.wait_line("watching container whatsapp-api", PATIENCE).await;
    monitor
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(since.as_millis()).expect("a time of this era")
}

/// G01, G02, G05, G16: the step by step resolution, as typed. Its last step, a new QR code, is not needed.
#[tokio::test]
async fn bad_mac_is_resolved_step_by_step() {
    let mut story = Story::begin().await;
    let _monitor = reporting(&story.checkout).await;
    let texts = story.bad_mac().await;
    story.failed(BAD).await;
    let (checkout, since_ms) = (&story.checkout, now_ms());
    // 1. Identify the problem.
    checkout.watched(LOGS_BAD_MAC, &["Bad MAC"]).await;
    // 2. Check: path, what is wrong, the repair, what to run. Nothing is changed.
    let (login, names, started) = (story.login(), story.names(), story.started_at().await);
    let damaged = sessions(&story.gateway.auth_info(), story.ben.address());
    // The linked device wrote, not the phone.
    let name = format!("session-{BEN}.1.json");
    let health =
        checkout.guide(HEALTH).await.code(1).shows(&name).shows("signal_session_failing").shows("fix: ");
    health
        .shows("What to do now:")
        .shows("wakeeper clean --dry-run")
        .shows("container whatsapp-api: running");
    let report = checkout.shell("./docker-session-manager.sh health --json").await.code(1).json();
    let finding = |f: &Value| f["code"] == "signal_session_failing" && f["path"] == json!(name);
    let findings = report["findings"].as_array().expect("findings");
    assert!(findings.iter().any(finding), "{report:#}");
    assert_eq!(report["credentials"], "sound", "{report:#}");
    checkout.guide(STATUS).await.code(1).shows("lists what is wrong");
    eventually("an incident in the status", PATIENCE, async || {
        let said = checkout.guide(STATUS).await;
        if said.out.contains("Last incidents:") { Ok(()) } else { Err(said) }
    })
    .await;
    // The plan is shown, and that is all.
    let plan = checkout.shell("./docker-session-manager.sh clean --dry-run").await.code(0);
    plan.shows("nothing was changed").shows(&name).shows("carries the plan out");
    assert_eq!((story.started_at().await, story.names()), (started.clone(), names.clone()));
    // 3. Clean: stopped (once the gateway has asked for the messages that failed), backed up, repaired, started.
    let clean = checkout.guide(CLEAN).await.code(0).shows("Done: ").shows("kept: no new QR code is needed");
    clean
        .shows("backup")
        .complains("stopping container whatsapp-api")
        .complains("starting container whatsapp-api");
    assert_ne!(story.started_at().await, started);
    checkout.shell("./docker-session-manager.sh backup verify").await.code(0).shows("every SHA-256");
    assert_eq!(story.login(), login);
    let gone: Vec<_> = names.difference(&story.names()).cloned().collect();
    let was_damaged = |gone: &String| damaged.iter().any(|file| file.ends_with(gone));
    assert!(gone.iter().all(was_damaged), "more than what is damaged was removed: {gone:?}");
    // 4. and 5. Restart and watch it come up.
    checkout.guide(RESTART).await.code(0);
    story.gateway.wait("open", since_ms, |_| true).await;
    checkout.watched(LOGS, &["connection.update: open"]).await;
    // 6. is not needed: nothing is lost, and nobody scans.
    story.ben.go_online().await;
    story.arrive(&texts).await;
    story.talk("after").await;
    story.no_qr_since(since_ms);
}

/// A power cut tears a Signal session, a sender key and the credentials, of which there is a backup. The gateway comes up
/// with a QR code; `clean` gives the login back.
#[tokio::test]
async fn torn_files_and_lost_credentials() {
    let story = Story::begin().await;
    let (checkout, folder) = (&story.checkout, story.gateway.auth_info());
    let group = story.group().await;
    checkout.shell("./docker-session-manager.sh backup create").await.code(0).shows("login OK");
    story.talk("since the backup").await;
    let login = story.login();
    story.gateway.docker(&["kill"]).await;
    tear(&sessions(&folder, story.ben.address())[0]);
    tear(&files(&folder, "sender-key-1")[0]);
    std::fs::write(folder.join("creds.json"), "").expect("empty it");
    // Looked at as it lies there: three errors, each with its path.
    let health = checkout.guide(HEALTH).await.code(1).shows("creds.json").shows("sender-key-1");
    health.shows("session-").shows("damaged");
    let since_ms = now_ms();
    story.gateway.docker(&["start"]).await;
    story.gateway.wait("qr", since_ms, |_| true).await;
    let repaired_ms = now_ms();
    let clean = checkout.shell("./docker-session-manager.sh clean --json").await.code(0).json();
    assert_eq!((&clean["login_kept"], &clean["needs_qr"]), (&json!(true), &json!(false)), "{clean:#}");
    let backup = checkout.folder().join(clean["backup"].as_str().expect("a backup"));
    assert!(backup.is_file(), "{clean:#}");
    story.gateway.wait("open", repaired_ms, |_| true).await;
    assert_eq!(story.login(), login);
    story.talk("after").await;
    story.ben.send(&group, &Message::Text("still here, group?".to_owned())).await;
    story.arrive(&["still here, group?".to_owned()]).await;
    checkout.guide(HEALTH).await.code(0).shows("healthy");
    // A container that does not run is repaired as it is, and stays so.
    story.gateway.docker(&["stop"]).await;
    tear(&sessions(&folder, story.ben.address())[0]);
    checkout.guide(CLEAN).await.code(0).shows("kept: no new QR code is needed");
    let status = checkout.engine.docker(&["inspect", "--format", "{{.State.Status}}", NAME]).await;
    assert_eq!(status, "exited");
    checkout.guide(START).await.code(0);
    story.talk("after another").await;
    story.no_qr_since(repaired_ms);
}

/// G24, G25 and the reset of G02: maintenance says what it freed, backups are made, listed, verified, restored and pruned, and
/// everything goes only when a person says so.
#[tokio::test]
async fn upkeep_backups_and_reset() {
    let story = Story::begin().await;
    let (checkout, folder) = (&story.checkout, story.gateway.auth_info());
    let manager = |line: &str| format!("./docker-session-manager.sh {line}");
    checkout.shell(&manager("backup create")).await.code(0).shows("Backed up to").shows("login OK");
    checkout.shell(&manager("backup create")).await.code(0);
    checkout.shell(&manager("backup list")).await.code(0).shows("login OK").shows("verified");
    checkout.shell(&manager("backup verify --all")).await.code(0).shows("every SHA-256");
    checkout.shell(&manager("restore --dry-run")).await.code(0);
    let list = checkout.shell(&manager("backup list --json")).await.code(0).json();
    assert!(!list.as_array().expect("backups").is_empty(), "{list:#}");

    // Leftovers of half a year ago.
    let leftover = folder.join("creds.json.tmp");
    std::fs::write(&leftover, vec![b'x'; 5000]).expect("a leftover");
    let dry = checkout.shell(&manager("clean --stale --dry-run")).await.code(0);
    dry.shows("creds.json.tmp").shows("nothing was changed");
    assert!(leftover.exists());
    checkout.shell(&manager("clean --stale")).await.code(0).shows("freed          5.0 KB");
    assert!(!leftover.exists());
    story.talk("after maintenance").await;

    checkout.shell(&manager("backup create --always")).await.code(0);
    checkout
        .shell(&manager("backup prune --keep-last 1 --keep-daily 0 --keep-weekly 0"))
        .await
        .code(0)
        .shows("freed");
    let list = checkout.shell(&manager("backup list --json")).await.code(0).json();
    assert!(matches!(list.as_array().expect("backups").len(), 1 | 2), "{list:#}");

    // Everything: nobody there to ask, a no, a yes.
    let (names, since_ms) = (story.names(), now_ms());
    checkout.shell(&manager("clean --all")).await.code(1).one_error().complains("--yes");
    checkout.typed(&manager("clean --all"), "no\n").await.code(1).shows("Nothing was changed");
    checkout.shell(&manager("clean --all --dry-run")).await.code(0).shows("creds.json");
    assert!(story.names().is_superset(&names));
    story.no_qr_since(since_ms);
    checkout.shell(&manager("clean --all --yes")).await.code(0).shows("removed: scan a new QR code");
    let shown = story.gateway.wait("qr", since_ms, |_| true).await;
    // What went is in the backup, and comes back whole.
    assert!(shown["qr"].is_string());
    let back_ms = now_ms();
    checkout.shell(&manager("restore --dry-run --what all")).await.code(0).shows("creds.json");
    checkout.shell(&manager("restore")).await.code(0);
    story.gateway.wait("open", back_ms, |_| true).await;
    story.talk("after the reset was taken back").await;
}
