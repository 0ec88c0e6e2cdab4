//! One gateway in a container, its partner, and the monitor that watches it.

use std::time::Duration;

use serde_json::Value;
use wakeeper_e2e::docker::Engine;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::{Chat, Message};
use wakeeper_e2e::watch::step_ms;
use wakeeper_e2e::{Addressing, Baileys, BaileysContainer, Lab, PATIENCE, Party, Watch};

use crate::table::{Measured, Row};

const ANNA: &str = "491701000001";
const BEN: &str = "491701000002";
/// Messages that fail before the monitor acts on a contact.
pub const BAD: usize = 3;
/// Messages each way before and after.
const TALK: usize = 3;
/// A recovery that is not verified by then hangs. How soon it is decided on is held on the policy's own clock, in
/// `crates/recovery`; how long it takes on this machine is measured, and nothing more.
const VERIFIED: Duration = Duration::from_mins(10);
/// Time for a message that is sent anew to arrive.
pub const ARRIVAL: Duration = Duration::from_secs(30);
/// The monitor's settings: those that people have, but a shorter look at the session afterwards.
const SETTINGS: [(&str, &str); 2] = [("SESSION_CLEANUP_VERIFY", "10s"), ("SESSION_CLEANUP_ENABLED", "true")];

/// What every story needs. Fields are dropped in order: the lab last.
pub struct MonitoredGateway {
    pub watch: Watch,
    pub anna: BaileysContainer,
    pub ben: Party,
    pub ben_is_away: bool,
    pub lab: Lab,
}

impl MonitoredGateway {
    /// A paired gateway that has been talking, watched.
    pub async fn open(fault: &str) -> Self {
        Self::of(Baileys::Six, fault, &SETTINGS).await
    }

    /// The same with Baileys 7.
    pub async fn of_baileys_7(fault: &str) -> Self {
        Self::of(Baileys::Seven, fault, &SETTINGS).await
    }

    /// The same with Baileys 6 and settings of the monitor.
    pub async fn watched(fault: &str, settings: &[(&str, &str)]) -> Self {
        Self::of(Baileys::Six, fault, settings).await
    }

    async fn of(version: Baileys, fault: &str, settings: &[(&str, &str)]) -> Self {
        let engine = Engine::of_this_run();
        let lab = Lab::start(Addressing::PhoneNumber).await;
        let anna = BaileysContainer::linked(&lab, &engine, version, &format!("monitor-{fault}"), ANNA).await;
        let ben = lab.linked_peer("ben", version, BEN).await;
        let watch = Watch::start(&lab, &engine, &anna.name, settings).await;
        let monitored = Self { watch, anna, ben, ben_is_away: false, lab };
        monitored.talk("before").await;
        monitored
    }

    /// Messages each way, one after the other, each of which must arrive.
    pub async fn talk(&self, label: &str) {
        for n in 1..=TALK {
            let text = format!("{label} {n} from ben");
            self.ben.send(&self.chat(), &Message::Text(text.clone())).await;
            let missing = self.anna.missing(std::slice::from_ref(&text), ARRIVAL).await;
            assert!(missing.is_empty(), "{missing:?} did not arrive\n{}", self.anna.log().await);
            let text = format!("{label} {n} from anna");
            self.anna.send(&self.ben.address().jid(), &text).await;
            self.ben.wait_texts(&self.anna.phone.address, &[text]).await;
        }
    }

    /// The chat with the gateway.
    pub fn chat(&self) -> Chat {
        Chat::Person(self.anna.phone.address.clone())
    }

    /// Damages what the gateway stores while it holds still for a moment, and lets messages arrive that it cannot read.
    /// Their sender leaves at once, so that no retry handshake heals the damage before anybody notices. Returns the
    /// texts, and when the last of them failed.
    pub async fn damage_and_fail(&mut self, chat: &Chat, damage: impl FnOnce(&Self)) -> (Vec<String>, i64) {
        let before = self.stubs().len();
        self.anna.docker(&["pause"]).await;
        damage(self);
        let texts: Vec<_> = (1..=BAD).map(|n| format!("nobody can read this {n}")).collect();
        for text in &texts {
            self.ben.send(chat, &Message::Text(text.clone())).await;
        }
        self.ben.go_offline().await;
        self.ben_is_away = true;
        self.anna.docker(&["unpause"]).await;
        let what = format!("{BAD} messages to fail");
        let at = eventually(&what, PATIENCE, async || {
            let stubs = self.stubs();
            stubs.get(before + BAD - 1).copied().ok_or_else(|| format!("{} did", stubs.len() - before))
        })
        .await;
        (texts, at)
    }

    /// When messages came that could not be decrypted.
    fn stubs(&self) -> Vec<i64> {
        let events = self.anna.events();
        let stubs = events.iter().filter(|e| e["event"] == "message" && e["content"]["kind"] == "stub");
        stubs.filter_map(|e| e["at"].as_i64()).collect()
    }

    /// Waits until the monitor closed its incident, lets the partner come back, and looks at what it cost.
    pub async fn recovers(&mut self, fault: &'static str, texts: &[String], bad_ms: i64) -> Value {
        let incident = self.watch.closed(VERIFIED).await;
        assert_eq!(incident["outcome"], "recovered", "{incident:#}");
        let stopped =
            step_ms(&incident, "stopped").unwrap_or_else(|| panic!("nothing was stopped: {incident:#}"));
        assert!(step_ms(&incident, "backed_up") > Some(stopped), "{incident:#}");
        let open = self.anna.wait("open", stopped, |_| true).await["at"].as_i64().expect("a time");
        let noticed = incident["opened_ms"].as_i64().expect("a time");
        if self.ben_is_away {
            self.ben_is_away = false;
            self.ben.go_online().await;
        }
        let lost = self.anna.missing(texts, ARRIVAL).await;
        self.talk("after").await;
        self.no_new_code(stopped);
        crate::table::write(&Row {
            fault,
            measured: Measured {
                // Baileys 7 logs a failure a moment before it reports the message.
                noticed_ms: Some((noticed - bad_ms).max(0)),
                repaired_ms: open - bad_ms,
                downtime_ms: open - stopped,
                lost: lost.len(),
                of: texts.len(),
                new_qr: false,
            },
        });
        assert!(lost.is_empty(), "lost: {lost:?}\n{}", self.anna.log().await);
        incident
    }

    /// Restarts the gateway as after a power cut, damaged meanwhile.
    pub async fn power_cut(&self, damage: impl FnOnce(&Self)) {
        self.anna.docker(&["kill"]).await;
        damage(self);
        self.anna.docker(&["start"]).await;
    }

    /// Sends messages to a gateway that may not read them now.
    pub async fn leave_messages(&self) -> Vec<String> {
        let texts: Vec<_> = (1..=BAD).map(|n| format!("for when it is well {n}")).collect();
        for text in &texts {
            self.ben.send(&self.chat(), &Message::Text(text.clone())).await;
        }
        texts
    }

    /// Fails when the gateway showed a QR code since.
    fn no_new_code(&self, since_ms: i64) {
        let shown = self.anna.events().into_iter().filter(|e| e["event"] == "qr");
        let late: Vec<_> = shown.filter(|e| e["at"].as_i64() > Some(since_ms)).collect();
        assert!(late.is_empty(), "a new QR code: {late:?}");
    }

    /// Waits until the monitor reported what it may not repair; nothing may have been stopped or changed.
    pub async fn only_reported(&self) {
        let reported = |line: &String| line.contains("repairs are switched off");
        eventually("a report", PATIENCE, async || {
            let lines = self.watch.lines();
            if lines.iter().any(reported) { Ok(()) } else { Err(format!("{} lines", lines.len())) }
        })
        .await;
        let incidents = self.watch.incidents().await;
        assert!(incidents.iter().all(|incident| incident["closed_ms"].is_null()), "{incidents:?}");
        let opened = self.anna.events().iter().filter(|e| e["event"] == "open").count();
        assert_eq!(opened, 1, "it was restarted, or connected anew");
    }

    /// The old remedy: everything is deleted, and a person scans a new QR code (at once, here).
    pub async fn delete_and_scan(&mut self, texts: &[String], bad_ms: i64) {
        let began_ms = now_ms();
        self.anna.docker(&["stop"]).await;
        for name in wakeeper_e2e::damaged_session::contents(&self.anna.auth_info()).keys() {
            std::fs::remove_file(self.anna.auth_info().join(name)).expect("remove a file");
        }
        self.anna.docker(&["start"]).await;
        let shown = self.anna.wait("qr", began_ms, |_| true).await;
        self.anna.phone.scan(shown["qr"].as_str().expect("a QR code")).await;
        let open = self.anna.wait("open", began_ms, |_| true).await["at"].as_i64().expect("a time");
        self.ben.go_online().await;
        let lost = self.anna.missing(texts, ARRIVAL).await;
        crate::table::write(&Row {
            fault: "flipped byte, the old remedy",
            measured: Measured {
                noticed_ms: None,
                repaired_ms: open - bad_ms,
                downtime_ms: open - began_ms,
                lost: lost.len(),
                of: texts.len(),
                new_qr: true,
            },
        });
    }

    /// The codes of what was repaired.
    pub fn repaired_codes(incident: &Value) -> Vec<String> {
        let steps = incident["steps"].as_array().expect("steps");
        let plans = steps.iter().filter(|step| step["step"] == "mended");
        let actions = plans.flat_map(|step| step["detail"]["plan"].as_array().cloned().unwrap_or_default());
        actions.filter_map(|action| action["code"].as_str().map(str::to_owned)).collect()
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(since.as_millis()).expect("a time of this era")
}
