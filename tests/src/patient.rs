//! A linked Baileys client that is killed, damaged, mended by the doctor, and started again.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::lab::Lab;
use crate::party::{Message, Party};
use crate::peer::Baileys;
use crate::simulator::Phone;

/// Messages each way that must arrive after a cure.
const MESSAGES: usize = 10;

/// A Baileys client and the folder that holds its session.
pub struct Patient<'l> {
    lab: &'l Lab,
    name: String,
    phone: Phone,
    party: Option<Party>,
}

impl<'l> Patient<'l> {
    /// Starts a Baileys client, links it to a new phone, and waits until it is open.
    pub async fn linked(lab: &'l Lab, name: &str, version: Baileys, number: &str) -> Self {
        let party = lab.linked_peer(name, version, number).await;
        let phone = party.phone.clone();
        Self { lab, name: name.to_owned(), phone, party: Some(party) }
    }

    /// The running client.
    ///
    /// # Panics
    /// When it does not run.
    pub fn party(&self) -> &Party {
        self.party.as_ref().expect("a running patient")
    }

    /// Kills it in the middle of whatever it does.
    pub async fn kill(&mut self) {
        self.party.take().expect("a running patient").kill().await;
    }

    /// Starts it again on the same folder and waits until it is open.
    ///
    /// # Panics
    /// When it asks for a QR code.
    pub async fn start(&mut self, version: Baileys) {
        assert!(self.party.is_none(), "{} runs already", self.name);
        let peer = self.lab.peer(&self.name, version).await;
        peer.call("connect", json!({})).await;
        peer.call("wait-open", json!({})).await;
        assert_eq!(peer.count("qr"), 0, "{} shows a QR code", self.name);
        self.party = Some(Party::baileys(&self.name, self.phone.clone(), peer));
    }

    /// The folder of its session.
    pub fn folder(&self) -> PathBuf {
        self.lab.folder().join(&self.name)
    }

    /// What Baileys and libsignal logged.
    pub fn log(&self) -> PathBuf {
        self.lab.logs().join(format!("{}.library.log", self.name))
    }

    /// Runs `wakeeper <arguments> --json` on the folder, and returns its exit code and document.
    pub async fn doctor(&self, arguments: &[&str]) -> (i32, Value) {
        let mut command = self.lab.binary().command(self.lab.folder());
        command.args(arguments).arg("--json");
        command.arg("--auth-info-dir").arg(self.folder());
        command.arg("--backup-dir").arg(self.lab.folder().join("backups"));
        let output = command.output().await.expect("run wakeeper");
        let code = output.status.code().expect("an exit code");
        let document = serde_json::from_slice(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (code, document.unwrap_or_else(|_| panic!("{arguments:?} ended with {code}: {errors}")))
    }

    /// Runs `wakeeper clean`, which must mend everything and keep the login, and returns the codes it cured.
    ///
    /// # Panics
    /// When anything remains damaged, or a QR code would be needed.
    pub async fn clean(&self, arguments: &[&str]) -> Vec<String> {
        let (code, outcome) = self.doctor(&[&["clean"], arguments].concat()).await;
        assert_eq!(code, 0, "{outcome}");
        assert_eq!((&outcome["applied"], &outcome["login_kept"]), (&json!(true), &json!(true)), "{outcome}");
        assert_eq!(outcome["needs_qr"], false, "{outcome}");
        let backup = outcome["backup"].as_str().expect("a backup");
        assert!(Path::new(backup).is_file(), "{backup}");
        let plan = outcome["plan"].as_array().expect("a plan");
        plan.iter().filter_map(|action| action["code"].as_str().map(str::to_owned)).collect()
    }

    /// Lets the client see, and log, messages that it cannot decrypt: `partner` sends `count` while neither could
    /// negotiate anything new, and the client is killed once it logged all of them.
    pub async fn fall_ill(&mut self, version: Baileys, partner: &mut Party, count: usize) {
        for n in 1..=count {
            let text = Message::Text(format!("nobody can read this {n}"));
            partner.send(&crate::party::Chat::Person(self.phone.address.clone()), &text).await;
        }
        // Offline, the partner gets no retry receipt that would heal the damage before the doctor comes.
        partner.go_offline().await;
        self.start(version).await;
        let failed = |all: &[Value]| {
            let failures = all.iter().filter(|event| {
                let text = event["text"].as_str().unwrap_or_default();
                event["event"] == "log" && text.contains("failed to decrypt message")
            });
            (failures.count() >= count).then_some(())
        };
        let what = format!("{} to fail {count} times", self.name);
        self.party().as_peer().events().wait(&what, crate::PATIENCE, failed).await;
        self.kill().await;
        partner.go_online().await;
    }
}

/// Ten messages each way, one after the other, each of which must arrive, once.
pub async fn talk(label: &str, first: &Party, second: &Party) {
    for n in 1..=MESSAGES {
        for (from, to) in [(first, second), (second, first)] {
            let text = format!("{label}: {n} from {}", from.name);
            from.send(&to.chat(), &Message::Text(text.clone())).await;
            to.wait_texts(from.address(), &[text]).await;
        }
    }
}

/// Ten messages of each to a group; each must arrive at the other, once.
pub async fn talk_in_group(label: &str, group: &crate::party::Chat, members: [&Party; 2]) {
    let [first, second] = members;
    for n in 1..=MESSAGES {
        for (from, to) in [(first, second), (second, first)] {
            let text = format!("{label} to the group: {n} from {}", from.name);
            from.send(group, &Message::Text(text.clone())).await;
            to.wait_texts(from.address(), &[text]).await;
        }
    }
}
