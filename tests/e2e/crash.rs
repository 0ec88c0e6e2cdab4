//! A gateway that is killed again and again loses nothing and repeats nothing.

mod told;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use wakeeper_e2e::gateway::API_KEY;
use wakeeper_e2e::journal::eventually;
use wakeeper_e2e::party::Party;
use wakeeper_e2e::seeds::{is_long, seeds};
use wakeeper_e2e::webhook::Delivery;
use wakeeper_e2e::{Address, Addressing, FailingDisk, Gateway, Lab, PATIENCE, Phone, Webhooks};

/// How often the gateway ends by surprise; `cargo xtask long` ends it ten times as often.
const KILLS: usize = 10;
const KILLS_IN_LONG: usize = 100;
/// Messages each way in every chat: with five chats, 500 come in and 500 are sent.
const PER_CHAT: usize = 100;
/// The pace of what comes in, so that it goes on through all the kills.
const INBOUND_PACE: Duration = Duration::from_millis(120);
/// How soon a caller tries again who got no answer.
const RETRY_PACE: Duration = Duration::from_millis(50);
/// For everything, with ten ends; ten times as many take longer.
const DEADLINE: Duration = Duration::from_mins(4);
const DEADLINE_IN_LONG: Duration = Duration::from_mins(20);

/// A chat of the gateway, and the contact at its other end (of a group: the one who writes).
#[derive(Clone)]
struct Line {
    chat: String,
    contact: Phone,
}

/// How much happened so far, for the killer.
#[derive(Clone)]
struct Progress(Arc<(AtomicUsize, watch::Sender<usize>)>);

impl Progress {
    fn new() -> Self {
        Self(Arc::new((AtomicUsize::new(0), watch::Sender::new(0))))
    }

    fn step(&self) {
        let now = self.0.0.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.1.send_modify(|most| *most = now.max(*most));
    }

    async fn reaches(&self, count: usize) {
        // The sender lives as long as `self`.
        let _ = self.0.1.subscribe().wait_for(|now| *now >= count).await;
    }
}

/// Sends all texts of a line from its contact; returns the ids.
async fn inbound(line: Line, gateway: Address, progress: Progress) -> Vec<String> {
    let to = if line.chat.ends_with("@g.us") { line.chat.clone() } else { gateway.jid() };
    let mut pace = tokio::time::interval(INBOUND_PACE);
    let mut ids = Vec::new();
    for n in 0..PER_CHAT {
        pace.tick().await;
        ids.push(line.contact.send_text(&to, &format!("in {n} of {}", line.chat)).await);
        progress.step();
    }
    ids
}

/// Sends all texts of a line through the gateway, each until it is answered 201; returns `(id, text)`.
async fn outbound(line: Line, url: String, progress: Progress) -> Vec<(String, String)> {
    let client = reqwest::Client::new();
    let mut sent = Vec::new();
    for n in 0..PER_CHAT {
        let text = format!("out {n} of {}", line.chat);
        let body = Gateway::text(&line.chat, &text);
        let mut pace = tokio::time::interval(RETRY_PACE);
        let id = loop {
            pace.tick().await;
            let request = client.post(&url).header("X-Api-Key", API_KEY).timeout(Duration::from_secs(20));
            let request = request.header("Idempotency-Key", format!("{n}-{}", line.chat));
            // Killed before or while it answered: the caller does not know, and asks again.
            let Ok(response) = request.json(&body).send().await else { continue };
            let status = response.status();
            let Ok(answer) = response.json::<Value>().await else { continue };
            match status {
                StatusCode::CREATED => break answer["id"].as_str().expect("an id").to_owned(),
                StatusCode::UNPROCESSABLE_ENTITY
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => {}
                other => panic!("{other} {answer}"),
            }
        };
        sent.push((id.split('_').nth(2).expect("a stanza id").to_owned(), text));
        progress.step();
    }
    sent
}

/// How a gateway ends.
enum End {
    /// SIGKILL: all that it wrote is there.
    Kill,
    /// A power cut: what was not synced is lost, or a part of it.
    PowerCut(FailingDisk),
}

impl End {
    /// The disk of the gateway's next process, which loses what this number chooses.
    fn prepare(&self, seed: u64) {
        if let Self::PowerCut(disk) = self {
            disk.set(&format!("lose /auth_info/ seed={seed}\n"));
        }
    }

    async fn of(&self, gateway: &mut Gateway) {
        match self {
            Self::Kill => gateway.kill().await,
            Self::PowerCut(_) => gateway.cut_power().await,
        }
    }
}

/// Ends and restarts the gateway at moments that the seed chooses.
async fn end_again_and_again(gateway: &mut Gateway, end: &End, rng: &mut StdRng, progress: &Progress) {
    let total = 2 * 5 * PER_CHAT;
    let kills = if is_long() { KILLS_IN_LONG } else { KILLS };
    let mut moments: Vec<usize> = (0..kills).map(|_| rng.random_range(10..total * 9 / 10)).collect();
    moments.sort_unstable();
    for moment in moments {
        progress.reaches(moment).await;
        // Not always right after a message: the timeout is the moment, nothing is waited for.
        let later = Duration::from_millis(rng.random_range(0..250));
        let _ = tokio::time::timeout(later, std::future::pending::<()>()).await;
        end.of(gateway).await;
        end.prepare(rng.random());
        gateway.start().await;
    }
}

#[tokio::test]
async fn ten_kills_lose_nothing_and_repeat_nothing() {
    for seed in seeds() {
        let lab = Lab::start(Addressing::PhoneNumber).await;
        let party = lab.linked_gateway("gateway", "491701000001").await;
        let left = messages_while_it_ends(&lab, party, &End::Kill, StdRng::seed_from_u64(seed)).await;
        left.expect("all messages within the deadline");
    }
}

#[tokio::test]
async fn ten_power_cuts_lose_nothing_and_repeat_nothing() {
    for seed in seeds() {
        let mut rng = StdRng::seed_from_u64(seed);
        let lab = Lab::start(Addressing::PhoneNumber).await;
        let mut party = lab.linked_gateway("gateway", "491701000001").await;
        let (gateway, _) = party.as_gateway();
        gateway.terminate().await;
        let folder = lab.folder().join("disk");
        std::fs::create_dir(&folder).expect("a folder for the disk's rules");
        let end = End::PowerCut(FailingDisk::under(gateway, &folder));
        end.prepare(rng.random());
        gateway.start().await;
        gateway.wait_working().await;
        let left = messages_while_it_ends(&lab, party, &end, rng).await;
        let End::PowerCut(disk) = &end else { unreachable!("made above") };
        let cuts = disk.power_cuts();
        eprintln!("{cuts:?}");
        left.expect("all messages within the deadline");
        assert!(cuts.len() >= KILLS, "each end was a power cut");
        assert!(cuts.iter().any(|cut| cut.lost + cut.torn > 0), "and some of them took something");
    }
}

/// Messages go both ways while the gateway ends again and again; then everything is checked.
async fn messages_while_it_ends(
    lab: &Lab,
    mut party: Party,
    end: &End,
    mut rng: StdRng,
) -> Result<(), tokio::time::error::Elapsed> {
    let me = party.address().clone();
    let lines = lines(lab, &me).await;
    let progress = Progress::new();
    let (gateway, webhooks) = party.as_gateway();

    let coming: Vec<_> =
        lines.iter().map(|l| tokio::spawn(inbound(l.clone(), me.clone(), progress.clone()))).collect();
    let url = gateway.url("/api/sendText");
    let going: Vec<_> =
        lines.iter().map(|l| tokio::spawn(outbound(l.clone(), url.clone(), progress.clone()))).collect();
    let (mut arrived, mut sent) = (Vec::new(), Vec::new());
    let all = async {
        end_again_and_again(gateway, end, &mut rng, &progress).await;
        for (line, task) in lines.iter().zip(coming) {
            arrived.push((line, task.await.expect("inbound")));
        }
        for (line, task) in lines.iter().zip(going) {
            sent.push((line, task.await.expect("outbound")));
        }
    };
    tokio::time::timeout(if is_long() { DEADLINE_IN_LONG } else { DEADLINE }, all).await?;
    gateway.wait_working().await;

    check_inbound(gateway, webhooks, &arrived).await;
    check_outbound(gateway, &sent).await;
    webhooks.assert_all_signed();
    lab.simulator().assert_no_ratchet_reuse().await;
    Ok(())
}

/// The client acknowledges a request for a message at once, and drops the answer to a group beyond 20 of them: whoever asked
/// is answered all the same, also by a gateway that was killed in between.
#[tokio::test]
async fn who_asked_for_a_message_again_gets_it_after_a_kill() {
    const SENDS: usize = 40;
    let lab = Lab::start(Addressing::PhoneNumber).await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let me = party.address().clone();
    let ben = lab.simulator().phone("491702000001", "Ben").await;
    let chat = lab.simulator().group(&ben, "the group", &[&me]).await;
    let (gateway, _) = party.as_gateway();
    let send = async |gateway: &Gateway, n: usize| {
        let body = Gateway::text(&chat, &format!("out {n}"));
        gateway.call(Method::POST, "/api/sendText", Some(body)).await;
    };
    send(gateway, 0).await;
    lab.simulator().fault(json!({"kind": "corrupted", "target": "491702000001", "count": SENDS})).await;
    for n in 1..=SENDS {
        send(gateway, n).await;
    }
    let asked = gateway.folder().join("auth_info/sessions/default/asked-again.json");
    let open = || std::fs::read_to_string(&asked).unwrap_or_default().matches("\"requester\"").count();
    let some = async || if open() > 5 { Ok(()) } else { Err(open()) };
    eventually("requests that are not answered", PATIENCE, some).await;
    gateway.kill().await;
    assert!(open() > 0, "what was asked for is known after the kill");
    gateway.start().await;
    gateway.wait_working().await;
    let all = async || {
        let inbox = ben.inbox().await;
        let there = |n: &usize| inbox.iter().any(|message| message["text"] == format!("out {n}"));
        let missing: Vec<usize> = (0..=SENDS).filter(|n| !there(n)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} are missing")) }
    };
    eventually("every message at who asked for it", DEADLINE, all).await;
    let none = async || if open() == 0 { Ok(()) } else { Err(open()) };
    eventually("nothing to be open any more", PATIENCE, none).await;
    lab.simulator().assert_no_ratchet_reuse().await;
}

/// What a killed process had written down is answered by the next one: under either name of the chat, and only to who is in it.
#[tokio::test]
async fn what_was_asked_for_is_answered_to_who_may_have_it() {
    let lab = Lab::start(Addressing::Lid).await;
    let mut party = lab.linked_gateway("gateway", "491701000001").await;
    let me = party.address().clone();
    let ben = lab.simulator().phone("491702000001", "Ben").await;
    let stranger = lab.simulator().phone("491702000009", "Stranger").await;
    let chat = lab.simulator().group(&ben, "the group", &[&me]).await;
    let (gateway, _) = party.as_gateway();
    let send = async |gateway: &Gateway, chat: &str, text: &str| {
        let sent = gateway.call(Method::POST, "/api/sendText", Some(Gateway::text(chat, text))).await;
        sent["id"].as_str().and_then(|id| id.split('_').nth(2)).expect("an id").to_owned()
    };
    let direct = send(gateway, &ben.address.chat_id(), "to Ben").await;
    let group = send(gateway, &chat, "to the group").await;
    let both = async || match ben.inbox().await.len() {
        2 => Ok(()),
        there => Err(there),
    };
    eventually("both messages at Ben", PATIENCE, both).await;
    gateway.kill().await;

    let asked_ms =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis();
    let request = |id: &str, chat: &str, requester: &str| json!({"id": id, "chat": chat, "requester": requester, "count": 1, "asked_ms": u64::try_from(asked_ms).expect("a time")});
    let requests = json!([
        // Under the number; the client keeps what it sent under the LID.
        request(&direct, &ben.address.jid(), &ben.address.jid()),
        request(&group, &chat, &ben.address.lid_jid()),
        request(&group, &chat, &stranger.address.lid_jid()),
        request(&group, &chat, &stranger.address.jid()),
        request("NEVERSENT", &ben.address.jid(), &ben.address.jid()),
    ]);
    let file = gateway.folder().join("auth_info/sessions/default/asked-again.json");
    std::fs::write(&file, requests.to_string()).expect("what a killed process leaves");
    gateway.start().await;
    gateway.wait_working().await;
    let twice = async || match ben.duplicates().await {
        2 => Ok(()),
        duplicates => Err(duplicates),
    };
    eventually("Ben to get both once more", PATIENCE, twice).await;
    let none = async || match std::fs::read_to_string(&file) {
        Ok(text) if text == "[]" => Ok(()),
        other => Err(format!("{other:?}")),
    };
    eventually("nothing to be open any more", PATIENCE, none).await;
    assert!(stranger.inbox().await.is_empty(), "who is not in a group gets nothing of it");
    lab.simulator().assert_no_ratchet_reuse().await;
}

async fn lines(lab: &Lab, me: &Address) -> Vec<Line> {
    let mut lines = Vec::new();
    for n in 1..=4 {
        let contact = lab.simulator().phone(&format!("49170200000{n}"), &format!("Contact {n}")).await;
        lines.push(Line { chat: contact.address.chat_id(), contact });
    }
    let (first, second) = (&lines[0].contact, &lines[1].contact.address);
    let chat = lab.simulator().group(first, "the group", &[second, me]).await;
    let contact = first.clone();
    lines.push(Line { chat, contact });
    lines
}

/// Every inbound message is in the store and was at the receiver, under one event id however often.
async fn check_inbound(gateway: &Gateway, webhooks: &Webhooks, arrived: &[(&Line, Vec<String>)]) {
    let wanted: HashSet<&String> = arrived.iter().flat_map(|(_, ids)| ids).collect();
    assert_eq!(wanted.len(), 5 * PER_CHAT);
    let stanza =
        |d: &Delivery| d.payload()["id"].as_str().and_then(|id| id.split('_').nth(2)).map(str::to_owned);
    let all_there = |all: &[Delivery]| {
        let there: HashSet<_> = all.iter().filter(|d| d.event() == "message").filter_map(stanza).collect();
        wanted.iter().all(|id| there.contains(*id)).then_some(())
    };
    webhooks
        .deliveries()
        .wait("every inbound message at the receiver", Duration::from_mins(1), all_there)
        .await;
    webhooks.deliveries().read(|all| {
        let mut events: HashMap<String, (&str, &[u8])> = HashMap::new();
        for delivery in all.iter().filter(|d| d.event() == "message") {
            let id = stanza(delivery).expect("a message has an id");
            let (event, raw) = events.entry(id.clone()).or_insert((delivery.id(), &delivery.raw));
            assert_eq!(*event, delivery.id(), "message {id} under two event ids");
            assert_eq!(*raw, &delivery.raw[..], "message {id}: the repeat differs");
        }
        eprintln!("{} messages, {} deliveries of all kinds", events.len(), all.len());
    });
    for (line, ids) in arrived {
        let stored = gateway.messages(&line.chat).await;
        let stored: Vec<_> = stored.iter().filter_map(|m| m["id"].as_str()?.split('_').nth(2)).collect();
        for id in ids {
            let count = stored.iter().filter(|stored| *stored == id).count();
            assert_eq!(count, 1, "message {id} is {count} times in the store");
        }
    }
}

/// Every send that was answered 201 arrived once, and nothing else did.
async fn check_outbound(gateway: &Gateway, sent: &[(&Line, Vec<(String, String)>)]) {
    for (line, sent) in sent {
        let inbox = line.contact.inbox().await;
        for (id, text) in sent {
            let same: Vec<_> = inbox.iter().filter(|m| m["id"] == **id || m["text"] == **text).collect();
            assert_eq!(same.len(), 1, "{text} ({id}) arrived {} times: {same:?}", same.len());
            assert_eq!(same[0]["id"], **id, "{text} arrived under another id");
            assert_eq!(same[0]["copies"], 1, "{text} was delivered again");
        }
        let stored = gateway.messages(&line.chat).await;
        let own: HashSet<_> = stored.iter().filter_map(|m| m["id"].as_str()?.split('_').nth(2)).collect();
        let missing: Vec<_> = sent.iter().filter(|(id, _)| !own.contains(id.as_str())).collect();
        assert!(missing.is_empty(), "sent but not in the store: {missing:?}");
    }
    let answer = gateway.answer(gateway.request(Method::GET, "/health")).await.expect("health");
    assert_eq!(answer.status, StatusCode::OK);
}
