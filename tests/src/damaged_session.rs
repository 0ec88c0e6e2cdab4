//! A linked Baileys client that is killed, damaged, repaired by the doctor, and started again.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::PATIENCE;
use crate::journal::eventually;
use crate::lab::Lab;
use crate::party::{Chat, Message, Party};
use crate::peer::Baileys;
use crate::simulator::Phone;

/// Messages each way that must arrive after a repair.
const MESSAGES: usize = 10;
/// Looks at a folder, one after the other, that must find it unchanged before it counts as quiet.
const QUIET_LOOKS: u32 = 20;

/// A Baileys client and the folder that holds its session.
pub struct DamagedSession<'l> {
    lab: &'l Lab,
    name: String,
    phone: Phone,
    party: Option<Party>,
}

impl<'l> DamagedSession<'l> {
    /// Starts a Baileys client, links it to a new phone, and waits until it is open.
    pub async fn linked(lab: &'l Lab, name: &str, version: Baileys, number: &str) -> Self {
        let party = lab.linked_peer(name, version, number).await;
        lab.tend(number);
        let phone = party.phone.clone();
        Self { lab, name: name.to_owned(), phone, party: Some(party) }
    }

    /// The running client.
    ///
    /// # Panics
    /// When it does not run.
    pub fn party(&self) -> &Party {
        self.party.as_ref().expect("a running session")
    }

    /// Kills it once it has nothing to write. A kill in the middle of a write tears that file too, which is a damage of
    /// its own: the test says which ones there are.
    pub async fn kill(&mut self) {
        let mut before = contents(&self.folder());
        let mut quiet = 0;
        eventually("Baileys to have written everything", PATIENCE, async || {
            let now = contents(&self.folder());
            quiet = if now == before { quiet + 1 } else { 0 };
            before = now;
            if quiet >= QUIET_LOOKS { Ok(()) } else { Err("files change") }
        })
        .await;
        self.party.take().expect("a running session").kill().await;
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

    /// Runs `wakeeper clean`, which must repair everything and keep the login, and returns the codes it repaired.
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

    /// Fails when a message of `repaired`, those since the repair, used a ratchet key that one from before had used. What
    /// Baileys does twice by itself among either of them is not the doctor's doing.
    pub async fn assert_no_ratchet_went_back(&self, repaired: &HashSet<String>) {
        let state = self.lab.simulator().state().await;
        let oracle = &state["oracle"];
        assert!(oracle["observed"].as_u64() > Some(0), "the oracle saw nothing: {oracle}");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let back = |reuse: &&Value| {
            let ours = text(&reuse["sender"]).starts_with(&self.phone.address.number);
            ours && repaired.contains(&text(&reuse["second"])) && !repaired.contains(&text(&reuse["first"]))
        };
        let reuses = oracle["reuses"].as_array().expect("a list of reuses");
        assert_eq!(reuses.iter().find(back), None, "a ratchet went back");
    }

    /// Lets the client see, and log, messages that it cannot decrypt: `partner` sends `count` while neither could
    /// negotiate anything new, and the client is killed once it logged all of them.
    pub async fn damage_and_fail(&mut self, version: Baileys, partner: &mut Party, count: usize) {
        for n in 1..=count {
            let text = Message::Text(format!("nobody can read this {n}"));
            partner.send(&Chat::Person(self.phone.address.clone()), &text).await;
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
        self.party().as_peer().events().wait(&what, PATIENCE, failed).await;
        self.kill().await;
        partner.go_online().await;
    }
}

/// Every file of a folder and its content. Files may come and go while it is read.
pub fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let items = std::fs::read_dir(folder).expect("a session folder").map(|item| item.expect("an entry"));
    let named = |item: std::fs::DirEntry| {
        let name = item.file_name().into_string().expect("a plain name");
        Some((name, std::fs::read(item.path()).ok()?))
    };
    items.filter_map(named).collect()
}

/// Ten messages each way, one after the other, each of which must arrive, once. Returns their ids.
pub async fn talk(label: &str, first: &Party, second: &Party) -> HashSet<String> {
    let mut ids = HashSet::new();
    for n in 1..=MESSAGES {
        for (from, to) in [(first, second), (second, first)] {
            let text = format!("{label}: {n} from {}", from.name);
            ids.insert(from.send(&to.chat(), &Message::Text(text.clone())).await);
            to.wait_texts(from.address(), &[text]).await;
        }
    }
    ids
}

/// Ten messages of each to a group; each must arrive at the other, once. Returns their ids.
pub async fn talk_in_group(label: &str, group: &Chat, members: [&Party; 2]) -> HashSet<String> {
    let [first, second] = members;
    let mut ids = HashSet::new();
    for n in 1..=MESSAGES {
        for (from, to) in [(first, second), (second, first)] {
            let text = format!("{label} to the group: {n} from {}", from.name);
            ids.insert(from.send(group, &Message::Text(text.clone())).await);
            to.wait_texts(from.address(), &[text]).await;
        }
    }
    ids
}
