use std::sync::Arc;

use super::{all_events, event, message, own};
use crate::{Change, Desired, MessageQuery, SessionRow, Storage, StoredStatus};

fn session(name: &str) -> SessionRow {
    SessionRow {
        name: name.to_owned(),
        config_json: "{}".to_owned(),
        desired: Desired::Started,
        created_ms: 1,
        updated_ms: 1,
        me_json: None,
        status: None,
    }
}

pub(crate) async fn keeps_replaces_and_lists(storage: Arc<dyn Storage>) {
    own(&storage, "b").await.rows().put_session(session("b")).await.unwrap();
    own(&storage, "a").await.rows().put_session(session("a")).await.unwrap();
    let changed = SessionRow {
        config_json: r#"{"debug":true}"#.to_owned(),
        desired: Desired::Stopped,
        created_ms: 9,
        updated_ms: 9,
        me_json: Some("{}".to_owned()),
        ..session("a")
    };
    own(&storage, "a").await.rows().put_session(changed.clone()).await.unwrap();
    let names: Vec<_> = storage.sessions().await.unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["a", "b"]);
    let kept = storage.session("a").await.unwrap().unwrap();
    assert!(kept == SessionRow { created_ms: 1, ..changed });
    assert!(storage.session("c").await.unwrap().is_none());
    storage.check().await.unwrap();
    storage.check().await.unwrap();
}

pub(crate) async fn a_status_is_kept_beside_what_else_is_stored(storage: Arc<dyn Storage>) {
    let said = |status: &str, since_ms| StoredStatus { status: status.to_owned(), since_ms };
    let owner = own(&storage, "default").await;
    let first = SessionRow { status: Some(said("STOPPED", 1)), ..session("default") };
    owner.rows().put_session(first.clone()).await.unwrap();
    let change = Change::Status { status: said("WORKING", 5), events: vec![event("", "e1", &["hook"])] };
    assert_eq!(owner.rows().commit(change.into()).await.unwrap().applied, [true]);
    // Its settings are stored with what was known when they were changed.
    owner.rows().put_session(SessionRow { updated_ms: 9, ..first }).await.unwrap();
    let kept = storage.session("default").await.unwrap().unwrap();
    assert_eq!((kept.status, kept.updated_ms), (Some(said("WORKING", 5)), 9));
    let unknown = Change::Status {
        status: said("STOPPED", 6),
        events: vec![crate::NewEvent { session: "gone".to_owned(), ..event("", "e2", &[]) }],
    };
    let applied = own(&storage, "gone").await.rows().commit(unknown.into()).await.unwrap();
    assert_eq!((applied.applied, applied.events.len()), (vec![false], 1), "its event is told all the same");
}

pub(crate) async fn deleting_takes_what_is_not_owed(storage: Arc<dyn Storage>) {
    own(&storage, "default").await.rows().put_session(session("default")).await.unwrap();
    own(&storage, "other").await.rows().put_session(session("other")).await.unwrap();
    let changes = vec![
        Change::Message {
            row: Box::new(message("c", "M1")),
            updates: vec![],
            events: vec![event("c", "e1", &[])],
        },
        Change::Events(vec![event("c", "e2", &["hook"])]),
    ];
    let elsewhere = crate::NewEvent { session: "other".to_owned(), ..event("c", "e3", &[]) };
    own(&storage, "other").await.rows().commit(Change::Events(vec![elsewhere]).into()).await.unwrap();
    own(&storage, "default").await.rows().commit(changes.into()).await.unwrap();
    assert!(storage.delete_session("default").await.unwrap());
    assert!(!storage.delete_session("default").await.unwrap());
    assert!(
        storage
            .messages("default", MessageQuery { limit: 10, ..MessageQuery::default() })
            .await
            .unwrap()
            .is_empty()
    );
    let left: Vec<_> = all_events(&storage).await.into_iter().map(|event| event.id).collect();
    assert_eq!(left, ["e2", "e3"], "what a receiver still waits for stays");
    assert_eq!(storage.outbox_counts().await.unwrap().pending, 1);
}
