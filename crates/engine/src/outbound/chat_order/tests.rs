use futures::FutureExt as _;

use super::*;

fn order() -> Arc<ChatOrder> {
    Arc::default()
}

fn place(order: &Arc<ChatOrder>) -> Place {
    Arc::clone(order).place(Arc::default(), None)
}

fn has_turn(place: &Place, client: u64) -> bool {
    place.turn(client).now_or_never().is_some()
}

fn may_be_stored(place: &Place) -> bool {
    place.stored_before().now_or_never().is_some()
}

#[test]
fn a_send_waits_until_those_before_it_are_handed_over_and_no_longer() {
    let order = order();
    let sends: Vec<Place> = (0..3).map(|_| place(&order)).collect();
    assert!(!has_turn(&sends[1], 1) && !has_turn(&sends[2], 1));
    assert!(has_turn(&sends[0], 1));
    sends[0].handed_to(1);
    assert!(!has_turn(&sends[2], 1));
    assert!(has_turn(&sends[1], 1), "the first one waits for its acknowledgement, and holds nobody up");
}

#[test]
fn a_new_connection_gets_all_that_were_not_acknowledged_first() {
    let order = order();
    let sends: Vec<Place> = (0..3).map(|_| place(&order)).collect();
    for send in &sends[..2] {
        assert!(has_turn(send, 1));
        send.handed_to(1);
    }
    for number in 0..3 {
        assert!(sends[number + 1..].iter().all(|later| !has_turn(later, 2)));
        assert!(has_turn(&sends[number], 2));
        sends[number].handed_to(2);
    }
}

#[tokio::test]
async fn whoever_waits_is_woken_when_its_turn_comes() {
    let order = order();
    let (first, second, third) = (place(&order), place(&order), place(&order));
    assert!(has_turn(&first, 1));
    let waiting = tokio::spawn(async move {
        third.turn(1).await;
        third
    });
    let next = tokio::spawn(async move {
        second.turn(1).await;
        second.handed_to(1);
        second
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished() && !next.is_finished());
    // Refused, or given up.
    drop(first);
    next.await.unwrap();
    waiting.await.unwrap();
}

#[tokio::test]
async fn what_was_answered_is_stored_in_its_order() {
    let order = order();
    let answered: Vec<Arc<AtomicBool>> = (0..3).map(|_| Arc::default()).collect();
    let mut sends: Vec<Place> =
        answered.iter().map(|answered| Arc::clone(&order).place(Arc::clone(answered), None)).collect();
    let (third, second, first) = (sends.pop().unwrap(), sends.pop().unwrap(), sends.pop().unwrap());
    answered[2].store(true, Ordering::Release);
    assert!(may_be_stored(&third), "nobody before it was answered");
    answered[1].store(true, Ordering::Release);
    assert!(!may_be_stored(&third) && may_be_stored(&second));
    let waiting = tokio::spawn(async move {
        third.stored_before().await;
        third
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(second);
    waiting.await.unwrap();
    drop(first);
}

#[tokio::test]
async fn no_more_are_under_way_than_the_window_holds() {
    let order = order();
    let mut sends = Vec::new();
    for _ in 0..WINDOW {
        sends.push(Arc::clone(&order).enter().await.stored(Arc::default()));
    }
    let mut next = Box::pin(Arc::clone(&order).enter());
    assert!((&mut next).now_or_never().is_none());
    let _repeat = place(&order);
    drop(sends.remove(0));
    assert!((&mut next).now_or_never().is_some());
}

#[tokio::test]
async fn one_send_is_stored_at_a_time() {
    let order = order();
    let first = Arc::clone(&order).enter().await;
    let mut second = Box::pin(Arc::clone(&order).enter());
    assert!((&mut second).now_or_never().is_none());
    let _under_way = first.stored(Arc::default());
    assert!((&mut second).now_or_never().is_some());
}
