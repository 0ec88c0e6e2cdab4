use std::sync::Arc;

use super::{event, own};
use crate::{Change, DeliveryRecord, NewEvent, Storage, Verdict};

async fn record(storage: &Arc<dyn Storage>, lane: i64, delivery: i64, verdict: Verdict) {
    storage
        .record_delivery(DeliveryRecord { lane, delivery, attempt: None, verdict, now_ms: 2000 })
        .await
        .unwrap();
}

pub(crate) async fn rows_keep_their_order_and_lanes_their_distance(storage: Arc<dyn Storage>) {
    let other_session = NewEvent { session: "other".to_owned(), ..event("c", "o1", &["a"]) };
    let events = vec![
        event("c", "e1", &["a"]),
        event("d", "e2", &["a"]),
        event("c", "e3", &["a"]),
        event("c", "e4", &["a"]),
    ];
    own(&storage, "default").await.rows().commit(Change::Events(events).into()).await.unwrap();
    own(&storage, "other").await.rows().commit(Change::Events(vec![other_session]).into()).await.unwrap();
    let lanes = storage.due_lanes("a", 1000, 10).await.unwrap();
    assert_eq!(lanes.len(), 3, "one for each session and chat");
    let mut first = None;
    for lane in &lanes {
        let items = storage.lane_items(lane.id, 10).await.unwrap();
        let ids: Vec<_> = items.iter().map(|item| item.event_id.as_str()).collect();
        match (lane.session.as_str(), ids.as_slice()) {
            ("other", ["o1"]) | ("default", ["e2"]) => {}
            ("default", ["e1", "e3", "e4"]) => first = Some((lane.id, items[0].id)),
            odd => panic!("{odd:?}"),
        }
    }
    let (lane, delivery) = first.unwrap();
    // A head that waits holds up its own lane, later events included, and no other.
    record(&storage, lane, delivery, Verdict::Retry { next_attempt_ms: 8000 }).await;
    own(&storage, "default")
        .await
        .rows()
        .commit(Change::Events(vec![event("c", "e5", &["a"])]).into())
        .await
        .unwrap();
    assert_eq!(storage.due_lanes("a", 7999, 10).await.unwrap().len(), 2);
    record(&storage, lane, delivery, Verdict::Delivered).await;
    assert_eq!(storage.due_lanes("a", 7999, 10).await.unwrap().len(), 3);
    let ids: Vec<_> =
        storage.lane_items(lane, 2).await.unwrap().into_iter().map(|item| item.event_id).collect();
    assert_eq!(ids, ["e3", "e4"]);
}

pub(crate) async fn a_late_outcome_for_a_settled_lane_is_ignored(storage: Arc<dyn Storage>) {
    own(&storage, "default")
        .await
        .rows()
        .commit(Change::Events(vec![event("c", "e1", &["a"])]).into())
        .await
        .unwrap();
    let lane = storage.due_lanes("a", 1000, 1).await.unwrap().remove(0);
    let delivery = storage.lane_items(lane.id, 1).await.unwrap()[0].id;
    storage.abandon_subscription("a", "removed", 2000).await.unwrap();
    record(&storage, lane.id, delivery, Verdict::Retry { next_attempt_ms: 1 }).await;
    // A new lane for the same chat is not the old one.
    own(&storage, "default")
        .await
        .rows()
        .commit(Change::Events(vec![event("c", "e2", &["a"])]).into())
        .await
        .unwrap();
    assert_ne!(storage.due_lanes("a", 1000, 1).await.unwrap()[0].id, lane.id);
}

pub(crate) async fn giving_up_is_remembered_until_a_success(storage: Arc<dyn Storage>) {
    let events = ["e1", "e2", "e3", "e4"].map(|id| event("c", id, &["a"])).into();
    own(&storage, "default").await.rows().commit(Change::Events(events).into()).await.unwrap();
    let dead = |exhausted| Verdict::Dead { reason: String::new(), exhausted, next_attempt_ms: 2500 };
    for (verdict, gave_up) in [(dead(false), false), (dead(true), true), (Verdict::Delivered, false)] {
        let lane = storage.due_lanes("a", i64::MAX, 1).await.unwrap().remove(0);
        let delivery = storage.lane_items(lane.id, 1).await.unwrap()[0].id;
        record(&storage, lane.id, delivery, verdict).await;
        assert_eq!(storage.due_lanes("a", i64::MAX, 1).await.unwrap()[0].gave_up, gave_up);
    }
}
