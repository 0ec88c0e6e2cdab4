use std::sync::Arc;

use super::{event, own};
use crate::{AccountChange, AccountRow, Change, LabelChange, LabelChatRow, LabelRow, Storage};

fn label(id: &str, name: &str) -> LabelRow {
    LabelRow { id: id.to_owned(), name: name.to_owned(), color: 3, deleted: false, action: vec![1, 2] }
}

fn on(label: &str, chat: &str) -> LabelChatRow {
    LabelChatRow { label: label.to_owned(), chat: chat.to_owned(), wire: format!("wire {chat}") }
}

/// Whether the change was applied; its event is stored exactly then.
async fn apply(storage: &Arc<dyn Storage>, id: &str, change: LabelChange) -> bool {
    let events = vec![event("c", id, &[])];
    let change = Change::Label { change, events };
    let outcome = own(storage, "default").await.rows().commit(change.into()).await.unwrap();
    assert_eq!(outcome.events.len(), usize::from(outcome.applied[0]));
    outcome.applied[0]
}

async fn labels_of(storage: &Arc<dyn Storage>, chats: &[&str]) -> Vec<String> {
    let chats: Vec<String> = chats.iter().map(ToString::to_string).collect();
    let rows = storage.labels_of_chat("default", &chats).await.unwrap();
    let mut labels: Vec<_> = rows.into_iter().map(|row| row.label).collect();
    labels.sort_unstable();
    labels
}

pub(crate) async fn labels_are_kept_changed_and_deleted(storage: Arc<dyn Storage>) {
    assert!(apply(&storage, "e1", LabelChange::Label(label("1", "new"))).await);
    assert!(!apply(&storage, "e2", LabelChange::Label(label("1", "new"))).await, "nothing changed");
    assert!(apply(&storage, "e3", LabelChange::Label(label("1", "paid"))).await);
    assert!(apply(&storage, "e4", LabelChange::Label(label("2", "other"))).await);
    assert_eq!(storage.labels("default").await.unwrap(), [label("1", "paid"), label("2", "other")]);
    assert!(storage.labels("other").await.unwrap().is_empty());
    assert!(apply(&storage, "e5", LabelChange::Added(on("1", "a"))).await);
    let deleted = LabelRow { deleted: true, ..label("1", "paid") };
    assert!(apply(&storage, "e6", LabelChange::Label(deleted.clone())).await);
    assert_eq!(storage.labels("default").await.unwrap()[0], deleted, "its id stays taken");
    assert!(storage.label_chats("default", "1").await.unwrap().is_empty());
}

pub(crate) async fn chats_have_labels_under_any_of_their_names(storage: Arc<dyn Storage>) {
    // The label itself comes later, as in a first sync.
    assert!(apply(&storage, "e1", LabelChange::Added(on("1", "a"))).await);
    assert!(!apply(&storage, "e2", LabelChange::Added(on("1", "a"))).await);
    assert!(apply(&storage, "e3", LabelChange::Added(on("2", "a@lid"))).await);
    assert!(apply(&storage, "e4", LabelChange::Added(on("1", "b"))).await);
    assert_eq!(storage.label_chats("default", "1").await.unwrap(), [on("1", "a"), on("1", "b")]);
    assert_eq!(labels_of(&storage, &["a", "a@lid"]).await, ["1", "2"]);
    assert_eq!(labels_of(&storage, &["b"]).await, ["1"]);
    let off = |label: &str| LabelChange::Removed {
        label: label.to_owned(),
        chats: vec!["a".to_owned(), "a@lid".to_owned()],
    };
    assert!(apply(&storage, "e5", off("2")).await);
    assert!(!apply(&storage, "e6", off("2")).await);
    assert_eq!(labels_of(&storage, &["a", "a@lid"]).await, ["1"]);
}

pub(crate) async fn labels_are_set_apart_and_go_with_their_session(storage: Arc<dyn Storage>) {
    let account = |id: &str| AccountRow { id: id.to_owned(), lid: None };
    let change = |former: &str, present: &str| AccountChange {
        former: account(former),
        present: account(present),
        reason: "another number".to_owned(),
        now_ms: 9,
    };
    assert!(apply(&storage, "e1", LabelChange::Label(label("1", "new"))).await);
    assert!(apply(&storage, "e2", LabelChange::Added(on("1", "a"))).await);
    own(&storage, "default").await.rows().change_account(change("a", "b")).await.unwrap();
    assert!(storage.labels("default").await.unwrap().is_empty());
    assert!(labels_of(&storage, &["a"]).await.is_empty());
    own(&storage, "default").await.rows().change_account(change("b", "a")).await.unwrap();
    assert_eq!(storage.labels("default").await.unwrap().len(), 1);
    assert_eq!(labels_of(&storage, &["a"]).await, ["1"]);
    own(&storage, "default").await.rows().change_account(change("a", "b")).await.unwrap();
    storage.delete_session("default").await.unwrap();
    own(&storage, "default").await.rows().change_account(change("b", "a")).await.unwrap();
    assert!(storage.labels("default").await.unwrap().is_empty());
    assert!(labels_of(&storage, &["a"]).await.is_empty());
}

pub(crate) async fn there_is_room_for_so_many_labels(storage: Arc<dyn Storage>) {
    let many = (0..=LabelChange::MOST_LABELS).map(|id| Change::Label {
        change: LabelChange::Label(label(&id.to_string(), "x")),
        events: Vec::new(),
    });
    let outcome =
        own(&storage, "default").await.rows().commit(many.collect::<Vec<_>>().into()).await.unwrap();
    let applied = outcome.applied.iter().filter(|applied| **applied).count();
    assert_eq!(applied, LabelChange::MOST_LABELS as usize);
    assert!(apply(&storage, "e1", LabelChange::Label(label("0", "y"))).await, "a known one is changed");
}

pub(crate) async fn deleted_labels_give_way_to_new_ones(storage: Arc<dyn Storage>) {
    let deleted = (1..=LabelChange::MOST_LABELS).map(|id| Change::Label {
        change: LabelChange::Label(LabelRow { deleted: true, ..label(&id.to_string(), "x") }),
        events: Vec::new(),
    });
    own(&storage, "default").await.rows().commit(deleted.collect::<Vec<_>>().into()).await.unwrap();
    assert_eq!(storage.labels("default").await.unwrap().len(), LabelChange::MOST_LABELS as usize);
    assert!(apply(&storage, "e1", LabelChange::Label(label("1001", "new"))).await);
    let mut ids: Vec<_> = storage.labels("default").await.unwrap().into_iter().map(|row| row.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["1000", "1001"], "the highest number that was given stays taken");
}

pub(crate) async fn chats_with_labels_are_counted(storage: Arc<dyn Storage>) {
    assert_eq!(storage.labeled_chat_count("default").await.unwrap(), 0);
    for (event, chat) in [("e1", on("1", "a")), ("e2", on("1", "b")), ("e3", on("2", "a"))] {
        assert!(apply(&storage, event, LabelChange::Added(chat)).await);
    }
    assert_eq!(storage.labeled_chat_count("default").await.unwrap(), 3);
    assert!(apply(&storage, "e4", LabelChange::Label(LabelRow { deleted: true, ..label("1", "x") })).await);
    assert_eq!(storage.labeled_chat_count("default").await.unwrap(), 1);
    assert_eq!(storage.labeled_chat_count("other").await.unwrap(), 0);
}
