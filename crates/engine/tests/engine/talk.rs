//! Conversations, in both ways of addressing people.

use std::time::Duration;

use bytes::Bytes;
use wakeeper_engine::{
    Delete, Download, Edit, EngineConfig, EngineError, FileBody, LinkPreview, Media, MediaFile, MediaKind,
    MediaSource, Mentions, Outgoing, Reaction, Seen, SendError, Text,
};
use wakeeper_model::MessageId;
use wakeeper_simulator::faults::{Fault, FaultKind};
use wakeeper_simulator::phone::media::MediaKind as PhoneMedia;
use wakeeper_simulator::phone::message::{Body, Kind, MediaBody, Outgoing as FromPhone};
use wakeeper_simulator::server::Addressing;
use wakeeper_waha::SessionStatus;

use super::world::*;

async fn texts(addressing: Addressing) {
    let mut world = World::linked(addressing).await;
    let me = world.engine.sessions.get(&session()).await.unwrap().unwrap().me.unwrap();
    assert_eq!(me.id.user(), OWNER);

    let sent = world.engine.send(text(ANN, "hello Ann")).await;
    let id = stanza_id(&sent);
    let entry = received_text(&world.ann, "hello Ann").await;
    assert_eq!((entry.id.as_str(), entry.copies), (id.as_str(), 1));
    assert!(entry.sender.starts_with(OWNER));
    // The owner's phone shows what the gateway sent.
    received_text(&world.owner, "hello Ann").await;
    world
        .engine
        .event("message.ack", |ack| ack["id"] == shown(&sent)["id"] && ack["ackName"] == "DEVICE")
        .await;

    let answer = world
        .ann
        .send(OWNER, &FromPhone { reply_to: Some(id), ..FromPhone::text("hello gateway") })
        .await
        .unwrap();
    let message = world.engine.event("message", |message| message["body"] == "hello gateway").await;
    assert_eq!(message["id"], format!("false_{ANN}@c.us_{answer}"));
    assert_eq!(message["from"], format!("{ANN}@c.us"));
    assert_eq!(message["to"], format!("{OWNER}@c.us"));
    assert_eq!(message["replyTo"]["body"], "hello Ann");

    let reply = Text {
        chat: chat(ANN),
        text: format!("@{ANN} quoted"),
        reply_to: Some(message["id"].as_str().unwrap().parse().unwrap()),
        mentions: vec![chat(ANN)].into(),
        id: None,
        link_preview: LinkPreview::None,
    };
    world.engine.send(Outgoing::Text(reply)).await;
    let entry = received_text(&world.ann, &format!("@{ANN} quoted")).await;
    assert!(entry.content.quoted.is_some());
    assert_eq!(entry.content.mentions.len(), 1);

    let bodies: Vec<_> =
        world.engine.messages(ANN).await.iter().map(|message| message["body"].clone()).collect();
    assert_eq!(bodies, ["hello Ann", "hello gateway", &format!("@{ANN} quoted")]);
    world.stop().await;
}

/// Its caller may send it again: a copy of it must not follow.
#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_was_refused_while_it_waited_never_goes_out() {
    /// As many of one chat as the engine accepts before one of them is acknowledged.
    const WINDOW: usize = 64;
    let mut world = World::linked(Addressing::PhoneNumber).await;
    let config = config(&world.simulator, world.folder.path());
    world.restart_with(EngineConfig { send_timeout: Duration::from_secs(2), ..config }).await;
    world.engine.send(text(ANN, "before")).await;
    world.simulator.set_fault(Fault::once(FaultKind::HalfOpen));
    let sessions = world.engine.sessions.clone();
    let name = session();
    let accepted: Vec<_> = (0..WINDOW)
        .map(|n| {
            let sessions = sessions.clone();
            tokio::spawn(
                async move { sessions.send(&session(), text(ANN, &format!("text {n}")), None).await },
            )
        })
        .collect();
    while world.engine.storage.unfinished_sends("default").await.unwrap().len() < WINDOW {
        tokio::task::yield_now().await;
    }
    let refused = sessions.send(&name, text(ANN, "late"), None).await;
    assert!(matches!(refused, Err(SendError::Session(EngineError::Busy(_)))), "{refused:?}");
    for send in accepted {
        let waits = send.await.unwrap();
        assert!(matches!(waits, Err(SendError::Timeout { .. })), "{waits:?}");
    }
    world.simulator.set_fault(Fault::once(FaultKind::Dropped));
    // There is room once some are acknowledged.
    while matches!(
        sessions.send(&name, text(ANN, "after"), None).await,
        Err(SendError::Session(EngineError::Busy(_) | EngineError::NotReady { .. }))
    ) {}
    received_text(&world.ann, "after").await;
    let arrived = world.ann.messages(0, |entry| !entry.from_me);
    let texts: Vec<_> = arrived.iter().filter_map(|entry| entry.content.text.as_deref()).collect();
    assert_eq!(texts.len(), WINDOW + 2);
    assert!(!texts.contains(&"late"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_by_phone_number() {
    texts(Addressing::PhoneNumber).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_by_lid() {
    texts(Addressing::Lid).await;
}

async fn many_in_order(addressing: Addressing) {
    let mut world = World::linked(addressing).await;
    let out: Vec<_> = (0..30).map(|n| format!("out {n}")).collect();
    let back: Vec<_> = (0..30).map(|n| format!("back {n}")).collect();
    let ann = world.ann.clone();
    let answers = back.clone();
    let answering = tokio::spawn(async move {
        for body in answers {
            ann.send(OWNER, &FromPhone::text(body)).await.unwrap();
        }
    });
    for body in &out {
        world.engine.send(text(ANN, body)).await;
    }
    answering.await.unwrap();
    received_text(&world.ann, "out 29").await;
    world.engine.event("message", |message| message["body"] == "back 29").await;
    let arrived = world.ann.messages(0, |entry| !entry.from_me);
    assert_eq!(arrived.iter().filter_map(|entry| entry.content.text.clone()).collect::<Vec<_>>(), out);
    assert!(arrived.iter().all(|entry| entry.copies == 1 && entry.failures == 0));
    let stored = world.engine.messages(ANN).await;
    let inbound: Vec<_> = stored
        .iter()
        .filter(|message| message["fromMe"] == false)
        .map(|message| message["body"].as_str().unwrap())
        .collect();
    assert_eq!(inbound, back);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_texts_keep_their_order_by_phone_number() {
    many_in_order(Addressing::PhoneNumber).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_texts_keep_their_order_by_lid() {
    many_in_order(Addressing::Lid).await;
}

fn content(mut media: MediaFile) -> Vec<u8> {
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut media.file, &mut content).unwrap();
    content
}

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_as_they_were() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    let picture: Vec<u8> = (0..70_000u32).map(|n| (n * 31 % 251) as u8).collect();
    for (kind, described) in [
        (MediaKind::Image, Kind::Image),
        (MediaKind::File, Kind::Document),
        (MediaKind::Voice, Kind::Voice),
        (MediaKind::Video { as_note: false }, Kind::Video),
    ] {
        let sent = world
            .engine
            .send(Outgoing::Media(Media {
                chat: chat(ANN),
                kind,
                file: FileBody {
                    source: MediaSource::Data(Bytes::from(picture.clone())),
                    mimetype: None,
                    filename: Some("a.bin".to_owned()),
                },
                caption: Some("look".to_owned()),
                reply_to: None,
                mentions: Mentions::default(),
                convert: false,
            }))
            .await;
        let id = stanza_id(&sent);
        let entry = received(&world.ann, |entry| entry.id == id).await;
        assert_eq!(entry.content.kind, described);
        assert_eq!(world.ann.media(&id).unwrap(), picture);
        let file = shown(&sent)["media"]["url"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
        assert_eq!(content(world.engine.sessions.media(&session(), &file).await.unwrap()), picture);
    }

    let body = Body::Media(MediaBody {
        kind: PhoneMedia::Image,
        voice: false,
        data: picture.clone(),
        mimetype: Some("image/png".to_owned()),
        caption: Some("for you".to_owned()),
        filename: None,
    });
    world.ann.send(OWNER, &FromPhone::new(body)).await.unwrap();
    let message = world.engine.event("message", |message| message["body"] == "for you").await;
    assert_eq!(message["hasMedia"], true);
    assert_eq!(message["media"]["mimetype"], "image/png");
    let url = message["media"]["url"].as_str().unwrap();
    assert!(!url.contains(ANN), "URLs go into access logs");
    let file = url.rsplit_once('/').unwrap().1;
    let media = world.engine.sessions.media(&session(), file).await.unwrap();
    assert_eq!(media.mimetype, "image/png");
    assert_eq!(content(media), picture);
    world.stop().await;
}

async fn reactions_edits_deletions(addressing: Addressing) {
    let mut world = World::linked(addressing).await;
    let sent = world.engine.send(text(ANN, "first")).await;
    let own: MessageId = shown(&sent)["id"].as_str().unwrap().parse().unwrap();
    received_text(&world.ann, "first").await;
    let theirs = world.ann.send(OWNER, &FromPhone::text("from Ann")).await.unwrap();
    let theirs_id =
        world.engine.event("message", |message| message["body"] == "from Ann").await["id"].clone();

    world.ann.react(&own.stanza_id, "👍").await.unwrap();
    let reaction = world.engine.event("message.reaction", |reaction| reaction["fromMe"] == false).await;
    assert_eq!(reaction["reaction"]["text"], "👍");
    assert_eq!(reaction["reaction"]["messageId"], own.to_string());

    let message: MessageId = theirs_id.as_str().unwrap().parse().unwrap();
    world.engine.send(Outgoing::Reaction(Reaction { message, emoji: "🙏".to_owned() })).await;
    received(&world.ann, |entry| entry.id == theirs && entry.reactions.values().any(|emoji| emoji == "🙏"))
        .await;

    let edit = Edit {
        message: own.clone(),
        text: "second".to_owned(),
        mentions: Mentions::default(),
        link_preview: LinkPreview::None,
    };
    world.engine.send(Outgoing::Edit(edit)).await;
    received(&world.ann, |entry| entry.id == own.stanza_id && entry.edited.as_deref() == Some("second"))
        .await;
    assert_eq!(world.engine.messages(ANN).await[0]["body"], "second");

    world.ann.edit(&theirs, "from Ann, better").await.unwrap();
    let edited = world.engine.event("message.edited", |edited| edited["fromMe"] == false).await;
    assert_eq!(edited["body"], "from Ann, better");
    assert_eq!(edited["editedMessageId"], theirs);

    world.ann.revoke(&theirs).await.unwrap();
    let revoked = world.engine.event("message.revoked", |revoked| revoked["after"]["fromMe"] == false).await;
    assert_eq!(revoked["revokedMessageId"], theirs);
    assert_eq!(revoked["before"]["body"], "from Ann, better");

    world.engine.send(Outgoing::Delete(Delete { message: own.clone() })).await;
    received(&world.ann, |entry| entry.id == own.stanza_id && entry.revoked).await;
    let stored = world.engine.messages(ANN).await;
    assert_eq!(stored.len(), 2, "reactions, edits and deletions are no messages of their own");
    assert!(stored.iter().all(|message| message["revoked"] == true && message["body"] == ""));
    let one =
        world.engine.sessions.message(&session(), &own, &Download::Nothing, true).await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(one).unwrap(), stored[0]);
    let reaction: MessageId = reaction["id"].as_str().unwrap().parse().unwrap();
    let none = world.engine.sessions.message(&session(), &reaction, &Download::Nothing, true).await.unwrap();
    assert!(none.is_none(), "a reaction is none: {none:?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_edits_and_deletions_by_phone_number() {
    reactions_edits_deletions(Addressing::PhoneNumber).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_edits_and_deletions_by_lid() {
    reactions_edits_deletions(Addressing::Lid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_is_told_both_ways() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    let sent = world.engine.send(text(ANN, "read me")).await;
    let id = stanza_id(&sent);
    received_text(&world.ann, "read me").await;
    world.ann.read(&[id]);
    world.engine.event("message.ack", |ack| ack["id"] == shown(&sent)["id"] && ack["ack"] == 3).await;
    assert_eq!(world.engine.messages(ANN).await[0]["ackName"], "READ");

    let theirs = world.ann.send(OWNER, &FromPhone::text("and me")).await.unwrap();
    world.engine.event("message", |message| message["body"] == "and me").await;
    let seen = Seen { chat: chat(ANN), messages: Vec::new(), participant: None };
    world.engine.send(Outgoing::Seen(seen)).await;
    received(&world.ann, |entry| entry.id == theirs && !entry.read.is_empty()).await;
    world.stop().await;
}

async fn group(addressing: Addressing) {
    let mut world = World::linked(addressing).await;
    let ben = world.simulator.create_phone(BEN, "Ben").unwrap();
    let group = world.ann.create_group("Three", &[OWNER.to_owned(), BEN.to_owned()]).await.unwrap();
    for n in 0..5 {
        world.ann.send(&group, &FromPhone::text(format!("ann {n}"))).await.unwrap();
        ben.send(&group, &FromPhone::text(format!("ben {n}"))).await.unwrap();
        world.engine.send(text(&group, &format!("gateway {n}"))).await;
    }
    for phone in [&world.ann, &ben] {
        received_text(phone, "gateway 4").await;
        assert_eq!(phone.messages(0, |entry| !entry.from_me && entry.chat == group).len(), 10);
    }
    let last = world.engine.event("message", |message| message["body"] == "ben 4").await;
    assert_eq!(last["from"], group);
    assert_eq!(last["participant"], format!("{BEN}@c.us"));
    let from_ben: MessageId = last["id"].as_str().unwrap().parse().unwrap();

    let read = |id: MessageId| {
        let sessions = world.engine.sessions.clone();
        async move { sessions.message(&session(), &id, &Download::Nothing, true).await.unwrap() }
    };
    assert_eq!(read(from_ben.clone()).await.unwrap().body, "ben 4");
    let of_ann = MessageId { participant: Some(chat(ANN)), ..from_ben.clone() };
    assert!(read(of_ann).await.is_none(), "Ann wrote no message under Ben's id");

    world
        .engine
        .send(Outgoing::Reaction(Reaction { message: from_ben.clone(), emoji: "🎉".to_owned() }))
        .await;
    received(&ben, |entry| entry.id == from_ben.stanza_id && !entry.reactions.is_empty()).await;

    let own = world.engine.send(text(&group, "wrong")).await;
    let own: MessageId = shown(&own)["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(own.participant.as_ref().unwrap().user(), OWNER);
    received_text(&ben, "wrong").await;
    let edit = Edit {
        message: own.clone(),
        text: "right".to_owned(),
        mentions: Mentions::default(),
        link_preview: LinkPreview::None,
    };
    world.engine.send(Outgoing::Edit(edit)).await;
    received(&ben, |entry| entry.id == own.stanza_id && entry.edited.as_deref() == Some("right")).await;
    world.engine.send(Outgoing::Delete(Delete { message: own.clone() })).await;
    received(&world.ann, |entry| entry.id == own.stanza_id && entry.revoked).await;

    let edited = ben.messages(0, |entry| entry.from_me).pop().unwrap();
    ben.edit(&edited.id, "ben edited").await.unwrap();
    world.engine.event("message.edited", |edited| edited["body"] == "ben edited").await;
    let stored = world.engine.messages(&group).await;
    assert!(stored.iter().any(|message| message["body"] == "ben edited"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_three_by_phone_number() {
    group(Addressing::PhoneNumber).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_of_three_by_lid() {
    group(Addressing::Lid).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_writes_on_the_phone_is_an_own_message() {
    let mut world = World::linked(Addressing::PhoneNumber).await;
    world.owner.send(ANN, &FromPhone::text("typed on the phone")).await.unwrap();
    let message = world.engine.event("message.any", |message| message["body"] == "typed on the phone").await;
    assert_eq!(message["fromMe"], true);
    assert_eq!(message["source"], "app");
    assert_eq!(message["to"], format!("{ANN}@c.us"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_links_as_a_qr_does() {
    let mut world = World::new(Addressing::PhoneNumber).await;
    world.engine.status(SessionStatus::ScanQrCode).await;
    let code = world.engine.sessions.request_code(&session(), OWNER).await.unwrap();
    world.owner.confirm_code(&code).await.unwrap();
    world.engine.status(SessionStatus::Working).await;
    world.engine.send(text(ANN, "linked by code")).await;
    received_text(&world.ann, "linked by code").await;
    world.stop().await;
}
