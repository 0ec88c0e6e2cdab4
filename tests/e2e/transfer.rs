//! A session moves from Baileys into wakeeper and back again: no QR code, no message lost, no ratchet key used twice.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use wakeeper_e2e::party::{Chat, Message, Seen};
use wakeeper_e2e::{Addressing, Baileys, Lab, Party, Peer, Webhooks, told};

/// Messages each way, after each move.
const TEXTS: usize = 10;
/// Messages that wait for somebody who is moving.
const QUEUED: usize = 4;
/// What Baileys and its libsignal print when a message cannot be decrypted.
const TROUBLE: [&str; 6] = [
    "Bad MAC",
    "No session record",
    "No matching sessions",
    "Invalid PreKey",
    "SenderKeyRecord",
    "failed to decrypt",
];

/// What Baileys 7.0.0-rc14 prints when messages of a group overtake each other, as it decrypts them side by side: one comes
/// before the sender key that another brings, or skipped sender keys are read back as plain objects. A retry heals it, and
/// no move has a part in it.
const OVERTAKEN: [&str; 2] = ["Expected Buffer instead of: Object", "No session found to decrypt message"];

fn texts(label: &str, count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("{label} {n}")).collect()
}

pub(crate) async fn send_all(from: &Party, chat: &Chat, texts: &[String]) {
    for text in texts {
        from.send(chat, &Message::Text(text.clone())).await;
    }
}

/// Both talk to each other, in private.
async fn talk(a: &Party, b: &Party, stage: &str) {
    for (from, to) in [(a, b), (b, a)] {
        let texts = texts(&format!("{stage}: {} to {}", from.name, to.name), TEXTS);
        send_all(from, &to.chat(), &texts).await;
        to.wait_texts(from.address(), &texts).await;
    }
}

/// All talk in the group.
async fn talk_in(group: &Chat, all: &[&Party], stage: &str) {
    for from in all {
        let texts = texts(&format!("{stage}: {} to the group", from.name), 3);
        send_all(from, group, &texts).await;
        for to in all.iter().filter(|to| to.name != from.name) {
            wait_each_once(to, from, &texts).await;
        }
    }
}

/// Waits until every text arrived, and arrived once. Baileys 7 handles messages of a group at the same time, so their order
/// there is not asked for.
async fn wait_each_once(to: &Party, from: &Party, texts: &[String]) {
    let arrived = |all: &[Seen]| {
        let of_sender = all.iter().filter(|seen| from.address().is(&seen.sender)).filter_map(Seen::text);
        let mut arrived: Vec<String> = of_sender.filter(|text| texts.contains(text)).cloned().collect();
        arrived.sort_unstable();
        let mut distinct = arrived.clone();
        distinct.dedup();
        (distinct.len() == texts.len()).then_some(arrived)
    };
    let arrived = to.wait_seen(&format!("all of {:?}", texts.first()), arrived).await;
    assert_eq!(arrived.len(), texts.len(), "{}: repeats", to.name);
}

/// Anna's friends: an unmodified Baileys, and a contact with only a phone.
pub(crate) struct Friends {
    pub(crate) carl: Party,
    pub(crate) dora: Party,
}

impl Friends {
    pub(crate) fn each(&self) -> [&Party; 2] {
        [&self.carl, &self.dora]
    }

    pub(crate) async fn talk_with(&self, anna: &Party, group: &Chat, stage: &str) {
        for friend in self.each() {
            talk(anna, friend, stage).await;
        }
        talk_in(group, &[anna, &self.carl, &self.dora], stage).await;
    }

    /// Messages to somebody who is away. Answers what must arrive, by sender.
    pub(crate) async fn write_to(&self, anna: &Party, group: &Chat, stage: &str) -> Vec<Waiting<'_>> {
        let mut sent = Vec::new();
        for friend in self.each() {
            let private = texts(&format!("{stage}: {} to the absent", friend.name), QUEUED);
            send_all(friend, &anna.chat(), &private).await;
            let public = texts(&format!("{stage}: {} to the group without one", friend.name), QUEUED);
            send_all(friend, group, &public).await;
            sent.push(Waiting { friend, private, public });
        }
        sent
    }
}

/// What was sent to somebody who was away.
pub(crate) struct Waiting<'f> {
    friend: &'f Party,
    pub(crate) private: Vec<String>,
    public: Vec<String>,
}

impl Waiting<'_> {
    pub(crate) async fn arrives_at(&self, anna: &Party) {
        anna.wait_texts(self.friend.address(), &self.private).await;
        wait_each_once(anna, self.friend, &self.public).await;
    }
}

async fn device_of(peer: &Peer) -> u16 {
    let status = peer.call("status", json!({})).await;
    let id = status["id"].as_str().expect("a JID").to_owned();
    id.split_once(':').and_then(|(_, rest)| rest.split('@').next()?.parse().ok()).expect("a device number")
}

/// A message that does not reach Anna before the next one does, so that its key stays behind in her ratchet.
async fn lose_one(lab: &Lab, anna: &Party, friend: &Party) -> String {
    let device = device_of(anna.as_peer()).await;
    let target = format!("{}:{device}", anna.address().number);
    lab.simulator().fault(json!({"kind": "lost", "target": target})).await;
    let lost = format!("{}: a message that gets lost", friend.name);
    friend.send(&anna.chat(), &Message::Text(lost.clone())).await;
    let next = vec![format!("{}: the next one", friend.name)];
    send_all(friend, &anna.chat(), &next).await;
    anna.wait_texts(friend.address(), &next).await;
    let arrived = anna.wait_seen("everything so far", |all| Some(all.to_vec())).await;
    assert!(arrived.iter().all(|seen| seen.text() != Some(&lost)), "it was not lost");
    lost
}

fn no_trouble(logs: &Path, name: &str) {
    for file in [format!("{name}.log"), format!("{name}.library.log")] {
        let Ok(text) = std::fs::read_to_string(logs.join(&file)) else { continue };
        let has = |line: &str, texts: &[&str]| texts.iter().any(|text| line.contains(text));
        let found = text.lines().find(|line| has(line, &TROUBLE) && !has(line, &OVERTAKEN));
        assert_eq!(found, None, "{file}");
    }
}

/// No message was one that could not be decrypted at first.
pub(crate) fn no_retries(health: &Value) {
    let text = health.to_string();
    assert!(text.contains("\"lastUndecryptable\":null"), "{text}");
}

pub(crate) fn folder_of(path: &Path) -> &str {
    path.to_str().expect("a path in Unicode")
}

pub(crate) async fn json_of(lab: &Lab, arguments: &[&str]) -> Value {
    let (code, output, errors) = lab.run(arguments).await;
    assert_eq!(code, Some(0), "{arguments:?}: {output}{errors}");
    serde_json::from_str(&output).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {output}"))
}

/// The whole story for one version of Baileys.
async fn there_and_back(version: Baileys, friend: Baileys, addressing: Addressing) {
    told(addressing, async |lab: &Lab| {
        let anna = lab.linked_peer("anna", version, "6281200000001").await;
        lab.tend("6281200000001");
        let friends = Friends {
            carl: lab.linked_peer("carl", friend, "6281200000002").await,
            dora: lab.contact("dora", "6281200000003").await,
        };
        let members = friends.each().map(|friend| friend.address().jid());
        let made =
            anna.as_peer().call("create-group", json!({"subject": "moving", "participants": members})).await;
        let group = Chat::Group(made["id"].as_str().expect("a group has an id").to_owned());
        friends.talk_with(&anna, &group, "on Baileys").await;
        let mut lost = Vec::new();
        for friend in friends.each() {
            lost.push(lose_one(lab, &anna, friend).await);
        }

        // Into wakeeper.
        let phone = anna.phone.clone();
        let auth = lab.folder().join("anna");
        let away = Party::phone("anna", phone.clone());
        anna.into_peer().stop().await;
        let mut waiting = friends.write_to(&away, &group, "on the way to wakeeper").await;
        let webhooks = Webhooks::start().await;
        let mut gateway = lab.gateway("anna-gateway", &webhooks);
        let data = gateway.folder().to_owned();
        let imported =
            json_of(lab, &["import", folder_of(&auth), "--data-dir", folder_of(&data), "--json"]).await;
        assert_eq!(imported["needs_qr"], false, "{imported}");
        assert_eq!(imported["left_out"], json!([]), "{imported}");
        assert!(imported["moved"]["skipped_message_keys"].as_u64() >= Some(2), "{imported}");
        assert!(!auth.join("creds.json").exists() && auth.join(".wakeeper-moved.json").exists());
        gateway.start().await;
        gateway.wait_working().await;
        let mut anna = Party::gateway("anna-gateway", phone.clone(), gateway, webhooks);
        for (waiting, lost) in waiting.iter_mut().zip(lost) {
            waiting.private.insert(0, lost);
            waiting.arrives_at(&anna).await;
        }
        no_retries(&anna.as_gateway().0.health().await);
        friends.talk_with(&anna, &group, "on wakeeper").await;
        no_retries(&anna.as_gateway().0.health().await);

        // And back to Baileys, in a new folder.
        anna.go_offline().await;
        let waiting = friends.write_to(&away, &group, "on the way back").await;
        let back = lab.folder().join("anna-back");
        let format = ["--format", "baileys", "--baileys", version.name(), "--json"];
        let arguments = ["export", folder_of(&back), "--data-dir", folder_of(&data)];
        let exported = json_of(lab, &[&arguments[..], &format[..]].concat()).await;
        assert_eq!(exported["needs_qr"], false, "{exported}");
        assert_eq!(exported["left_out"], json!([]), "{exported}");
        let peer = lab.peer("anna-back", version).await;
        peer.call("connect", json!({})).await;
        peer.call("wait-open", json!({})).await;
        let again = Party::baileys("anna-back", phone, peer);
        for waiting in &waiting {
            waiting.arrives_at(&again).await;
        }
        friends.talk_with(&again, &group, "on Baileys again").await;

        // The one that was left does not start.
        let (gateway, _) = anna.as_gateway();
        gateway.start().await;
        gateway.wait_status("STOPPED").await;
        gateway.call(Method::POST, "/api/sessions/default/start", None).await;
        gateway.wait_status("FAILED").await;
        gateway.wait_line("was moved to").await;
        assert_eq!(again.as_peer().count("qr"), 0, "no QR code");
        no_trouble(&lab.logs(), "carl");
        // Where chats are addressed by LID, Baileys 6 has Bad MACs of its own, which its retries heal: before any move, too.
        if (version, addressing) != (Baileys::Six, Addressing::Lid) {
            no_trouble(&lab.logs(), "anna");
            no_trouble(&lab.logs(), "anna-back");
        }
        lab.simulator().assert_no_ratchet_reuse().await;
    })
    .await;
}

#[tokio::test]
async fn baileys_6_moves_in_and_back() {
    there_and_back(Baileys::Six, Baileys::Seven, Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn baileys_7_moves_in_and_back() {
    there_and_back(Baileys::Seven, Baileys::Six, Addressing::PhoneNumber).await;
}

#[tokio::test]
async fn baileys_7_moves_in_and_back_where_chats_are_addressed_by_lid() {
    there_and_back(Baileys::Seven, Baileys::Seven, Addressing::Lid).await;
}

#[tokio::test]
async fn baileys_6_moves_in_and_back_where_chats_are_addressed_by_lid() {
    there_and_back(Baileys::Six, Baileys::Seven, Addressing::Lid).await;
}

#[tokio::test]
async fn a_gateway_takes_over_what_it_finds_at_its_first_start() {
    told(Addressing::PhoneNumber, async |lab: &Lab| {
        let webhooks = Webhooks::start().await;
        let mut gateway = lab.gateway("gateway", &webhooks);
        let auth_info = gateway.folder().join("auth_info");
        // Baileys lives where the gateway will look for its own sessions.
        let phone = lab.simulator().phone("6281200000011", "eva").await;
        let peer = lab.peer("eva", Baileys::Seven).await;
        peer.link(&phone).await;
        let eva = Party::baileys("eva", phone.clone(), peer);
        let dora = lab.contact("dora", "6281200000012").await;
        talk(&eva, &dora, "on Baileys").await;
        let store = json!({"chats": [], "contacts": {}, "messages": {dora.address().jid(): [{
        "key": {"remoteJid": dora.address().jid(), "fromMe": false, "id": "OLD1"},
        "message": {"conversation": "from the old days"}, "messageTimestamp": 1_700_000_000}]}});
        std::fs::write(gateway.folder().join("baileys_store.json"), store.to_string()).unwrap();
        eva.into_peer().stop().await;
        std::fs::rename(lab.folder().join("eva"), &auth_info).unwrap();

        gateway.start().await;
        gateway.wait_line("no new QR code is needed").await;
        gateway.wait_working().await;
        let backups: Vec<_> = std::fs::read_dir(gateway.folder().join("session_backups")).unwrap().collect();
        assert_eq!(backups.len(), 1, "its files are in a backup");
        assert!(auth_info.join(".wakeeper-moved.json").exists() && !auth_info.join("creds.json").exists());
        let messages = gateway.messages(&dora.address().chat_id()).await;
        assert!(messages.iter().any(|message| message["body"] == "from the old days"), "{messages:?}");
        let mut eva = Party::gateway("eva", phone, gateway, webhooks);
        talk(&eva, &dora, "on wakeeper").await;

        // The second start has nothing to take over.
        eva.go_offline().await;
        eva.go_online().await;
        talk(&eva, &dora, "after a restart").await;
        lab.simulator().assert_no_ratchet_reuse().await;
    })
    .await;
}
