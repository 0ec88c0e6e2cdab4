use std::sync::Arc;

use futures::future::join_all;

use super::sends::send;
use super::{all_events, event, lane_of, message, own};
use crate::{
    Change, CommitBatch, CommitOutcome, Described, MessageQuery, MessageRef, MessageRow, MessageUpdate,
    NewEvent, SendState, Storage, StorageError, Tell, WireKey,
};

fn target(id: &str) -> MessageRef {
    MessageRef { session: "default".to_owned(), id: id.to_owned(), from_me: None, chat: None }
}

fn arrives(row: MessageRow, event_id: &str) -> Change {
    let events = vec![event(&row.chat, event_id, &["hook"])];
    Change::Message { row: Box::new(row), updates: vec![], events }
}

pub(crate) async fn a_message_is_kept_whole(storage: Arc<dyn Storage>) {
    let some = |text: &str| Some(text.to_owned());
    let row = MessageRow {
        participant: "p".to_owned(),
        from_api: true,
        wire: WireKey {
            chat: "1@s.whatsapp.net".to_owned(),
            chat_alt: some("2@lid"),
            participant: some("3@lid"),
            participant_alt: some("4@s.whatsapp.net"),
        },
        target: some("true_c_T"),
        described: Described {
            body: some("text"),
            mimetype: some("image/png"),
            filename: some("a.png"),
            reply_participant: some("5@c.us"),
            reply_body: some("the question"),
        },
        reply_to: some("Q1"),
        ..message("c", "M1")
    };
    own(&storage, "default").await.rows().commit(arrives(row.clone(), "e1").into()).await.unwrap();
    assert!(storage.message(&target("M1")).await.unwrap() == Some(row));
}

pub(crate) async fn a_redelivered_message_makes_no_second_event(storage: Arc<dyn Storage>) {
    let first =
        own(&storage, "default").await.rows().commit(arrives(message("c", "M1"), "e1").into()).await.unwrap();
    assert_eq!(first.applied, [true]);
    assert_eq!(first.lanes, [lane_of("hook", "c")]);
    assert_eq!(first.events[0].id, "e1");
    let again =
        own(&storage, "default").await.rows().commit(arrives(message("c", "M1"), "e2").into()).await.unwrap();
    assert_eq!(again.applied, [false]);
    assert!(again.events.is_empty() && again.lanes.is_empty());
    // The same stanza id from another sender, or in the other direction, is another message.
    let others = vec![
        arrives(MessageRow { participant: "p".to_owned(), ..message("c", "M1") }, "e3"),
        arrives(MessageRow { from_me: true, ..message("c", "M1") }, "e4"),
        arrives(message("d", "M1"), "e5"),
    ];
    assert_eq!(own(&storage, "default").await.rows().commit(others.into()).await.unwrap().applied, [true; 3]);
    let ids: Vec<_> = all_events(&storage).await.into_iter().map(|event| event.id).collect();
    assert_eq!(ids, ["e1", "e3", "e4", "e5"]);
    assert_eq!(storage.event("e3").await.unwrap().unwrap().rest, "rest of e3");
    assert!(storage.event("e2").await.unwrap().is_none());
}

pub(crate) async fn acks_only_rise(storage: Arc<dyn Storage>) {
    own(&storage, "default")
        .await
        .rows()
        .commit(arrives(MessageRow { from_me: true, ..message("c", "M1") }, "e1").into())
        .await
        .unwrap();
    let ack = |ack: i32, event_id: &str| -> CommitBatch {
        Change::Ack { target: target("M1"), ack, events: vec![event("c", event_id, &[])] }.into()
    };
    for (level, event_id, rises) in [(1, "a1", true), (3, "a3", true), (2, "a2", false), (3, "b3", false)] {
        assert_eq!(
            own(&storage, "default").await.rows().commit(ack(level, event_id)).await.unwrap().applied,
            [rises],
            "ack {level}"
        );
    }
    assert_eq!(storage.message(&target("M1")).await.unwrap().unwrap().ack, 3);
    let ids: Vec<_> = all_events(&storage).await.into_iter().map(|event| event.id).collect();
    assert_eq!(ids, ["e1", "a1", "a3"]);
    assert_eq!(
        own(&storage, "default").await.rows().commit(ack(-1, "late")).await.unwrap().applied,
        [false],
        "too late to fail"
    );
    own(&storage, "default").await.rows().commit(arrives(message("c", "M2"), "e2").into()).await.unwrap();
    let refused = Change::Ack { target: target("M2"), ack: -1, events: vec![] };
    assert_eq!(own(&storage, "default").await.rows().commit(refused.into()).await.unwrap().applied, [true]);
    let unknown = Change::Ack { target: target("M9"), ack: 1, events: vec![event("c", "a9", &[])] };
    assert_eq!(own(&storage, "default").await.rows().commit(unknown.into()).await.unwrap().applied, [false]);
}

pub(crate) async fn receipts_tell_of_their_message(storage: Arc<dyn Storage>) {
    let owner = own(&storage, "default").await;
    let rows = owner.rows();
    rows.commit(arrives(MessageRow { from_me: true, ack: 1, ..message("c", "M1") }, "e1").into())
        .await
        .unwrap();
    let receipt = |id: &str, ack: i32, session: &'static str| -> CommitBatch {
        let tell: Tell = Arc::new(move |row: &MessageRow| {
            let told = event(&row.chat, &format!("{} {} to {ack}", row.id, row.ack), &["hook"]);
            vec![NewEvent { session: session.to_owned(), ..told }]
        });
        Change::Receipt { target: target(id), ack, tell }.into()
    };
    for (ack, rises) in [(3, true), (2, false), (3, false), (4, true)] {
        let outcome = rows.commit(receipt("M1", ack, "default")).await.unwrap();
        assert_eq!((outcome.applied, outcome.lanes.len()), (vec![rises], usize::from(rises)), "ack {ack}");
    }
    assert_eq!(rows.commit(receipt("M9", 3, "default")).await.unwrap().applied, [false]);
    let ids: Vec<_> = all_events(&storage).await.into_iter().map(|event| event.id).collect();
    assert_eq!(ids, ["e1", "M1 1 to 3", "M1 3 to 4"]);
    rows.commit(arrives(MessageRow { from_me: true, ack: 1, ..message("c", "M2") }, "e2").into())
        .await
        .unwrap();
    assert!(rows.commit(receipt("M2", 2, "other")).await.is_err(), "an event of another session");
    assert_eq!(storage.message(&target("M2")).await.unwrap().unwrap().ack, 1, "nothing of it is stored");
}

pub(crate) async fn what_is_stored_soon_is_read_at_once(storage: Arc<dyn Storage>) {
    let owner = own(&storage, "default").await;
    let rows = owner.rows();
    let (heard, mut outcomes) = tokio::sync::mpsc::unbounded_channel();
    let done = || {
        let heard = heard.clone();
        move |outcome: Result<CommitOutcome, StorageError>| heard.send(outcome).unwrap()
    };
    rows.begin_send(send(Some("k"), "M1")).await.unwrap();
    let sent = arrives(MessageRow { from_me: true, ack: 1, ..message("c", "M1") }, "e1");
    let acked = Change::Send { message_id: "M1".to_owned(), state: SendState::Acked, error: None, now_ms: 7 };
    rows.commit_soon(vec![sent, acked].into(), done()).await.unwrap();
    assert_eq!(storage.send_by_key("default", "k").await.unwrap().unwrap().state, SendState::Acked);
    for (id, ack) in [("e2", 2), ("e3", 3)] {
        let raised = Change::Ack { target: target("M1"), ack, events: vec![event("c", id, &[])] };
        rows.commit_soon(raised.into(), done()).await.unwrap();
    }
    assert_eq!(storage.message(&target("M1")).await.unwrap().unwrap().ack, 3);
    for id in ["e1", "e2", "e3"] {
        let events = outcomes.recv().await.unwrap().unwrap().events;
        assert_eq!(events.iter().map(|event| &event.id).collect::<Vec<_>>(), [id], "one after the other");
    }
    let again = arrives(message("c", "M3"), "e4");
    rows.commit_soon(again.clone().into(), done()).await.unwrap();
    drop(owner);
    assert!(storage.message(&target("M3")).await.unwrap().is_none());
    assert!(matches!(outcomes.recv().await.unwrap(), Err(StorageError::NotOwner { .. })));
    rows.commit_soon(again.into(), done()).await.unwrap();
    assert!(matches!(outcomes.recv().await.unwrap(), Err(StorageError::NotOwner { .. })));
}

pub(crate) async fn edits_and_revokes_change_what_is_stored(storage: Arc<dyn Storage>) {
    own(&storage, "default")
        .await
        .rows()
        .commit(vec![arrives(message("c", "M1"), "e1"), arrives(message("c", "M2"), "e2")].into())
        .await
        .unwrap();
    let edit = Change::Message {
        row: Box::new(MessageRow { kind: "edit".to_owned(), hidden: true, ..message("c", "E1") }),
        updates: vec![
            MessageUpdate::Edited { target: target("M1"), proto: Some(vec![9]), body: None },
            MessageUpdate::Edited { target: target("M2"), proto: None, body: Some("new".to_owned()) },
            MessageUpdate::Revoked { target: target("M2") },
        ],
        events: vec![],
    };
    own(&storage, "default").await.rows().commit(edit.into()).await.unwrap();
    let edited = storage.message(&target("M1")).await.unwrap().unwrap();
    assert!(edited.edited && !edited.revoked && edited.described.body.is_none() && edited.proto == [9]);
    let revoked = storage.message(&target("M2")).await.unwrap().unwrap();
    assert!(revoked.revoked && revoked.proto == [1, 2, 3]);
    assert_eq!(revoked.described.body.as_deref(), Some("new"));
    let listed =
        storage.messages("default", MessageQuery { limit: 10, ..MessageQuery::default() }).await.unwrap();
    assert_eq!(listed.len(), 2, "the edit itself is not listed");
    let other_chat = MessageRef { chat: Some("d".to_owned()), ..target("M1") };
    assert!(storage.message(&other_chat).await.unwrap().is_none());
}

pub(crate) async fn a_failing_batch_leaves_nothing(storage: Arc<dyn Storage>) {
    own(&storage, "default").await.rows().commit(arrives(message("c", "M1"), "e1").into()).await.unwrap();
    // An event id that is taken fails the batch half-way.
    let bad = vec![arrives(message("c", "M2"), "e2"), arrives(message("c", "M3"), "e1")];
    let good = arrives(message("c", "M4"), "e4");
    let owner = own(&storage, "default").await;
    let rows = owner.rows();
    let (bad, good) = tokio::join!(rows.commit(bad.into()), rows.commit(good.into()));
    assert!(bad.is_err());
    assert_eq!(good.unwrap().applied, [true], "a neighbour in the same disk sync is untouched");
    assert!(storage.message(&target("M2")).await.unwrap().is_none());
    assert!(storage.message(&target("M4")).await.unwrap().is_some());
    assert_eq!(all_events(&storage).await.len(), 2);
    assert_eq!(storage.outbox_counts().await.unwrap().pending, 2);
}

pub(crate) async fn concurrent_commits_all_land(storage: Arc<dyn Storage>) {
    let owner = own(&storage, "default").await;
    let commits = (0..500).map(|n| {
        let rows = owner.rows();
        async move { rows.commit(arrives(message("c", &format!("M{n}")), &format!("e{n}")).into()).await }
    });
    let mut seqs: Vec<i64> =
        join_all(commits).await.into_iter().map(|outcome| outcome.unwrap().events[0].seq).collect();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 500);
    assert_eq!(all_events(&storage).await.len(), 500);
    let page = storage.events_after("default", seqs[9], 5).await.unwrap();
    assert_eq!(page.iter().map(|event| event.seq).collect::<Vec<_>>(), seqs[10..15]);
    assert!(storage.events_after("other", 0, 5).await.unwrap().is_empty());
}

pub(crate) async fn pages_and_filters(storage: Arc<dyn Storage>) {
    let changes: Vec<_> = (0..10)
        .map(|n| {
            let row = MessageRow {
                timestamp_s: 100 + n / 2,
                from_me: n % 2 == 0,
                ..message(if n < 8 { "pn" } else { "lid" }, &format!("M{n}"))
            };
            arrives(row, &format!("e{n}"))
        })
        .collect();
    own(&storage, "default").await.rows().commit(changes.into()).await.unwrap();
    let ids = |query: MessageQuery| {
        let storage = Arc::clone(&storage);
        async move {
            let rows = storage.messages("default", query).await.unwrap();
            rows.into_iter().map(|row| row.id).collect::<Vec<_>>().join(" ")
        }
    };
    let all = || MessageQuery { limit: 100, ..MessageQuery::default() };
    assert_eq!(ids(all()).await, "M9 M8 M7 M6 M5 M4 M3 M2 M1 M0");
    let chats = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    assert_eq!(ids(MessageQuery { chats: chats(&["lid"]), ..all() }).await, "M9 M8");
    assert_eq!(
        ids(MessageQuery { chats: chats(&["lid", "pn"]), limit: 3, offset: 1, ..all() }).await,
        "M8 M7 M6"
    );
    assert_eq!(ids(MessageQuery { from_s: Some(102), until_s: Some(103), ..all() }).await, "M7 M6 M5 M4");
    assert_eq!(ids(MessageQuery { from_me: Some(true), limit: 2, ..all() }).await, "M8 M6");
    assert_eq!(ids(MessageQuery { ack: Some(1), ..all() }).await, "");
}
