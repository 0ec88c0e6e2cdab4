use std::sync::Arc;

use super::{event, lane_of, lanes, own, pending};
use crate::{AccountChange, AccountRow, Change, DeadLetterQuery, DeliveryRecord, NewEvent, Storage, Verdict};

async fn record(storage: &Arc<dyn Storage>, delivery: i64, verdict: Verdict) {
    let record = DeliveryRecord { delivery, attempt: None, verdict, now_ms: 2000 };
    storage.record_deliveries(vec![record]).await.unwrap();
}

async fn commit(storage: &Arc<dyn Storage>, events: &[(&str, &str)]) {
    let events = events.iter().map(|(chat, id)| event(chat, id, &["a"])).collect();
    own(storage, "default").await.rows().commit(Change::Events(events).into()).await.unwrap();
}

async fn ids(storage: &Arc<dyn Storage>, chat: &str) -> Vec<String> {
    let items = storage.lane_items(&lane_of("a", chat), 10).await.unwrap();
    items.into_iter().map(|item| item.event_id).collect()
}

/// When the lane of a chat may go on, and whether it gave a row up.
async fn state(storage: &Arc<dyn Storage>, chat: &str) -> Option<(Option<i64>, bool)> {
    let found = lanes(storage, "a").await.into_iter().find(|lane| lane.key == lane_of("a", chat));
    found.map(|lane| (lane.next_attempt_ms, lane.gave_up))
}

pub(crate) async fn rows_keep_their_order_and_lanes_their_distance(storage: Arc<dyn Storage>) {
    let elsewhere = NewEvent { session: "other".to_owned(), ..event("c", "o1", &["a"]) };
    commit(&storage, &[("c", "e1"), ("d", "e2"), ("c", "e3"), ("c", "e4")]).await;
    own(&storage, "other").await.rows().commit(Change::Events(vec![elsewhere]).into()).await.unwrap();
    assert_eq!(lanes(&storage, "a").await.len(), 3, "one for each session and chat");
    assert_eq!((ids(&storage, "c").await, ids(&storage, "d").await.len()), (own_ids(&["e1", "e3", "e4"]), 1));
    // A head that waits holds up its own lane, later events included, and no other.
    let delivery = storage.lane_items(&lane_of("a", "c"), 1).await.unwrap()[0].id;
    record(&storage, delivery, Verdict::Retry { next_attempt_ms: 8000 }).await;
    commit(&storage, &[("c", "e5")]).await;
    assert_eq!(state(&storage, "c").await, Some((Some(8000), false)));
    assert_eq!(state(&storage, "d").await, Some((None, false)));
    record(&storage, delivery, Verdict::Delivered).await;
    assert_eq!(state(&storage, "c").await, Some((None, false)));
    assert_eq!(ids(&storage, "c").await, ["e3", "e4", "e5"]);
}

fn own_ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

pub(crate) async fn a_late_outcome_for_a_settled_lane_is_ignored(storage: Arc<dyn Storage>) {
    commit(&storage, &[("c", "e1")]).await;
    let delivery = pending(&storage, "a").await[0].id;
    storage.abandon_subscription("a", "removed", 2000).await.unwrap();
    record(&storage, delivery, Verdict::Retry { next_attempt_ms: 9000 }).await;
    commit(&storage, &[("c", "e2")]).await;
    let dead = Verdict::Dead { reason: String::new(), exhausted: true, next_attempt_ms: 9000 };
    record(&storage, delivery, dead).await;
    assert_eq!(state(&storage, "c").await, Some((None, false)), "what comes later is not held up by it");
}

pub(crate) async fn giving_up_is_remembered_until_a_success(storage: Arc<dyn Storage>) {
    commit(&storage, &[("c", "e1"), ("c", "e2"), ("d", "x"), ("c", "e3"), ("c", "e4"), ("c", "e5")]).await;
    let dead = |exhausted| Verdict::Dead { reason: String::new(), exhausted, next_attempt_ms: 2500 };
    for (verdict, expected) in [
        (dead(false), (Some(2500), false)),
        (dead(true), (Some(2500), true)),
        (dead(false), (Some(2500), true)),
        (Verdict::Delivered, (None, false)),
    ] {
        let delivery = storage.lane_items(&lane_of("a", "c"), 1).await.unwrap()[0].id;
        record(&storage, delivery, verdict).await;
        assert_eq!(state(&storage, "c").await, Some(expected));
    }
    assert_eq!(state(&storage, "d").await, Some((None, false)), "another chat knows nothing of it");
}

/// What is owed of a former account's events comes before those of the present one.
pub(crate) async fn a_lane_outlives_a_change_of_accounts(storage: Arc<dyn Storage>) {
    let account = |id: &str| AccountRow { id: id.to_owned(), lid: None };
    commit(&storage, &[("c", "e1"), ("c", "e2")]).await;
    let change =
        AccountChange { former: account("a"), present: account("b"), reason: String::new(), now_ms: 1 };
    own(&storage, "default").await.rows().change_account(change).await.unwrap();
    commit(&storage, &[("c", "e3")]).await;
    assert_eq!(lanes(&storage, "a").await.len(), 1);
    assert_eq!(ids(&storage, "c").await, ["e1", "e2", "e3"]);
    for (ended, next) in [(0, 3000), (1, 4000)] {
        let delivery = storage.lane_items(&lane_of("a", "c"), 1).await.unwrap()[0].id;
        let dead = Verdict::Dead { reason: String::new(), exhausted: true, next_attempt_ms: next };
        record(&storage, delivery, dead).await;
        assert_eq!(state(&storage, "c").await, Some((Some(next), true)), "{ended}");
    }
    assert_eq!(ids(&storage, "c").await, ["e3"]);
}

pub(crate) async fn a_replay_ends_the_waiting_of_its_lane(storage: Arc<dyn Storage>) {
    commit(&storage, &[("c", "e1"), ("c", "e2")]).await;
    let delivery = pending(&storage, "a").await[0].id;
    let dead = Verdict::Dead { reason: String::new(), exhausted: true, next_attempt_ms: 9000 };
    record(&storage, delivery, dead).await;
    assert_eq!(state(&storage, "c").await, Some((Some(9000), true)));
    let everything = DeadLetterQuery { limit: 10, ..DeadLetterQuery::default() };
    assert_eq!(storage.replay_dead_letters(everything).await.unwrap(), [lane_of("a", "c")]);
    assert_eq!(state(&storage, "c").await, Some((None, false)));
    assert_eq!(ids(&storage, "c").await, ["e1", "e2"]);
}
