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
async fn what_was_answered_is_stored_in_its_order_in_whichever_it_is_told() {
    let order = order();
    let mut sends: Vec<Place> = (0..3).map(|_| place(&order)).collect();
    for send in &sends {
        assert!(has_turn(send, 1));
        send.handed_to(1);
    }
    let (third, second, first) = (sends.pop().unwrap(), sends.pop().unwrap(), sends.pop().unwrap());
    let waits = |place: Place| {
        tokio::spawn(async move {
            place.stored_before(1).await;
            place
        })
    };
    let (third, second) = (waits(third), waits(second));
    tokio::task::yield_now().await;
    assert!(!third.is_finished() && !second.is_finished());
    first.stored_before(1).now_or_never().expect("nobody is before it");
    drop(first);
    drop(second.await.unwrap());
    third.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_is_never_answered_holds_the_others_up_for_moments_only() {
    let order = order();
    let lost = place(&order);
    let answered: Arc<AtomicBool> = Arc::default();
    let slow = Arc::clone(&order).place(Arc::clone(&answered), None);
    let last = place(&order);
    for send in [&lost, &slow, &last] {
        assert!(has_turn(send, 1));
        send.handed_to(1);
    }
    answered.store(true, Ordering::Release);
    let last = tokio::spawn(async move {
        last.stored_before(1).await;
        last
    });
    slow.stored_before(1).await;
    tokio::time::sleep(PATIENCE * 3).await;
    assert!(!last.is_finished(), "what was answered is stored first, however long that takes");
    drop(slow);
    last.await.unwrap();
    drop(lost);
}

#[tokio::test]
async fn no_more_are_under_way_than_the_window_holds() {
    let order = order();
    let mut sends = Vec::new();
    for _ in 0..WINDOW {
        sends.push(Arc::clone(&order).enter().await.stored(Arc::default()));
    }
    // So much in one go uses up what tokio grants a task.
    tokio::task::yield_now().await;
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
