//! How many chats with labels there is room for: counted through a batch, not for each of its changes.

use sqlx::query;

use super::super::SqliteStorage;
use super::Place;
use crate::{Change, LabelChange, LabelChatRow, LabelRow, LabelRows, Storage};

fn added(chat: u32) -> Change {
    let row = LabelChatRow { label: "1".to_owned(), chat: chat.to_string(), wire: String::new() };
    Change::Label { change: LabelChange::Added(row), events: Vec::new() }
}

/// All the room but for `left`, in one go.
async fn fill(storage: &SqliteStorage, left: u32) {
    let written = storage.writer.write("filling", move |connection| {
        let fill = query(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
             INSERT INTO label_chats (session, label, chat, wire)
             SELECT (SELECT id FROM sessions WHERE name = 'default'), '2', i, '' FROM n",
        );
        Box::pin(async move { fill.bind(LabelChange::MOST_CHATS - left).execute(connection).await })
    });
    written.await.unwrap();
}

#[tokio::test]
async fn chats_with_labels_are_counted_through_a_batch() {
    let folder = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open(&Place::ready(&folder.path().join("w.db")).unwrap()).await.unwrap();
    let owner = storage.acquire("default").await.unwrap();
    owner.rows().commit(vec![added(1)].into()).await.unwrap();
    fill(&storage, 3).await;
    let off = LabelChange::Removed { label: "1".to_owned(), chats: vec!["2".to_owned()] };
    let batch = vec![
        added(2),
        added(2),
        added(3),
        added(4),
        Change::Label { change: off, events: Vec::new() },
        added(4),
        added(5),
    ];
    let outcome = owner.rows().commit(batch.into()).await.unwrap();
    assert_eq!(outcome.applied, [true, false, true, false, true, true, false]);
    assert_eq!(storage.labeled_chat_count("default").await.unwrap(), LabelChange::MOST_CHATS);
    let deleted =
        LabelRow { id: "2".to_owned(), name: String::new(), color: 0, deleted: true, action: Vec::new() };
    let batch =
        vec![added(6), Change::Label { change: LabelChange::Label(deleted), events: Vec::new() }, added(6)];
    let outcome = owner.rows().commit(batch.into()).await.unwrap();
    assert_eq!(outcome.applied, [false, true, true]);
    assert_eq!(storage.labeled_chat_count("default").await.unwrap(), 4);
}
