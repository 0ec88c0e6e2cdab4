use std::sync::Arc;

use super::{all_events, event, lane_of, lanes, own, pending};
use crate::{
    AttemptRow, Change, DeadLetterQuery, DeliveryRecord, Desired, OutboxCounts, Pruned, Retention,
    SecondName, SessionRow, Storage, Verdict,
};

fn attempt(number: u32) -> AttemptRow {
    AttemptRow { number, started_ms: 2000, duration_ms: 5, status: Some(500), error: Some("no".to_owned()) }
}

async fn commit_events(storage: &Arc<dyn Storage>, ids: &[&str], subscriptions: &[&str]) {
    let events = ids.iter().map(|id| event("c", id, subscriptions)).collect();
    own(storage, "default").await.rows().commit(Change::Events(events).into()).await.unwrap();
}

/// Ends (or not) the first delivery of the subscription's only lane.
async fn judge(storage: &Arc<dyn Storage>, subscription: &str, number: u32, verdict: Verdict, now_ms: i64) {
    let delivery = pending(storage, subscription).await.remove(0).id;
    let record = DeliveryRecord { delivery, attempt: Some(attempt(number)), verdict, now_ms };
    storage.record_deliveries(vec![record]).await.unwrap();
}

fn dead(next_attempt_ms: i64) -> Verdict {
    Verdict::Dead { reason: "gave up".to_owned(), exhausted: true, next_attempt_ms }
}

pub(crate) async fn an_event_of_two_names_is_stored_once_and_owed_under_each(storage: Arc<dyn Storage>) {
    let also = SecondName {
        id: "e1-any".to_owned(),
        name: "message.any".to_owned(),
        subscriptions: vec!["a".to_owned(), "b".to_owned()],
    };
    let both = crate::NewEvent { also: Some(also), ..event("c", "e1", &["a"]) };
    let outcome =
        own(&storage, "default").await.rows().commit(Change::Events(vec![both]).into()).await.unwrap();
    assert_eq!(outcome.lanes, [lane_of("a", "c"), lane_of("b", "c")]);
    assert_eq!(outcome.events[0].seq, outcome.events[1].seq);
    assert!(all_events(&storage).await == outcome.events);
    for (id, name) in [("e1", "message"), ("e1-any", "message.any")] {
        let found = storage.event(id).await.unwrap().unwrap();
        assert_eq!((found.id.as_str(), found.name.as_str(), found.rest.as_str()), (id, name, "rest of e1"));
    }
    let names = |subscription: &'static str| {
        let storage = Arc::clone(&storage);
        async move {
            pending(&storage, subscription).await.into_iter().map(|item| item.event_id).collect::<Vec<_>>()
        }
    };
    assert_eq!(names("a").await, ["e1", "e1-any"]);
    assert_eq!(names("b").await, ["e1-any"]);
    judge(&storage, "a", 1, Verdict::Delivered, 2000).await;
    assert_eq!(names("a").await, ["e1-any"]);
    judge(&storage, "b", 1, dead(3000), 3000).await;
    let which =
        DeadLetterQuery { event_id: Some("e1-any".to_owned()), limit: 10, ..DeadLetterQuery::default() };
    let letters = storage.dead_letters(which.clone()).await.unwrap();
    assert_eq!((letters.len(), letters[0].name.as_str()), (1, "message.any"));
    let first = DeadLetterQuery { event_id: Some("e1".to_owned()), ..which.clone() };
    assert!(storage.dead_letters(first).await.unwrap().is_empty());
    assert_eq!(storage.attempts("e1-any", "b").await.unwrap(), [attempt(1)]);
    assert_eq!(storage.replay_dead_letters(which).await.unwrap(), [lane_of("b", "c")]);
}

pub(crate) async fn what_was_delivered_is_not_kept(storage: Arc<dyn Storage>) {
    commit_events(&storage, &["e1"], &["a"]).await;
    judge(&storage, "a", 1, Verdict::Retry { next_attempt_ms: 1 }, 2000).await;
    assert_eq!(storage.attempts("e1", "a").await.unwrap().len(), 1);
    judge(&storage, "a", 2, Verdict::Delivered, 3000).await;
    assert!(storage.attempts("e1", "a").await.unwrap().is_empty());
    assert!(storage.event("e1").await.unwrap().is_some(), "the event stays, for those who read the log");
    assert_eq!(storage.outbox_counts().await.unwrap(), OutboxCounts { pending: 0, dead: 0 });
}

pub(crate) async fn outcomes_are_stored_together_in_their_order(storage: Arc<dyn Storage>) {
    commit_events(&storage, &["e1", "e2", "e3", "e4"], &["a"]).await;
    let ids: Vec<i64> = pending(&storage, "a").await.into_iter().map(|item| item.id).collect();
    let record = |delivery, verdict| DeliveryRecord { delivery, attempt: None, verdict, now_ms: 2000 };
    // What was given up marks the next one, which is delivered, and so the one after that knows nothing of it.
    let records = vec![
        record(ids[0], dead(3000)),
        record(ids[1], Verdict::Delivered),
        record(ids[2], Verdict::Retry { next_attempt_ms: 5000 }),
    ];
    storage.record_deliveries(records).await.unwrap();
    let left: Vec<String> = pending(&storage, "a").await.into_iter().map(|item| item.event_id).collect();
    assert_eq!(left, ["e3", "e4"]);
    let lane = lanes(&storage, "a").await.remove(0);
    assert_eq!((lane.next_attempt_ms, lane.gave_up), (Some(5000), false));
    assert_eq!(storage.outbox_counts().await.unwrap(), OutboxCounts { pending: 2, dead: 1 });
}

pub(crate) async fn a_delivery_ends_its_lane(storage: Arc<dyn Storage>) {
    commit_events(&storage, &["e1"], &["a", "b"]).await;
    assert_eq!((lanes(&storage, "a").await.len(), lanes(&storage, "b").await.len()), (1, 1));
    judge(&storage, "a", 1, Verdict::Delivered, 2000).await;
    assert_eq!((lanes(&storage, "a").await.len(), lanes(&storage, "b").await.len()), (0, 1));
    assert_eq!(storage.outbox_counts().await.unwrap(), OutboxCounts { pending: 1, dead: 0 });
    assert!(storage.lane_items(&lane_of("a", "c"), 10).await.unwrap().is_empty());
}

pub(crate) async fn retries_wait_and_keep_their_attempts(storage: Arc<dyn Storage>) {
    commit_events(&storage, &["e1"], &["a"]).await;
    assert_eq!(lanes(&storage, "a").await[0].next_attempt_ms, None);
    for number in 1..=25 {
        judge(&storage, "a", number, Verdict::Retry { next_attempt_ms: 5000 }, 2000).await;
    }
    assert_eq!(lanes(&storage, "a").await[0].next_attempt_ms, Some(5000));
    assert_eq!(pending(&storage, "a").await[0].attempts, 25);
    let kept = storage.attempts("e1", "a").await.unwrap();
    assert_eq!(kept.len(), 20, "attempts are bounded");
    assert_eq!(kept.last(), Some(&attempt(25)));
}

pub(crate) async fn dead_letters_are_listed_paged_and_replayed(storage: Arc<dyn Storage>) {
    commit_events(&storage, &["e1", "e2"], &["a", "b"]).await;
    for (subscription, reason_at) in [("a", 2000), ("b", 3000)] {
        judge(&storage, subscription, 1, dead(reason_at), reason_at).await;
        judge(&storage, subscription, 1, dead(reason_at), reason_at).await;
    }
    let list = |query: DeadLetterQuery| {
        let storage = Arc::clone(&storage);
        async move { storage.dead_letters(query).await.unwrap() }
    };
    let all = || DeadLetterQuery { limit: 10, ..DeadLetterQuery::default() };
    let letters = list(all()).await;
    assert_eq!(letters.len(), 4);
    assert_eq!((letters[0].event_id.as_str(), letters[0].subscription.as_str()), ("e1", "a"));
    assert_eq!((letters[0].reason.as_str(), letters[0].dead_ms, letters[0].attempts), ("gave up", 2000, 1));
    assert_eq!((letters[0].rest.as_str(), letters[0].timestamp_ms), ("rest of e1", 1000));
    let page = list(DeadLetterQuery { after: letters[0].id, limit: 2, ..all() }).await;
    assert!(page == letters[1..3]);
    assert_eq!(list(DeadLetterQuery { session: Some("x".to_owned()), ..all() }).await.len(), 0);
    assert_eq!(list(DeadLetterQuery { session: Some("default".to_owned()), ..all() }).await.len(), 4);

    let one =
        DeadLetterQuery { event_id: Some("e2".to_owned()), subscription: Some("a".to_owned()), ..all() };
    assert_eq!(storage.replay_dead_letters(one).await.unwrap(), [lane_of("a", "c")]);
    // An earlier event replayed later still goes first.
    let rest = DeadLetterQuery { subscription: Some("a".to_owned()), ..all() };
    assert_eq!(storage.replay_dead_letters(rest).await.unwrap(), [lane_of("a", "c")]);
    assert_eq!(storage.outbox_counts().await.unwrap(), OutboxCounts { pending: 2, dead: 2 });
    let items = pending(&storage, "a").await;
    assert_eq!(
        items.iter().map(|item| (item.event_id.as_str(), item.attempts)).collect::<Vec<_>>(),
        [("e1", 0), ("e2", 0)]
    );
}

pub(crate) async fn abandoning_settles_everything(storage: Arc<dyn Storage>) {
    let session = SessionRow {
        name: "default".to_owned(),
        config_json: "{}".to_owned(),
        desired: Desired::Started,
        created_ms: 1,
        updated_ms: 1,
        me_json: None,
        status: None,
    };
    own(&storage, "default").await.rows().put_session(session).await.unwrap();
    let gone = crate::NewEvent { session: "gone".to_owned(), ..event("c", "e9", &["a"]) };
    own(&storage, "gone").await.rows().commit(Change::Events(vec![gone]).into()).await.unwrap();
    own(&storage, "default")
        .await
        .rows()
        .commit(Change::Events(vec![event("c", "e1", &["a", "b"]), event("d", "e2", &["a"])]).into())
        .await
        .unwrap();
    assert_eq!(storage.abandon_subscription("a", "removed", 5000).await.unwrap(), 3);
    assert_eq!((lanes(&storage, "a").await.len(), lanes(&storage, "b").await.len()), (0, 1));
    let letters =
        storage.dead_letters(DeadLetterQuery { limit: 10, ..DeadLetterQuery::default() }).await.unwrap();
    let ids: Vec<_> = letters.iter().map(|letter| letter.event_id.as_str()).collect();
    assert_eq!(ids, ["e1", "e2"], "a deleted session leaves no dead letters");
    assert_eq!(letters[0].reason, "removed");
    assert_eq!(storage.abandon_subscription("a", "removed", 5000).await.unwrap(), 0);
}

pub(crate) async fn pruning_forgets_the_old_only(storage: Arc<dyn Storage>) {
    commit_events(&storage, &["e1", "e2", "e3", "e4"], &["a"]).await;
    judge(&storage, "a", 1, Verdict::Delivered, 2000).await;
    judge(&storage, "a", 1, dead(3000), 3000).await;
    judge(&storage, "a", 1, Verdict::Delivered, 9000).await;
    let retention = |delivered_before_ms, dead_before_ms| Retention {
        delivered_before_ms,
        dead_before_ms,
        sends_before_ms: 0,
        limit: 100,
    };
    let left = || async { all_events(&storage).await.into_iter().map(|event| event.id).collect::<Vec<_>>() };
    assert_eq!(storage.prune(retention(1000, 1000)).await.unwrap(), Pruned::default());
    assert!(storage.prune(retention(5000, 1000)).await.unwrap().rows > 0);
    assert_eq!(left().await, ["e2", "e4"], "e2 is a dead letter, e4 pending");
    assert!(storage.prune(retention(10_000, 10_000)).await.unwrap().rows > 0);
    assert_eq!(left().await, ["e4"]);
    assert_eq!(storage.outbox_counts().await.unwrap(), OutboxCounts { pending: 1, dead: 0 });
}
