//! The story that every pair of clients must be able to tell.

use serde_json::json;
use wakeeper_e2e::party::{Chat, Message, Seen, What};
use wakeeper_e2e::{Ack, Party};

use crate::picture::picture;

/// Messages each way between two.
const TEXTS: usize = 100;
/// Messages of each of the three members of a group.
const GROUP_TEXTS: usize = 10;
/// Messages that wait for someone who is offline.
const QUEUED: usize = 50;

/// Texts that name their sender and their place in the row.
fn texts(label: &str, count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("{label} {n} of {count} äß🙂")).collect()
}

/// Everything two parties must be able to do with each other. `b`, a Baileys client, makes a group with `third`.
pub async fn tell(a: &mut Party, b: &mut Party, third: &Party) {
    texts_each_way(a, b).await;
    receipts(a, b).await;
    receipts(b, a).await;
    picture_goes(a, b, 1).await;
    picture_goes(b, a, 2).await;
    reaction_edit_delete(a, b).await;
    reaction_edit_delete(b, a).await;
    group_of_three(a, b, third).await;
    queue_while_offline(a, b).await;
    queue_while_offline(b, a).await;
}

async fn send_all(from: &Party, chat: &Chat, texts: &[String]) -> Vec<String> {
    let mut ids = Vec::with_capacity(texts.len());
    for text in texts {
        ids.push(from.send(chat, &Message::Text(text.clone())).await);
    }
    ids
}

async fn texts_each_way(a: &Party, b: &Party) {
    for (from, to) in [(a, b), (b, a)] {
        let texts = texts(&from.name, TEXTS);
        send_all(from, &to.chat(), &texts).await;
        to.wait_texts(from.address(), &texts).await;
    }
}

async fn receipts(from: &Party, to: &Party) {
    let id = from.send(&to.chat(), &Message::Text("read this".to_owned())).await;
    let seen = wait_id(to, &id).await;
    assert_eq!(seen.what, What::Text("read this".to_owned()));
    from.wait_ack(&id, Ack::Device).await;
    to.read(&from.chat(), &[&id]).await;
    from.wait_ack(&id, Ack::Read).await;
}

pub async fn wait_id(party: &Party, id: &str) -> Seen {
    party.wait_seen(&format!("message {id}"), |all| all.iter().find(|seen| seen.id == id).cloned()).await
}

pub async fn picture_goes(from: &Party, to: &Party, seed: u64) {
    let bytes = picture(seed, 70_000);
    let id = from.send(&to.chat(), &Message::Image(bytes.clone())).await;
    assert_eq!(wait_id(to, &id).await.what, What::Image);
    let arrived = to.image(&id).await;
    assert!(arrived == bytes, "the picture changed: {} bytes of {} arrived", arrived.len(), bytes.len());
}

async fn reaction_edit_delete(from: &Party, to: &Party) {
    let id = from.send(&to.chat(), &Message::Text("the first version".to_owned())).await;
    wait_id(to, &id).await;

    to.send(&from.chat(), &Message::Reaction(id.clone(), "👍")).await;
    wait_what(from, to, &What::Reaction(id.clone(), "👍".to_owned())).await;

    from.send(&to.chat(), &Message::Edit(id.clone(), "the second version")).await;
    wait_what(to, from, &What::Edit(id.clone(), "the second version".to_owned())).await;

    from.send(&to.chat(), &Message::Delete(id.clone())).await;
    wait_what(to, from, &What::Delete(id)).await;
}

async fn wait_what(party: &Party, sender: &Party, what: &What) {
    let found = |all: &[Seen]| {
        all.iter().any(|seen| seen.what == *what && sender.address().is(&seen.sender)).then_some(())
    };
    party.wait_seen(&format!("{what:?} of {}", sender.name), found).await;
}

async fn group_of_three(a: &Party, b: &Party, third: &Party) {
    let members = [third.address().jid(), a.address().jid()];
    let made = b.as_peer().call("create-group", json!({"subject": "three of us", "participants": members}));
    let group = made.await["id"].as_str().expect("a group has an id").to_owned();
    let chat = Chat::Group(group);
    let all = [a, b, third];
    for from in all {
        // One sender at a time: whether everything arrives is the question here, not who is first.
        let texts = texts(&format!("{} to the group", from.name), GROUP_TEXTS);
        send_all(from, &chat, &texts).await;
        for to in all {
            if to.name != from.name {
                to.wait_texts_in_any_order(from.address(), &texts).await;
            }
        }
    }
    let id = a.send(&chat, &Message::Text("who reads this".to_owned())).await;
    wait_id(b, &id).await;
    b.read(&chat, &[&id]).await;
    a.wait_ack(&id, Ack::Read).await;
}

async fn queue_while_offline(from: &Party, to: &mut Party) {
    to.go_offline().await;
    let texts = texts(&format!("{} to someone offline", from.name), QUEUED);
    let ids = send_all(from, &to.chat(), &texts).await;
    to.go_online().await;
    to.wait_texts(from.address(), &texts).await;
    // Both ways still work, and what was queued did not come twice in the meantime.
    receipts(from, to).await;
    let repeats = to.wait_seen("what was queued", |all| {
        Some(ids.iter().filter(|id| all.iter().filter(|seen| seen.id == **id).count() > 1).count())
    });
    assert_eq!(repeats.await, 0, "queued messages came twice");
}
