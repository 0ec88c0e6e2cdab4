//! Phones that talk to each other through the server, in process.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use sha2::{Digest, Sha256};

use super::media::MediaKind;
use super::message::MediaBody;
use super::*;
use crate::faults::{Fault, FaultKind, FaultTarget};
use crate::oracle::Oracle;
use crate::server::{Addressing, NewAccount, ServerConfig, SystemClock};

const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    host: PhoneHost,
    oracle: Arc<Oracle>,
    rng: StdRng,
}

fn world(addressing: Addressing) -> World {
    let server = Server::new(ServerConfig {
        addressing,
        retry_delay: Duration::from_millis(10),
        ..ServerConfig::new(1, "127.0.0.1:1")
    });
    let oracle = Arc::new(Oracle::new(100_000));
    server.set_ciphertext_observer(oracle.clone());
    let config = PhoneConfig { prefer_lid: addressing == Addressing::Lid, ..PhoneConfig::default() };
    let host = PhoneHost {
        server,
        media: MediaStore::new("127.0.0.1:1"),
        clock: Arc::new(SystemClock),
        config,
        stop: CancellationToken::new(),
    };
    World { host, oracle, rng: StdRng::seed_from_u64(1) }
}

impl World {
    fn phone(&mut self, number: &str) -> Phone {
        let keys = Arc::new(PhoneKeys::generate(&mut self.rng));
        let account = NewAccount {
            number: number.into(),
            name: format!("Person {number}"),
            lid: None,
            keys: Arc::clone(&keys),
        };
        let account = self.host.server.create_account(account).unwrap();
        self.host.switch_on(account, keys, &mut self.rng).unwrap()
    }

    fn assert_no_reuse(&self) {
        assert_eq!(self.oracle.reuses(), []);
        assert!(self.oracle.summary().observed > 0, "the oracle saw nothing");
    }
}

async fn inbox(phone: &Phone, count: usize) -> Vec<Entry> {
    let received = |phone: &Phone| {
        let found = phone.messages(0, |entry| !entry.by_phone);
        (found.len() >= count).then_some(found)
    };
    phone.wait(PATIENCE, received).await.unwrap_or_else(|| {
        panic!("{count} messages expected, found {}", phone.messages(0, |entry| !entry.by_phone).len())
    })
}

fn texts(entries: &[Entry]) -> Vec<&str> {
    entries.iter().filter_map(|entry| entry.content.text.as_deref()).collect()
}

async fn entry_with(phone: &Phone, id: &str, ready: impl Fn(&Entry) -> bool) -> Entry {
    phone.wait(PATIENCE, |phone| phone.message(id).filter(|entry| ready(entry))).await.expect("the entry")
}

#[tokio::test]
async fn a_hundred_texts_each_way_arrive_in_order() {
    for addressing in [Addressing::PhoneNumber, Addressing::Lid] {
        let mut world = world(addressing);
        let (ana, ben) = (world.phone("628110001"), world.phone("628110002"));
        for number in 0..100 {
            ana.send("628110002", &Outgoing::text(format!("to ben {number}"))).await.unwrap();
            ben.send("628110001@c.us", &Outgoing::text(format!("to ana {number}"))).await.unwrap();
        }
        let to_ben: Vec<String> = (0..100).map(|number| format!("to ben {number}")).collect();
        let to_ana: Vec<String> = (0..100).map(|number| format!("to ana {number}")).collect();
        assert_eq!(texts(&inbox(&ben, 100).await), to_ben);
        assert_eq!(texts(&inbox(&ana, 100).await), to_ana);
        assert!(inbox(&ana, 100).await.iter().all(|entry| entry.copies == 1));
        world.assert_no_reuse();
    }
}

#[tokio::test]
async fn receipts_come_back_up_to_read() {
    let mut world = world(Addressing::PhoneNumber);
    let (ana, ben) = (world.phone("628110001"), world.phone("628110002"));
    let first = ana.send("628110002", &Outgoing::text("one")).await.unwrap();
    let second = ana.send("628110002", &Outgoing::text("two")).await.unwrap();
    inbox(&ben, 2).await;
    entry_with(&ana, &second, |entry| !entry.delivered.is_empty()).await;
    assert!(ana.message(&first).unwrap().read.is_empty());
    assert_eq!(ben.read(&[]), 2);
    for id in [&first, &second] {
        let entry = entry_with(&ana, id, |entry| !entry.read.is_empty()).await;
        assert!(entry.read.contains("628110002@s.whatsapp.net"));
    }
    ben.set_auto_read(true);
    let third = ana.send("628110002", &Outgoing::text("three")).await.unwrap();
    entry_with(&ana, &third, |entry| !entry.read.is_empty()).await;
}

#[tokio::test]
async fn a_group_of_three_talks_and_a_newcomer_reads_on() {
    for addressing in [Addressing::PhoneNumber, Addressing::Lid] {
        let mut world = world(addressing);
        let phones = [world.phone("628110001"), world.phone("628110002"), world.phone("628110003")];
        let members = ["628110002".to_owned(), "628110003".to_owned()];
        let group = phones[0].create_group("Three", &members).await.unwrap();
        for round in 0..10 {
            for (index, phone) in phones.iter().enumerate() {
                phone.send(&group, &Outgoing::text(format!("{index} {round}"))).await.unwrap();
            }
        }
        for phone in &phones {
            let entries = inbox(phone, 20).await;
            assert!(entries.iter().all(|entry| entry.chat == group && entry.copies == 1));
            assert!(entries.iter().all(|entry| entry.sender.ends_with("@s.whatsapp.net")));
        }
        world.assert_no_reuse();
    }
}

#[tokio::test]
async fn media_arrives_byte_for_byte() {
    let mut world = world(Addressing::PhoneNumber);
    let (ana, ben) = (world.phone("628110001"), world.phone("628110002"));
    let data: Vec<u8> = (0..100_000_u32).map(|i| (i * 7 % 253) as u8).collect();
    for (kind, voice) in [
        (MediaKind::Image, false),
        (MediaKind::Video, false),
        (MediaKind::Audio, true),
        (MediaKind::Document, false),
    ] {
        let body = MediaBody {
            kind,
            voice,
            data: data.clone(),
            mimetype: None,
            caption: Some("look".into()),
            filename: Some("a.bin".into()),
        };
        let id = ana.send("628110002", &Outgoing::new(Body::Media(body))).await.unwrap();
        let entry = entry_with(&ben, &id, |_| true).await;
        let hash = hex::encode(Sha256::digest(&data));
        assert_eq!(entry.content.media.unwrap().sha256, hash);
        assert_eq!(ben.media(&id).unwrap(), data);
        assert_eq!(ana.media(&id).unwrap(), data);
    }
}

#[tokio::test]
async fn replies_reactions_edits_and_revocations_reach_the_other_side() {
    let mut world = world(Addressing::PhoneNumber);
    let (ana, ben) = (world.phone("628110001"), world.phone("628110002"));
    let id = ana.send("628110002", &Outgoing::text("first")).await.unwrap();
    entry_with(&ben, &id, |_| true).await;
    ben.react(&id, "👍").await.unwrap();
    let reacted = entry_with(&ana, &id, |entry| !entry.reactions.is_empty()).await;
    assert_eq!(reacted.reactions["628110002@s.whatsapp.net"], "👍");
    ana.edit(&id, "second").await.unwrap();
    entry_with(&ben, &id, |entry| entry.edited.as_deref() == Some("second")).await;
    let reply = Outgoing { reply_to: Some(id.clone()), ..Outgoing::text("an answer") };
    let reply = ben.send("628110001", &reply).await.unwrap();
    let quoted = entry_with(&ana, &reply, |_| true).await.content.quoted.unwrap();
    assert_eq!((quoted.id, quoted.text.as_deref()), (id.clone(), Some("first")));
    ana.revoke(&id).await.unwrap();
    entry_with(&ben, &id, |entry| entry.revoked).await;
    ana.typing("628110002", Typing::Composing).unwrap();
    let shows = |phone: &Phone| {
        (phone.report()["chat_states"]["628110001@s.whatsapp.net"] == "composing").then_some(())
    };
    assert!(ben.wait(PATIENCE, shows).await.is_some(), "nobody saw the typing");
    world.assert_no_reuse();
}

#[tokio::test]
async fn damaged_and_repeated_messages_are_mended_and_counted() {
    let mut world = world(Addressing::PhoneNumber);
    let (ana, ben) = (world.phone("628110001"), world.phone("628110002"));
    let target = || FaultTarget::Number("628110002".into());
    let hello = ana.send("628110002", &Outgoing::text("hello")).await.unwrap();
    entry_with(&ben, &hello, |_| true).await;
    ben.send("628110001", &Outgoing::text("hello too")).await.unwrap();
    inbox(&ana, 1).await;
    world.host.server.set_fault(Fault::once(FaultKind::Corrupted).at(target()));
    let damaged = ana.send("628110002", &Outgoing::text("damaged")).await.unwrap();
    let entry = entry_with(&ben, &damaged, |_| true).await;
    assert_eq!((entry.content.text.as_deref(), entry.failures), (Some("damaged"), 1));
    world.host.server.set_fault(Fault::once(FaultKind::Duplicated).at(target()));
    let twice = ana.send("628110002", &Outgoing::text("twice")).await.unwrap();
    entry_with(&ben, &twice, |entry| entry.copies == 2).await;
    let group = ana.create_group("Two", &["628110002".to_owned()]).await.unwrap();
    world.host.server.set_fault(Fault::once(FaultKind::Corrupted).at(target()));
    let in_group = ana.send(&group, &Outgoing::text("damaged group message")).await.unwrap();
    entry_with(&ben, &in_group, |_| true).await;
    let after = ana.send(&group, &Outgoing::text("and on")).await.unwrap();
    entry_with(&ben, &after, |_| true).await;
    world.assert_no_reuse();
}

#[tokio::test]
async fn a_saved_phone_goes_on_talking() {
    let mut world = world(Addressing::PhoneNumber);
    let (ana, ben) = (world.phone("628110001"), world.phone("628110002"));
    let group = ana.create_group("Two", &["628110002".to_owned()]).await.unwrap();
    for text in ["one", "two"] {
        ana.send("628110002", &Outgoing::text(text)).await.unwrap();
        ben.send("628110001", &Outgoing::text(text)).await.unwrap();
        ana.send(&group, &Outgoing::text(text)).await.unwrap();
    }
    inbox(&ana, 2).await;
    inbox(&ben, 4).await;
    let saved = serde_json::to_string(&ana.save().unwrap()).unwrap();
    ana.switch_off();
    ben.send("628110001", &Outgoing::text("while off")).await.unwrap();
    let saved: PhoneState = serde_json::from_str(&saved).unwrap();
    let account = world.host.server.account("628110001").unwrap();
    let again = world.host.switch_on_again(account, Arc::clone(ana.keys()), &saved, &mut world.rng).unwrap();
    assert_eq!(texts(&inbox(&again, 3).await), ["one", "two", "while off"]);
    again.send("628110002", &Outgoing::text("three")).await.unwrap();
    again.send(&group, &Outgoing::text("three")).await.unwrap();
    assert_eq!(texts(&inbox(&ben, 6).await)[4..], ["three", "three"]);
    world.assert_no_reuse();
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_the_reason() {
    let mut world = world(Addressing::PhoneNumber);
    let ana = world.phone("628110001");
    let text = Outgoing::text("x");
    assert!(matches!(ana.send("628999999", &text).await, Err(PhoneError::UnknownRecipient)));
    assert!(matches!(ana.send("not a number", &text).await, Err(PhoneError::Address)));
    assert!(matches!(ana.send("120363@g.us", &text).await, Err(PhoneError::UnknownGroup)));
    assert!(matches!(ana.react("unknown", "x").await, Err(PhoneError::UnknownMessage)));
    assert!(matches!(ana.scan("nonsense").await, Err(PhoneError::Qr(_))));
    assert!(matches!(ana.confirm_code("ABCD1234").await, Err(PhoneError::NoCode)));
    assert!(matches!(ana.log_out(7), Err(PhoneError::Server(_))));
}
