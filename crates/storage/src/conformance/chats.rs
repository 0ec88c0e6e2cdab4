//! Chats and people: what messages, other devices and a history make of them.

use std::sync::Arc;

use super::{event, message, own};
use crate::{
    Change, ChatChange, ChatOrder, ChatQuery, ChatRow, ChatUpdate, ContactQuery, ContactUpdate, MessageQuery,
    MessageRef, MessageRow, PastChat, PastStep, Storage, WireKey,
};

fn at(chat: &str, id: &str, timestamp_s: i64) -> MessageRow {
    let wire = WireKey { chat: chat.replace("@c.us", "@s.whatsapp.net"), ..WireKey::default() };
    MessageRow { timestamp_s, ack: 2, wire, ..message(chat, id) }
}

fn arrived(row: MessageRow) -> Change {
    Change::Message { row: Box::new(row), updates: Vec::new(), events: Vec::new() }
}

async fn commit(storage: &Arc<dyn Storage>, changes: Vec<Change>) -> Vec<bool> {
    own(storage, "default").await.rows().commit(changes.into()).await.unwrap().applied
}

async fn chat(storage: &Arc<dyn Storage>, id: &str) -> Option<ChatRow> {
    storage.chat("default", &[id.to_owned()]).await.unwrap()
}

async fn ids(storage: &Arc<dyn Storage>, query: ChatQuery) -> Vec<String> {
    let rows = storage.chats("default", ChatQuery { limit: 100, ..query }).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

fn changed(id: &str, change: ChatChange) -> Change {
    let events = vec![event(id, &format!("{id} {change:?}"), &["hook"])];
    Change::Chat(ChatUpdate { id: id.to_owned(), change, events })
}

pub(crate) async fn messages_make_chats_and_count_as_unread(storage: Arc<dyn Storage>) {
    let own = |id: &str, time: i64, from_api: bool| MessageRow {
        from_me: true,
        from_api,
        ..at("1@c.us", id, time)
    };
    let hidden = MessageRow { hidden: true, ..at("1@c.us", "R", 200) };
    let changes = vec![
        arrived(at("1@c.us", "A", 100)),
        arrived(at("1@c.us", "B", 90)),
        arrived(hidden),
        arrived(own("C", 110, true)),
        arrived(at("status@broadcast", "S", 300)),
        arrived(at("5@newsletter", "N", 300)),
    ];
    commit(&storage, changes).await;
    let row = chat(&storage, "1@c.us").await.unwrap();
    assert_eq!((row.last_s, row.unread), (110, 2), "what a program sends says nothing of what was read");
    assert_eq!(ids(&storage, ChatQuery::default()).await, ["1@c.us"], "statuses and channels are no chats");
    commit(&storage, vec![arrived(at("1@c.us", "A", 100))]).await;
    assert_eq!(chat(&storage, "1@c.us").await.unwrap().unread, 2, "it is there already");
    commit(&storage, vec![arrived(own("D", 120, false))]).await;
    assert_eq!(chat(&storage, "1@c.us").await.unwrap().unread, 0, "whoever writes has read");
}

pub(crate) async fn what_was_read_counts_no_more(storage: Arc<dyn Storage>) {
    let changes = (0..3).map(|n| arrived(at("1@c.us", &format!("M{n}"), 100 + n))).collect();
    commit(&storage, changes).await;
    let read = Change::Ack {
        target: MessageRef {
            session: "default".to_owned(),
            id: "M1".to_owned(),
            from_me: Some(false),
            chat: Some("1@c.us".to_owned()),
        },
        ack: 3,
        events: Vec::new(),
    };
    assert_eq!(commit(&storage, vec![read.clone(), read]).await, [true, false]);
    assert_eq!(chat(&storage, "1@c.us").await.unwrap().unread, 2);
    assert_eq!(commit(&storage, vec![changed("1@c.us", ChatChange::MarkedUnread)]).await, [true]);
    assert!(chat(&storage, "1@c.us").await.unwrap().marked_unread);
    let until = |until_s| changed("1@c.us", ChatChange::Read { until_s });
    assert_eq!(commit(&storage, vec![until(101)]).await, [true], "the mark is gone");
    let row = chat(&storage, "1@c.us").await.unwrap();
    assert_eq!((row.unread, row.marked_unread), (1, false), "what came later is still unread");
    assert_eq!(ack_of(&storage, "M2").await, 2);
    let all_read = until(102);
    assert_eq!(commit(&storage, vec![all_read.clone(), all_read]).await, [true, false]);
    let row = chat(&storage, "1@c.us").await.unwrap();
    assert_eq!((row.unread, row.marked_unread), (0, false));
    assert_eq!(ack_of(&storage, "M2").await, 3);
    let left = MessageQuery { ack: Some(2), limit: 10, ..MessageQuery::default() };
    let left: Vec<_> =
        storage.messages("default", left).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(left, ["M0"], "as many of the newest as were unread");
    // What the owner wrote before says nothing of what came since.
    commit(&storage, vec![arrived(at("1@c.us", "M3", 103))]).await;
    let older = MessageRow { from_me: true, ..at("1@c.us", "OWN", 101) };
    commit(&storage, vec![arrived(older)]).await;
    assert_eq!(chat(&storage, "1@c.us").await.unwrap().unread, 1);
    let cleared = |until_s| changed("1@c.us", ChatChange::Cleared { until_s });
    assert_eq!(commit(&storage, vec![cleared(102), cleared(103)]).await, [false, true]);
    assert_eq!(chat(&storage, "1@c.us").await.unwrap().unread, 0);
}

async fn ack_of(storage: &Arc<dyn Storage>, id: &str) -> i32 {
    let target = MessageRef {
        session: "default".to_owned(),
        id: id.to_owned(),
        from_me: Some(false),
        chat: Some("1@c.us".to_owned()),
    };
    storage.message(&target).await.unwrap().unwrap().ack
}

pub(crate) async fn two_names_become_one_person_and_one_chat(storage: Arc<dyn Storage>) {
    let hidden = at("7@lid", "A", 100);
    let saved = ContactUpdate {
        id: "1@c.us".to_owned(),
        name: Some("Ann Lee".to_owned()),
        saved: Some(true),
        ..ContactUpdate::default()
    };
    commit(&storage, vec![arrived(hidden), Change::Contact(saved)]).await;
    assert_eq!(ids(&storage, ChatQuery::default()).await, ["7@lid"]);
    let mut known = at("1@c.us", "B", 110);
    known.wire.chat_alt = Some("7@lid".to_owned());
    known.push_name = None;
    commit(&storage, vec![arrived(known)]).await;
    assert_eq!(ids(&storage, ChatQuery::default()).await, ["1@c.us"]);
    let row = chat(&storage, "1@c.us").await.unwrap();
    assert_eq!((row.unread, row.last_s, row.shown_name()), (2, 110, Some("Ann Lee")));
    let all = ContactQuery { limit: 10, ..ContactQuery::default() };
    assert_eq!(storage.contacts("default", all.clone()).await.unwrap().len(), 1);
    for name in ["1@c.us", "7@lid"] {
        let person = storage.contact("default", &[name.to_owned()]).await.unwrap().unwrap();
        assert_eq!((person.id.as_str(), person.lid.as_deref()), ("1@c.us", Some("7@lid")));
        assert_eq!((person.push_name.as_deref(), person.saved), (Some("Ann"), true));
    }
    // What comes under the LID from now on is of the same chat.
    commit(&storage, vec![arrived(at("7@lid", "C", 120))]).await;
    assert_eq!(chat(&storage, "1@c.us").await.unwrap().unread, 3);
    // The number changed: the LID goes with the person.
    let moved =
        ContactUpdate { id: "2@c.us".to_owned(), lid: Some("7@lid".to_owned()), ..ContactUpdate::default() };
    commit(&storage, vec![Change::Contact(moved)]).await;
    let person = storage.contact("default", &["7@lid".to_owned()]).await.unwrap().unwrap();
    assert_eq!(person.id, "2@c.us");
    assert_eq!(storage.contacts("default", all).await.unwrap().len(), 2);
}

pub(crate) async fn what_happens_to_a_chat_is_told_once(storage: Arc<dyn Storage>) {
    commit(&storage, vec![arrived(at("1@c.us", "A", 100))]).await;
    for (change, is_news) in [
        (ChatChange::Archived(true), true),
        (ChatChange::Archived(true), false),
        (ChatChange::Pinned(Some(5)), true),
        (ChatChange::Muted(Some(-1)), true),
        (ChatChange::Muted(Some(-1)), false),
        (ChatChange::Named { name: "Our group".to_owned(), at_s: 7 }, true),
        (ChatChange::Named { name: "Of before".to_owned(), at_s: 6 }, false),
    ] {
        let owner = own(&storage, "default").await;
        let outcome = owner.rows().commit(changed("1@c.us", change.clone()).into()).await.unwrap();
        assert_eq!(outcome.applied, [is_news], "{change:?}");
        assert_eq!(outcome.events.len(), usize::from(is_news), "{change:?}");
    }
    let row = chat(&storage, "1@c.us").await.unwrap();
    assert_eq!((row.archived, row.pinned_s, row.muted_until_ms), (true, Some(5), Some(-1)));
    assert_eq!(row.name.as_deref(), Some("Our group"));
    assert_eq!(commit(&storage, vec![changed("9@c.us", ChatChange::Muted(None))]).await, [true]);
    assert!(
        !ids(&storage, ChatQuery::default()).await.contains(&"9@c.us".to_owned()),
        "nothing was written in it"
    );
}

pub(crate) async fn a_chat_that_was_deleted_comes_back_with_its_next_message(storage: Arc<dyn Storage>) {
    let hidden = MessageRow { hidden: true, ..at("1@c.us", "R", 100) };
    let changes = vec![
        arrived(at("1@c.us", "A", 100)),
        arrived(at("7@lid", "B", 101)),
        arrived(hidden),
        arrived(at("1@c.us", "C", 105)),
        arrived(at("2@c.us", "D", 100)),
    ];
    commit(&storage, changes).await;
    let owner = own(&storage, "default").await;
    let names = || vec!["1@c.us".to_owned(), "7@lid".to_owned()];
    assert_eq!(owner.rows().clear_chat(names(), 101, 2).await.unwrap(), 2, "no more than was said");
    assert_eq!(owner.rows().clear_chat(names(), 101, 2).await.unwrap(), 1);
    assert_eq!(owner.rows().clear_chat(names(), 101, 2).await.unwrap(), 0);
    drop(owner);
    let all = MessageQuery { limit: 10, ..MessageQuery::default() };
    let left: Vec<_> =
        storage.messages("default", all).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(left, ["C", "D"], "what is newer stays, and other chats");
    let deleted = |until_s| changed("1@c.us", ChatChange::Deleted { until_s });
    assert_eq!(commit(&storage, vec![deleted(104)]).await, [false], "it was written in since");
    assert_eq!(commit(&storage, vec![deleted(105)]).await, [true]);
    assert_eq!(chat(&storage, "1@c.us").await, None);
    commit(&storage, vec![arrived(at("1@c.us", "E", 110))]).await;
    assert_eq!(chat(&storage, "1@c.us").await.unwrap().unread, 1);
}

fn past(done: i64, messages: Vec<MessageRow>, chats: Vec<PastChat>) -> Change {
    let contacts = vec![ContactUpdate {
        id: "1@c.us".to_owned(),
        push_name: Some("Ann of old".to_owned()),
        ..ContactUpdate::default()
    }];
    Change::Past(Box::new(PastStep { part: "part".to_owned(), done, chats, messages, contacts }))
}

pub(crate) async fn a_history_is_read_once_and_changes_nothing_newer(storage: Arc<dyn Storage>) {
    let live = MessageRow { push_name: Some("Ann".to_owned()), ..at("1@c.us", "LIVE", 500) };
    commit(&storage, vec![arrived(live.clone())]).await;
    let chat_of = |id: &str| PastChat {
        id: id.to_owned(),
        name: Some(format!("name of {id}")),
        last_s: 400,
        unread: 7,
        marked_unread: false,
        archived: true,
        pinned_s: Some(3),
        muted_until_ms: None,
    };
    let first = past(1, vec![at("2@c.us", "OLD", 400)], vec![chat_of("1@c.us"), chat_of("2@c.us")]);
    let second = past(2, vec![MessageRow { timestamp_s: 1, ..live }, at("2@c.us", "OLDER", 300)], Vec::new());
    assert_eq!(commit(&storage, vec![first.clone(), first, second]).await, [true, false, true]);
    assert_eq!(storage.history_done("default", "part").await.unwrap(), 2);
    let row = chat(&storage, "1@c.us").await.unwrap();
    assert_eq!((row.last_s, row.unread, row.archived), (500, 1, false), "what is newer stays");
    assert_eq!(row.name.as_deref(), Some("name of 1@c.us"));
    let row = chat(&storage, "2@c.us").await.unwrap();
    assert_eq!((row.last_s, row.unread, row.archived, row.pinned_s), (400, 7, true, Some(3)));
    let all = MessageQuery { limit: 10, ..MessageQuery::default() };
    let ids: Vec<_> = storage.messages("default", all).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, ["LIVE", "OLD", "OLDER"]);
    assert_eq!(commit(&storage, vec![Change::PastEnded { part: "part".to_owned() }]).await, [true]);
    assert_eq!(storage.history_done("default", "part").await.unwrap(), 0);
    assert!(storage.events_after("default", 0, 10).await.unwrap().is_empty(), "nobody is told");
}

pub(crate) async fn a_history_is_begun_a_few_times_alone(storage: Arc<dyn Storage>) {
    let begun = || Change::PastBegun { part: "part".to_owned(), most: 2 };
    assert_eq!(commit(&storage, vec![begun(), begun(), begun()]).await, [true, true, false]);
    assert_eq!(storage.history_done("default", "part").await.unwrap(), 0);
    let step = past(1, Vec::new(), Vec::new());
    assert_eq!(commit(&storage, vec![step, begun(), begun(), begun()]).await, [true, true, true, false]);
    assert_eq!(storage.history_done("default", "part").await.unwrap(), 1);
}

pub(crate) async fn a_history_may_say_little_or_too_much(storage: Arc<dyn Storage>) {
    let chat_of = |id: &str, name: &str, last_s: i64| PastChat {
        id: id.to_owned(),
        name: Some(name.to_owned()),
        last_s,
        unread: u32::MAX,
        marked_unread: false,
        archived: false,
        pinned_s: None,
        muted_until_ms: None,
    };
    let named = ChatChange::Named { name: "New".to_owned(), at_s: 450 };
    let changes = vec![
        changed("1@g.us", named),
        past(1, Vec::new(), vec![chat_of("1@g.us", "Old", 400), chat_of("2@c.us", "Ben", 0)]),
        past(2, vec![at("2@c.us", "A", 300), at("2@c.us", "B", 200)], Vec::new()),
        arrived(at("1@g.us", "C", 500)),
        arrived(at("2@c.us", "D", 310)),
    ];
    commit(&storage, changes).await;
    let row = chat(&storage, "1@g.us").await.unwrap();
    assert_eq!((row.name.as_deref(), row.unread), (Some("New"), 1_000_000), "an old name replaces none");
    let row = chat(&storage, "2@c.us").await.unwrap();
    assert_eq!((row.last_s, row.unread), (310, 1_000_000), "when its messages were written");
    assert_eq!(ids(&storage, ChatQuery::default()).await, ["2@c.us", "1@g.us"]);
    commit(&storage, vec![past(3, Vec::new(), vec![chat_of("1@g.us", "Newer", 600)])]).await;
    assert_eq!(chat(&storage, "1@g.us").await.unwrap().name.as_deref(), Some("Newer"));
}

pub(crate) async fn chats_and_people_are_listed_in_an_order(storage: Arc<dyn Storage>) {
    let named = |id: &str, name: &str| {
        let name = Some(name.to_owned());
        Change::Contact(ContactUpdate { id: id.to_owned(), name, ..ContactUpdate::default() })
    };
    let nameless = |row: MessageRow| MessageRow { push_name: None, ..row };
    let changes = vec![
        arrived(at("1@c.us", "A", 300)),
        arrived(at("2@c.us", "B", 100)),
        arrived(nameless(at("3@c.us", "C", 200))),
        named("1@c.us", "zoe"),
        named("2@c.us", "Bea"),
    ];
    commit(&storage, changes).await;
    let newest = ChatQuery { descending: true, ..ChatQuery::default() };
    assert_eq!(ids(&storage, newest.clone()).await, ["1@c.us", "3@c.us", "2@c.us"]);
    assert_eq!(ids(&storage, ChatQuery { offset: 1, ..newest }).await, ["3@c.us", "2@c.us"]);
    let by_id = ChatQuery { order: ChatOrder::Id, ..ChatQuery::default() };
    assert_eq!(ids(&storage, by_id).await, ["1@c.us", "2@c.us", "3@c.us"]);
    let by_name = ChatQuery { order: ChatOrder::Name, ..ChatQuery::default() };
    assert_eq!(ids(&storage, by_name.clone()).await, ["2@c.us", "1@c.us", "3@c.us"]);
    let reverse = ChatQuery { descending: true, ..by_name };
    assert_eq!(ids(&storage, reverse).await, ["1@c.us", "2@c.us", "3@c.us"], "without a name: last");
    let two = ChatQuery { ids: vec!["3@c.us".to_owned(), "2@c.us".to_owned()], ..ChatQuery::default() };
    assert_eq!(ids(&storage, two).await, ["2@c.us", "3@c.us"]);
    let people = |by_name, descending| ContactQuery { by_name, descending, limit: 2, offset: 0 };
    for (query, expected) in [
        (people(false, false), ["1@c.us", "2@c.us"]),
        (people(false, true), ["3@c.us", "2@c.us"]),
        (people(true, false), ["2@c.us", "1@c.us"]),
    ] {
        let rows = storage.contacts("default", query).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), expected);
    }
}
