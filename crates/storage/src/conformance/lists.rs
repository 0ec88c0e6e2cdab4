//! Long lists: read in pages, and made shorter.

use std::sync::Arc;

use super::{event, message, own};
use crate::{
    Change, MessageOrder, MessagePosition, MessageQuery, MessageRetention, MessageRow, OldMessages,
    SendBegun, SendRow, SendState, Storage,
};

fn arrived(row: MessageRow) -> Change {
    Change::Message { row: Box::new(row), updates: Vec::new(), events: Vec::new() }
}

/// Twelve messages in three chats, three in each second, and one that is not listed.
async fn fill(storage: &Arc<dyn Storage>) {
    let chats = ["pn", "lid", "other"];
    let of = |n: i64| MessageRow {
        timestamp_s: 100 + n / 3,
        ..message(chats[n as usize % 3], &format!("M{n:02}"))
    };
    let hidden = MessageRow { hidden: true, ..of(4) };
    let hidden = MessageRow { id: "HIDDEN".to_owned(), ..hidden };
    let changes: Vec<_> = (0..12).map(of).chain([hidden]).map(arrived).collect();
    own(storage, "default").await.rows().commit(changes.into()).await.unwrap();
}

/// All pages, each as one word; `between` is told how many were read before each.
async fn pages(storage: &Arc<dyn Storage>, query: &MessageQuery) -> Vec<String> {
    let (mut read, mut after) = (Vec::new(), query.after);
    loop {
        let page = storage.message_page("default", MessageQuery { after, ..query.clone() }).await.unwrap();
        read.push(page.rows.iter().map(|row| row.id.trim_start_matches('M')).collect::<Vec<_>>().join(" "));
        after = page.next;
        if after.is_none() {
            return read;
        }
    }
}

pub(crate) async fn pages_lead_from_one_to_the_next_in_both_orders(storage: Arc<dyn Storage>) {
    fill(&storage).await;
    let all = MessageQuery { limit: 5, ..MessageQuery::default() };
    assert_eq!(pages(&storage, &all).await, ["11 10 09 08 07", "06 05 04 03 02", "01 00"]);
    let oldest = MessageQuery { order: MessageOrder::OldestFirst, ..all.clone() };
    assert_eq!(pages(&storage, &oldest).await, ["00 01 02 03 04", "05 06 07 08 09", "10 11"]);
    let two = MessageQuery { chats: vec!["pn".to_owned(), "lid".to_owned()], limit: 3, ..all.clone() };
    assert_eq!(pages(&storage, &two).await, ["10 09 07", "06 04 03", "01 00"]);
    let oldest = MessageQuery { order: MessageOrder::OldestFirst, limit: 4, ..two.clone() };
    assert_eq!(
        pages(&storage, &oldest).await,
        ["00 01 03 04", "06 07 09 10"],
        "the last page says that it is"
    );
    let one = MessageQuery { chats: vec!["other".to_owned()], limit: 2, ..all.clone() };
    assert_eq!(pages(&storage, &one).await, ["11 08", "05 02"]);
    let between = MessageQuery { from_s: Some(101), until_s: Some(102), limit: 4, ..all.clone() };
    assert_eq!(pages(&storage, &between).await, ["08 07 06 05", "04 03"]);
    let skipped =
        MessageQuery { after: Some(MessagePosition { timestamp_s: 102, seq: 9 }), offset: 1, ..all };
    assert_eq!(storage.messages("default", skipped).await.unwrap()[0].id, "M06", "behind M08, one skipped");
}

pub(crate) async fn a_page_starts_where_the_last_one_ended_whatever_came_and_went(storage: Arc<dyn Storage>) {
    fill(&storage).await;
    let first = MessageQuery { limit: 4, ..MessageQuery::default() };
    let page = storage.message_page("default", first.clone()).await.unwrap();
    // Newer ones, one of the same second as the last that was read, and that one goes.
    let come = [(200, "NEW"), (102, "SAME"), (100, "OLD")]
        .map(|(timestamp_s, id)| arrived(MessageRow { timestamp_s, ..message("pn", id) }));
    let owner = own(&storage, "default").await;
    owner.rows().commit(come.to_vec().into()).await.unwrap();
    let rest = MessageQuery { after: page.next, limit: 100, ..first };
    let rest = storage.message_page("default", rest).await.unwrap();
    let ids: Vec<_> = rest.rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(
        ids,
        ["M07", "M06", "M05", "M04", "M03", "OLD", "M02", "M01", "M00"],
        "none twice, none left out"
    );
    assert_eq!(rest.next, None);
}

/// All steps; answers how many there were, and how many rows went.
async fn forget(storage: &Arc<dyn Storage>, retention: MessageRetention, limit: u32) -> (u32, u64) {
    let owner = own(storage, "default").await;
    let (mut steps, mut rows) = (0, 0);
    let found: Vec<OldMessages> = storage.old_messages("default", retention).await.unwrap();
    for old in found {
        let mut left = Some(old);
        while let Some(old) = left {
            let (went, next) = owner.rows().forget_messages(old, limit).await.unwrap();
            (steps, rows, left) = (steps + 1, rows + went, next);
        }
    }
    (steps, rows)
}

async fn left(storage: &Arc<dyn Storage>) -> String {
    let query = MessageQuery { limit: 100, order: MessageOrder::OldestFirst, ..MessageQuery::default() };
    let rows = storage.messages("default", query).await.unwrap();
    rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn messages_are_forgotten_by_age_in_steps(storage: Arc<dyn Storage>) {
    fill(&storage).await;
    own(&storage, "other").await.rows().commit(arrived_in_other().into()).await.unwrap();
    assert_eq!(forget(&storage, MessageRetention::default(), 3).await, (0, 0), "without a limit none goes");
    let by_age = MessageRetention { before_s: Some(102), most_bytes: None };
    assert_eq!(
        forget(&storage, by_age, 3).await,
        (3, 7),
        "two seconds of three, and the one that is not listed"
    );
    assert_eq!(left(&storage).await, "M06 M07 M08 M09 M10 M11");
    assert_eq!(forget(&storage, by_age, 3).await, (1, 0));
    let query = MessageQuery { limit: 10, ..MessageQuery::default() };
    assert_eq!(storage.messages("other", query).await.unwrap().len(), 1, "another session keeps its own");
}

fn arrived_in_other() -> Change {
    arrived(MessageRow { session: "other".to_owned(), timestamp_s: 1, ..message("pn", "M") })
}

pub(crate) async fn messages_are_forgotten_by_size_the_oldest_first(storage: Arc<dyn Storage>) {
    fill(&storage).await;
    // Each holds three bytes.
    let most = |bytes| MessageRetention { before_s: None, most_bytes: Some(bytes) };
    assert_eq!(forget(&storage, most(13 * 515), 100).await, (0, 0), "they are not too many");
    assert_eq!(forget(&storage, most(4 * 515 + 514), 100).await, (1, 9), "four and most of another");
    assert_eq!(left(&storage).await, "M08 M09 M10 M11");
    let both = MessageRetention { before_s: Some(103), most_bytes: Some(2 * 515) };
    assert_eq!(forget(&storage, both, 100).await, (1, 2), "whichever asks for more");
    assert_eq!(left(&storage).await, "M10 M11");
}

pub(crate) async fn what_somebody_waits_for_is_not_forgotten(storage: Arc<dyn Storage>) {
    fill(&storage).await;
    let owner = own(&storage, "default").await;
    let send = |message_id: &str| SendRow {
        session: "default".to_owned(),
        idempotency_key: None,
        request_hash: "h".to_owned(),
        message_id: message_id.to_owned(),
        state: SendState::Accepted,
        chat: "pn".to_owned(),
        proto: vec![1],
        recipients: Vec::new(),
        error: None,
        created_ms: 1,
        updated_ms: 1,
    };
    assert!(matches!(owner.rows().begin_send(send("M00")).await.unwrap(), SendBegun::New));
    // Of `lid` an event waits, of `other` one is a dead letter.
    for (chat, hook) in [("lid", "waits"), ("other", "gone")] {
        let waiting = Change::Events(vec![event(chat, chat, &[hook])]);
        owner.rows().commit(waiting.into()).await.unwrap();
    }
    drop(owner);
    let session = crate::SessionRow {
        name: "default".to_owned(),
        config_json: "{}".to_owned(),
        desired: crate::Desired::Stopped,
        created_ms: 1,
        updated_ms: 1,
        me_json: None,
        status: None,
    };
    own(&storage, "default").await.rows().put_session(session).await.unwrap();
    storage.abandon_subscription("gone", "gone", 2).await.unwrap();
    let everything = MessageRetention { before_s: Some(1000), most_bytes: Some(1) };
    assert_eq!(forget(&storage, everything, 5).await, (3, 3));
    assert_eq!(
        left(&storage).await,
        "M00 M01 M02 M04 M05 M07 M08 M10 M11",
        "of the first chat only the send's stayed"
    );
}
